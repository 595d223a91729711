-- Rollback: 024_special_tests.sql
-- Description: Loses special test data. Export data before rollback if needed.
-- Created: 2025-12-22

BEGIN;

DROP TABLE IF EXISTS special_test_results CASCADE;
DROP TABLE IF EXISTS special_test_templates CASCADE;

DELETE FROM schema_migrations WHERE version = '024';

COMMIT;
