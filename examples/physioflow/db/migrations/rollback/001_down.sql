-- Rollback: 001_initial_schema.sql
-- Description: Drops users, shared functions and the migration history itself
-- Created: 2025-03-03

BEGIN;

DROP TABLE IF EXISTS users CASCADE;
DROP TYPE IF EXISTS user_role CASCADE;

DROP FUNCTION IF EXISTS update_updated_at_column();
DROP TEXT SEARCH CONFIGURATION IF EXISTS vietnamese;
DROP FUNCTION IF EXISTS immutable_unaccent(text);

-- nothing is left to keep a history of
DROP TABLE IF EXISTS schema_migrations;

DROP EXTENSION IF EXISTS unaccent;
DROP EXTENSION IF EXISTS pg_trgm;

COMMIT;
