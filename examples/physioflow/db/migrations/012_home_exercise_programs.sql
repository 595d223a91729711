-- Migration: 012_home_exercise_programs.sql
-- Description: Home exercise programs (bài tập tại nhà) and what patients report back
-- Created: 2025-07-07

BEGIN;

CREATE TABLE home_exercise_programs (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id UUID NOT NULL REFERENCES patients(id) ON DELETE CASCADE,
    treatment_plan_id UUID REFERENCES treatment_plans(id) ON DELETE SET NULL,
    prescribed_by UUID NOT NULL REFERENCES users(id),
    title_vi VARCHAR(255) NOT NULL,
    starts_on DATE NOT NULL,
    ends_on DATE,
    is_active BOOLEAN NOT NULL DEFAULT TRUE,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE TABLE home_exercise_program_items (
    program_id UUID NOT NULL REFERENCES home_exercise_programs(id) ON DELETE CASCADE,
    exercise_id UUID NOT NULL REFERENCES exercises(id) ON DELETE RESTRICT,
    position SMALLINT NOT NULL,
    sets SMALLINT NOT NULL DEFAULT 3,
    reps SMALLINT NOT NULL DEFAULT 10,
    times_per_day SMALLINT NOT NULL DEFAULT 1,
    note_vi TEXT,
    PRIMARY KEY (program_id, exercise_id)
);

CREATE TABLE exercise_compliance_logs (
    id BIGSERIAL PRIMARY KEY,
    program_id UUID NOT NULL,
    exercise_id UUID NOT NULL,
    done_on DATE NOT NULL,
    sets_done SMALLINT NOT NULL DEFAULT 0,
    pain_level SMALLINT CHECK (pain_level BETWEEN 0 AND 10),
    comment_vi TEXT,
    FOREIGN KEY (program_id, exercise_id)
        REFERENCES home_exercise_program_items (program_id, exercise_id) ON DELETE CASCADE,
    UNIQUE (program_id, exercise_id, done_on)
);

CREATE INDEX idx_home_programs_patient ON home_exercise_programs (patient_id) WHERE is_active;

CREATE TRIGGER trigger_home_exercise_programs_updated_at
    BEFORE UPDATE ON home_exercise_programs
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

COMMIT;
