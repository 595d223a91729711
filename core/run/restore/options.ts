import type { RunOptions } from "../options";
import type { RestorePlan, RestoreQuestion } from "./restore-plan";

export interface RestoreOptions
    extends Pick<RunOptions, "projectDir" | "report" | "signal" | "waitMs" | "ignoreVersions">, RestoreQuestion {
    /** Name of the snapshot, or `latest`. */
    readonly snapshot: string;
    /** Connections of pg_restore; absent: as declared. */
    readonly jobs?: number;
    /** Asked with the plan made under the lock; answering false refuses. */
    readonly confirm?: (plan: RestorePlan) => Promise<boolean>;
}

export interface RestoreResult {
    readonly plan: RestorePlan;
    /** Where the database is now; null: nothing is applied. */
    readonly version: string | null;
    /** What was restored. */
    readonly snapshot: string;
    /** Name of the snapshot of what was there before. */
    readonly emergency: string | null;
    /** Name of the database that was there before; null: it is not there any more. */
    readonly kept: string | null;
    readonly runId: string;
    /** What is waited for while traffic stays stopped; empty: it is not. */
    readonly heldFor: readonly string[];
}
