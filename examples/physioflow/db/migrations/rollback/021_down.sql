-- Rollback: 021_claim_submission.sql
-- Description: Loses claim submission history. Export before rollback.
-- Created: 2025-11-17

BEGIN;

DROP TABLE IF EXISTS bhyt_claim_submissions CASCADE;
DROP TABLE IF EXISTS bhyt_claim_items CASCADE;

DELETE FROM schema_migrations WHERE version = '021';

COMMIT;
