-- Migration: 009_discharge_planning.sql
-- Description: Discharge plans and summaries
-- Created: 2025-05-26
-- Depends on: 004_clinical_schema.sql

CREATE TYPE discharge_status AS ENUM ('planned', 'ready', 'discharged', 'cancelled');
CREATE TYPE discharge_reason AS ENUM
    ('goals_met', 'plateau', 'patient_request', 'transferred', 'insurance_ended', 'lost_to_follow_up');
CREATE TYPE discharge_disposition AS ENUM ('home', 'home_with_program', 'hospital', 'other_clinic', 'unknown');

CREATE TABLE discharge_plans (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id UUID NOT NULL REFERENCES patients(id) ON DELETE CASCADE,
    treatment_plan_id UUID NOT NULL UNIQUE REFERENCES treatment_plans(id) ON DELETE CASCADE,
    therapist_id UUID NOT NULL REFERENCES users(id),
    status discharge_status NOT NULL DEFAULT 'planned',
    planned_on DATE NOT NULL,
    criteria JSONB NOT NULL DEFAULT '{}',
    home_advice_vi TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE TABLE discharge_summaries (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    discharge_plan_id UUID NOT NULL UNIQUE REFERENCES discharge_plans(id) ON DELETE CASCADE,
    reason discharge_reason NOT NULL,
    disposition discharge_disposition NOT NULL DEFAULT 'home',
    discharged_on DATE NOT NULL,
    sessions_attended SMALLINT NOT NULL DEFAULT 0,
    summary_vi TEXT NOT NULL,
    signed_by UUID REFERENCES users(id),
    signed_at TIMESTAMPTZ
);

CREATE INDEX idx_discharge_plans_patient ON discharge_plans (patient_id);
CREATE INDEX idx_discharge_plans_due ON discharge_plans (planned_on) WHERE status IN ('planned', 'ready');
CREATE INDEX idx_discharge_summaries_reason ON discharge_summaries (reason, discharged_on);

CREATE TRIGGER trigger_discharge_plans_updated_at
    BEFORE UPDATE ON discharge_plans
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
