import { Readable } from "node:stream";
import type { Client } from "pg";
import type { Database } from "../connection";
import type { Declarer, SnapshotEncryption } from "../declaration";
import { readCatalog, restorableHash } from "../sql/catalog";
import { FailedError, type ErrorParts } from "../errors";
import { serverMajor } from "../sql/server-major";
import { deleteArchive, dumpAll, type DumpedAll, groupsFor } from "./dump-all";
import { estimateBytes } from "./estimate";
import { exportSnapshot, type Exported, messageOf } from "./exporter";
import { manifestFormat, manifestSchema, manifestSuffix, manifestText, type Manifest } from "./manifest";
import { snapshotName, type SnapshotKind, type SnapshotTitle } from "./name";
import { reserveName } from "./reserve";
import { countRows, type TableRows } from "./row-counts";
import type { SnapshotStore } from "./store";
import { needTool } from "./tool";

/** What to take a snapshot of, and what to write about it. */
export interface SnapshotRequest {
    readonly database: Database;
    readonly store: SnapshotStore;
    readonly declarer: Declarer;
    readonly set: string;
    readonly app?: string;
    /** Why it is taken; `pre-migration` if not given. */
    readonly kind?: SnapshotKind;
    /** Of a restore point: what it is called; `restore-point` if not given. Of the others it is not read. */
    readonly label?: string;
    /** Version the database is at and the one the run goes to; null is nothing applied. */
    readonly from: string | null;
    readonly to: string | null;
    /** In the order of applying; checksum is that of the up script as of apply. */
    readonly applied: readonly { readonly version: string; readonly checksum: string }[];
    /** How many pg_dump work at a time; 1 if not given. */
    readonly jobs?: number;
    /** Absent: it is stored as it is. */
    readonly encryption?: Pick<SnapshotEncryption, "recipients">;
    readonly onProgress?: (event: SnapshotProgress) => void;
    /** Aborting ends pg_dump and leaves nothing. */
    readonly signal?: AbortSignal;
    /** For tests: what the name's time is taken from. */
    readonly now?: () => Date;
    /** Tables estimated to have more rows are not counted exactly; 1,000,000 if not given. */
    readonly exactLimit?: number;
}

/** Both are bytes of the archive; the estimate is as rough as `estimateBytes`, and bytes may pass it. */
export interface SnapshotProgress {
    readonly bytes: number;
    readonly estimate: number;
}

/**
 * Takes a verified snapshot: probes the store, exports a database snapshot, streams `pg_dump -Fc` of it into the store while
 * pg_restore reads all that passes by, counts the rows in the same snapshot, and writes the manifest last. Needs constant
 * memory. When it throws, there is no snapshot and nothing incomplete in the store. The database is only read.
 * @returns the manifest as stored
 * @throws FailedError when the store, the server or pg_dump fails, when it is aborted, or when no fitting pg_dump is found;
 * BadInputError when environment, label or app give no name
 */
export async function takeSnapshot(request: SnapshotRequest): Promise<Manifest> {
    const { store, database, declarer } = request;
    const stop = new AbortController();
    const signal = request.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, request.signal]);
    throwIfAborted(request.signal);
    const title = titleOf(request);
    // What gives no name is told before anything is touched.
    snapshotName({ environment: declarer.environment, ...title, taken: new Date(0) });
    await store.probe();
    const client = await database.connect("snapshot");
    // Ends also a wait for a lock.
    const hangUp = (): void => void client.end().catch(() => undefined);
    request.signal?.addEventListener("abort", hangUp);
    try {
        const tools = await findTools(client);
        throwIfAborted(request.signal);
        const libpq = await database.libpq();
        const taken = request.now?.() ?? new Date();
        const exported = await exportSnapshot(client);
        const estimate = await estimateBytes(client);
        const reservation = await reserveName(store, { environment: declarer.environment, ...title, taken });
        try {
            throwIfAborted(request.signal);
            let failure: { readonly reason: unknown } | undefined;
            const schemaHash = await explained(hashOf(client));
            const groups = await explained(groupsFor(client, request.jobs ?? 1));
            const counting = countRows(client, request.exactLimit).catch((reason: unknown) => {
                failure ??= { reason };
                // The dump is of no use without the counts: it need not run to its end.
                stop.abort();
            });
            const dumping = dumpAll({
                store,
                name: reservation.name,
                groups,
                recipients: request.encryption?.recipients,
                ...tools,
                libpq,
                snapshotId: exported.snapshotId,
                signal,
                onBytes: (bytes) => request.onProgress?.({ bytes, estimate }),
            }).catch((reason: unknown) => {
                failure ??= { reason };
                hangUp();
            });
            const [tables, dumped] = await Promise.all([counting, dumping]);
            if (tables === undefined || dumped === undefined) {
                if (dumped !== undefined) await deleteArchive(store, reservation.name, dumped.parts.length);
                throw failure?.reason;
            }
            const manifest = manifestOf(request, {
                name: reservation.name,
                taken,
                exported,
                schemaHash,
                tables,
                dumped,
            });
            await storeManifest(store, manifest);
            return manifest;
        } finally {
            await reservation.release();
        }
    } catch (error) {
        throw request.signal?.aborted === true ? aborted() : error;
    } finally {
        request.signal?.removeEventListener("abort", hangUp);
        // Ends the exporting transaction, too.
        await client.end().catch(() => undefined);
    }
}

