-- Rollback: 017_soap_notes.sql
-- Description: Drops SOAP notes and the patient timeline
-- Created: 2025-09-15

BEGIN;

DROP VIEW IF EXISTS v_patient_timeline;
DROP TABLE IF EXISTS soap_notes CASCADE;
DROP FUNCTION IF EXISTS prevent_signed_note_change();

DELETE FROM schema_migrations
 WHERE migration_name = '017_soap_notes';

COMMIT;
