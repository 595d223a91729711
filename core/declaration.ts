import type { ConnectionReference } from "./connection";
import type { TrafficSettings } from "./traffic-settings";

/** Who declares: written into the ledger, so that another stack or a clone of another environment is refused until adopted. */
export interface Declarer {
    readonly project: string;
    readonly stack: string;
    readonly environment: string;
}

/** The formats a set of migrations can have on disk; `core/migrations/formats.ts` lists their readers. */
export type MigrationFormat = "numbered";

export interface MigrationsSettings {
    /** Folder of the set; relative paths are relative to the project's root. */
    readonly dir: string;
    readonly format: MigrationFormat;
}

/**
 * Which snapshots retention keeps: the newest `last` ones, and the newest one of each of the last `daily` days and `weekly` weeks
 * that have any. Days and weeks are UTC's, weeks begin on Monday. One that any rule keeps is kept; at least one rule is needed.
 */
export interface RetentionRules {
    readonly last?: number | undefined;
    readonly daily?: number | undefined;
    readonly weekly?: number | undefined;
}

export interface SnapshotSettings {
    /** Demanded and not to be had means no migration. */
    readonly required: boolean;
    /** `file:` URL of the store; absent: no snapshot is taken. */
    readonly store?: string;
    /** What is kept when a run with a snapshot has ended well: a number is `last`. Absent: all. */
    readonly keep?: number | RetentionRules;
    /** How many pg_dump work at a time, each with tables of its own; absent: 1. */
    readonly jobs?: number;
    /** Absent: the store alone encrypts, or nobody. */
    readonly encryption?: SnapshotEncryption;
}

/** How snapshots are encrypted before they leave this machine, with age (age-encryption.org). */
export interface SnapshotEncryption {
    /** Public keys: `age1…`. Whoever has the secret key of one of them opens the snapshots. */
    readonly recipients: readonly string[];
    /**
     * Where the secret key is found that opens them, to verify, extract and restore: a reference, so that it is in no state. Taking snapshots
     * needs none. Absent: the environment variable SCHEMAWARD_AGE_IDENTITY.
     */
    readonly identity?: { readonly env: string } | { readonly file: string } | { readonly command: readonly string[] };
}

/** How a database is restored from a snapshot. */
export interface RestoreSettings {
    /** Connections that pg_restore works with. */
    readonly jobs: number;
    /** Days that the database is kept which was there before. */
    readonly keepDays: number;
}

/** Which versions of the application run on which versions of the schema. */
export interface CompatibilityRow {
    /** Semver range of application versions: `1.2.x`. */
    readonly app: string;
    /** Lowest version of the schema that they accept, `"0"` for none. */
    readonly from: string;
    /** Highest, or `latest`. */
    readonly to: string;
}

export interface PolicySettings {
    /**
     * Which plans need `approvedPlan`: those that can lose data, all that change anything, or none.
     * `always` and `data-loss` are checked again under the run's lock.
     */
    readonly approval: "always" | "data-loss" | "never";
    /** Digest of the plan that a person has read. */
    readonly approvedPlan?: string;
    /** Upper bound of lost rows plus lost column values, counted again under the lock. */
    readonly maxRowsLost?: number;
    /** Whether a migration below the head that was never applied (a branch merged late) may be applied now. */
    readonly outOfOrder: "allow" | "refuse";
    /** The compatibility matrix: a plan that leads where the declared application cannot run is refused. Absent: nothing is known of it. */
    readonly compatibility?: readonly CompatibilityRow[];
    /** Whether a down script on disk that differs from the one stored at apply needs approval, too. */
    readonly changedDown: "approve" | "show";
}

export interface RunSettings {
    /** Milliseconds a statement may wait for a lock before its transaction is rolled back and tried again. */
    readonly lockTimeoutMs: number;
    /** Milliseconds that all tries of one migration may take together. */
    readonly lockBudgetMs: number;
    /** Milliseconds one statement may run; 0 means no limit. */
    readonly statementTimeoutMs: number;
    /** Milliseconds that one statement with CONCURRENTLY may take, waiting included. */
    readonly indexDeadlineMs: number;
    /** Schemas, in order; empty: the role's own setting. */
    readonly searchPath: readonly string[];
}

export interface HistorySettings {
    /** Another tool's history table that is kept in step: PhysioFlow's `schema_migrations`, or none. */
    readonly mirror: "schema_migrations" | "none";
}

export interface IncidentSettings {
    /** Folder for Markdown files; relative paths are relative to the project's root. Absent: none is written. */
    readonly dir?: string | undefined;
    /** Environment variable that holds the URL to which the record is posted: such URLs are secrets. Absent: it is posted nowhere. */
    readonly webhook?: { readonly env: string } | undefined;
}

/** A question about the data that has to be answered by true after each run. */
export interface VerifyQuery {
    /** What it is about, for people. */
    readonly name: string;
    /** One SELECT that yields one boolean. */
    readonly sql: string;
}

/**
 * Everything one set, one database and one wanted version need: what a stack, or the command's flags, declare.
 * Plain JSON without secrets: it passes through Pulumi's state.
 */
export interface Declaration {
    /** Name of the set in the ledger; several sets may share a database. */
    readonly set: string;
    /** Absent when only the command's flags are given: then the ledger's owner is neither checked nor changed. */
    readonly declarer?: Declarer;
    /** `project/stack` that the database's ledger is taken over from. */
    readonly adopt?: string;
    readonly migrations: MigrationsSettings;
    /** `"024"`, `"latest"`, or `"0"` for nothing applied. */
    readonly version: string;
    /** Version of the application that will run on this schema. */
    readonly app?: string;
    readonly connection: ConnectionReference;
    readonly history: HistorySettings;
    readonly snapshot: SnapshotSettings;
    readonly policy: PolicySettings;
    readonly run: RunSettings;
    /** How traffic is stopped; absent: it is not. */
    readonly traffic?: TrafficSettings;
    /** Asked when all scripts of a run have taken effect; absent: nothing is. */
    readonly verify?: readonly VerifyQuery[];
    /** Where each run that goes back leaves its record. */
    readonly incidents?: IncidentSettings;
    /**
     * Whether what a down script drops is kept in the ledger's schema, and loaded back when its migration is applied again. Absent: it is not.
     */
    readonly keepData?: boolean;
    /** Name of the snapshot that the database is to be restored from, once; `latest`: the newest verified one. */
    readonly restoreFrom?: string;
    /** How; absent: `defaultRestore`. */
    readonly restore?: RestoreSettings;
}

export const defaultRestore: RestoreSettings = { jobs: 2, keepDays: 7 };

export const defaultRunSettings: RunSettings = {
    lockTimeoutMs: 500,
    lockBudgetMs: 60_000,
    statementTimeoutMs: 0,
    indexDeadlineMs: 3_600_000,
    searchPath: [],
};

export const defaultPolicy: PolicySettings = { approval: "data-loss", outOfOrder: "refuse", changedDown: "show" };
