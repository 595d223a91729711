-- Rollback: 004_clinical_schema.sql
-- Description: Drops the clinical schema. 008 and 009 must have been rolled back before.
-- Created: 2025-03-17

BEGIN;

-- Drop tables in reverse order (handle dependencies first)
DROP TABLE IF EXISTS treatment_sessions CASCADE;
DROP TABLE IF EXISTS treatment_plans CASCADE;
DROP TABLE IF EXISTS diagnoses CASCADE;
DROP TABLE IF EXISTS exercises CASCADE;
DROP TABLE IF EXISTS icd10_codes CASCADE;

-- Drop enums
DROP TYPE IF EXISTS treatment_plan_status CASCADE;
DROP TYPE IF EXISTS exercise_difficulty CASCADE;

DELETE FROM schema_migrations WHERE migration_name = '004_clinical_schema';

COMMIT;
