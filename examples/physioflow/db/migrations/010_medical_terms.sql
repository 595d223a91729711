-- Migration: 010_medical_terms.sql
-- Description: Bilingual medical dictionary with full-text and fuzzy search
-- Created: 2025-06-09

BEGIN;

CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE IF NOT EXISTS medical_terms (
    id SERIAL PRIMARY KEY,
    term_en VARCHAR(255) NOT NULL,
    term_vi VARCHAR(255) NOT NULL,
    abbreviation VARCHAR(20),
    category VARCHAR(50) NOT NULL,
    definition_en TEXT,
    definition_vi TEXT,
    synonyms_vi TEXT[] NOT NULL DEFAULT '{}',
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    CONSTRAINT uq_medical_terms_term UNIQUE (term_en, category)
);

-- Full-text search. The dictionary is read all day and written once a month: no pending list
CREATE INDEX IF NOT EXISTS idx_medical_terms_fts_en
    ON medical_terms USING GIN (to_tsvector('english', term_en || ' ' || coalesce(definition_en, ''))) WITH (fastupdate = off);
CREATE INDEX IF NOT EXISTS idx_medical_terms_fts_vi
    ON medical_terms USING GIN (to_tsvector('vietnamese', term_vi || ' ' || coalesce(definition_vi, ''))) WITH (fastupdate = off);

-- Fuzzy search: typing errors in English, missing diacritics in Vietnamese
CREATE INDEX IF NOT EXISTS idx_medical_terms_en_trgm
    ON medical_terms USING GIN (term_en gin_trgm_ops) WITH (fastupdate = off);
CREATE INDEX IF NOT EXISTS idx_medical_terms_vi_trgm
    ON medical_terms USING GIN (immutable_unaccent(lower(term_vi)) gin_trgm_ops) WITH (fastupdate = off);

CREATE INDEX IF NOT EXISTS idx_medical_terms_category ON medical_terms (category);

COMMIT;
