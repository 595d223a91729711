import type { Client } from "pg";
import { RefusedError } from "../../errors";
import { readRecordedPlan, type RecordedRun } from "../../history/recorded-run";
import { dropDatabase, readMarked } from "./server-databases";
import { openAgain } from "./swap";

/** A swap that was killed right before its transaction has left a database that nobody may connect to. */
export async function mendKilledSwap(beside: Client, live: string): Promise<void> {
    const { making } = await readMarked(beside);
    if (making.some((m) => m.of === live && m.swapping)) await openAgain(beside, live);
}

/** Name of the database that a restore was making which never wrote its end. */
async function plannedName(client: Client, run: RecordedRun | undefined): Promise<string | undefined> {
    if (run === undefined) return undefined;
    const plan = (await readRecordedPlan(client, run.id)) as { readonly making?: unknown } | null | undefined;
    return typeof plan?.making === "string" ? plan.making : undefined;
}

/**
 * Drops what killed restores of a database have left half-made. Call under the lock of restoring it.
 * @param guard session in the live database
 * @param last the set's last restore
 */
export async function dropLeftBehind(
    beside: Client,
    live: string,
    guard: Client,
    last: RecordedRun | undefined,
): Promise<void> {
    const { making } = await readMarked(beside);
    for (const { name, of } of making) if (of === live) await dropDatabase(beside, name);
    // Killed between making it and marking it.
    const planned = await plannedName(guard, last);
    if (planned?.includes("_restoring_") === true) await dropDatabase(beside, planned);
}

/**
 * Drops databases that restores have put away whose time is over.
 * @returns their names
 */
export async function dropExpired(beside: Client, live: string, now: Date): Promise<readonly string[]> {
    const { kept } = await readMarked(beside);
    const expired = kept.filter((k) => k.of === live && new Date(k.until) <= now).map((k) => k.name);
    for (const name of expired) await dropDatabase(beside, name);
    return expired;
}

export function refusedAsLocked(live: string): RefusedError {
    return new RefusedError({
        what: `Another restore of ${live} goes on.`,
        state: "Nothing was touched.",
        next: "Wait until it has ended; if its process is gone, the server frees the lock within seconds.",
    });
}
