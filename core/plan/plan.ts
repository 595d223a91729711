import type { Refusal, ScriptSource } from "./decide";
import type { Replaced } from "./prepare";

/** Name of the plan's JSON form, docs/plan.schema.json. It changes only together with its number. */
export const planFormat = "schemaward/plan/3";

/** What a step destroys, counted in the live database. */
export interface Loss {
    readonly kind:
        | "table dropped"
        | "column dropped"
        | "rows deleted"
        | "rows updated"
        | "rows truncated"
        | "type changed"
        | "unknown";
    /** The object, as CatalogObject names it. */
    readonly object: string;
    /** Rows, or for columns non-null values; null when it cannot be known. */
    readonly rows: number | null;
    /** False: an upper bound or an estimate. */
    readonly exact: boolean;
    /** PostgreSQL's own estimate, from its last ANALYZE: may be too low. */
    readonly estimated?: boolean;
    /** Bytes on disk; null where that says nothing. */
    readonly bytes: number | null;
    /** False: kept elsewhere (the ledger keeps the history table's rows), so it is shown and not counted. */
    readonly counted: boolean;
    /** Kept by schemaward, and loaded back when the migration is applied again; it counts all the same. Absent: it is not. */
    readonly kept?: boolean;
    /** Said after it. */
    readonly note?: string;
    /** Line of the script, for statements. */
    readonly line?: number;
}

/** A change to an object, for people: `table feature_flags`. */
export interface ObjectChange {
    readonly kind: string;
    readonly name: string;
    /** What is said besides: `18 MB, derived: no rows lost`, `was varchar(20)`. */
    readonly note?: string;
    /** For a materialized view: its size on disk. */
    readonly bytes?: number;
    /** Dropped without being named: by CASCADE, a DO block, an event trigger. */
    readonly victim?: boolean;
    /** A unique index, or a column that has to be given a value: writes of an application that does not know it may fail. */
    readonly strict?: boolean;
}

export interface Lock {
    readonly mode: string;
    readonly relations: readonly string[];
}

export interface PlanStep {
    readonly direction: "up" | "down";
    readonly version: string;
    readonly name: string;
    readonly script: { readonly file: string; readonly checksum: string; readonly source: ScriptSource };
    /** The stored SQL in full, where it comes from the ledger: nobody has it on disk to read. */
    readonly storedSql?: string;
    readonly differsFromLedger: boolean;
    readonly transactions: number;
    /** Why there is more than one transaction, or none. */
    readonly transactionsReason?: string;
    readonly method: "observed" | "parsed" | "skipped";
    readonly methodReason?: string;
    readonly added: readonly ObjectChange[];
    readonly changed: readonly ObjectChange[];
    readonly dropped: readonly ObjectChange[];
    readonly losses: readonly Loss[];
    /** What was kept when the migration was undone and is loaded back now; absent: nothing. */
    readonly loads?: readonly LoadedBack[];
    readonly locks: readonly Lock[];
    readonly rewrites: readonly string[];
    readonly opaque: readonly { readonly line: number; readonly why: string }[];
    readonly replaced: readonly Replaced[];
    /** File of the query that has to yield true before it takes effect. */
    readonly verifiedBy?: string;
    readonly wouldFail?: { readonly line: number; readonly sqlstate: string; readonly message: string };
}

export interface PlannedSnapshot {
    readonly store: string;
    /** `<UTC>` stands for the time. */
    readonly name: string;
    readonly estimatedBytes: number;
    readonly estimatedSeconds: number;
    readonly required: boolean;
}

/** Something done to the live schema by other hands since the last run. */
export interface Drift {
    readonly what: "added" | "changed" | "dropped";
    readonly kind: string;
    readonly name: string;
}

/** A run that did not end well, or has not ended. */
export interface LastRun {
    readonly id: string;
    /** `restore`: another database is in the place of the one before, restored from a snapshot. */
    readonly direction: "forward" | "back" | "both" | "none" | "restore";
    readonly from: string | null;
    readonly to: string | null;
    readonly who: string;
    readonly host: string;
    /** ISO 8601, UTC. */
    readonly startedAt: string;
    readonly endedAt: string | null;
    /** `cut off`: it never wrote its end and is gone (killed, or without a connection); `running`: it still has its lock. */
    readonly outcome: "failed" | "cut off" | "running";
    /** Name of the snapshot that it took before its first script. */
    readonly snapshot: string | null;
    readonly error: string | null;
    /** What it did, whole, and has stayed; in order. */
    readonly done: readonly { readonly version: string; readonly how: "applied" | "undone" }[];
}

