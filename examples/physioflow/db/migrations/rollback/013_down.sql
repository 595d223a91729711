-- Rollback: 013_billing_clinical_links.sql
-- Description: Removes the foreign keys from billing and outcome measures to the clinical schema
-- Created: 2025-07-21
--
-- schema_migrations: remember to delete the row by hand

DROP INDEX IF EXISTS idx_invoices_session;

ALTER TABLE outcome_measures DROP CONSTRAINT IF EXISTS fk_outcome_measures_patient;
ALTER TABLE payment_transactions DROP CONSTRAINT IF EXISTS fk_payments_received_by;
ALTER TABLE invoices DROP CONSTRAINT IF EXISTS fk_invoices_treatment_session;
ALTER TABLE invoices DROP CONSTRAINT IF EXISTS fk_invoices_patient;
