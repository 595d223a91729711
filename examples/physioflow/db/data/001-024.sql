-- Data of a chain of 82 physiotherapy clinics, for a database at 024 or later.
-- Made from row numbers and md5() only: the same rows on every run, on every machine. All people are invented.
-- At 025 or later load 025-027.sql after it.

BEGIN;

SET LOCAL TIME ZONE 'Asia/Ho_Chi_Minh';

-- The id of the n-th row of a kind, so that every table can be filled without asking another one.
CREATE FUNCTION pg_temp.id(kind text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
    AS $$ SELECT md5('physioflow/' || kind || '/' || n::text)::uuid $$;
-- A number from 0 to size - 1 that looks like chance and is not.
CREATE FUNCTION pg_temp.mix(kind text, n bigint, size int) RETURNS int LANGUAGE sql IMMUTABLE
    AS $$ SELECT ('x' || left(md5(kind || n::text), 7))::bit(28)::int % size $$;
CREATE FUNCTION pg_temp.pick(list text[], n bigint) RETURNS text LANGUAGE sql IMMUTABLE
    AS $$ SELECT list[1 + n % cardinality(list)] $$;
CREATE FUNCTION pg_temp.person(n bigint, male boolean) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT concat_ws(' ',
        pg_temp.pick('{Nguyễn,Trần,Lê,Phạm,Nguyễn,Hoàng,Huỳnh,Phan,Vũ,Nguyễn,Võ,Đặng,Bùi,Đỗ,Hồ,Ngô,Dương,Lý}', pg_temp.mix('họ', n, 997)),
        CASE WHEN male
            THEN pg_temp.pick('{Văn,Hữu,Đức,Minh,Quang,Công,Xuân,Thanh,Quốc}', pg_temp.mix('đệm', n, 991))
            ELSE pg_temp.pick('{Thị,Ngọc,Thị Thu,Thị Bích,Kim,Thùy,Thị Mỹ,Phương,Hồng}', pg_temp.mix('đệm', n, 991)) END,
        CASE WHEN male
            THEN pg_temp.pick('{An,Bảo,Cường,Dũng,Đạt,Hải,Hiếu,Hùng,Huy,Khang,Khoa,Long,Nam,Phúc,Quân,Sơn,Thắng,Tuấn,Tùng,Việt}', pg_temp.mix('tên', n, 983))
            ELSE pg_temp.pick('{Anh,Châu,Chi,Dung,Hà,Hạnh,Hoa,Hương,Lan,Linh,Loan,Mai,Nga,Nhung,Oanh,Phượng,Quỳnh,Thảo,Trang,Yến}', pg_temp.mix('tên', n, 983)) END)
$$;

CREATE TEMPORARY TABLE province (n int, code text, short text, name text, districts text[]) ON COMMIT DROP;
INSERT INTO province VALUES
    (0, '01', 'HN', 'Hà Nội', '{Ba Đình,Hoàn Kiếm,Đống Đa,Cầu Giấy,Thanh Xuân,Long Biên,Hà Đông}'),
    (1, '79', 'HCM', 'TP. Hồ Chí Minh', '{Quận 1,Quận 3,Quận 5,Bình Thạnh,Phú Nhuận,Tân Bình,Thủ Đức}'),
    (2, '48', 'DN', 'Đà Nẵng', '{Hải Châu,Thanh Khê,Sơn Trà,Ngũ Hành Sơn,Liên Chiểu}'),
    (3, '31', 'HP', 'Hải Phòng', '{Hồng Bàng,Lê Chân,Ngô Quyền,Kiến An}'),
    (4, '92', 'CT', 'Cần Thơ', '{Ninh Kiều,Bình Thủy,Cái Răng,Ô Môn}'),
    (5, '46', 'HUE', 'Thừa Thiên Huế', '{Phú Hội,Vĩnh Ninh,Hương Thủy,Hương Trà}'),
    (6, '56', 'KH', 'Khánh Hòa', '{Nha Trang,Cam Ranh,Ninh Hòa}'),
    (7, '75', 'DNA', 'Đồng Nai', '{Biên Hòa,Long Khánh,Long Thành,Nhơn Trạch}'),
    (8, '74', 'BD', 'Bình Dương', '{Thủ Dầu Một,Dĩ An,Thuận An,Bến Cát}'),
    (9, '22', 'QN', 'Quảng Ninh', '{Hạ Long,Cẩm Phả,Uông Bí,Móng Cái}'),
    (10, '38', 'TH', 'Thanh Hóa', '{Lam Sơn,Đông Sơn,Sầm Sơn,Bỉm Sơn}'),
    (11, '40', 'NA', 'Nghệ An', '{Vinh,Cửa Lò,Thái Hòa,Hoàng Mai}');

CREATE TEMPORARY TABLE clinic ON COMMIT DROP AS
    SELECT c AS n, p.short || lpad((1 + c / 12)::text, 2, '0') AS code, p.code AS province_code, p.name AS province, p.districts
      FROM generate_series(0, 81) c JOIN province p ON p.n = c % 12;

CREATE TEMPORARY TABLE region (n int, en text, vi text) ON COMMIT DROP;
INSERT INTO region VALUES
    (0, 'neck', 'cổ'), (1, 'shoulder', 'vai'), (2, 'elbow', 'khuỷu tay'), (3, 'wrist', 'cổ tay'), (4, 'hand', 'bàn tay'),
    (5, 'thoracic spine', 'cột sống ngực'), (6, 'lumbar spine', 'cột sống thắt lưng'), (7, 'sacroiliac joint', 'khớp cùng chậu'),
    (8, 'hip', 'háng'), (9, 'thigh', 'đùi'), (10, 'knee', 'gối'), (11, 'lower leg', 'cẳng chân'), (12, 'ankle', 'cổ chân'),
    (13, 'foot', 'bàn chân'), (14, 'jaw', 'khớp thái dương hàm'), (15, 'rib cage', 'lồng ngực'), (16, 'upper arm', 'cánh tay'),
    (17, 'forearm', 'cẳng tay'), (18, 'pelvic floor', 'sàn chậu'), (19, 'whole body', 'toàn thân');

CREATE TEMPORARY TABLE technique (n int, code text, en text, vi text) ON COMMIT DROP;
INSERT INTO technique VALUES
    (0, 'MOB', 'Joint mobilisation', 'Di động khớp'), (1, 'STR', 'Stretching', 'Kéo giãn'), (2, 'STG', 'Strengthening', 'Tập mạnh cơ'),
    (3, 'TENS', 'Electrical stimulation (TENS)', 'Điện xung giảm đau (TENS)'), (4, 'US', 'Ultrasound therapy', 'Siêu âm điều trị'),
    (5, 'HEAT', 'Heat therapy', 'Nhiệt trị liệu'), (6, 'ICE', 'Cryotherapy', 'Chườm lạnh trị liệu'), (7, 'MASS', 'Soft tissue massage', 'Xoa bóp mô mềm'),
    (8, 'TRAC', 'Traction', 'Kéo giãn cột sống bằng máy'), (9, 'LAS', 'Low level laser', 'Laser công suất thấp'), (10, 'SW', 'Shock wave therapy', 'Sóng xung kích'),
    (11, 'TAPE', 'Kinesiology taping', 'Băng dán cơ'), (12, 'BAL', 'Balance training', 'Tập thăng bằng'), (13, 'GAIT', 'Gait training', 'Tập dáng đi'),
    (14, 'PROP', 'Proprioception training', 'Tập cảm thụ bản thể'), (15, 'NEUR', 'Neural mobilisation', 'Di động thần kinh'), (16, 'ISO', 'Isometric exercise', 'Tập đẳng trường'),
    (17, 'ECC', 'Eccentric exercise', 'Tập ly tâm'), (18, 'CORE', 'Core stability', 'Tập ổn định thân mình'), (19, 'BREA', 'Breathing exercise', 'Tập thở'),
    (20, 'POST', 'Postural correction', 'Chỉnh tư thế'), (21, 'HYDR', 'Hydrotherapy', 'Thủy trị liệu'), (22, 'ROM', 'Range of motion exercise', 'Tập tầm vận động'),
    (23, 'FUNC', 'Functional training', 'Tập chức năng'), (24, 'RELX', 'Relaxation', 'Tập thư giãn');

CREATE TEMPORARY TABLE condition (n int, code text, en text, vi text) ON COMMIT DROP;
INSERT INTO condition VALUES
    (0, 'OA', 'Osteoarthritis', 'Thoái hóa khớp'), (1, 'TEND', 'Tendinopathy', 'Bệnh lý gân'), (2, 'SPRN', 'Sprain', 'Bong gân'),
    (3, 'STRN', 'Muscle strain', 'Căng cơ'), (4, 'FRAC', 'Fracture aftercare', 'Phục hồi sau gãy xương'), (5, 'REPL', 'Joint replacement', 'Sau thay khớp'),
    (6, 'BURS', 'Bursitis', 'Viêm bao hoạt dịch'), (7, 'IMPG', 'Impingement', 'Hội chứng chèn ép'), (8, 'INST', 'Instability', 'Mất vững khớp'),
    (9, 'STIF', 'Stiffness', 'Cứng khớp'), (10, 'DISC', 'Disc herniation', 'Thoát vị đĩa đệm'), (11, 'RADI', 'Radiculopathy', 'Bệnh rễ thần kinh'),
    (12, 'STRK', 'Stroke', 'Đột quỵ'), (13, 'NERV', 'Nerve entrapment', 'Chèn ép thần kinh'), (14, 'RHEU', 'Rheumatoid arthritis', 'Viêm khớp dạng thấp'),
    (15, 'MYOF', 'Myofascial pain', 'Đau cân cơ'), (16, 'CONT', 'Contracture', 'Co rút'), (17, 'WEAK', 'Muscle weakness', 'Yếu cơ'),
    (18, 'LIGT', 'Ligament reconstruction', 'Sau tái tạo dây chằng'), (19, 'POSTU', 'Postural syndrome', 'Hội chứng tư thế'), (20, 'SCOL', 'Scoliosis', 'Vẹo cột sống'),
    (21, 'SPON', 'Spondylosis', 'Thoái hóa cột sống'), (22, 'CRPS', 'Complex regional pain', 'Đau vùng phức hợp'), (23, 'OVER', 'Overuse injury', 'Chấn thương do quá tải'),
    (24, 'CHRP', 'Chronic pain', 'Đau mạn tính');

-- 001: 15 members of staff for each clinic, 8 of them therapists (numbers 0 to 7)
INSERT INTO users (id, external_id, email, full_name, role, clinic_code, license_number, phone, is_active, created_at, updated_at)
SELECT pg_temp.id('user', i), 'kc-' || lpad(i::text, 6, '0'), 'nv' || lpad(i::text, 4, '0') || '@physioflow.example',
       pg_temp.person(i, i % 2 = 0),
       CASE WHEN i % 15 < 8 THEN 'therapist' WHEN i % 15 < 11 THEN 'assistant' WHEN i % 15 < 13 THEN 'receptionist'
            WHEN i % 15 = 13 THEN 'billing' ELSE 'admin' END::user_role,
       c.code, CASE WHEN i % 15 < 8 THEN lpad(i::text, 6, '0') || '/CCHN-' || c.province_code END,
       '028' || lpad((7310000 + i)::text, 7, '0'), i % 41 <> 40,
       timestamptz '2023-11-06 08:00' + i % 400 * interval '1 day', timestamptz '2025-01-06 08:00' + i % 300 * interval '1 day'
  FROM generate_series(0, 1229) i JOIN clinic c ON c.n = i / 15;

-- Who is whose patient: patient i belongs to clinic i / 16 and to one of its therapists
CREATE TEMPORARY TABLE person ON COMMIT DROP AS
    SELECT i, pg_temp.id('patient', i) AS patient_id, c.n AS clinic, c.code AS clinic_code, c.province_code, c.province, c.districts,
           pg_temp.mix('giới', i, 100) < 44 AS male, pg_temp.id('user', c.n * 15 + i % 8) AS therapist_id,
           date '1938-03-01' + pg_temp.mix('sinh', i, 29000) AS born,
           date '2024-01-02' + pg_temp.mix('đến', i, 700) AS came_on
      FROM generate_series(0, 1311) i JOIN clinic c ON c.n = i / 16;

-- 002
INSERT INTO patients (id, mrn, full_name, date_of_birth, gender, national_id, phone, address, ward, district, province, occupation,
                      clinic_code, primary_therapist_id, is_active, preferred_channel, zalo_user_id, notify_consent_at, created_at, updated_at)
SELECT patient_id, 'PF' || lpad((240000 + i)::text, 7, '0'), pg_temp.person(5000 + i, male), born,
       CASE WHEN i % 211 = 0 THEN 'other' WHEN male THEN 'male' ELSE 'female' END::gender_type,
       '0' || province_code || (CASE WHEN born < '2000-01-01' THEN 0 ELSE 2 END + CASE WHEN male THEN 0 ELSE 1 END) || to_char(born, 'YY') || lpad(i::text, 6, '0'),
       '09' || lpad((10000000 + i * 3571)::text, 8, '0'),
       (1 + pg_temp.mix('nhà', i, 320)) || ' ' || pg_temp.pick('{Lê Lợi,Trần Hưng Đạo,Nguyễn Huệ,Hai Bà Trưng,Lý Thường Kiệt,Điện Biên Phủ,Quang Trung,Hùng Vương,Phan Chu Trinh,Võ Thị Sáu}', i),
       'Phường ' || (1 + i % 15), districts[1 + i % cardinality(districts)], province,
       pg_temp.pick('{giáo viên,nông dân,công nhân may,nhân viên văn phòng,lái xe,nội trợ,hưu trí,sinh viên,thợ xây,kỹ sư,buôn bán,điều dưỡng}', pg_temp.mix('nghề', i, 977)),
       clinic_code, therapist_id, i % 29 <> 28, pg_temp.pick('{zalo,zalo,sms,email,push}', i)::notification_channel,
       'zalo-' || md5('zalo' || i)::varchar(16), came_on + time '08:15', came_on + time '08:10', came_on + time '08:10'
  FROM person;

INSERT INTO patient_emergency_contacts (id, patient_id, full_name, relationship, phone)
SELECT pg_temp.id('contact', i), patient_id, pg_temp.person(9000 + i, NOT male), pg_temp.pick('{vợ/chồng,con,cha/mẹ,anh/chị/em,bạn}', i),
       '03' || lpad((20000000 + i * 2741)::text, 8, '0')
  FROM person;

-- 003 and 005: four of five patients have a BHYT card
INSERT INTO insurance_info (id, patient_id, insurance_type, provider, policy_number, valid_from, valid_to, is_primary,
                            bhyt_card_number, bhyt_prefix_code, bhyt_province_code, bhyt_coverage_percent, bhyt_registered_hospital_code,
                            bhyt_registered_hospital_name, bhyt_five_year_date, bhyt_verified_at, created_at, updated_at)
SELECT pg_temp.id('insurance', i), patient_id, 'bhyt', 'Bảo hiểm xã hội ' || province, NULL, '2024-01-01', '2026-12-31', true,
       prefix || province_code || lpad((3000000000 + i * 7919)::text, 10, '0'), prefix, province_code,
       CASE right(prefix, 1) WHEN '3' THEN 95 WHEN '4' THEN 80 ELSE 100 END, province_code || lpad((1 + i % 90)::text, 3, '0'),
       'Bệnh viện đa khoa ' || districts[1 + i % cardinality(districts)], date '2027-01-01' + i % 700, came_on + time '08:20', came_on + time '08:20', came_on + time '08:20'
  FROM person, LATERAL (SELECT CASE WHEN born > '2019-01-01' THEN 'TE1' WHEN born < '1962-01-01' THEN pg_temp.pick('{HT3,HT3,CB2,BT2}', i)
                                    ELSE pg_temp.pick('{DN4,GD4,DN4,HS4,HN1,DN4,HC4}', i) END AS prefix) card
 WHERE i % 5 <> 4;

INSERT INTO insurance_info (id, patient_id, insurance_type, provider, policy_number, valid_from, valid_to, is_primary, created_at, updated_at)
SELECT pg_temp.id('insurance', i), patient_id, CASE WHEN i % 2 = 0 THEN 'private' ELSE 'self_pay' END,
       CASE WHEN i % 2 = 0 THEN pg_temp.pick('{Bảo Việt,Bảo Minh,PVI,Liberty,Prudential}', i) END,
       CASE WHEN i % 2 = 0 THEN 'HD-' || lpad(i::text, 8, '0') END, '2025-01-01', '2025-12-31', true, came_on + time '08:20', came_on + time '08:20'
  FROM person WHERE i % 5 = 4;

-- 004: chapters of ICD-10 by body site, as the classification's own fifth digit has it
INSERT INTO icd10_codes (code, name_en, name_vi, chapter)
SELECT 'M' || lpad(g::text, 2, '0') || '.' || s, c.en || ', ' || site.en || ' (M' || lpad(g::text, 2, '0') || ')', c.vi || ', ' || site.vi || ' (M' || lpad(g::text, 2, '0') || ')', 'XIII'
  FROM generate_series(0, 99) g JOIN condition c ON c.n = g % 25,
       (VALUES (0, 'multiple sites', 'nhiều vị trí'), (1, 'shoulder region', 'vùng vai'), (2, 'upper arm', 'cánh tay'), (3, 'forearm', 'cẳng tay'),
               (4, 'hand', 'bàn tay'), (5, 'pelvic region and thigh', 'vùng chậu và đùi'), (6, 'lower leg', 'cẳng chân'),
               (7, 'ankle and foot', 'cổ chân và bàn chân'), (8, 'other', 'vị trí khác'), (9, 'site unspecified', 'không xác định')) AS site (s, en, vi);

CREATE TEMPORARY TABLE icd10 ON COMMIT DROP AS SELECT row_number() OVER (ORDER BY code COLLATE "C") - 1 AS n, code FROM icd10_codes;

INSERT INTO exercises (id, code, name_en, name_vi, body_region, category, difficulty, instructions_vi, equipment, default_sets, default_reps, created_by, created_at, updated_at)
SELECT pg_temp.id('exercise', i), 'EX' || lpad(i::text, 5, '0'), t.en || ' of the ' || r.en || ', ' || v.en, t.vi || ' ' || r.vi || ', ' || v.vi, r.en, t.code, v.difficulty::exercise_difficulty,
       'Tư thế ' || v.vi || '. Thực hiện chậm, thở đều, dừng lại nếu đau quá 5/10.',
       CASE i % 4 WHEN 0 THEN '{}' WHEN 1 THEN '{dây kháng lực}' WHEN 2 THEN '{bóng tập}' ELSE '{tạ nhẹ,ghế}' END::text[], 1 + i % 4, 5 + i % 16,
       pg_temp.id('user', i % 82 * 15 + i % 8), timestamptz '2024-01-08 09:00' + i * interval '7 hours', timestamptz '2024-01-08 09:00' + i * interval '7 hours'
  FROM generate_series(0, 999) i JOIN technique t ON t.n = i % 25 JOIN region r ON r.n = i / 25 % 20
  JOIN (VALUES (0, 'lying', 'nằm', 'beginner'), (1, 'standing', 'đứng', 'intermediate')) AS v (n, en, vi, difficulty) ON v.n = i / 500;

INSERT INTO diagnoses (id, patient_id, icd10_code, is_primary, diagnosed_on, diagnosed_by, note, created_at)
SELECT pg_temp.id('diagnosis', d), patient_id, x.code, d < 1312, came_on + d / 1312 * 40, therapist_id,
       CASE WHEN d % 3 = 0 THEN 'Đau tăng khi ' || pg_temp.pick('{vận động,ngồi lâu,leo cầu thang,mang vác,thời tiết lạnh}', d) END, came_on + d / 1312 * 40 + time '09:00'
  FROM generate_series(0, 1967) d JOIN person ON i = d % 1312 JOIN icd10 x ON x.n = pg_temp.mix('icd', d, 1000);

INSERT INTO treatment_plans (id, patient_id, diagnosis_id, therapist_id, title, goals, status, planned_sessions, start_date, end_date, created_at, updated_at)
SELECT pg_temp.id('plan', i), patient_id, pg_temp.id('diagnosis', i), therapist_id, 'Phục hồi chức năng: ' || c.vi || ' ' || r.vi,
       'Giảm đau ≥ 2 điểm VAS; ' || pg_temp.pick('{đi bộ 500 m không đau,trở lại công việc,tự mặc áo,chơi lại thể thao,ngủ trọn đêm}', i),
       pg_temp.pick('{completed,completed,active,on_hold,discontinued}', i)::treatment_plan_status, 4 + i % 12, came_on,
       CASE WHEN i % 5 < 2 THEN came_on + 60 END, came_on + time '09:30', came_on + time '09:30'
  FROM person JOIN condition c ON c.n = i % 25 JOIN region r ON r.n = i % 20;

-- Session s is the (s / 1312 + 1)-th of plan s % 1312; the first 1,312 of them were in the appointment book
CREATE TEMPORARY TABLE visit ON COMMIT DROP AS
    SELECT s, i, patient_id, therapist_id, clinic, clinic_code, (s / 1312 + 1)::smallint AS session_no,
           came_on + s / 1312 * (5 + i % 9) AS day, 7 + pg_temp.mix('giờ', s, 11) AS hour, 30 + 15 * (s % 4) AS minutes,
           3 + pg_temp.mix('đau', i, 7) AS pain
      FROM generate_series(0, 2623) s JOIN person ON i = s % 1312;

INSERT INTO appointments (id, patient_id, therapist_id, starts_at, ends_at, status, reason, notes, reminder_channel, reminder_sent_at, room_code, created_at, updated_at)
SELECT pg_temp.id('appointment', s), patient_id, therapist_id, day + make_time(hour, 0, 0), day + make_time(hour, 0, 0) + minutes * interval '1 minute',
       'completed', pg_temp.pick('{tái khám,tập vận động,điện trị liệu,lượng giá,tư vấn}', s),
       CASE WHEN s % 60 = 0 THEN 'Dặn dò trước buổi tập: ' || repeat('mặc quần áo rộng, mang phim chụp, uống đủ nước; ', 12)
            WHEN s % 4 = 0 THEN pg_temp.pick('{Bệnh nhân đi cùng người nhà,Xin đến muộn 10 phút,Cần phiên dịch,Đi xe lăn}', s) END,
       pg_temp.pick('{zalo,sms,zalo,email}', s)::notification_channel, day - 1 + time '18:00', 'P' || (101 + s % 12), day - 7 + time '10:00', day + time '18:00'
  FROM visit WHERE s < 1312;

INSERT INTO appointments (id, patient_id, therapist_id, starts_at, ends_at, status, reason, created_at, updated_at)
SELECT pg_temp.id('appointment', 10000 + i), patient_id, therapist_id, date '2026-02-12' + i % 60 + make_time(7 + i % 10, 0, 0),
       date '2026-02-12' + i % 60 + make_time(7 + i % 10, 45, 0), pg_temp.pick('{scheduled,confirmed,cancelled}', i)::appointment_status, 'tái khám',
       timestamptz '2026-02-02 10:00', timestamptz '2026-02-02 10:00'
  FROM person WHERE i % 2 = 0;

INSERT INTO treatment_sessions (id, treatment_plan_id, patient_id, therapist_id, appointment_id, session_no, session_date, duration_minutes, pain_before, pain_after, interventions, created_at)
SELECT pg_temp.id('session', s), pg_temp.id('plan', i), patient_id, therapist_id, CASE WHEN s < 1312 THEN pg_temp.id('appointment', s) END, session_no, day, minutes,
       greatest(pain - session_no + 1, 1), greatest(pain - session_no - s % 2, 0), ARRAY[a.vi, b.vi], day + time '18:30'
  FROM visit JOIN technique a ON a.n = s % 25 JOIN technique b ON b.n = (s + 7) % 25;

-- 006
INSERT INTO outcome_measures_library (id, code, name_en, name_vi, body_region, min_score, max_score, mcid, higher_is_better)
SELECT q.n * 20 + r.n + 1, q.code || '-' || upper(replace(r.en, ' ', '_')), q.en || ' (' || r.en || ')', q.vi || ' (' || r.vi || ')', r.en, 0, q.max, q.mcid, q.better
  FROM region r, (SELECT row_number() OVER (ORDER BY code COLLATE "C", v) - 1 AS n, code || CASE v WHEN 1 THEN '' ELSE '_SF' END AS code, en || CASE v WHEN 1 THEN '' ELSE ', short form' END AS en,
                         vi || CASE v WHEN 1 THEN '' ELSE ', bản rút gọn' END AS vi, max, mcid, better
                    FROM (VALUES ('VAS', 'Visual analogue scale', 'Thang nhìn đánh giá đau', 10, 1.5, false), ('NPRS', 'Numeric pain rating', 'Thang số đánh giá đau', 10, 2, false),
                                 ('NDI', 'Neck disability index', 'Chỉ số khuyết tật cổ', 50, 7.5, false), ('ODI', 'Oswestry disability index', 'Chỉ số Oswestry', 100, 10, false),
                                 ('DASH', 'Arm, shoulder and hand', 'Thang DASH chi trên', 100, 10.8, false), ('LEFS', 'Lower extremity function', 'Chức năng chi dưới', 80, 9, true),
                                 ('WOMAC', 'WOMAC index', 'Chỉ số WOMAC', 96, 12, false), ('KOOS', 'Knee injury outcome', 'Thang KOOS', 100, 8, true),
                                 ('SPADI', 'Shoulder pain and disability', 'Thang SPADI', 100, 13, false), ('BBS', 'Berg balance scale', 'Thang thăng bằng Berg', 56, 5, true),
                                 ('TUG', 'Timed up and go', 'Thời gian đứng dậy và đi', 60, 2.1, false), ('6MWT', 'Six minute walk', 'Đi bộ 6 phút', 900, 30, true),
                                 ('FIM', 'Functional independence', 'Độc lập chức năng FIM', 126, 22, true), ('BI', 'Barthel index', 'Chỉ số Barthel', 100, 9, true),
                                 ('PSFS', 'Patient specific function', 'Chức năng theo bệnh nhân', 10, 2, true), ('FABQ', 'Fear avoidance beliefs', 'Thang lo sợ vận động', 96, 13, false),
                                 ('RMDQ', 'Roland-Morris', 'Thang Roland-Morris', 24, 5, false), ('QUICKDASH', 'QuickDASH', 'QuickDASH', 100, 8, false),
                                 ('FAAM', 'Foot and ankle ability', 'Chức năng bàn và cổ chân', 100, 8, true), ('HOOS', 'Hip disability outcome', 'Thang HOOS', 100, 9, true),
                                 ('PRTEE', 'Tennis elbow evaluation', 'Thang khuỷu tay tennis', 100, 11, false), ('TSK', 'Kinesiophobia scale', 'Thang Tampa', 68, 6, false),
                                 ('PCS', 'Pain catastrophizing', 'Thang thảm họa hóa đau', 52, 6.7, false), ('SF12', 'Short form 12', 'Chất lượng sống SF-12', 100, 5, true),
                                 ('EQ5D', 'EuroQol', 'Chất lượng sống EQ-5D', 100, 7, true)) AS tool (code, en, vi, max, mcid, better), generate_series(1, 2) v) q;
SELECT setval('outcome_measures_library_id_seq', (SELECT max(id) FROM outcome_measures_library));

-- One measurement a year for 1,025 patients; what lies after February 2026 is a date in the calendar, without a score
INSERT INTO outcome_measures (id, measured_on, patient_id, library_id, status, score, phase, answers, recorded_by, created_at)
SELECT pg_temp.id('outcome', y * 10000 + i), day, patient_id, l.id, CASE WHEN done THEN 'recorded' ELSE 'scheduled' END,
       CASE WHEN done THEN round((l.max_score * (40 + pg_temp.mix('điểm', i, 30) + CASE WHEN l.higher_is_better THEN 1 ELSE -1 END * (y - 2024) * pg_temp.mix('tiến', i, 15)) / 100)::numeric, 2) END,
       CASE y WHEN 2024 THEN 'baseline' WHEN 2025 THEN 'interim' WHEN 2026 THEN 'discharge' ELSE 'follow_up' END,
       CASE WHEN done THEN jsonb_build_object('items', 5 + i % 20, 'skipped', i % 3) END, CASE WHEN done THEN therapist_id END,
       least(day + time '10:00', timestamptz '2026-02-11 17:00')
  FROM generate_series(2024, 2030) y, person JOIN outcome_measures_library l ON l.id = 1 + i % 1000,
       LATERAL (SELECT make_date(y, 1, 1) + pg_temp.mix('ngày', i + y, 365) AS day) d,
       LATERAL (SELECT day <= '2026-02-11' AS done) e
 WHERE i < 1025;

-- 007
INSERT INTO pt_service_codes (code, moh_code, name_en, name_vi, unit_price_vnd, bhyt_price_vnd)
SELECT t.code || '-' || lpad(r.n::text, 2, '0') || p.suffix, '17.' || lpad((t.n * 20 + r.n)::text, 4, '0'), t.en || ', ' || r.en || p.en, t.vi || ' ' || r.vi || p.vi,
       (45 + t.n * 5 + r.n) * 1000 * p.factor, CASE WHEN p.factor = 1 THEN (35 + t.n * 4) * 1000 END
  FROM technique t, region r, (VALUES ('', '', '', 1), ('-H', ' (at home)', ' (tại nhà)', 3)) AS p (suffix, en, vi, factor);

CREATE TEMPORARY TABLE service ON COMMIT DROP AS
    SELECT row_number() OVER (ORDER BY code COLLATE "C") - 1 AS n, code, unit_price_vnd AS price, bhyt_price_vnd AS bhyt_price FROM pt_service_codes WHERE bhyt_price_vnd IS NOT NULL;

-- The first session of each plan has an invoice of two lines
CREATE TEMPORARY TABLE line ON COMMIT DROP AS
    SELECT s, line_no, x.code, (1 + (s + line_no) % 2)::smallint AS quantity, x.price, x.bhyt_price
      FROM generate_series(0, 1311) s, generate_series(1, 2) line_no, LATERAL (SELECT * FROM service WHERE n = (s * 7 + line_no * 131) % 500) x;

INSERT INTO invoices (id, invoice_no, patient_id, treatment_session_id, status, issued_on, total_vnd, bhyt_vnd, created_at, updated_at)
SELECT pg_temp.id('invoice', s), 'HD' || to_char(v.day, 'YYMM') || '-' || lpad(s::text, 6, '0'), v.patient_id, pg_temp.id('session', s),
       CASE WHEN s % 6 = 5 THEN pg_temp.pick('{issued,partially_paid,void}', s / 6) ELSE 'paid' END::invoice_status, v.day, sum(l.quantity * l.price),
       coalesce(sum(l.quantity * l.bhyt_price) * g.bhyt_coverage_percent / 100, 0), v.day + time '18:40', v.day + time '18:40'
  FROM visit v JOIN line l USING (s) JOIN insurance_info g ON g.patient_id = v.patient_id
 GROUP BY s, v.day, v.patient_id, g.bhyt_coverage_percent;

INSERT INTO invoice_line_items (id, invoice_id, line_no, service_code, quantity, unit_price_vnd)
SELECT pg_temp.id('line', s * 10 + line_no), pg_temp.id('invoice', s), line_no, code, quantity, price FROM line;

INSERT INTO payment_transactions (id, invoice_id, method, amount_vnd, provider_reference, received_by, paid_at)
SELECT pg_temp.id('payment', s), n.id, pg_temp.pick('{cash,bank_transfer,momo,card,vnpay,zalopay}', s)::payment_method, n.patient_vnd, 'GD' || lpad(s::text, 9, '0'),
       pg_temp.id('user', v.clinic * 15 + 13), v.day + time '18:45'
  FROM visit v JOIN invoices n ON n.id = pg_temp.id('invoice', s) WHERE s < 1312 AND n.status = 'paid' AND n.patient_vnd > 0;

-- 008
INSERT INTO clinical_protocols (id, code, version, name_en, name_vi, icd10_code, duration_weeks, phases, is_active, created_by, created_at, updated_at)
SELECT pg_temp.id('protocol', k), c.code || '-' || lpad(r.n::text, 2, '0'), v, c.en || ', ' || r.en, 'Phác đồ ' || c.vi || ' ' || r.vi, x.code, 4 + k % 20,
       jsonb_build_array(jsonb_build_object('phase', 1, 'goal', 'giảm đau', 'weeks', 2), jsonb_build_object('phase', 2, 'goal', 'tầm vận động', 'weeks', 2 + k % 4),
                         jsonb_build_object('phase', 3, 'goal', 'sức mạnh', 'weeks', 4)), v = 2, pg_temp.id('user', k % 82 * 15), timestamptz '2024-02-01 08:00' + k * interval '9 hours',
       timestamptz '2024-02-01 08:00' + k * interval '9 hours'
  FROM condition c, region r, generate_series(1, 2) v, LATERAL (SELECT (v - 1) * 500 + c.n * 20 + r.n AS k) o, LATERAL (SELECT code FROM icd10 WHERE icd10.n = c.n * 10 + r.n % 10) x;

INSERT INTO patient_protocols (id, patient_id, treatment_plan_id, protocol_id, status, current_phase, started_on, finished_on, created_at, updated_at)
SELECT pg_temp.id('patient protocol', i), patient_id, pg_temp.id('plan', i), pg_temp.id('protocol', 500 + i % 500),
       pg_temp.pick('{completed,in_progress,assigned,paused,abandoned}', i)::protocol_status, 1 + i % 3, came_on + 1, CASE WHEN i % 5 = 0 THEN came_on + 60 END, came_on + time '10:00', came_on + time '10:00'
  FROM person WHERE i % 5 <> 4;

INSERT INTO patient_protocol_exercises (id, patient_protocol_id, exercise_id, phase, sets, reps, hold_seconds, note)
SELECT pg_temp.id('protocol exercise', i * 10 + k), pg_temp.id('patient protocol', i), pg_temp.id('exercise', (i * 11 + k * 37) % 1000), k, 2 + k % 3, 8 + i % 8, 5 * k,
       CASE WHEN k = 2 THEN 'tăng kháng lực khi không đau' END
  FROM person, generate_series(1, 2) k WHERE i % 5 <> 4;

-- 009
INSERT INTO discharge_plans (id, patient_id, treatment_plan_id, therapist_id, status, planned_on, criteria, home_advice_vi, created_at, updated_at)
SELECT pg_temp.id('discharge', i), patient_id, pg_temp.id('plan', i), therapist_id, CASE WHEN i % 10 < 8 THEN 'discharged' WHEN i % 10 = 8 THEN 'ready' ELSE 'planned' END::discharge_status,
       came_on + 60, jsonb_build_object('vas_max', 3, 'rom_percent', 80 + i % 20), 'Duy trì bài tập tại nhà ' || (2 + i % 4) || ' lần/tuần, tránh mang vác nặng.', came_on + 30 + time '15:00', came_on + 30 + time '15:00'
  FROM person;

INSERT INTO discharge_summaries (id, discharge_plan_id, reason, disposition, discharged_on, sessions_attended, summary_vi, signed_by, signed_at)
SELECT pg_temp.id('summary', i), pg_temp.id('discharge', i), pg_temp.pick('{goals_met,goals_met,plateau,patient_request,transferred,insurance_ended,lost_to_follow_up}', i)::discharge_reason,
       pg_temp.pick('{home_with_program,home,hospital,other_clinic,unknown}', i)::discharge_disposition, came_on + 60, 4,
       'Kết thúc đợt điều trị. Đau giảm ' || (1 + i % 5) || ' điểm VAS, tầm vận động cải thiện ' || (10 + i % 50) || '%.', therapist_id, came_on + 60 + time '16:00'
  FROM person WHERE i % 10 < 8;

-- 010
INSERT INTO medical_terms (term_en, term_vi, abbreviation, category, definition_en, definition_vi, synonyms_vi, created_at)
SELECT f.en || ' of the ' || r.en || g.en, f.vi || ' ' || r.vi || g.vi, upper(left(f.en, 2) || left(r.en, 2)), f.category,
       f.en || ' found in the ' || r.en || g.en || ' on examination.', 'Tình trạng ' || f.vi || ' ở vùng ' || r.vi || g.vi || ', phát hiện khi thăm khám.', ARRAY[f.vi || ' vùng ' || r.vi], timestamptz '2025-06-09 08:00'
  FROM region r, (VALUES ('', ''), (', left', ' trái'), (', right', ' phải')) AS g (en, vi),
       (VALUES ('Pain', 'Đau', 'symptom'), ('Swelling', 'Sưng', 'sign'), ('Stiffness', 'Cứng', 'symptom'), ('Numbness', 'Tê', 'symptom'), ('Weakness', 'Yếu', 'sign'), ('Tenderness', 'Ấn đau', 'sign'),
               ('Deformity', 'Biến dạng', 'sign'), ('Crepitus', 'Tiếng lạo xạo', 'sign'), ('Spasm', 'Co thắt', 'sign'), ('Inflammation', 'Viêm', 'diagnosis'),
               ('Dislocation', 'Trật khớp', 'diagnosis'), ('Fracture', 'Gãy xương', 'diagnosis'), ('Sprain', 'Bong gân', 'diagnosis'), ('Hypermobility', 'Quá tầm vận động', 'sign'), ('Instability', 'Mất vững', 'diagnosis'),
               ('Burning sensation', 'Cảm giác nóng rát', 'symptom'), ('Limited motion', 'Hạn chế vận động', 'sign')) AS f (en, vi, category)
 ORDER BY r.n, g.en COLLATE "C", f.en COLLATE "C";

-- 011: 1,100 rows a year, so that no partition is empty
INSERT INTO audit_logs (occurred_at, action, user_id, user_email, resource_type, resource_id, patient_id, ip_address, details)
SELECT make_timestamptz(y, 1, 1, 0, 0, 0) + k * interval '28650 seconds', pg_temp.pick('{read,read,update,read,create,print,login,export,logout,delete}', k)::audit_action,
       pg_temp.id('user', u), 'nv' || lpad(u::text, 4, '0') || '@physioflow.example', CASE WHEN k % 10 IN (6, 8) THEN 'session' ELSE pg_temp.pick('{patient,treatment_session,invoice,appointment}', k) END,
       pg_temp.id('patient', u), CASE WHEN k % 10 NOT IN (6, 8) THEN pg_temp.id('patient', u) END, ('10.' || k % 82 || '.' || k % 7 || '.' || 10 + k % 200)::inet,
       CASE WHEN k % 4 = 0 THEN jsonb_build_object('app', '1.' || y % 4 || '.' || k % 10) END
  FROM generate_series(2024, 2030) y, generate_series(0, 1099) k, LATERAL (SELECT pg_temp.mix('ai', y * 10000 + k, 1230) AS u) who
 ORDER BY y, k;

-- 012
INSERT INTO home_exercise_programs (id, patient_id, treatment_plan_id, prescribed_by, title_vi, starts_on, ends_on, is_active, created_at, updated_at)
SELECT pg_temp.id('home', i), patient_id, pg_temp.id('plan', i), therapist_id, 'Bài tập tại nhà vùng ' || r.vi, came_on + 7, came_on + 49, i % 3 = 0, came_on + 7 + time '11:00', came_on + 7 + time '11:00'
  FROM person JOIN region r ON r.n = i % 20 WHERE i % 5 <> 4;

INSERT INTO home_exercise_program_items (program_id, exercise_id, position, sets, reps, times_per_day, note_vi)
SELECT pg_temp.id('home', i), pg_temp.id('exercise', (i * 13 + k * 41) % 1000), k, 2 + k % 2, 10 + k, 1 + i % 2, CASE WHEN k = 1 THEN 'khởi động 5 phút trước khi tập' END
  FROM person, generate_series(1, 2) k WHERE i % 5 <> 4;

INSERT INTO exercise_compliance_logs (program_id, exercise_id, done_on, sets_done, pain_level, comment_vi)
SELECT pg_temp.id('home', i), pg_temp.id('exercise', (i * 13 + k * 41) % 1000), came_on + 8, 1 + i % 3, greatest(6 - k - i % 3, 0), CASE WHEN i % 5 = 0 THEN pg_temp.pick('{hơi mỏi,dễ hơn hôm qua,đau nhẹ,không đau}', i + k) END
  FROM person, generate_series(1, 2) k WHERE i % 5 <> 4 ORDER BY i, k;

-- 014
INSERT INTO notifications (patient_id, appointment_id, channel, status, title_vi, body_vi, error, created_at, sent_at)
SELECT patient_id, pg_temp.id('appointment', s), pg_temp.pick('{zalo,sms,zalo,email}', s)::notification_channel, pg_temp.pick('{read,delivered,sent,failed}', s)::notification_status, 'Nhắc lịch hẹn',
       'Bạn có lịch tập lúc ' || hour || ':00 ngày ' || to_char(day, 'DD/MM/YYYY') || ' tại phòng khám ' || clinic_code || '.', CASE WHEN s % 4 = 3 THEN 'timeout' END, day - 1 + time '18:00', day - 1 + time '18:01'
  FROM visit WHERE s < 1312 AND s % 2 = 0 ORDER BY s;

INSERT INTO notifications (user_id, channel, status, title_vi, body_vi, created_at)
SELECT pg_temp.id('user', i), 'email', 'queued', 'Lịch trực tuần mới', 'Lịch trực tuần 16/02/2026 đã được cập nhật.', timestamptz '2026-02-11 17:00' FROM generate_series(0, 1229) i ORDER BY i;

-- 016
INSERT INTO waitlist_entries (id, patient_id, therapist_id, wanted_from, wanted_until, weekdays, priority, note, fulfilled_by, created_at)
SELECT pg_temp.id('waitlist', i), patient_id, CASE WHEN i % 4 = 1 THEN therapist_id END, date '2026-02-12' + i % 20, date '2026-03-15' + i % 20, CASE i % 3 WHEN 0 THEN '{1,3,5}' WHEN 1 THEN '{2,4}' ELSE '{6,7}' END::smallint[],
       1 + i % 5, CASE WHEN i % 7 = 0 THEN 'chỉ buổi sáng' END, CASE WHEN i % 4 = 2 THEN pg_temp.id('appointment', 10000 + i) END, timestamptz '2026-02-03 09:00' + i % 8 * interval '1 day'
  FROM person WHERE i % 5 <> 0;

-- 017: half of the sessions
INSERT INTO soap_notes (id, treatment_session_id, author_id, subjective, objective, assessment, plan, signed_at, created_at, updated_at)
SELECT pg_temp.id('soap', s), pg_temp.id('session', s), therapist_id, 'Bệnh nhân than đau vùng ' || r.vi || ', mức ' || pain || '/10, đau tăng khi ' || pg_temp.pick('{vận động,ngồi lâu,leo cầu thang,mang vác,thời tiết lạnh}', s) || '.',
       'Tầm vận động giảm ' || (10 + s % 40) || '%, cơ lực ' || (3 + s % 3) || '/5, không dấu thần kinh khu trú.', c.vi || ' vùng ' || r.vi || ', đáp ứng ' || pg_temp.pick('{tốt,khá,trung bình,chậm}', s) || ' với điều trị.',
       'Tiếp tục ' || t.vi || ', ' || (2 + s % 2) || ' buổi/tuần, tập tại nhà.', CASE WHEN s % 10 < 9 THEN day + time '19:00' END, day + time '18:50', day + time '18:50'
  FROM visit JOIN region r ON r.n = i % 20 JOIN condition c ON c.n = i % 25 JOIN technique t ON t.n = s % 25 WHERE s % 2 = 0;

-- 018
INSERT INTO rom_assessments (id, patient_id, treatment_session_id, therapist_id, joint, movement, side, normal_degrees, active_degrees, passive_degrees, pain_at_end_range, assessed_on)
SELECT pg_temp.id('rom', i), patient_id, pg_temp.id('session', i), therapist_id, m.joint, m.movement, pg_temp.pick('{left,right}', i / 8), m.normal, m.normal - 10 - i % 30, m.normal - 5 - i % 20, i % 3 = 0, came_on
  FROM person JOIN (VALUES (0, 'shoulder', 'flexion', 180), (1, 'shoulder', 'abduction', 180), (2, 'elbow', 'flexion', 150), (3, 'hip', 'flexion', 120), (4, 'knee', 'flexion', 135), (5, 'ankle', 'plantar flexion', 50),
                           (6, 'cervical spine', 'rotation', 80), (7, 'lumbar spine', 'flexion', 60)) AS m (n, joint, movement, normal) ON m.n = i % 8;

INSERT INTO mmt_assessments (id, patient_id, treatment_session_id, therapist_id, muscle_group, side, grade, with_pain, assessed_on)
SELECT pg_temp.id('mmt', i), patient_id, pg_temp.id('session', i), therapist_id, pg_temp.pick('{cơ delta,cơ nhị đầu,cơ tam đầu,cơ tứ đầu đùi,cơ hamstring,cơ mông lớn,cơ mông nhỡ,cơ bụng chân,cơ chày trước,cơ chóp xoay}', i),
       pg_temp.pick('{left,right}', i), pg_temp.pick('{3,3+,4-,4,4+,5,2+,2}', pg_temp.mix('cơ', i, 971)), i % 4 = 0, came_on
  FROM person;

-- 019
INSERT INTO pain_locations (id, patient_id, treatment_session_id, body_region, body_side, x, y, intensity, quality, marked_on)
SELECT pg_temp.id('pain', s), patient_id, pg_temp.id('session', s), r.en, pg_temp.pick('{front,back}', s), 300 + pg_temp.mix('x', s, 400), 40 + r.n * 45 + pg_temp.mix('y', s, 30), pain, pg_temp.pick('{nhói,âm ỉ,nóng rát,tê,co thắt}', s), day
  FROM visit JOIN region r ON r.n = i % 20 WHERE s % 2 = 0;

-- 020: 13 reports for each clinic
INSERT INTO report_templates (id, code, name_vi, name_en, clinic_code, based_on, layout, language, is_default, created_by, created_at, updated_at)
SELECT c.n * 13 + k, lower(c.code) || '.' || t.code, t.vi || ' - ' || c.code, t.en, c.code, CASE WHEN c.n > 0 THEN k END,
       jsonb_build_object('paper', 'A4', 'logo', c.code || '.png', 'sections', jsonb_build_array('header', t.code, 'signature')), 'vi', k = 1, pg_temp.id('user', c.n * 15 + 14),
       timestamptz '2025-11-03 09:00' + c.n * interval '1 hour', timestamptz '2025-11-03 09:00' + c.n * interval '1 hour'
  FROM clinic c, (VALUES (1, 'progress', 'Báo cáo tiến triển', 'Progress report'), (2, 'discharge', 'Giấy ra viện', 'Discharge letter'), (3, 'referral', 'Giấy chuyển tuyến', 'Referral'), (4, 'bhyt', 'Bảng kê BHYT', 'BHYT statement'),
                         (5, 'invoice', 'Hóa đơn', 'Invoice'), (6, 'rom', 'Phiếu tầm vận động', 'ROM chart'), (7, 'mmt', 'Phiếu thử cơ', 'MMT chart'), (8, 'pain', 'Sơ đồ đau', 'Pain chart'), (9, 'home', 'Bài tập tại nhà', 'Home program'),
                         (10, 'certificate', 'Giấy chứng nhận', 'Certificate'), (11, 'consent', 'Phiếu đồng ý', 'Consent form'), (12, 'intake', 'Phiếu tiếp nhận', 'Intake form'), (13, 'month', 'Báo cáo tháng', 'Monthly report')) AS t (k, code, vi, en)
 ORDER BY c.n, k;
SELECT setval('report_templates_id_seq', (SELECT max(id) FROM report_templates));

-- 021: one claim for each invoice that BHYT shares in
CREATE TEMPORARY TABLE claim ON COMMIT DROP AS
    SELECT v.s, v.patient_id, v.clinic, v.day, g.id AS insurance_id, g.bhyt_coverage_percent AS percent, g.bhyt_card_number AS card,
           pg_temp.pick('{paid,accepted,submitted,partially_accepted,rejected,paid}', v.s) AS status
      FROM visit v JOIN insurance_info g ON g.patient_id = v.patient_id AND g.insurance_type = 'bhyt' WHERE v.s < 1312;

CREATE TEMPORARY TABLE claim_item ON COMMIT DROP AS
    SELECT c.*, l.line_no, l.code, l.quantity, l.quantity * l.bhyt_price * c.percent / 100 AS claimed,
           CASE c.status WHEN 'submitted' THEN NULL WHEN 'rejected' THEN 0 WHEN 'partially_accepted' THEN l.quantity * l.bhyt_price * c.percent / 200 ELSE l.quantity * l.bhyt_price * c.percent / 100 END AS approved
      FROM claim c JOIN line l USING (s);

INSERT INTO bhyt_claim_submissions (id, claim_code, patient_id, insurance_id, period, status, claimed_vnd, approved_vnd, rejection_reason_vi, xml_checksum, submitted_by, submitted_at, answered_at, created_at, updated_at)
SELECT pg_temp.id('claim', s), 'BHYT-' || to_char(day, 'YYYYMM') || '-' || card || '-' || s, patient_id, insurance_id, date_trunc('month', day::timestamp)::date, status, sum(claimed), sum(approved),
       CASE WHEN status = 'rejected' THEN pg_temp.pick('{Sai mã dịch vụ,Thẻ hết hạn,Trùng hồ sơ,Thiếu chữ ký}', s / 6) END, repeat(md5('xml' || s), 2), pg_temp.id('user', clinic * 15 + 13), day + 3 + time '09:00',
       CASE WHEN status <> 'submitted' THEN day + 24 + time '09:00' END, day + 2 + time '09:00', day + 24 + time '09:00'
  FROM claim_item GROUP BY s, day, card, patient_id, insurance_id, status, clinic;

INSERT INTO bhyt_claim_items (id, submission_id, line_no, invoice_line_item_id, service_code, icd10_code, quantity, claimed_vnd, approved_vnd)
SELECT pg_temp.id('claim item', s * 10 + line_no), pg_temp.id('claim', s), line_no, pg_temp.id('line', s * 10 + line_no), code, d.icd10_code, quantity, claimed, approved
  FROM claim_item JOIN diagnoses d ON d.id = pg_temp.id('diagnosis', s);

-- 022: two for each of 525 plans, the second one pointing to the first
INSERT INTO reevaluation_assessments (id, patient_id, treatment_plan_id, therapist_id, previous_id, reevaluated_on, sessions_so_far, progress_percent, findings, recommendation, summary_vi, created_at)
SELECT pg_temp.id('reevaluation', k * 10000 + i), patient_id, pg_temp.id('plan', i), therapist_id, CASE WHEN k = 1 THEN pg_temp.id('reevaluation', i) END, came_on + 21 + k * 21, 2 + k * 2, 20 + k * 30 + i % 40,
       jsonb_build_object('vas', 5 - k * 2, 'rom_percent', 60 + k * 15 + i % 20), CASE WHEN k = 0 THEN pg_temp.pick('{continue,modify}', i) ELSE pg_temp.pick('{continue,discharge,refer}', i / 3) END,
       'Tiến triển ' || pg_temp.pick('{tốt,khá,chậm}', i) || ' sau ' || (2 + k * 2) || ' buổi.', came_on + 21 + k * 21 + time '16:30'
  FROM generate_series(0, 1) k, person WHERE i % 5 < 2 ORDER BY k, i;

-- 023
INSERT INTO assessment_templates (id, code, name_vi, name_en, body_region, icd10_code, sections, is_published, created_by, created_at, updated_at)
SELECT pg_temp.id('assessment', k), lower(c.code) || '.' || lpad(r.n::text, 2, '0') || '.' || f.code, 'Lượng giá ' || c.vi || ' ' || r.vi || ' - ' || f.vi, c.en || ' assessment, ' || r.en || ', ' || f.en, r.en, x.code,
       jsonb_build_array(jsonb_build_object('title', 'Hỏi bệnh', 'fields', 6), jsonb_build_object('title', 'Khám vận động', 'fields', 4 + k % 5), jsonb_build_object('title', 'Kết luận', 'fields', 2)), k % 5 <> 4,
       pg_temp.id('user', k % 82 * 15 + 1), timestamptz '2025-12-08 08:00' + k * interval '20 minutes', timestamptz '2025-12-08 08:00' + k * interval '20 minutes'
  FROM condition c, region r, (VALUES (0, 'initial', 'lần đầu', 'initial'), (1, 'follow', 'tái khám', 'follow-up')) AS f (n, code, vi, en),
       LATERAL (SELECT f.n * 500 + c.n * 20 + r.n AS k) o, LATERAL (SELECT code FROM icd10 WHERE icd10.n = c.n * 10 + r.n % 10) x;

INSERT INTO patient_assessment_templates (id, patient_id, template_id, treatment_session_id, therapist_id, answers, completed_at, created_at)
SELECT pg_temp.id('patient assessment', i), patient_id, pg_temp.id('assessment', i % 1000), pg_temp.id('session', i), therapist_id,
       jsonb_build_object('onset', pg_temp.pick('{đột ngột,từ từ,sau chấn thương}', i), 'vas', 3 + i % 7, 'night_pain', i % 3 = 0), CASE WHEN i % 8 <> 7 THEN came_on + time '10:30' END, came_on + time '10:00'
  FROM person WHERE i % 5 <> 4;

-- 024
INSERT INTO special_test_templates (id, code, name_en, name_vi, body_region, structure_tested, procedure_vi, positive_sign_vi, sensitivity, specificity, created_at)
SELECT t.n * 20 + p.n + 1, lower(t.name) || '.' || p.n, t.name || ' test, ' || p.en, 'Nghiệm pháp ' || t.name || ', ' || p.vi, t.region, t.structure, 'Bệnh nhân ' || p.vi || '. Kỹ thuật viên cố định phần gần, tác động lên ' || t.structure || '.',
       pg_temp.pick('{Đau tăng,Cảm giác mất vững,Tê lan,Không giữ được tư thế}', t.n + p.n), 0.450 + (t.n * 7 + p.n) % 50 / 100.0, 0.500 + (t.n * 3 + p.n) % 45 / 100.0, timestamptz '2025-12-22 08:00'
  FROM (SELECT row_number() OVER (ORDER BY name COLLATE "C") - 1 AS n, name, region, structure FROM (VALUES
            ('Lachman', 'knee', 'dây chằng chéo trước'), ('McMurray', 'knee', 'sụn chêm'), ('Thessaly', 'knee', 'sụn chêm'), ('Apley', 'knee', 'sụn chêm'), ('Clarke', 'knee', 'khớp chè đùi'),
            ('Neer', 'shoulder', 'khoang dưới mỏm cùng'), ('Hawkins', 'shoulder', 'khoang dưới mỏm cùng'), ('Jobe', 'shoulder', 'gân trên gai'), ('Speed', 'shoulder', 'gân nhị đầu'), ('Yergason', 'shoulder', 'gân nhị đầu'),
            ('Gerber', 'shoulder', 'gân dưới vai'), ('Apprehension', 'shoulder', 'bao khớp trước'), ('Phalen', 'wrist', 'thần kinh giữa'), ('Tinel', 'wrist', 'thần kinh giữa'), ('Finkelstein', 'wrist', 'gân dạng ngón cái'),
            ('Cozen', 'elbow', 'gân duỗi cổ tay'), ('Mill', 'elbow', 'gân duỗi cổ tay'), ('Spurling', 'neck', 'rễ thần kinh cổ'), ('Adson', 'neck', 'đám rối cánh tay'), ('Roos', 'neck', 'lối ra lồng ngực'),
            ('Lasègue', 'lumbar spine', 'rễ thần kinh hông'), ('Slump', 'lumbar spine', 'màng cứng'), ('Bragard', 'lumbar spine', 'rễ thần kinh hông'), ('Kemp', 'lumbar spine', 'khớp liên mấu'), ('Schober', 'lumbar spine', 'cột sống thắt lưng'),
            ('Patrick', 'hip', 'khớp háng'), ('Thomas', 'hip', 'cơ thắt lưng chậu'), ('Ober', 'hip', 'dải chậu chày'), ('Trendelenburg', 'hip', 'cơ mông nhỡ'), ('FADIR', 'hip', 'sụn viền'),
            ('Gaenslen', 'sacroiliac joint', 'khớp cùng chậu'), ('Thompson', 'ankle', 'gân gót'), ('Anterior drawer', 'ankle', 'dây chằng sên mác'), ('Talar tilt', 'ankle', 'dây chằng mác gót'), ('Homans', 'lower leg', 'tĩnh mạch sâu'),
            ('Mulder', 'foot', 'thần kinh gian ngón'), ('Windlass', 'foot', 'cân gan chân'), ('Froment', 'hand', 'thần kinh trụ'), ('Watson', 'wrist', 'xương thuyền'), ('Allen', 'hand', 'động mạch quay'),
            ('Romberg', 'whole body', 'thăng bằng'), ('Stork', 'lumbar spine', 'eo cung đốt sống'), ('Noble', 'knee', 'dải chậu chày'), ('Ely', 'thigh', 'cơ thẳng đùi'), ('Drop arm', 'shoulder', 'chóp xoay'),
            ('Sulcus', 'shoulder', 'bao khớp dưới'), ('Valgus stress', 'knee', 'dây chằng bên trong'), ('Varus stress', 'knee', 'dây chằng bên ngoài'), ('Posterior drawer', 'knee', 'dây chằng chéo sau'), ('Distraction', 'neck', 'rễ thần kinh cổ')) AS v (name, region, structure)) t,
       (SELECT a.n * 4 + b.n AS n, a.en || ', ' || b.en AS en, a.vi || ', ' || b.vi AS vi
          FROM (VALUES (0, 'supine', 'nằm ngửa'), (1, 'prone', 'nằm sấp'), (2, 'side lying', 'nằm nghiêng'), (3, 'sitting', 'ngồi'), (4, 'standing', 'đứng')) AS a (n, en, vi),
               (VALUES (0, 'active', 'chủ động'), (1, 'passive', 'thụ động'), (2, 'resisted', 'có kháng trở'), (3, 'loaded', 'có tải')) AS b (n, en, vi)) p;
SELECT setval('special_test_templates_id_seq', (SELECT max(id) FROM special_test_templates));

INSERT INTO special_test_results (id, template_id, patient_id, treatment_session_id, therapist_id, side, result, note_vi, tested_on)
SELECT pg_temp.id('special test', i), 1 + pg_temp.mix('nghiệm pháp', i, 1000), patient_id, pg_temp.id('session', i), therapist_id, pg_temp.pick('{left,right,bilateral}', i), pg_temp.pick('{negative,positive,negative,inconclusive}', i),
       CASE WHEN i % 4 = 1 THEN 'đau ' || (3 + i % 6) || '/10 khi làm nghiệm pháp' END, came_on
  FROM person;

DROP FUNCTION pg_temp.id(text, bigint), pg_temp.mix(text, bigint, int), pg_temp.pick(text[], bigint), pg_temp.person(bigint, boolean);

COMMIT;

ANALYZE
    users, patients, patient_emergency_contacts, insurance_info, icd10_codes, exercises, diagnoses, treatment_plans,
    appointments, treatment_sessions, outcome_measures_library, outcome_measures, pt_service_codes, invoices,
    invoice_line_items, payment_transactions, clinical_protocols, patient_protocols, patient_protocol_exercises,
    discharge_plans, discharge_summaries, medical_terms, audit_logs, home_exercise_programs,
    home_exercise_program_items, exercise_compliance_logs, notifications, waitlist_entries, soap_notes, rom_assessments,
    mmt_assessments, pain_locations, report_templates, bhyt_claim_submissions, bhyt_claim_items,
    reevaluation_assessments, assessment_templates, patient_assessment_templates, special_test_templates,
    special_test_results;
