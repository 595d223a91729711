-- Migration: 004_clinical_schema.sql
-- Description: Clinical schema: ICD-10 codes, exercise library, diagnoses, treatment plans and sessions
-- Created: 2025-03-17

BEGIN;

-- ------------------------------------------------------------------
-- 1. Danh mục ICD-10 (Bộ Y tế)
-- ------------------------------------------------------------------
CREATE TABLE icd10_codes (
    code VARCHAR(8) PRIMARY KEY,
    name_en VARCHAR(255) NOT NULL,
    name_vi VARCHAR(255) NOT NULL,
    chapter VARCHAR(10) NOT NULL,
    is_billable BOOLEAN NOT NULL DEFAULT TRUE
);

CREATE INDEX idx_icd10_name_vi_fts ON icd10_codes USING GIN (to_tsvector('vietnamese', name_vi));

-- ------------------------------------------------------------------
-- 2. Exercise library
-- ------------------------------------------------------------------
CREATE TYPE exercise_difficulty AS ENUM ('beginner', 'intermediate', 'advanced');

CREATE TABLE exercises (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    code VARCHAR(20) NOT NULL UNIQUE,
    name_en VARCHAR(255) NOT NULL,
    name_vi VARCHAR(255) NOT NULL,
    body_region VARCHAR(50) NOT NULL,
    category VARCHAR(50) NOT NULL,
    difficulty exercise_difficulty NOT NULL DEFAULT 'beginner',
    instructions_vi TEXT,
    equipment TEXT[] NOT NULL DEFAULT '{}',
    default_sets SMALLINT CHECK (default_sets BETWEEN 1 AND 10),
    default_reps SMALLINT CHECK (default_reps BETWEEN 1 AND 100),
    created_by UUID REFERENCES users(id) ON DELETE SET NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE INDEX idx_exercises_region ON exercises (body_region, category);
CREATE INDEX idx_exercises_equipment ON exercises USING GIN (equipment);

CREATE TRIGGER trigger_exercises_updated_at
    BEFORE UPDATE ON exercises
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

-- ------------------------------------------------------------------
-- 3. Diagnoses, plans, sessions
-- ------------------------------------------------------------------
CREATE TABLE diagnoses (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id UUID NOT NULL REFERENCES patients(id) ON DELETE CASCADE,
    icd10_code VARCHAR(8) NOT NULL REFERENCES icd10_codes(code),
    is_primary BOOLEAN NOT NULL DEFAULT TRUE,
    diagnosed_on DATE NOT NULL,
    diagnosed_by UUID NOT NULL REFERENCES users(id),
    note TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE INDEX idx_diagnoses_patient ON diagnoses (patient_id);
CREATE INDEX idx_diagnoses_icd10 ON diagnoses (icd10_code, diagnosed_on);

CREATE TYPE treatment_plan_status AS ENUM ('draft', 'active', 'on_hold', 'completed', 'discontinued');

CREATE TABLE treatment_plans (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id UUID NOT NULL REFERENCES patients(id) ON DELETE CASCADE,
    diagnosis_id UUID NOT NULL REFERENCES diagnoses(id) ON DELETE CASCADE,
    therapist_id UUID NOT NULL REFERENCES users(id),
    title VARCHAR(255) NOT NULL,
    goals TEXT,
    status treatment_plan_status NOT NULL DEFAULT 'draft',
    planned_sessions SMALLINT NOT NULL CHECK (planned_sessions > 0),
    start_date DATE NOT NULL,
    end_date DATE,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE INDEX idx_treatment_plans_patient ON treatment_plans (patient_id, status);

CREATE TRIGGER trigger_treatment_plans_updated_at
    BEFORE UPDATE ON treatment_plans
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TABLE treatment_sessions (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    treatment_plan_id UUID NOT NULL REFERENCES treatment_plans(id) ON DELETE CASCADE,
    patient_id UUID NOT NULL REFERENCES patients(id) ON DELETE CASCADE,
    therapist_id UUID NOT NULL REFERENCES users(id),
    appointment_id UUID REFERENCES appointments(id) ON DELETE SET NULL,
    session_no SMALLINT NOT NULL,
    session_date DATE NOT NULL,
    duration_minutes SMALLINT NOT NULL CHECK (duration_minutes BETWEEN 5 AND 240),
    pain_before SMALLINT CHECK (pain_before BETWEEN 0 AND 10),
    pain_after SMALLINT CHECK (pain_after BETWEEN 0 AND 10),
    interventions TEXT[] NOT NULL DEFAULT '{}',
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    UNIQUE (treatment_plan_id, session_no)
);

CREATE INDEX idx_treatment_sessions_therapist ON treatment_sessions (therapist_id, session_date);
CREATE INDEX idx_treatment_sessions_patient ON treatment_sessions (patient_id, session_date);

COMMIT;
