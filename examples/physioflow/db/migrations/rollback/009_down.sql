-- Rollback: 009_discharge_planning.sql
-- Description: Drops discharge plans and summaries
-- Created: 2025-05-26

BEGIN;

DROP TABLE IF EXISTS discharge_summaries CASCADE;
DROP TABLE IF EXISTS discharge_plans CASCADE;

DROP TYPE IF EXISTS discharge_status CASCADE;
DROP TYPE IF EXISTS discharge_reason CASCADE;
DROP TYPE IF EXISTS discharge_disposition CASCADE;

COMMIT;
