-- Migration: 021_claim_submission.sql
-- Description: BHYT claim submission tracking (giám định BHYT)
-- Created: 2025-11-17

BEGIN;

CREATE TABLE bhyt_claim_submissions (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    -- mã liên kết
    claim_code VARCHAR(40) NOT NULL UNIQUE,
    patient_id UUID NOT NULL REFERENCES patients(id) ON DELETE RESTRICT,
    insurance_id UUID NOT NULL REFERENCES insurance_info(id) ON DELETE RESTRICT,
    period DATE NOT NULL CHECK (extract(day FROM period) = 1),
    status VARCHAR(20) NOT NULL DEFAULT 'draft'
        CHECK (status IN ('draft', 'submitted', 'accepted', 'partially_accepted', 'rejected', 'paid')),
    claimed_vnd BIGINT NOT NULL DEFAULT 0,
    approved_vnd BIGINT,
    rejection_reason_vi TEXT,
    xml_checksum CHAR(64),
    submitted_by UUID REFERENCES users(id),
    submitted_at TIMESTAMPTZ,
    answered_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    CONSTRAINT chk_claim_approved CHECK (approved_vnd IS NULL OR approved_vnd BETWEEN 0 AND claimed_vnd)
);

CREATE TABLE bhyt_claim_items (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    submission_id UUID NOT NULL REFERENCES bhyt_claim_submissions(id) ON DELETE CASCADE,
    line_no SMALLINT NOT NULL,
    invoice_line_item_id UUID REFERENCES invoice_line_items(id) ON DELETE SET NULL,
    service_code VARCHAR(20) NOT NULL REFERENCES pt_service_codes(code),
    icd10_code VARCHAR(8) NOT NULL REFERENCES icd10_codes(code),
    quantity SMALLINT NOT NULL DEFAULT 1,
    claimed_vnd BIGINT NOT NULL,
    approved_vnd BIGINT,
    UNIQUE (submission_id, line_no)
);

CREATE INDEX idx_bhyt_claims_period ON bhyt_claim_submissions (period, status);
CREATE INDEX idx_bhyt_claims_patient ON bhyt_claim_submissions (patient_id);
CREATE INDEX idx_bhyt_claim_items_service ON bhyt_claim_items (service_code);

CREATE TRIGGER trigger_bhyt_claim_submissions_updated_at
    BEFORE UPDATE ON bhyt_claim_submissions
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

INSERT INTO schema_migrations (migration_name) VALUES ('021_claim_submission');

COMMIT;
