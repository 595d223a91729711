import type { IdentifiedObject } from "../catalog";
import type { ObjectKind } from "../observation";

export const relationKinds: readonly ObjectKind[] = [
    "table",
    "partition",
    "view",
    "materialized view",
    "foreign table",
    "sequence",
    "index",
];
export const tableKinds: readonly ObjectKind[] = ["table", "partition", "foreign table"];
export const typeKinds: readonly ObjectKind[] = ["type", "enum", "domain"];
export const routineKinds: readonly ObjectKind[] = ["function", "procedure", "aggregate"];

/** Schema of temporary objects: it comes first in every search_path and is of the session, not of the database. */
export const temporarySchema = "pg_temp";

/** Whether a constraint has an index of its own name. */
export function hasIndex({ definition }: IdentifiedObject): boolean {
    return /^(?:PRIMARY KEY|UNIQUE|EXCLUDE)\b/.test(definition);
}

export function isAttached({ kind }: IdentifiedObject): boolean {
    return kind === "comment" || kind === "grant";
}

const classes: Partial<Record<ObjectKind, string>> = {
    schema: "pg_namespace",
    constraint: "pg_constraint",
    trigger: "pg_trigger",
    policy: "pg_policy",
    rule: "pg_rewrite",
    type: "pg_type",
    enum: "pg_type",
    domain: "pg_type",
    extension: "pg_extension",
    statistics: "pg_statistic_ext",
    function: "pg_proc",
    procedure: "pg_proc",
    aggregate: "pg_proc",
    "event trigger": "pg_event_trigger",
    publication: "pg_publication",
    collation: "pg_collation",
    operator: "pg_operator",
    "operator class": "pg_opclass",
    "operator family": "pg_opfamily",
    cast: "pg_cast",
    "text search configuration": "pg_ts_config",
    "text search dictionary": "pg_ts_dict",
    "foreign data wrapper": "pg_foreign_data_wrapper",
    server: "pg_foreign_server",
    language: "pg_language",
    "default privileges": "pg_default_acl",
};

/** The catalog that a kind's rows are in: `pg_class`. */
export function classOf(kind: ObjectKind): string {
    return classes[kind] ?? "pg_class";
}