async function explained<T>(asked: Promise<T>): Promise<T> {
    try {
        return await asked;
    } catch (error) {
        throw new FailedError({
            what: `The schema cannot be read: ${messageOf(error)}`,
            state: "No snapshot was stored; the database is unchanged.",
            next: "Run again; if it stays so, look into the server's log.",
            cause: error,
        });
    }
}

/** In the very state that is dumped. */
async function hashOf(client: Client): Promise<string> {
    return restorableHash(await readCatalog(client));
}

function titleOf({ kind = "pre-migration", label = "restore-point", app }: SnapshotRequest): SnapshotTitle {
    if (kind === "restore-point") return { kind, label };
    return app === undefined ? { kind } : { kind, app };
}

async function findTools(client: Client): Promise<{ pgDump: string; pgRestore: string }> {
    const major = await serverMajor(client);
    // pg_restore must read what pg_dump of that version writes, so the pair is looked for alike.
    return {
        pgDump: await needTool("pg_dump", major, "server"),
        pgRestore: await needTool("pg_restore", major, "server"),
    };
}

interface Facts {
    readonly name: string;
    readonly taken: Date;
    readonly exported: Exported;
    readonly schemaHash: string;
    readonly tables: readonly TableRows[];
    readonly dumped: DumpedAll;
}

function manifestOf(request: SnapshotRequest, facts: Facts): Manifest {
    const { declarer } = request;
    const { exported, dumped } = facts;
    const title = titleOf(request);
    return manifestSchema.parse({
        format: manifestFormat,
        name: facts.name,
        created: facts.taken.toISOString(),
        kind: title.kind,
        label: title.kind === "restore-point" ? title.label : null,
        environment: declarer.environment,
        project: declarer.project,
        stack: declarer.stack,
        set: request.set,
        app: request.app ?? null,
        from: request.from,
        to: request.to,
        applied: request.applied.map(({ version, checksum }) => ({ version, checksum })),
        schemaHash: facts.schemaHash,
        database: {
            name: exported.database,
            systemIdentifier: exported.systemIdentifier,
            serverVersion: exported.serverVersion,
        },
        databaseBytes: exported.databaseBytes,
        archive: {
            format: "custom",
            ...dumped,
            encryption:
                request.encryption === undefined ? null : { format: "age", recipients: request.encryption.recipients },
        },
        tables: facts.tables,
    });
}

/** The archive is deleted again if the manifest cannot be written: an archive alone is no snapshot. */
async function storeManifest(store: SnapshotStore, manifest: Manifest): Promise<void> {
    try {
        await store.put(manifest.name + manifestSuffix, Readable.from([manifestText(manifest)]));
    } catch (error) {
        await deleteArchive(store, manifest.name, manifest.archive.parts.length);
        throw error;
    }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
    if (signal?.aborted === true) throw aborted();
}

function aborted(): FailedError {
    const parts: ErrorParts = {
        what: "The snapshot was stopped before it was complete.",
        state: "No snapshot was stored; the database is unchanged.",
        next: "Run again when it may run to its end.",
    };
    return new FailedError(parts);
}
