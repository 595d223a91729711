-- Rollback: 025_reporting_views.sql
-- Description: Removes reporting views. Reports may fail or run slower.
-- Created: 2026-01-12

BEGIN;

DROP MATERIALIZED VIEW IF EXISTS mv_therapist_productivity;
DROP MATERIALIZED VIEW IF EXISTS mv_diagnosis_statistics;
DROP MATERIALIZED VIEW IF EXISTS mv_treatment_outcomes;
DROP MATERIALIZED VIEW IF EXISTS mv_insurance_claims_summary;

DELETE FROM schema_migrations WHERE version = '025';

COMMIT;
