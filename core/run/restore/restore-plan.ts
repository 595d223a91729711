import type { Manifest } from "../../snapshots/manifest";

/** Rows of one table, then and now. */
export interface TableThenAndNow {
    readonly table: string;
    /** Null: there was no such table, or there is none now. */
    readonly then: number | null;
    readonly now: number | null;
    /** Whether both are counted, not estimated. */
    readonly exact: boolean;
}

/** What a restore would do, and what would be lost by it. Stable JSON. */
export interface RestorePlan {
    readonly format: "schemaward/restore-plan/1";
    readonly environment: string;
    readonly set: string;
    readonly resource?: string;
    /** What an approval binds: snapshot, database, versions, what traffic is stopped through; no counts and no times. */
    readonly digest: string;
    readonly database: string;
    /** As it was asked for: a name, or `latest`. */
    readonly requested: string;
    readonly snapshot: {
        readonly name: string;
        readonly created: string;
        readonly kind: string;
        readonly app: string | null;
        readonly bytes: number;
        readonly sha256: string;
        readonly serverVersion: string;
    };
    /** Version of the schema now, and in the snapshot; null: nothing applied. */
    readonly from: string | null;
    readonly to: string | null;
    /** Applied now and not then, in the order of applying; and the other way round. */
    readonly undone: readonly string[];
    readonly redone: readonly string[];
    /** All tables, the ones first of which rows are lost. */
    readonly tables: readonly TableThenAndNow[];
    readonly lost: {
        /** Rows more now than then, over all tables. Rows that were changed, or that came where others went, are in no count. */
        readonly rows: number;
        readonly exact: boolean;
    };
    /** What traffic is stopped through; null: it is not. */
    readonly gate: {
        readonly strategy: string;
        readonly parts: readonly string[];
        readonly keys: readonly string[];
    } | null;
    /** Name of the snapshot taken before, of what is there; null: none is to be. */
    readonly emergency: string | null;
    /** Name of the database that is kept, and for how many days. */
    readonly kept: { readonly name: string; readonly days: number };
    /** Seconds that it takes, roughly. */
    readonly estimatedSeconds: number;
    readonly app: { readonly version: string; readonly accepts: string | null; readonly ok: boolean } | null;
    readonly approval: { readonly needed: boolean; readonly given: boolean; readonly maxRowsLost: number | null };
    readonly refusals: readonly { readonly code: string; readonly text: string; readonly allow: string }[];
    readonly warnings: readonly string[];
    readonly run: readonly string[];
}

/** What was found, by which a restore is judged. */
export interface RestoreFacts {
    readonly manifest: Manifest;
    readonly requested: string;
    readonly database: string;
    readonly systemIdentifier: string | null;
    readonly serverMajor: number;
    readonly databaseBytes: number;
    /** In the order of applying. */
    readonly applied: readonly string[];
    readonly at: string | null;
    /** Other sets in the database, which go back with it, and where they are. */
    readonly otherSets: readonly { readonly name: string; readonly at: string }[];
    /** Id of the last run that changed something: an approval is for the database as it was then. */
    readonly lastRun: string | null;
    readonly rowsNow: readonly {
        readonly schema: string;
        readonly name: string;
        readonly rows: number;
        readonly exact: boolean;
    }[];
    readonly gate: RestorePlan["gate"];
    /** What the server and the login rule out, whatever a stack says. */
    readonly obstacles: RestorePlan["refusals"];
    /** Rules broken by settings, such as whose the database is. */
    readonly refusals: RestorePlan["refusals"];
    readonly compare: (a: string, b: string) => number;
}

/** How it is shown, and what was asked for besides. */
export interface RestoreQuestion {
    readonly resource?: string;
    /** Identity of the snapshot's database (`environment/system/database`) that is taken for this one. */
    readonly adopt?: string;
    /** Whether nobody has said which set: then it is the snapshot's. */
    readonly setIsAssumed?: boolean;
    /** Whether a snapshot is taken of what is there. */
    readonly emergency: boolean;
    readonly commandFlags?: string;
    readonly approveWith?: string;
    /** Whether the declared version has to be that of the snapshot: in a stack, where the next `up` would go on from there. */
    readonly declaredVersionCounts: boolean;
}

/** Rows of a table that there are more of now. */
export function lostOf({ then, now }: TableThenAndNow): number {
    return Math.max(0, (now ?? 0) - (then ?? 0));
}
