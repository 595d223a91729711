-- Rollback: 026_version_column.sql
-- Description: Minimal - only affects migration tracking
-- Created: 2026-01-26

BEGIN;

ALTER TABLE schema_migrations DROP COLUMN IF EXISTS version;

COMMIT;
