-- Migration: 023_assessment_templates.sql
-- Description: Assessment template system
-- Created: 2025-12-08

BEGIN;

CREATE TABLE assessment_templates (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    code VARCHAR(60) NOT NULL UNIQUE,
    name_vi VARCHAR(255) NOT NULL,
    name_en VARCHAR(255) NOT NULL,
    body_region VARCHAR(50) NOT NULL,
    icd10_code VARCHAR(8) REFERENCES icd10_codes(code),
    sections JSONB NOT NULL DEFAULT '[]',
    is_published BOOLEAN NOT NULL DEFAULT FALSE,
    created_by UUID REFERENCES users(id) ON DELETE SET NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE TABLE patient_assessment_templates (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id UUID NOT NULL REFERENCES patients(id) ON DELETE CASCADE,
    template_id UUID NOT NULL REFERENCES assessment_templates(id) ON DELETE RESTRICT,
    treatment_session_id UUID REFERENCES treatment_sessions(id) ON DELETE SET NULL,
    therapist_id UUID NOT NULL REFERENCES users(id),
    answers JSONB NOT NULL DEFAULT '{}',
    completed_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE INDEX idx_assessment_templates_region ON assessment_templates (body_region) WHERE is_published;
CREATE INDEX idx_patient_assessment_templates_patient ON patient_assessment_templates (patient_id, created_at DESC);
CREATE INDEX idx_patient_assessment_templates_answers ON patient_assessment_templates USING GIN (answers jsonb_path_ops);

CREATE TRIGGER trigger_assessment_templates_updated_at
    BEFORE UPDATE ON assessment_templates
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

INSERT INTO schema_migrations (migration_name) VALUES ('023_assessment_templates');

COMMIT;
