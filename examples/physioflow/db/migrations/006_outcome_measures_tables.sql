-- Migration: 006_outcome_measures_tables.sql
-- Description: Outcome measures (VAS, NDI, ODI, DASH, ...), partitioned by year
-- Created: 2025-04-14

BEGIN;

CREATE TABLE IF NOT EXISTS outcome_measures_library (
    id SERIAL PRIMARY KEY,
    code VARCHAR(40) NOT NULL UNIQUE,
    name_en VARCHAR(255) NOT NULL,
    name_vi VARCHAR(255) NOT NULL,
    body_region VARCHAR(50) NOT NULL,
    min_score NUMERIC(6,2) NOT NULL DEFAULT 0,
    max_score NUMERIC(6,2) NOT NULL,
    -- minimal clinically important difference
    mcid NUMERIC(6,2),
    higher_is_better BOOLEAN NOT NULL DEFAULT FALSE,
    CHECK (max_score > min_score)
);

CREATE TABLE IF NOT EXISTS outcome_measures (
    id UUID NOT NULL DEFAULT gen_random_uuid(),
    measured_on DATE NOT NULL,
    -- no foreign key yet: keeps this migration free of the clinical schema (see 013)
    patient_id UUID NOT NULL,
    library_id INTEGER NOT NULL REFERENCES outcome_measures_library(id),
    status VARCHAR(20) NOT NULL DEFAULT 'recorded' CHECK (status IN ('scheduled', 'recorded')),
    score NUMERIC(6,2),
    phase VARCHAR(20) NOT NULL CHECK (phase IN ('baseline', 'interim', 'discharge', 'follow_up')),
    answers JSONB,
    recorded_by UUID,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    PRIMARY KEY (id, measured_on),
    CONSTRAINT chk_outcome_recorded_has_score CHECK (status = 'scheduled' OR score IS NOT NULL)
) PARTITION BY RANGE (measured_on);

CREATE TABLE IF NOT EXISTS outcome_measures_2024 PARTITION OF outcome_measures FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE IF NOT EXISTS outcome_measures_2025 PARTITION OF outcome_measures FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE IF NOT EXISTS outcome_measures_2026 PARTITION OF outcome_measures FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE IF NOT EXISTS outcome_measures_2027 PARTITION OF outcome_measures FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
CREATE TABLE IF NOT EXISTS outcome_measures_2028 PARTITION OF outcome_measures FOR VALUES FROM ('2028-01-01') TO ('2029-01-01');
CREATE TABLE IF NOT EXISTS outcome_measures_2029 PARTITION OF outcome_measures FOR VALUES FROM ('2029-01-01') TO ('2030-01-01');
CREATE TABLE IF NOT EXISTS outcome_measures_2030 PARTITION OF outcome_measures FOR VALUES FROM ('2030-01-01') TO ('2031-01-01');

CREATE INDEX IF NOT EXISTS idx_outcome_measures_patient ON outcome_measures (patient_id, measured_on DESC);
CREATE INDEX IF NOT EXISTS idx_outcome_measures_library ON outcome_measures (library_id);

COMMIT;
