import type { ObserveMode } from "../plan/observe-steps";
import type { Plan } from "../plan/plan";
import type { Report } from "./events";

export interface RunOptions {
    /** Project's root: relative folders and stores are relative to it. */
    readonly projectDir: string;
    readonly resource?: string;
    readonly commandFlags?: string;
    /** These two as for a plan. */
    readonly approveWith?: string;
    readonly setIsAssumed?: boolean;
    readonly looseVersion?: boolean;
    readonly observe: ObserveMode;
    /** Id of the run that this one goes on with: refused where, under the lock, another has ended it or worked since. */
    readonly resumes?: string;
    /** Whether traffic comes in again whatever would start. */
    readonly ignoreVersions?: boolean;
    /** Milliseconds to wait for another run on the same database. */
    readonly waitMs: number;
    readonly report: Report;
    /** Asked with the plan made under the lock; answering false refuses. */
    readonly confirm?: (plan: Plan) => Promise<boolean>;
    /** Aborting cancels the migration that runs; it is rolled back, and what came before stays. */
    readonly signal?: AbortSignal;
}

export interface RunResult {
    readonly plan: Plan;
    /** False: there was nothing to do, and nothing was written. */
    readonly changed: boolean;
    /** Where the database is now; null: nothing is applied. */
    readonly version: string | null;
    /** Name of the snapshot taken, if one was. */
    readonly snapshot: string | null;
    readonly runId: string | null;
    /** What is waited for while traffic stays stopped; empty: it is not. */
    readonly heldFor: readonly string[];
}
