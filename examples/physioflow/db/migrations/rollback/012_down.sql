-- Rollback: 012_home_exercise_programs.sql
-- Description: Drops home exercise programs
-- Created: 2025-07-07

BEGIN;

DROP TABLE IF EXISTS exercise_compliance_logs;
DROP TABLE IF EXISTS home_exercise_program_items;
DROP TABLE IF EXISTS home_exercise_programs;

DELETE FROM schema_migrations WHERE migration_name = '012_home_exercise_programs';

COMMIT;
