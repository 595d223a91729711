-- Migration: 008_clinical_protocols.sql
-- Description: Evidence based protocols and their use with patients
-- Created: 2025-05-12
-- Depends on: 004_clinical_schema.sql

BEGIN;

CREATE TYPE protocol_status AS ENUM ('assigned', 'in_progress', 'paused', 'completed', 'abandoned');

CREATE TABLE clinical_protocols (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    code VARCHAR(30) NOT NULL,
    version SMALLINT NOT NULL DEFAULT 1,
    name_en VARCHAR(255) NOT NULL,
    name_vi VARCHAR(255) NOT NULL,
    icd10_code VARCHAR(8) REFERENCES icd10_codes(code),
    duration_weeks SMALLINT NOT NULL CHECK (duration_weeks BETWEEN 1 AND 52),
    phases JSONB NOT NULL DEFAULT '[]',
    is_active BOOLEAN NOT NULL DEFAULT TRUE,
    created_by UUID REFERENCES users(id) ON DELETE SET NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    CONSTRAINT uq_clinical_protocols_code_version UNIQUE (code, version)
);

CREATE TABLE patient_protocols (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id UUID NOT NULL REFERENCES patients(id) ON DELETE CASCADE,
    treatment_plan_id UUID NOT NULL REFERENCES treatment_plans(id) ON DELETE CASCADE,
    protocol_id UUID NOT NULL REFERENCES clinical_protocols(id) ON DELETE RESTRICT,
    status protocol_status NOT NULL DEFAULT 'assigned',
    current_phase SMALLINT NOT NULL DEFAULT 1,
    started_on DATE,
    finished_on DATE,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE TABLE patient_protocol_exercises (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_protocol_id UUID NOT NULL REFERENCES patient_protocols(id) ON DELETE CASCADE,
    exercise_id UUID NOT NULL REFERENCES exercises(id) ON DELETE RESTRICT,
    phase SMALLINT NOT NULL DEFAULT 1,
    sets SMALLINT,
    reps SMALLINT,
    hold_seconds SMALLINT,
    note TEXT,
    UNIQUE (patient_protocol_id, exercise_id, phase)
);

CREATE INDEX idx_patient_protocols_patient ON patient_protocols (patient_id, status);
CREATE INDEX idx_patient_protocols_plan ON patient_protocols (treatment_plan_id);
CREATE INDEX idx_patient_protocol_exercises_exercise ON patient_protocol_exercises (exercise_id);
CREATE INDEX idx_clinical_protocols_phases ON clinical_protocols USING GIN (phases jsonb_path_ops);

CREATE TRIGGER trigger_clinical_protocols_updated_at
    BEFORE UPDATE ON clinical_protocols
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
CREATE TRIGGER trigger_patient_protocols_updated_at
    BEFORE UPDATE ON patient_protocols
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

INSERT INTO schema_migrations (migration_name) VALUES ('008_clinical_protocols');

COMMIT;
