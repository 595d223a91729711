-- Migration: 005_bhyt_insurance_enhancement.sql
-- Description: Vietnamese social health insurance (bảo hiểm y tế) on insurance_info
-- Created: 2025-04-02
--
-- A BHYT card number has 15 characters:
--   DN 4 79 1234567890
--   |  | |  +-- social insurance number
--   |  | +----- province that issued it
--   |  +------- benefit level: 1, 2, 5 = 100 %, 3 = 95 %, 4 = 80 %
--   +---------- kind of holder: DN employee, HT pensioner, TE child under 6, GD household, ...

ALTER TABLE insurance_info
    ADD COLUMN IF NOT EXISTS bhyt_card_number VARCHAR(15),
    ADD COLUMN IF NOT EXISTS bhyt_prefix_code VARCHAR(3),
    ADD COLUMN IF NOT EXISTS bhyt_province_code VARCHAR(2),
    ADD COLUMN IF NOT EXISTS bhyt_coverage_percent SMALLINT,
    ADD COLUMN IF NOT EXISTS bhyt_registered_hospital_code VARCHAR(5),
    ADD COLUMN IF NOT EXISTS bhyt_registered_hospital_name VARCHAR(255),
    ADD COLUMN IF NOT EXISTS bhyt_five_year_date DATE,
    ADD COLUMN IF NOT EXISTS bhyt_verified_at TIMESTAMPTZ;

ALTER TABLE insurance_info
    ADD CONSTRAINT chk_bhyt_card_format
        CHECK (bhyt_card_number IS NULL OR bhyt_card_number ~ '^[A-Z]{2}[1-5][0-9]{12}$');

ALTER TABLE insurance_info
    ADD CONSTRAINT chk_bhyt_prefix_format
        CHECK (bhyt_prefix_code IS NULL OR bhyt_prefix_code ~ '^[A-Z]{2}[1-5]$');

ALTER TABLE insurance_info
    ADD CONSTRAINT chk_bhyt_prefix_matches_card
        CHECK (bhyt_card_number IS NULL OR bhyt_prefix_code = left(bhyt_card_number, 3));

ALTER TABLE insurance_info
    ADD CONSTRAINT chk_bhyt_coverage_percent
        CHECK (bhyt_coverage_percent IS NULL OR bhyt_coverage_percent IN (80, 95, 100));

ALTER TABLE insurance_info
    ADD CONSTRAINT chk_bhyt_hospital_code_format
        CHECK (bhyt_registered_hospital_code IS NULL OR bhyt_registered_hospital_code ~ '^[0-9]{5}$');

CREATE UNIQUE INDEX IF NOT EXISTS idx_insurance_bhyt_card_number
    ON insurance_info (bhyt_card_number) WHERE bhyt_card_number IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_insurance_bhyt_prefix
    ON insurance_info (bhyt_prefix_code) WHERE bhyt_prefix_code IS NOT NULL;

COMMENT ON COLUMN insurance_info.bhyt_card_number IS 'Số thẻ BHYT (15 ký tự)';
COMMENT ON COLUMN insurance_info.bhyt_registered_hospital_code IS 'Mã nơi đăng ký khám chữa bệnh ban đầu';

INSERT INTO schema_migrations (migration_name) VALUES ('005_bhyt_insurance_enhancement');
