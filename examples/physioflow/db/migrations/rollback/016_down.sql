-- Rollback: 016_waitlist_and_reminders.sql
-- Description: Drops the waiting list and the reminders. Notes longer than 500 characters are cut!
-- Created: 2025-09-01

BEGIN;

DROP TABLE IF EXISTS waitlist_entries CASCADE;

DROP INDEX IF EXISTS idx_appointments_to_remind;

ALTER TABLE appointments ALTER COLUMN notes TYPE VARCHAR(500) USING left(notes, 500);
ALTER TABLE appointments
    DROP COLUMN IF EXISTS reminder_channel,
    DROP COLUMN IF EXISTS reminder_sent_at,
    DROP COLUMN IF EXISTS room_code;

COMMIT;
