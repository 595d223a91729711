-- Rollback: 018_rom_mmt_tables.sql
-- Description: Loses ROM/MMT assessment data
-- Created: 2025-10-06

BEGIN;

DROP TABLE IF EXISTS mmt_assessments CASCADE;
DROP TABLE IF EXISTS rom_assessments CASCADE;

DELETE FROM schema_migrations WHERE version = '018';

COMMIT;
