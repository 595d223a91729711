-- Migration: 002_patients.sql
-- Description: Patients and their emergency contacts
-- Created: 2025-03-05

BEGIN;

CREATE TYPE gender_type AS ENUM ('male', 'female', 'other');

CREATE TABLE patients (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    mrn VARCHAR(20) NOT NULL UNIQUE,
    full_name VARCHAR(255) NOT NULL,
    date_of_birth DATE NOT NULL,
    gender gender_type NOT NULL,
    -- căn cước công dân, 12 digits
    national_id VARCHAR(12) CHECK (national_id ~ '^[0-9]{12}$'),
    phone VARCHAR(20),
    address TEXT,
    ward VARCHAR(100),
    district VARCHAR(100),
    province VARCHAR(100),
    occupation VARCHAR(100),
    clinic_code VARCHAR(10) NOT NULL,
    primary_therapist_id UUID REFERENCES users(id) ON DELETE SET NULL,
    is_active BOOLEAN NOT NULL DEFAULT TRUE,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE INDEX idx_patients_phone ON patients (phone);
CREATE INDEX idx_patients_therapist ON patients (primary_therapist_id);
CREATE UNIQUE INDEX idx_patients_national_id ON patients (national_id) WHERE national_id IS NOT NULL;
CREATE INDEX idx_patients_name_trgm ON patients USING GIN (immutable_unaccent(lower(full_name)) gin_trgm_ops);

COMMENT ON TABLE patients IS 'Bệnh nhân';
COMMENT ON COLUMN patients.mrn IS 'Mã hồ sơ bệnh án';

CREATE TRIGGER trigger_patients_updated_at
    BEFORE UPDATE ON patients
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TABLE patient_emergency_contacts (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id UUID NOT NULL REFERENCES patients(id) ON DELETE CASCADE,
    full_name VARCHAR(255) NOT NULL,
    relationship VARCHAR(50) NOT NULL,
    phone VARCHAR(20) NOT NULL
);

CREATE INDEX idx_patient_contacts_patient ON patient_emergency_contacts (patient_id);

INSERT INTO schema_migrations (migration_name) VALUES ('002_patients') ON CONFLICT (migration_name) DO NOTHING;

COMMIT;
