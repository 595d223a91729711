/*
 * 014 notifications: SMS, Zalo, e-mail, push
 */
begin;

create type notification_channel as enum ('sms', 'zalo', 'email', 'push');
create type notification_status  as enum ('queued', 'sent', 'delivered', 'read', 'failed');

-- how a patient wants to be told
alter table patients
    add column preferred_channel notification_channel not null default 'zalo',
    add column zalo_user_id      varchar(50),
    add column notify_consent_at timestamptz;

create unique index idx_patients_zalo on patients (zalo_user_id);

create table notifications (
    id             bigserial primary key,
    patient_id     uuid references patients (id) on delete cascade,
    user_id        uuid references users (id) on delete cascade,
    appointment_id uuid references appointments (id) on delete set null,
    channel        notification_channel not null,
    status         notification_status  not null default 'queued',
    title_vi       varchar(255) not null,
    body_vi        text         not null,
    error          text,
    created_at     timestamptz  not null default now(),
    sent_at        timestamptz,
    -- to a patient or to a member of staff, never to both
    constraint chk_notifications_one_recipient check (num_nonnulls(patient_id, user_id) = 1)
);

create index idx_notifications_queue   on notifications (created_at) where status = 'queued';
create index idx_notifications_patient on notifications (patient_id, created_at desc);

insert into schema_migrations (migration_name) values ('014_notifications');

commit;
