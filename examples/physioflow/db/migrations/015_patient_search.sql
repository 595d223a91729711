-- Migration: 015_patient_search.sql
-- Description: Full-text search over patients, with and without Vietnamese diacritics
-- Created: 2025-08-18

BEGIN;

ALTER TABLE patients ADD COLUMN IF NOT EXISTS search_vector TSVECTOR;

-- Tên, mã hồ sơ, số điện thoại, địa chỉ
CREATE OR REPLACE FUNCTION patients_search_vector_update()
RETURNS TRIGGER AS $fn$
BEGIN
    NEW.search_vector :=
        setweight(to_tsvector('public.vietnamese', coalesce(NEW.full_name, '')), 'A') ||
        setweight(to_tsvector('simple', concat_ws(' ', NEW.mrn, NEW.phone, NEW.national_id)), 'B') ||
        setweight(to_tsvector('public.vietnamese', concat_ws(' ', NEW.address, NEW.ward, NEW.district, NEW.province)), 'C');
    RETURN NEW;
END;
$fn$ LANGUAGE plpgsql;

CREATE TRIGGER trigger_patients_search_vector
    BEFORE INSERT OR UPDATE OF full_name, mrn, phone, national_id, address, ward, district, province ON patients
    FOR EACH ROW EXECUTE FUNCTION patients_search_vector_update();

-- fill it for the patients that are there already; keep their updated_at
ALTER TABLE patients DISABLE TRIGGER trigger_patients_updated_at;
UPDATE patients SET search_vector =
    setweight(to_tsvector('public.vietnamese', coalesce(full_name, '')), 'A') ||
    setweight(to_tsvector('simple', concat_ws(' ', mrn, phone, national_id)), 'B') ||
    setweight(to_tsvector('public.vietnamese', concat_ws(' ', address, ward, district, province)), 'C');
ALTER TABLE patients ENABLE TRIGGER trigger_patients_updated_at;

CREATE INDEX IF NOT EXISTS idx_patients_search ON patients USING GIN (search_vector);

INSERT INTO schema_migrations (migration_name) VALUES ('015_patient_search') ON CONFLICT DO NOTHING;

COMMIT;
