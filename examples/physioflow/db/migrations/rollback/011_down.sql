-- Rollback: 011_audit_tables.sql
-- Description: Drops the audit trail. Export it first, we have to keep it!
-- Created: 2025-06-23

-- Drop partitions
DROP TABLE IF EXISTS audit_logs_2024 CASCADE;
DROP TABLE IF EXISTS audit_logs_2025 CASCADE;
DROP TABLE IF EXISTS audit_logs_2026 CASCADE;
DROP TABLE IF EXISTS audit_logs_2027 CASCADE;
DROP TABLE IF EXISTS audit_logs_2028 CASCADE;
DROP TABLE IF EXISTS audit_logs_2029 CASCADE;
DROP TABLE IF EXISTS audit_logs_2030 CASCADE;

-- Drop parent table
DROP TABLE IF EXISTS audit_logs CASCADE;

-- Drop enums
DROP TYPE IF EXISTS audit_action CASCADE;
