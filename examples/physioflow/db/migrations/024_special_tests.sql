-- Migration: 024_special_tests.sql
-- Description: Special test templates (Lachman, Neer, Phalen, ...) and results
-- Created: 2025-12-22

BEGIN;

CREATE TABLE special_test_templates (
    id SERIAL PRIMARY KEY,
    code VARCHAR(60) NOT NULL UNIQUE,
    name_en VARCHAR(255) NOT NULL,
    name_vi VARCHAR(255) NOT NULL,
    body_region VARCHAR(50) NOT NULL,
    structure_tested VARCHAR(100) NOT NULL,
    procedure_vi TEXT NOT NULL,
    positive_sign_vi TEXT NOT NULL,
    sensitivity NUMERIC(4,3) CHECK (sensitivity BETWEEN 0 AND 1),
    specificity NUMERIC(4,3) CHECK (specificity BETWEEN 0 AND 1),
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE TABLE special_test_results (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    template_id INTEGER NOT NULL REFERENCES special_test_templates(id) ON DELETE RESTRICT,
    patient_id UUID NOT NULL REFERENCES patients(id) ON DELETE CASCADE,
    treatment_session_id UUID REFERENCES treatment_sessions(id) ON DELETE SET NULL,
    therapist_id UUID NOT NULL REFERENCES users(id),
    side VARCHAR(10) NOT NULL DEFAULT 'bilateral' CHECK (side IN ('left', 'right', 'bilateral')),
    result VARCHAR(15) NOT NULL CHECK (result IN ('positive', 'negative', 'inconclusive')),
    note_vi TEXT,
    tested_on DATE NOT NULL
);

CREATE INDEX idx_special_test_templates_region ON special_test_templates (body_region);
CREATE INDEX idx_special_test_results_patient ON special_test_results (patient_id, tested_on DESC);
CREATE INDEX idx_special_test_results_template ON special_test_results (template_id, result);

COMMIT;
