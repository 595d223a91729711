-- Migration: 025_reporting_views.sql
-- Description: Materialized views for reporting
-- Created: 2026-01-12
--
-- Refreshed every night:
--   REFRESH MATERIALIZED VIEW CONCURRENTLY mv_therapist_productivity;   (needs the unique indexes below)

BEGIN;

-- 1. What each therapist did, per month
CREATE MATERIALIZED VIEW mv_therapist_productivity AS
SELECT
    s.therapist_id,
    u.full_name AS therapist_name,
    u.clinic_code,
    date_trunc('month', s.session_date::timestamp)::date AS month,
    count(*) AS sessions,
    count(DISTINCT s.patient_id) AS patients,
    sum(s.duration_minutes) AS minutes,
    round(avg(s.pain_before - s.pain_after), 2) AS average_pain_relief,
    coalesce(sum(i.total_vnd), 0) AS billed_vnd
FROM treatment_sessions s
JOIN users u ON u.id = s.therapist_id
LEFT JOIN invoices i ON i.treatment_session_id = s.id AND i.status <> 'void'
GROUP BY s.therapist_id, u.full_name, u.clinic_code, date_trunc('month', s.session_date::timestamp);

CREATE UNIQUE INDEX idx_mv_therapist_productivity ON mv_therapist_productivity (therapist_id, month);

-- 2. Which diagnoses are seen where
CREATE MATERIALIZED VIEW mv_diagnosis_statistics AS
SELECT
    d.icd10_code,
    c.name_vi,
    p.clinic_code,
    p.gender,
    CASE
        WHEN age(d.diagnosed_on::timestamp, p.date_of_birth::timestamp) < interval '18 years' THEN '0-17'
        WHEN age(d.diagnosed_on::timestamp, p.date_of_birth::timestamp) < interval '40 years' THEN '18-39'
        WHEN age(d.diagnosed_on::timestamp, p.date_of_birth::timestamp) < interval '65 years' THEN '40-64'
        ELSE '65+'
    END AS age_group,
    count(*) AS diagnoses,
    count(DISTINCT d.patient_id) AS patients,
    min(d.diagnosed_on) AS first_seen_on,
    max(d.diagnosed_on) AS last_seen_on
FROM diagnoses d
JOIN icd10_codes c ON c.code = d.icd10_code
JOIN patients p ON p.id = d.patient_id
GROUP BY 1, 2, 3, 4, 5;

CREATE UNIQUE INDEX idx_mv_diagnosis_statistics
    ON mv_diagnosis_statistics (icd10_code, clinic_code, gender, age_group);

-- 3. Did it help? First against last score of each measure
CREATE MATERIALIZED VIEW mv_treatment_outcomes AS
SELECT
    m.patient_id,
    m.library_id,
    l.code AS measure_code,
    l.name_vi AS measure_name,
    count(*) AS measurements,
    min(m.measured_on) AS first_measured_on,
    max(m.measured_on) AS last_measured_on,
    (array_agg(m.score ORDER BY m.measured_on, m.id))[1] AS first_score,
    (array_agg(m.score ORDER BY m.measured_on DESC, m.id DESC))[1] AS last_score,
    abs((array_agg(m.score ORDER BY m.measured_on DESC, m.id DESC))[1]
        - (array_agg(m.score ORDER BY m.measured_on, m.id))[1]) >= max(l.mcid) AS reached_mcid
FROM outcome_measures m
JOIN outcome_measures_library l ON l.id = m.library_id
WHERE m.status = 'recorded'
GROUP BY m.patient_id, m.library_id, l.code, l.name_vi;

CREATE UNIQUE INDEX idx_mv_treatment_outcomes ON mv_treatment_outcomes (patient_id, library_id);

-- 4. BHYT claims, per month, kind of card and clinic
CREATE MATERIALIZED VIEW mv_insurance_claims_summary AS
SELECT
    c.period,
    p.clinic_code,
    i.bhyt_prefix_code,
    c.status,
    count(*) AS claims,
    sum(c.claimed_vnd) AS claimed_vnd,
    sum(c.approved_vnd) AS approved_vnd,
    round(100.0 * sum(c.approved_vnd) / nullif(sum(c.claimed_vnd), 0), 1) AS approved_percent
FROM bhyt_claim_submissions c
JOIN patients p ON p.id = c.patient_id
JOIN insurance_info i ON i.id = c.insurance_id
GROUP BY c.period, p.clinic_code, i.bhyt_prefix_code, c.status;

CREATE UNIQUE INDEX idx_mv_insurance_claims_summary
    ON mv_insurance_claims_summary (period, clinic_code, bhyt_prefix_code, status);

INSERT INTO schema_migrations (migration_name) VALUES ('025_reporting_views');

COMMIT;
