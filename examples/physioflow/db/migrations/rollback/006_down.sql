-- Rollback: 006_outcome_measures_tables.sql
-- Description: Drops outcome measures, all partitions and the library
-- Created: 2025-04-14

-- Drop partitions
DROP TABLE IF EXISTS outcome_measures_2024 CASCADE;
DROP TABLE IF EXISTS outcome_measures_2025 CASCADE;
DROP TABLE IF EXISTS outcome_measures_2026 CASCADE;
DROP TABLE IF EXISTS outcome_measures_2027 CASCADE;
DROP TABLE IF EXISTS outcome_measures_2028 CASCADE;
DROP TABLE IF EXISTS outcome_measures_2029 CASCADE;
DROP TABLE IF EXISTS outcome_measures_2030 CASCADE;

-- Drop parent table
DROP TABLE IF EXISTS outcome_measures CASCADE;

-- Drop library table
DROP TABLE IF EXISTS outcome_measures_library CASCADE;
