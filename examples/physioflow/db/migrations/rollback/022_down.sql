-- Rollback: 022_reevaluation_assessments.sql
-- Description: Loses reevaluation data
-- Created: 2025-12-01

BEGIN;

DROP TABLE IF EXISTS reevaluation_assessments CASCADE;

DELETE FROM schema_migrations WHERE version = '022';

COMMIT;
