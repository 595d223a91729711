-- Migration: 017_soap_notes.sql
-- Description: SOAP notes for treatment sessions; one view of everything that happened to a patient
-- Created: 2025-09-15

BEGIN;

CREATE TABLE soap_notes (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    treatment_session_id UUID NOT NULL UNIQUE REFERENCES treatment_sessions(id) ON DELETE CASCADE,
    author_id UUID NOT NULL REFERENCES users(id),
    subjective TEXT NOT NULL,
    objective TEXT NOT NULL,
    assessment TEXT NOT NULL,
    plan TEXT NOT NULL,
    signed_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE INDEX idx_soap_notes_author ON soap_notes (author_id, created_at DESC);
CREATE INDEX idx_soap_notes_fts ON soap_notes
    USING GIN (to_tsvector('vietnamese', assessment || ' ' || plan)) WITH (fastupdate = off);

-- A signed note is never changed again
CREATE FUNCTION prevent_signed_note_change()
RETURNS TRIGGER AS $$
BEGIN
    IF OLD.signed_at IS NOT NULL THEN
        RAISE EXCEPTION 'SOAP note % is signed and cannot be changed', OLD.id;
    END IF;
    RETURN NEW;
END;
$$ LANGUAGE plpgsql;

CREATE TRIGGER trigger_soap_notes_signed
    BEFORE UPDATE ON soap_notes
    FOR EACH ROW EXECUTE FUNCTION prevent_signed_note_change();
CREATE TRIGGER trigger_soap_notes_updated_at
    BEFORE UPDATE ON soap_notes
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE VIEW v_patient_timeline AS
    SELECT a.patient_id, a.starts_at AS happened_at, 'appointment' AS kind, a.id AS source_id, a.status::text AS detail
      FROM appointments a
    UNION ALL
    SELECT s.patient_id, s.session_date::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh', 'treatment_session', s.id,
           'session ' || s.session_no
      FROM treatment_sessions s
    UNION ALL
    SELECT s.patient_id, n.created_at, 'soap_note', n.id, left(n.assessment, 80)
      FROM soap_notes n
      JOIN treatment_sessions s ON s.id = n.treatment_session_id;

COMMIT;
