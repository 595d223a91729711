const years = [2024, 2025, 2026, 2027, 2028, 2029, 2030];

/** What PhysioFlow's two documents on rollbacks say that each migration added, as kind and name. */
export const made: Readonly<Record<string, readonly string[]>> = {
    "005": [
        "column insurance_info.bhyt_card_number",
        "column insurance_info.bhyt_prefix_code",
        "column insurance_info.bhyt_coverage_percent",
        "constraint insurance_info.chk_bhyt_card_format",
        "constraint insurance_info.chk_bhyt_prefix_format",
        "index idx_insurance_bhyt_card_number",
        "index idx_insurance_bhyt_prefix",
    ],
    "006": [
        ...years.map((year) => `partition outcome_measures_${year}`),
        "table outcome_measures",
        "table outcome_measures_library",
    ],
    "007": [
        "table payment_transactions",
        "table invoice_line_items",
        "table invoices",
        "table pt_service_codes",
        "enum payment_method",
        "enum invoice_status",
    ],
    "008": [
        "table patient_protocol_exercises",
        "table patient_protocols",
        "table clinical_protocols",
        "enum protocol_status",
    ],
    "009": [
        "table discharge_summaries",
        "table discharge_plans",
        "enum discharge_status",
        "enum discharge_reason",
        "enum discharge_disposition",
    ],
    "010": [
        "table medical_terms",
        "index idx_medical_terms_fts_en",
        "index idx_medical_terms_fts_vi",
        "index idx_medical_terms_en_trgm",
        "index idx_medical_terms_vi_trgm",
    ],
    "011": [...years.map((year) => `partition audit_logs_${year}`), "table audit_logs", "enum audit_action"],
    "018": ["table mmt_assessments", "table rom_assessments"],
    "019": ["table pain_locations"],
    "020": ["table report_templates"],
    "021": ["table bhyt_claim_submissions", "table bhyt_claim_items"],
    "022": ["table reevaluation_assessments"],
    "023": ["table patient_assessment_templates", "table assessment_templates"],
    "024": ["table special_test_results", "table special_test_templates"],
    "025": [
        "materialized view mv_therapist_productivity",
        "materialized view mv_diagnosis_statistics",
        "materialized view mv_treatment_outcomes",
        "materialized view mv_insurance_claims_summary",
    ],
    "026": ["column schema_migrations.version"],
    "027": [
        "table feature_flags",
        "table feature_flag_audit_log",
        "trigger feature_flags.trigger_update_feature_flags_updated_at",
        "function update_feature_flags_updated_at()",
    ],
};
