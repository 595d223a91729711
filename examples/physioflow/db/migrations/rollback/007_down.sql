-- Rollback: 007_billing_tables.sql
-- Description: Drops billing tables and enums
-- Created: 2025-04-28

-- Drop tables in reverse order (handle dependencies first)
DROP TABLE IF EXISTS payment_transactions CASCADE;
DROP TABLE IF EXISTS invoice_line_items CASCADE;
DROP TABLE IF EXISTS invoices CASCADE;
DROP TABLE IF EXISTS pt_service_codes CASCADE;

-- Drop enums
DROP TYPE IF EXISTS payment_method CASCADE;
DROP TYPE IF EXISTS invoice_status CASCADE;
