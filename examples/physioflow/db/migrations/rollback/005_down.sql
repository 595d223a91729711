-- Rollback: 005_bhyt_insurance_enhancement.sql
-- Description: Removes BHYT columns, constraints and indexes from insurance_info
-- Created: 2025-04-02

-- Drop indexes
DROP INDEX IF EXISTS idx_insurance_bhyt_card_number;
DROP INDEX IF EXISTS idx_insurance_bhyt_prefix;

-- Drop constraints
ALTER TABLE insurance_info DROP CONSTRAINT IF EXISTS chk_bhyt_card_format;
ALTER TABLE insurance_info DROP CONSTRAINT IF EXISTS chk_bhyt_prefix_format;
ALTER TABLE insurance_info DROP CONSTRAINT IF EXISTS chk_bhyt_prefix_matches_card;
ALTER TABLE insurance_info DROP CONSTRAINT IF EXISTS chk_bhyt_coverage_percent;
ALTER TABLE insurance_info DROP CONSTRAINT IF EXISTS chk_bhyt_hospital_code_format;

-- Remove columns
ALTER TABLE insurance_info DROP COLUMN IF EXISTS bhyt_card_number;
ALTER TABLE insurance_info DROP COLUMN IF EXISTS bhyt_prefix_code;
ALTER TABLE insurance_info DROP COLUMN IF EXISTS bhyt_province_code;
ALTER TABLE insurance_info DROP COLUMN IF EXISTS bhyt_coverage_percent;
ALTER TABLE insurance_info DROP COLUMN IF EXISTS bhyt_registered_hospital_code;
ALTER TABLE insurance_info DROP COLUMN IF EXISTS bhyt_registered_hospital_name;
ALTER TABLE insurance_info DROP COLUMN IF EXISTS bhyt_five_year_date;
ALTER TABLE insurance_info DROP COLUMN IF EXISTS bhyt_verified_at;
