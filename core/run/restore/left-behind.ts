import type { Client } from "pg";
import { z } from "zod";
import { RefusedError } from "../../errors";
import type { Ledger } from "../../history/ledger";
import { readJournal, readLastRestore, readRecordedPlan, type RecordedRun } from "../../history/recorded-run";
import { dropDatabase, readMarked } from "./server-databases";
import { openAgain } from "./swap";

/** A swap that was killed right before its transaction has left a database that nobody may connect to. */
export async function mendKilledSwap(beside: Client, live: string): Promise<void> {
    const { making } = await readMarked(beside);
    if (making.some((m) => m.of === live && m.swapping)) await openAgain(beside, live);
}

/** A set's last restore, with what a restore after it has to know. */
export interface LastRestore extends RecordedRun {
    /** What it restored from. */
    readonly restores: string | undefined;
    /** Name of the database that it was making. */
    readonly making: string | undefined;
    /** Whether that one is in its place. */
    readonly isSwapped: boolean;
}

/** Of a ledger that is there. */
export async function findLastRestore(client: Client, set: string): Promise<LastRestore | undefined> {
    const last = await readLastRestore(client, set);
    if (last === undefined) return undefined;
    const plan = recordedSchema.safeParse(await readRecordedPlan(client, last.id)).data;
    const journal = await readJournal(client, last.id);
    return {
        ...last,
        restores: plan?.snapshot?.name,
        making: plan?.making,
        isSwapped: journal.some((line) => line.kind === "swapped"),
    };
}

const recordedSchema = z.object({
    making: z.string().optional(),
    snapshot: z.object({ name: z.string() }).optional(),
});

/**
 * Whether all that the last restore had left to do was to let traffic in and to write its end: then the same one again is the end of that one. It
 * must not be done twice: rows may have come since.
 * @param snapshot what is asked for now
 */
export function isToBeFinished(last: LastRestore, { gate, lastRun }: Ledger, snapshot: string): boolean {
    const stopped = gate?.runId === last.id && gate.heldFor === null;
    return (
        last.isSwapped &&
        last.restores === snapshot &&
        lastRun?.id === last.id &&
        (last.status === "running" || stopped)
    );
}

/**
 * Drops what killed restores of a database have left half-made. Call under the lock of restoring it.
 * @param last the set's last restore
 */
export async function dropLeftBehind(beside: Client, live: string, last: LastRestore | undefined): Promise<void> {
    const { making } = await readMarked(beside);
    for (const { name, of } of making) if (of === live) await dropDatabase(beside, name);
    // Killed between making it and marking it.
    if (last?.making?.includes("_restoring_") === true) await dropDatabase(beside, last.making);
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
