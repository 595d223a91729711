import { type Loss, type Plan, planFormat, type PlanStep } from "../../core/plan/plan";

export function lossOf(change: Partial<Loss> & Pick<Loss, "kind" | "object">): Loss {
    return { rows: 0, exact: true, bytes: null, counted: true, ...change };
}

export function stepOf(change: Partial<PlanStep> & Pick<PlanStep, "direction" | "version">): PlanStep {
    const file = change.direction === "up" ? `${change.version}_m.sql` : `rollback/${change.version}_down.sql`;
    return {
        name: "m",
        script: { file, checksum: "c".repeat(64), source: "disk" },
        differsFromLedger: false,
        transactions: 1,
        method: "observed",
        added: [],
        changed: [],
        dropped: [],
        losses: [],
        locks: [],
        rewrites: [],
        opaque: [],
        replaced: [],
        ...change,
    };
}

export function planOf(change: Partial<Plan> = {}): Plan {
    return {
        format: planFormat,
        set: "physioflow",
        environment: "prod",
        target: "024",
        from: "027",
        to: "024",
        direction: "back",
        adopt: null,
        steps: [],
        drift: [],
        lastRun: null,
        unfinished: null,
        lost: { rows: 0, values: 0, bytes: 0, unknown: false },
        snapshot: null,
        traffic: null,
        held: null,
        verify: [],
        digest: "7c1e9a04",
        app: null,
        approval: { needed: false, given: false, maxRowsLost: null, restOf: [] },
        refusals: [],
        warnings: [],
        undo: 'version "027"',
        run: ["pulumi up", "schemaward migrate --stack prod --to 024"],
        ...change,
    };
}

/** The plan that DESIGN's sample shows, as far as traffic has no part in it. */
export function samplePlan(): Plan {
    const flags = stepOf({
        direction: "down",
        version: "027",
        name: "feature_flags",
        losses: [
            lossOf({ kind: "table dropped", object: "feature_flags", rows: 312, bytes: 65536 }),
            lossOf({ kind: "table dropped", object: "feature_flag_audit_log", rows: 11482, bytes: 2202010 }),
        ],
        dropped: [
            { kind: "table", name: "feature_flags" },
            { kind: "table", name: "feature_flag_audit_log" },
            { kind: "trigger", name: "feature_flags.feature_flags_updated_at" },
            { kind: "function", name: "update_feature_flags_updated_at()" },
        ],
        locks: [{ mode: "ACCESS EXCLUSIVE", relations: ["feature_flags", "feature_flag_audit_log"] }],
    });
    const version = stepOf({
        direction: "down",
        version: "026",
        name: "version_column",
        losses: [
            lossOf({
                kind: "column dropped",
                object: "schema_migrations.version",
                rows: 27,
                counted: false,
                note: "the ledger keeps them",
            }),
        ],
        dropped: [{ kind: "column", name: "schema_migrations.version" }],
    });
    const views = ["a", "b", "c", "d"].map((n) => ({ kind: "materialized view", name: `mv_${n}`, bytes: 4718592 }));
    const reports = stepOf({
        direction: "down",
        version: "025",
        name: "reporting_views",
        dropped: views,
        replaced: [{ line: 8, text: "DELETE FROM schema_migrations WHERE version = '025';" }],
    });
    return planOf({
        steps: [flags, version, reports],
        lost: { rows: 11794, values: 0, bytes: 2267546, unknown: false },
        snapshot: {
            store: "s3://physioflow-backups-prod",
            name: "prod_pre-migration-v1.3.0_<UTC>",
            estimatedBytes: 2040109466,
            estimatedSeconds: 120,
            required: true,
        },
        approval: { needed: true, given: true, maxRowsLost: 12000, restOf: [] },
        undo: 'version "027"; lost rows only from the snapshot',
    });
}
