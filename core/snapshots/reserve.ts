import { Readable } from "node:stream";
import { parseSnapshotName, snapshotName, type SnapshotName } from "./name";
import { dumpSuffix, manifestSuffix } from "./manifest";
import { ObjectExistsError, type SnapshotStore } from "./store";

/** Somebody takes a snapshot of this name. */
export const takingSuffix = ".taking";
const sweepAfterMs = 24 * 3_600_000;

/** A snapshot's name that nobody else uses, nor will while it is held. */
export interface Reservation {
    readonly name: string;
    /** Never rejects: what stays is swept by a later run. */
    release(): Promise<void>;
}

/**
 * Finds a free name before anything is dumped: a conditional put of the dump alone would tell two runs of one second apart
 * only when the second has been uploaded wholly, in vain. A small object `<name>.taking` marks it until the snapshot is done.
 * @throws FailedError from the store, BadInputError for what gives no name
 */
export async function reserveName(store: SnapshotStore, what: SnapshotName): Promise<Reservation> {
    await sweep(store);
    for (let ordinal = 1; ; ordinal += 1) {
        const name = snapshotName(ordinal === 1 ? what : { ...what, ordinal });
        const mark = name + takingSuffix;
        try {
            await store.put(mark, Readable.from([Buffer.from(`${String(process.pid)}\n`)]));
        } catch (error) {
            if (error instanceof ObjectExistsError) continue;
            throw error;
        }
        const release = async (): Promise<void> => store.delete(mark).catch(() => undefined);
        // Only now: another run may have finished under this name before its mark went away.
        try {
            const taken = (await store.list()).some(
                (o) => o.name === name + dumpSuffix || o.name === name + manifestSuffix,
            );
            if (!taken) return { name, release };
        } catch (error) {
            await release();
            throw error;
        }
        await release();
    }
}

/** Marks of dead runs. */
async function sweep(store: SnapshotStore): Promise<void> {
    for (const { name, modified } of await store.list()) {
        if (!name.endsWith(takingSuffix) || Date.now() - modified.getTime() < sweepAfterMs) continue;
        if (parseSnapshotName(name.slice(0, -takingSuffix.length)) === undefined) continue;
        await store.delete(name).catch(() => undefined);
    }
}