/** A table or a column that was kept and is loaded back. */
export interface LoadedBack {
    /** As `Loss` names it. */
    readonly object: string;
    readonly rows: number;
    /** ISO 8601, UTC: when it was kept. */
    readonly at: string;
}

/** Traffic, which is stopped for the run or is not. */
export interface PlannedTraffic {
    readonly stop: boolean;
    /** Why it is stopped, or why it would have to be. */
    readonly why: readonly string[];
    readonly strategy: "scale-to-zero" | "service-selector" | "pgbouncer" | "none";
    /** What it comes through: `key` is the same next time, `text` is for people (`api×3`). */
    readonly parts: readonly { readonly key: string; readonly text: string }[];
    /** Applications that run now; version null: it cannot be told. */
    readonly running: readonly { readonly workload: string; readonly version: string | null }[];
    /** Version of the application that it then stays stopped for; null: it comes in again at the run's end. */
    readonly holdsFor: string | null;
}

/** Traffic that is stopped now. */
export interface HeldGate {
    /** The run that stopped it. */
    readonly runId: string;
    readonly who: string;
    readonly host: string;
    /** ISO 8601, UTC. */
    readonly since: string;
    /** As they were before, for people: `api×3`. */
    readonly parts: readonly string[];
    /** What is waited for; null: the run's end. */
    readonly heldFor: string | null;
}

/** What would be done, exactly, and what would be lost. Plain JSON, without secrets. */
export interface Plan {
    readonly format: typeof planFormat;
    readonly set: string;
    readonly environment: string;
    /** Name of the Pulumi resource, where there is one. */
    readonly resource?: string;
    readonly target: string;
    readonly from: string | null;
    readonly to: string | null;
    readonly direction: "forward" | "back" | "both" | "none";
    /** Versions that are taken over from another tool's history table. */
    readonly adopt: { readonly table: string; readonly versions: readonly string[] } | null;
    readonly steps: readonly PlanStep[];
    readonly drift: readonly Drift[];
    /** The run before this one, where it did not end well; null: it did, or there was none. */
    readonly lastRun: LastRun | null;
    /** A script that an earlier run began and did not finish. */
    readonly unfinished: {
        readonly version: string;
        readonly direction: "up" | "down";
        /** Transactions that are committed. */
        readonly done: number;
        /** Whether this plan goes on with it. */
        readonly goesOn: boolean;
    } | null;
    readonly lost: {
        /** Rows of tables and rows deleted. */
        readonly rows: number;
        /** Values of dropped or overwritten columns. */
        readonly values: number;
        readonly bytes: number;
        /** Whether something may be lost that cannot be counted. */
        readonly unknown: boolean;
    };
    readonly snapshot: PlannedSnapshot | null;
    /** Null where no traffic is declared, or nothing is done for which it could be stopped. */
    readonly traffic: PlannedTraffic | null;
    /** Traffic that is stopped already; null: none is. */
    readonly held: HeldGate | null;
    /** What is asked when all scripts have taken effect. */
    readonly verify: readonly string[];
    readonly digest: string;
    /** The application that will run, and the schema versions it accepts (`020–026`); null where no compatibility matrix is declared. */
    readonly app: { readonly version: string | null; readonly accepts: string | null; readonly ok: boolean } | null;
    readonly approval: {
        readonly needed: boolean;
        readonly given: boolean;
        readonly maxRowsLost: number | null;
        /** Digests of plans of which this is the rest: their approval holds for it. Mostly none. */
        readonly restOf: readonly string[];
    };
    readonly refusals: readonly Refusal[];
    readonly warnings: readonly string[];
    /** How to come back from where this leads. */
    readonly undo: string;
    /** How to carry it out. */
    readonly run: readonly string[];
}
