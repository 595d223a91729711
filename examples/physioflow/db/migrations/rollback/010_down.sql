-- Rollback: 010_medical_terms.sql
-- Description: Drops the medical dictionary
-- Created: 2025-06-09
-- Note: pg_trgm stays, 001 made it and patient search needs it

-- Drop indexes
DROP INDEX IF EXISTS idx_medical_terms_fts_en CASCADE;
DROP INDEX IF EXISTS idx_medical_terms_fts_vi CASCADE;
DROP INDEX IF EXISTS idx_medical_terms_en_trgm CASCADE;
DROP INDEX IF EXISTS idx_medical_terms_vi_trgm CASCADE;
DROP INDEX IF EXISTS idx_medical_terms_category CASCADE;

-- Drop table
DROP TABLE IF EXISTS medical_terms CASCADE;
