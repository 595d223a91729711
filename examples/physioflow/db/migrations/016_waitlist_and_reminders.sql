-- Migration: 016_waitlist_and_reminders.sql
-- Description: Waiting list; appointment reminders; longer appointment notes
-- Created: 2025-09-01

ALTER TABLE appointments
    ADD COLUMN reminder_channel notification_channel,
    ADD COLUMN reminder_sent_at TIMESTAMPTZ,
    ADD COLUMN room_code VARCHAR(20);

-- 500 characters were not enough for the front desk
ALTER TABLE appointments ALTER COLUMN notes TYPE TEXT;

CREATE INDEX idx_appointments_to_remind ON appointments (starts_at)
    WHERE reminder_sent_at IS NULL AND status IN ('scheduled', 'confirmed');

CREATE TABLE waitlist_entries (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id UUID NOT NULL REFERENCES patients(id) ON DELETE CASCADE,
    therapist_id UUID REFERENCES users(id) ON DELETE SET NULL,
    wanted_from DATE NOT NULL,
    wanted_until DATE,
    -- 1 = Monday ... 7 = Sunday
    weekdays SMALLINT[] NOT NULL DEFAULT '{1,2,3,4,5}',
    priority SMALLINT NOT NULL DEFAULT 3 CHECK (priority BETWEEN 1 AND 5),
    note TEXT,
    fulfilled_by UUID REFERENCES appointments(id) ON DELETE SET NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    CONSTRAINT chk_waitlist_weekdays CHECK (weekdays <@ '{1,2,3,4,5,6,7}'::smallint[])
);

CREATE INDEX idx_waitlist_open ON waitlist_entries (priority, wanted_from) WHERE fulfilled_by IS NULL;
