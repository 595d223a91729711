-- Rollback: 002_patients.sql
-- Description: Drops patients and their emergency contacts
-- Created: 2025-03-05

BEGIN;

DROP TABLE IF EXISTS patient_emergency_contacts CASCADE;
DROP TABLE IF EXISTS patients CASCADE;
DROP TYPE IF EXISTS gender_type CASCADE;

DELETE FROM schema_migrations WHERE migration_name = '002_patients';

COMMIT;
