-- Migration: 013_billing_clinical_links.sql
-- Description: 006 and 007 kept patients, sessions and staff by id only. Make them real foreign keys.
-- Created: 2025-07-21
--
-- NOT VALID first, so that the ADD does not scan; VALIDATE only takes SHARE UPDATE EXCLUSIVE.

ALTER TABLE invoices
    ADD CONSTRAINT fk_invoices_patient
    FOREIGN KEY (patient_id) REFERENCES patients(id) ON DELETE RESTRICT NOT VALID;
ALTER TABLE invoices VALIDATE CONSTRAINT fk_invoices_patient;

ALTER TABLE invoices
    ADD CONSTRAINT fk_invoices_treatment_session
    FOREIGN KEY (treatment_session_id) REFERENCES treatment_sessions(id) ON DELETE SET NULL NOT VALID;
ALTER TABLE invoices VALIDATE CONSTRAINT fk_invoices_treatment_session;

ALTER TABLE payment_transactions
    ADD CONSTRAINT fk_payments_received_by
    FOREIGN KEY (received_by) REFERENCES users(id) NOT VALID;
ALTER TABLE payment_transactions VALIDATE CONSTRAINT fk_payments_received_by;

-- partitioned: PostgreSQL has no NOT VALID here before 18
ALTER TABLE outcome_measures
    ADD CONSTRAINT fk_outcome_measures_patient
    FOREIGN KEY (patient_id) REFERENCES patients(id) ON DELETE CASCADE;

CREATE INDEX idx_invoices_session ON invoices (treatment_session_id);
