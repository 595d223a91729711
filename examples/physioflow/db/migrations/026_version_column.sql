-- Migration: 026_version_column.sql
-- Description: schema_migrations gets a version column, so that scripts can say WHERE version = '026'
-- Created: 2026-01-26

BEGIN;

ALTER TABLE schema_migrations ADD COLUMN IF NOT EXISTS version VARCHAR(10);

-- '025_reporting_views' -> '025'
UPDATE schema_migrations
   SET version = substring(migration_name FROM '^[0-9]+')
 WHERE version IS NULL;

CREATE UNIQUE INDEX IF NOT EXISTS idx_schema_migrations_version ON schema_migrations (version);

INSERT INTO schema_migrations (migration_name, version) VALUES ('026_version_column', '026');

COMMIT;
