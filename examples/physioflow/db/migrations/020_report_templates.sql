-- Migration: 020_report_templates.sql
-- Description: Report template system
-- Created: 2025-11-03

BEGIN;

CREATE TABLE report_templates (
    id SERIAL PRIMARY KEY,
    code VARCHAR(60) NOT NULL UNIQUE,
    name_vi VARCHAR(255) NOT NULL,
    name_en VARCHAR(255),
    clinic_code VARCHAR(10),
    based_on INTEGER REFERENCES report_templates(id) ON DELETE SET NULL,
    layout JSONB NOT NULL,
    language CHAR(2) NOT NULL DEFAULT 'vi' CHECK (language IN ('vi', 'en')),
    is_default BOOLEAN NOT NULL DEFAULT FALSE,
    created_by UUID REFERENCES users(id) ON DELETE SET NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE INDEX idx_report_templates_clinic ON report_templates (clinic_code);
CREATE UNIQUE INDEX idx_report_templates_one_default ON report_templates (clinic_code, language) WHERE is_default;

CREATE TRIGGER trigger_report_templates_updated_at
    BEFORE UPDATE ON report_templates
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

INSERT INTO schema_migrations (migration_name) VALUES ('020_report_templates');

COMMIT;
