-- Rollback: 019_pain_locations.sql
-- Description: Loses pain location data
-- Created: 2025-10-20

BEGIN;

DROP TABLE IF EXISTS pain_locations CASCADE;

DELETE FROM schema_migrations WHERE version = '019';

COMMIT;
