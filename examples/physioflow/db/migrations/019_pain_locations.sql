-- Migration: 019_pain_locations.sql
-- Description: Where it hurts, as the patient marks it on the body chart
-- Created: 2025-10-20

CREATE TABLE pain_locations (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id UUID NOT NULL REFERENCES patients(id) ON DELETE CASCADE,
    treatment_session_id UUID REFERENCES treatment_sessions(id) ON DELETE CASCADE,
    body_region VARCHAR(50) NOT NULL,
    body_side VARCHAR(10) NOT NULL CHECK (body_side IN ('front', 'back')),
    -- per mille of the chart's width and height
    x SMALLINT NOT NULL CHECK (x BETWEEN 0 AND 1000),
    y SMALLINT NOT NULL CHECK (y BETWEEN 0 AND 1000),
    intensity SMALLINT NOT NULL CHECK (intensity BETWEEN 0 AND 10),
    quality VARCHAR(30),
    marked_on DATE NOT NULL
);

CREATE INDEX idx_pain_locations_patient ON pain_locations (patient_id, marked_on DESC);
