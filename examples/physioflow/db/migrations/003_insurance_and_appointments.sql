-- insurance cards (only what the front desk needs for now) and the appointment book

create type appointment_status as enum
    ('scheduled', 'confirmed', 'checked_in', 'completed', 'cancelled', 'no_show');

create table insurance_info (
    id uuid primary key default gen_random_uuid(),
    patient_id uuid not null references patients (id) on delete cascade,
    insurance_type varchar(20) not null check (insurance_type in ('bhyt', 'private', 'self_pay')),
    provider varchar(255),
    policy_number varchar(50),
    valid_from date,
    valid_to date,
    is_primary boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint chk_insurance_validity check (valid_to is null or valid_from is null or valid_to >= valid_from)
);
create index idx_insurance_patient on insurance_info (patient_id);
create unique index idx_insurance_one_primary on insurance_info (patient_id) where is_primary;

create trigger trigger_insurance_info_updated_at before update on insurance_info
    for each row execute function update_updated_at_column();

create table appointments (
    id uuid primary key default gen_random_uuid(),
    patient_id uuid not null references patients (id) on delete restrict,
    therapist_id uuid not null references users (id) on delete restrict,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    status appointment_status not null default 'scheduled',
    reason varchar(255),
    notes varchar(500),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint chk_appointment_times check (ends_at > starts_at)
);
create index idx_appointments_therapist on appointments (therapist_id, starts_at);
create index idx_appointments_patient on appointments (patient_id, starts_at desc);

create trigger trigger_appointments_updated_at before update on appointments
    for each row execute function update_updated_at_column();
