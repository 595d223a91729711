-- Migration: 011_audit_tables.sql
-- Description: Audit trail, partitioned by year
-- Created: 2025-06-23

BEGIN;

CREATE TYPE audit_action AS ENUM ('create', 'read', 'update', 'delete', 'login', 'logout', 'export', 'print');

-- No foreign keys on purpose: an audit row outlives what it speaks of.
CREATE TABLE audit_logs (
    id BIGSERIAL,
    occurred_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    action audit_action NOT NULL,
    user_id UUID,
    user_email VARCHAR(255),
    resource_type VARCHAR(50) NOT NULL,
    resource_id UUID,
    patient_id UUID,
    ip_address INET,
    details JSONB,
    PRIMARY KEY (id, occurred_at)
) PARTITION BY RANGE (occurred_at);

CREATE TABLE audit_logs_2024 PARTITION OF audit_logs
    FOR VALUES FROM ('2024-01-01 00:00:00+07') TO ('2025-01-01 00:00:00+07');
CREATE TABLE audit_logs_2025 PARTITION OF audit_logs
    FOR VALUES FROM ('2025-01-01 00:00:00+07') TO ('2026-01-01 00:00:00+07');
CREATE TABLE audit_logs_2026 PARTITION OF audit_logs
    FOR VALUES FROM ('2026-01-01 00:00:00+07') TO ('2027-01-01 00:00:00+07');
CREATE TABLE audit_logs_2027 PARTITION OF audit_logs
    FOR VALUES FROM ('2027-01-01 00:00:00+07') TO ('2028-01-01 00:00:00+07');
CREATE TABLE audit_logs_2028 PARTITION OF audit_logs
    FOR VALUES FROM ('2028-01-01 00:00:00+07') TO ('2029-01-01 00:00:00+07');
CREATE TABLE audit_logs_2029 PARTITION OF audit_logs
    FOR VALUES FROM ('2029-01-01 00:00:00+07') TO ('2030-01-01 00:00:00+07');
CREATE TABLE audit_logs_2030 PARTITION OF audit_logs
    FOR VALUES FROM ('2030-01-01 00:00:00+07') TO ('2031-01-01 00:00:00+07');

CREATE INDEX idx_audit_logs_user ON audit_logs (user_id, occurred_at DESC);
CREATE INDEX idx_audit_logs_patient ON audit_logs (patient_id, occurred_at DESC) WHERE patient_id IS NOT NULL;
CREATE INDEX idx_audit_logs_resource ON audit_logs (resource_type, resource_id);

INSERT INTO schema_migrations (migration_name) VALUES ('011_audit_tables');

COMMIT;
