-- Rollback: 003_insurance_and_appointments.sql
-- Description: drops the appointment book and the insurance cards
-- Created: 2025-03-10

drop table if exists appointments cascade;
drop table if exists insurance_info cascade;
drop type if exists appointment_status;
