import type { Client } from "pg";
import type { Database } from "../connection";
import type { Declarer, SnapshotEncryption } from "../declaration";
import { FailedError } from "../errors";
import { type AppliedVersion, appliedVersions, isSameApplied } from "../history/applied";
import { readLedger } from "../history/ledger";
import { compareNumbers, headOf } from "../migrations/set";
import { archiveObjects } from "../snapshots/archive";
import { manifestSuffix, type Manifest } from "../snapshots/manifest";
import { protectSnapshot } from "../snapshots/protection";
import type { SnapshotStore } from "../snapshots/store";
import { takeSnapshot, type SnapshotProgress } from "../snapshots/take";

/** A point to come back to, which somebody wants without a run. */
export interface RestorePoint {
    readonly database: Database;
    readonly store: SnapshotStore;
    readonly declarer: Declarer;
    readonly set: string;
    readonly app?: string;
    /** What it is called; `restore-point` if not given. */
    readonly label?: string;
    /** Whether retention is to leave it alone. */
    readonly protect: boolean;
    /** These two as in the settings of a stack's snapshots. */
    readonly jobs?: number;
    readonly encryption?: SnapshotEncryption;
    readonly onProgress?: (event: SnapshotProgress) => void;
    readonly signal?: AbortSignal;
}

/**
 * Takes a verified snapshot of a database as it is. What is applied is read from the ledger, without one nothing is known of it: no
 * folder of migrations is needed.
 * @throws FailedError as `takeSnapshot` does, also when a run has changed what is applied in the meantime; BadInputError when environment
 * and label give no name; RefusedError when the ledger is of a newer schemaward
 */
export async function takeRestorePoint(point: RestorePoint): Promise<Manifest> {
    const { database, store, label, app, onProgress, signal } = point;
    const client = await database.connect("restore point", { pipeline: true });
    try {
        const applied = await readApplied(client, point.set);
        // No folder says how they compare.
        const versions = applied.map(({ version }) => version);
        const at = headOf({ compare: compareNumbers }, versions);
        const manifest = await takeSnapshot({
            ...{ database, store, declarer: point.declarer, set: point.set, kind: "restore-point", from: at, to: at },
            ...(label === undefined ? {} : { label }),
            ...(app === undefined ? {} : { app }),
            applied,
            ...(point.jobs === undefined ? {} : { jobs: point.jobs }),
            ...(point.encryption === undefined ? {} : { encryption: point.encryption }),
            ...(onProgress === undefined ? {} : { onProgress }),
            ...(signal === undefined ? {} : { signal }),
        });
        if (!isSameApplied(await readApplied(client, point.set), applied)) {
            await store.delete(manifest.name + manifestSuffix);
            for (const { object } of archiveObjects(manifest)) await store.delete(object);
            throw new FailedError({
                what: "A run has changed what is applied while the snapshot was taken: which versions it holds is not known.",
                where: { object: `${store.url} ${manifest.name}` },
                state: "It was deleted again; the database is as the run left it.",
                next: "Take it again when the run has ended.",
            });
        }
        if (point.protect) await protectSnapshot(store, manifest.name);
        return manifest;
    } finally {
        await client.end().catch(() => undefined);
    }
}

async function readApplied(client: Client, set: string): Promise<readonly AppliedVersion[]> {
    return appliedVersions((await readLedger(client, set)).rows);
}
