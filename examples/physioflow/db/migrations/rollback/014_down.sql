-- Rollback: 014_notifications.sql
-- Description: drops notifications and the patients' preferences
-- Created: 2025-08-04

begin;

drop table if exists notifications cascade;

alter table patients
    drop column if exists preferred_channel,
    drop column if exists zalo_user_id,
    drop column if exists notify_consent_at;

drop type if exists notification_status;
drop type if exists notification_channel;

delete from schema_migrations where migration_name = '014_notifications';

commit;
