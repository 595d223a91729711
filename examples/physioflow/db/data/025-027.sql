-- More data for a database at 027: fills the reports of 025 and the feature flags of 027. Load 001-024.sql first.
-- Also to be loaded again after a rollback over 027 and back.

BEGIN;

SET LOCAL TIME ZONE 'Asia/Ho_Chi_Minh';

REFRESH MATERIALIZED VIEW mv_therapist_productivity;
REFRESH MATERIALIZED VIEW mv_diagnosis_statistics;
REFRESH MATERIALIZED VIEW mv_treatment_outcomes;
REFRESH MATERIALIZED VIEW mv_insurance_claims_summary;

-- 16 features in each of the 82 clinics
INSERT INTO feature_flags (id, key, name_vi, description, is_enabled, rollout_percentage, clinic_code, created_by, created_at, updated_at)
SELECT c.n * 16 + f.n + 1, lower(c.code) || '.' || f.key, f.vi || ' (' || c.code || ')', f.en, (c.n + f.n) % 3 <> 2, CASE (c.n + f.n) % 3 WHEN 0 THEN 100 WHEN 1 THEN 25 ELSE 0 END,
       c.code, c.admin, timestamptz '2026-02-09 22:00' + c.n * interval '1 minute', timestamptz '2026-02-11 09:00' + c.n * interval '1 minute'
  FROM (SELECT row_number() OVER (ORDER BY clinic_code COLLATE "C") - 1 AS n, clinic_code AS code, min(id::text)::uuid AS admin FROM users WHERE role = 'admin' GROUP BY clinic_code) c,
       (VALUES (0, 'online_booking', 'Đặt lịch trực tuyến', 'Patients book on the web'), (1, 'zalo_reminders', 'Nhắc lịch qua Zalo', 'Reminders by Zalo'), (2, 'bhyt_auto_submit', 'Tự động gửi giám định BHYT', 'Claims are sent at night'),
               (3, 'soap_voice', 'Ghi SOAP bằng giọng nói', 'Dictation'), (4, 'body_chart_3d', 'Sơ đồ đau 3D', '3D body chart'), (5, 'home_video', 'Video bài tập', 'Videos of exercises'), (6, 'momo_payment', 'Thanh toán MoMo', 'Payment by MoMo'),
               (7, 'vnpay_payment', 'Thanh toán VNPAY', 'Payment by VNPAY'), (8, 'waitlist', 'Danh sách chờ', 'Waiting list'), (9, 'kpi_dashboard', 'Bảng KPI', 'Productivity dashboard'), (10, 'outcome_charts', 'Biểu đồ kết quả', 'Outcome charts'),
               (11, 'e_signature', 'Ký số', 'Electronic signature'), (12, 'dark_mode', 'Giao diện tối', 'Dark mode'), (13, 'pdf_export_v2', 'Xuất PDF mới', 'New PDF export'), (14, 'group_sessions', 'Tập nhóm', 'Group sessions'),
               (15, 'ai_summary', 'Tóm tắt hồ sơ', 'Summary of a record')) AS f (n, key, vi, en)
 ORDER BY 1;
SELECT setval('feature_flags_id_seq', (SELECT max(id) FROM feature_flags));

INSERT INTO feature_flag_audit_log (feature_flag_id, action, old_value, new_value, changed_by, changed_at)
SELECT f.id, CASE k WHEN 0 THEN 'created' ELSE (ARRAY['enabled', 'rollout_changed', 'disabled'])[1 + k % 3] END, CASE WHEN k > 0 THEN jsonb_build_object('rollout', (k - 1) * 10) END,
       jsonb_build_object('rollout', k * 10), f.created_by, f.created_at + k * interval '3 hours'
  FROM generate_series(0, 11481) i JOIN feature_flags f ON f.id = 1 + i % 1312, LATERAL (SELECT i / 1312 AS k) o
 ORDER BY i;

COMMIT;

ANALYZE feature_flags, feature_flag_audit_log,
    mv_therapist_productivity, mv_diagnosis_statistics, mv_treatment_outcomes, mv_insurance_claims_summary;
