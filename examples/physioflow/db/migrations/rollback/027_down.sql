-- Rollback: 027_feature_flags.sql
-- Description: Removes feature flag functionality. Application must not depend on feature flags table.
-- Created: 2026-02-09

BEGIN;

DROP TRIGGER IF EXISTS trigger_update_feature_flags_updated_at ON feature_flags;
DROP FUNCTION IF EXISTS update_feature_flags_updated_at();
DROP TABLE IF EXISTS feature_flag_audit_log;
DROP TABLE IF EXISTS feature_flags;

DELETE FROM schema_migrations WHERE version = '027';

COMMIT;
