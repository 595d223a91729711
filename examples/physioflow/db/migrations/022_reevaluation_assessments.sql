-- 022: re-evaluation after every 6th session (tái lượng giá)

begin;

create table reevaluation_assessments (
    id                uuid primary key default gen_random_uuid(),
    patient_id        uuid not null references patients (id) on delete cascade,
    treatment_plan_id uuid not null references treatment_plans (id) on delete cascade,
    therapist_id      uuid not null references users (id),
    previous_id       uuid references reevaluation_assessments (id) on delete set null,
    reevaluated_on    date not null,
    sessions_so_far   smallint not null check (sessions_so_far >= 0),
    progress_percent  smallint check (progress_percent between 0 and 100),
    findings          jsonb not null default '{}',
    recommendation    varchar(20) not null
        check (recommendation in ('continue', 'modify', 'discharge', 'refer')),
    summary_vi        text,
    created_at        timestamptz not null default now()
);

create index idx_reevaluation_patient on reevaluation_assessments (patient_id, reevaluated_on desc);
create index idx_reevaluation_plan    on reevaluation_assessments (treatment_plan_id);

commit;
