-- Rollback: 020_report_templates.sql
-- Description: Loses report templates
-- Created: 2025-11-03

BEGIN;

DROP TABLE IF EXISTS report_templates CASCADE;

DELETE FROM schema_migrations WHERE version = '020';

COMMIT;
