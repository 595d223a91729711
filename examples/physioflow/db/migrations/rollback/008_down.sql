-- Rollback: 008_clinical_protocols.sql
-- Description: Drops clinical protocols
-- Created: 2025-05-12

-- Drop tables in reverse order (handle dependencies first)
DROP TABLE IF EXISTS patient_protocol_exercises CASCADE;
DROP TABLE IF EXISTS patient_protocols CASCADE;
DROP TABLE IF EXISTS clinical_protocols CASCADE;

-- Drop enums
DROP TYPE IF EXISTS protocol_status CASCADE;
