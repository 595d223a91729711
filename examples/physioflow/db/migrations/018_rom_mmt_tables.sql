-- Migration: 018_rom_mmt_tables.sql
-- Description: Range of Motion and Manual Muscle Testing
-- Created: 2025-10-06

BEGIN;

CREATE TABLE IF NOT EXISTS rom_assessments (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id UUID NOT NULL REFERENCES patients(id) ON DELETE CASCADE,
    treatment_session_id UUID REFERENCES treatment_sessions(id) ON DELETE SET NULL,
    therapist_id UUID NOT NULL REFERENCES users(id),
    joint VARCHAR(30) NOT NULL,
    movement VARCHAR(30) NOT NULL,
    side VARCHAR(10) NOT NULL CHECK (side IN ('left', 'right', 'bilateral')),
    normal_degrees SMALLINT NOT NULL CHECK (normal_degrees BETWEEN 0 AND 360),
    active_degrees SMALLINT CHECK (active_degrees BETWEEN -30 AND 360),
    passive_degrees SMALLINT CHECK (passive_degrees BETWEEN -30 AND 360),
    deficit_degrees SMALLINT GENERATED ALWAYS AS (normal_degrees - active_degrees) STORED,
    pain_at_end_range BOOLEAN NOT NULL DEFAULT FALSE,
    assessed_on DATE NOT NULL
);

CREATE TABLE IF NOT EXISTS mmt_assessments (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id UUID NOT NULL REFERENCES patients(id) ON DELETE CASCADE,
    treatment_session_id UUID REFERENCES treatment_sessions(id) ON DELETE SET NULL,
    therapist_id UUID NOT NULL REFERENCES users(id),
    muscle_group VARCHAR(50) NOT NULL,
    side VARCHAR(10) NOT NULL CHECK (side IN ('left', 'right')),
    -- Oxford scale: 0, 1, 2-, 2, ... 5
    grade VARCHAR(2) NOT NULL CHECK (grade ~ '^[0-5][+-]?$'),
    with_pain BOOLEAN NOT NULL DEFAULT FALSE,
    assessed_on DATE NOT NULL
);

CREATE INDEX IF NOT EXISTS idx_rom_patient ON rom_assessments (patient_id, joint, movement, assessed_on DESC);
CREATE INDEX IF NOT EXISTS idx_mmt_patient ON mmt_assessments (patient_id, muscle_group, assessed_on DESC);

INSERT INTO schema_migrations (migration_name) VALUES ('018_rom_mmt_tables');

COMMIT;
