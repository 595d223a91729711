import type { Client } from "pg";
import type { PolicySettings } from "../declaration";
import { migrationsDone, readJournal, type RecordedRun } from "../history/recorded-run";
import { lockHolder, runLocks } from "../run-locks";
import type { LastRun, Plan } from "./plan";
import { restOf } from "./rest-of";

/** What a plan has to know of the run before. */
export interface Before {
    readonly lastRun: LastRun | null;
    /** See `restOf`. */
    readonly restOf: readonly string[];
}

/** Looks at the run before, and whether this plan does the rest of it. */
export async function lookBack(
    client: Client,
    run: RecordedRun | undefined,
    { approvedPlan }: PolicySettings,
    plan: Pick<Plan, "steps" | "to">,
): Promise<Before> {
    const lastRun = await lastRunOf(client, run);
    // Only where some plan is approved it matters of which this is the rest.
    return { lastRun, restOf: approvedPlan === undefined ? [] : await restOf(client, plan, lastRun) };
}

/**
 * What became of the run before, where it did not end well: it failed, it never wrote its end, or it is still at work.
 * @param client of a run, too: its own lock does not count
 * @returns null where there is nothing to tell
 */
async function lastRunOf(client: Client, run: RecordedRun | undefined): Promise<LastRun | null> {
    if (run === undefined || run.status === "done") return null;
    const journal = await readJournal(client, run.id);
    const holder = run.status === "running" ? await lockHolder(client, runLocks.guard) : undefined;
    return {
        id: run.id,
        direction: run.direction as LastRun["direction"],
        from: run.from,
        to: run.to,
        who: run.who,
        host: run.host,
        startedAt: run.startedAt.toISOString(),
        endedAt: run.endedAt?.toISOString() ?? null,
        outcome: run.status === "failed" ? "failed" : holder === undefined ? "cut off" : "running",
        snapshot: run.snapshot,
        error: run.error,
        done: migrationsDone(journal),
    };
}
