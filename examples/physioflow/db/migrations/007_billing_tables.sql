-- Migration: 007_billing_tables.sql
-- Description: Service codes, invoices, line items, payments
-- Created: 2025-04-28

BEGIN;

-- CREATE TYPE knows no IF NOT EXISTS
DO $$
BEGIN
    CREATE TYPE invoice_status AS ENUM ('draft', 'issued', 'partially_paid', 'paid', 'void', 'refunded');
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

DO $$
BEGIN
    CREATE TYPE payment_method AS ENUM ('cash', 'bank_transfer', 'card', 'momo', 'vnpay', 'zalopay', 'bhyt');
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

CREATE TABLE IF NOT EXISTS pt_service_codes (
    code VARCHAR(20) PRIMARY KEY,
    -- mã dịch vụ kỹ thuật theo thông tư của Bộ Y tế
    moh_code VARCHAR(20) NOT NULL,
    name_en VARCHAR(255) NOT NULL,
    name_vi VARCHAR(255) NOT NULL,
    unit_price_vnd BIGINT NOT NULL CHECK (unit_price_vnd >= 0),
    bhyt_price_vnd BIGINT CHECK (bhyt_price_vnd >= 0),
    is_active BOOLEAN NOT NULL DEFAULT TRUE
);

-- patient, session and cashier are kept by id only, billing must be deployable alone
CREATE TABLE IF NOT EXISTS invoices (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    invoice_no VARCHAR(30) NOT NULL UNIQUE,
    patient_id UUID NOT NULL,
    treatment_session_id UUID,
    status invoice_status NOT NULL DEFAULT 'draft',
    issued_on DATE,
    total_vnd BIGINT NOT NULL DEFAULT 0 CHECK (total_vnd >= 0),
    bhyt_vnd BIGINT NOT NULL DEFAULT 0 CHECK (bhyt_vnd >= 0),
    patient_vnd BIGINT GENERATED ALWAYS AS (total_vnd - bhyt_vnd) STORED,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    CONSTRAINT chk_invoice_bhyt_share CHECK (bhyt_vnd <= total_vnd)
);

CREATE INDEX IF NOT EXISTS idx_invoices_patient ON invoices (patient_id);
CREATE INDEX IF NOT EXISTS idx_invoices_open ON invoices (status, issued_on) WHERE status IN ('issued', 'partially_paid');

DROP TRIGGER IF EXISTS trigger_invoices_updated_at ON invoices;
CREATE TRIGGER trigger_invoices_updated_at
    BEFORE UPDATE ON invoices
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TABLE IF NOT EXISTS invoice_line_items (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    invoice_id UUID NOT NULL REFERENCES invoices(id) ON DELETE CASCADE,
    line_no SMALLINT NOT NULL,
    service_code VARCHAR(20) NOT NULL REFERENCES pt_service_codes(code),
    quantity SMALLINT NOT NULL DEFAULT 1 CHECK (quantity > 0),
    unit_price_vnd BIGINT NOT NULL,
    line_total_vnd BIGINT GENERATED ALWAYS AS (quantity * unit_price_vnd) STORED,
    UNIQUE (invoice_id, line_no)
);

CREATE TABLE IF NOT EXISTS payment_transactions (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    invoice_id UUID NOT NULL REFERENCES invoices(id) ON DELETE RESTRICT,
    method payment_method NOT NULL,
    amount_vnd BIGINT NOT NULL CHECK (amount_vnd <> 0),
    provider_reference VARCHAR(100),
    received_by UUID,
    paid_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE INDEX IF NOT EXISTS idx_payments_invoice ON payment_transactions (invoice_id);

COMMIT;
