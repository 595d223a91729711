-- Rollback: 023_assessment_templates.sql
-- Description: Loses assessment template configurations
-- Created: 2025-12-08

BEGIN;

DROP TABLE IF EXISTS patient_assessment_templates CASCADE;
DROP TABLE IF EXISTS assessment_templates CASCADE;

DELETE FROM schema_migrations WHERE version = '023';

COMMIT;
