-- Rollback: 015_patient_search.sql
-- Description: Removes full-text search over patients (the vectors can be computed again, no data is lost)
-- Created: 2025-08-18

BEGIN;

DROP INDEX IF EXISTS idx_patients_search;
DROP TRIGGER IF EXISTS trigger_patients_search_vector ON patients;
DROP FUNCTION IF EXISTS patients_search_vector_update();
ALTER TABLE patients DROP COLUMN IF EXISTS search_vector;

DELETE FROM schema_migrations WHERE migration_name IN ('015_patient_search', '015_patient_search.sql');

COMMIT;
