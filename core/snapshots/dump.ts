import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import type { LibpqEnvironment } from "../connection";
import { FailedError } from "../errors";
import { ArchiveReader, type ArchiveRead } from "./archive-reader";
import { encrypt } from "./encryption";
import { lockWaitMs } from "./exporter";
import type { SnapshotStore } from "./store";
import { startTool, type Ended, type Tool } from "./tool";

export interface DumpRequest {
    readonly store: SnapshotStore;
    /** Name of the object that the archive becomes. */
    readonly object: string;
    /** Absolute paths. */
    readonly pgDump: string;
    readonly pgRestore: string;
    /** How to reach the database, password included. */
    readonly libpq: LibpqEnvironment;
    readonly snapshotId: string;
    /** Which part of the database; empty: all of it. */
    readonly part: readonly string[];
    /** Public keys that it is encrypted for; undefined: it is not. */
    readonly recipients: readonly string[] | undefined;
    readonly signal: AbortSignal;
    /** Called with the bytes so far, a few times a second and at the end. */
    readonly onBytes: (bytes: number) => void;
}

/** A stored archive that pg_restore has read wholly. */
export interface Dumped {
    /** Of what is stored. */
    readonly bytes: number;
    readonly sha256: string;
    /** `15.14` */
    readonly pgDumpVersion: string;
}

const progressEveryMs = 200;

/**
 * Streams `pg_dump -Fc` into the store. The object's body ends well only after pg_dump has exited with 0 and pg_restore has
 * read all of it; otherwise it is destroyed, and the store keeps nothing. Both processes are gone when this returns.
 * @throws FailedError
 */
export async function dumpInto(request: DumpRequest): Promise<Dumped> {
    const { store, object, signal } = request;
    const pgDumpVersion = await versionOf(request.pgDump);
    let read: ArchiveRead | undefined;
    let sent: { readonly bytes: number; readonly sha256: string } | undefined;
    const dump = startDump(request);
    // Node throws away what a process has written that ends before anybody listens, and the store may begin late.
    dump.stdout.on("readable", () => undefined);
    const reader = new ArchiveReader(request.pgRestore);
    const plain = pass(dump, reader, request.onBytes, (all) => {
        read = all;
    });
    const body = Readable.from(
        request.recipients === undefined
            ? plain
            : encrypted(request.recipients, plain, (all) => {
                  sent = all;
              }),
        { objectMode: false },
    );
    // It may be destroyed before the store listens; the store's promise is what tells.
    body.on("error", () => undefined);
    // A pg_dump that waits for a lock writes nothing, so that its reader alone would never hear of an abort.
    const stop = async (): Promise<void> => {
        await Promise.all([dump.stop(), reader.stop()]);
    };
    const abort = (): void => {
        body.destroy(new Error("aborted"));
        void stop();
    };
    signal.addEventListener("abort", abort);
    try {
        if (signal.aborted) abort();
        const written = await store.put(object, body);
        if (read === undefined) throw storeDiffers(store, object, "the store did not read to the end");
        const { bytes, sha256 } = sent ?? read;
        const listed = (await store.list()).find((o) => o.name === object)?.bytes;
        const why =
            written.bytes !== bytes || listed !== bytes
                ? `${String(bytes)} bytes were sent, ${String(written.bytes)} written, ${String(listed)} are listed`
                : written.sha256 !== sha256
                  ? "SHA-256 of what it wrote is not that of what was sent"
                  : undefined;
        if (why !== undefined) {
            await store.delete(object).catch(() => undefined);
            throw storeDiffers(store, object, why);
        }
        return { bytes, sha256, pgDumpVersion };
    } finally {
        signal.removeEventListener("abort", abort);
        await stop();
    }
}

function startDump(request: DumpRequest): Tool {
    // The password is in the environment; arguments are for all to see.
    return startTool(
        request.pgDump,
        [
            "--format=custom",
            ...request.part,
            `--snapshot=${request.snapshotId}`,
            `--lock-wait-timeout=${String(lockWaitMs)}`,
            "--no-password",
        ],
        { ...request.libpq, PGAPPNAME: "schemaward pg_dump" },
    );
}

/** pg_dump's output, piece by piece, at the pace of the slower of pg_restore and the store. */
async function* pass(
    dump: Tool,
    reader: ArchiveReader,
    onBytes: (bytes: number) => void,
    done: (read: ArchiveRead) => void,
): AsyncGenerator<Buffer> {
    let told = 0;
    for await (const piece of dump.stdout) {
        const chunk = piece as Buffer;
        await reader.write(chunk);
        if (reader.ended) throw unreadable((await reader.end()).restore, reader.bytes);
        if (Date.now() - told >= progressEveryMs) {
            told = Date.now();
            onBytes(reader.bytes);
        }
        yield chunk;
    }
    const ended = await dump.ended;
    if (!ended.ok) throw dumpFailed(ended, reader.bytes);
    const read = await reader.end();
    if (!read.restore.ok) throw unreadable(read.restore, read.bytes);
    onBytes(read.bytes);
    done(read);
}

/** What is stored, counted and hashed as it passes by. */
async function* encrypted(
    recipients: readonly string[],
    plain: AsyncIterable<Buffer>,
    done: (sent: { readonly bytes: number; readonly sha256: string }) => void,
): AsyncGenerator<Buffer> {
    const hash = createHash("sha256");
    let bytes = 0;
    for await (const chunk of await encrypt(recipients, plain)) {
        hash.update(chunk);
        bytes += chunk.length;
        yield chunk;
    }
    done({ bytes, sha256: hash.digest("hex") });
}

async function versionOf(pgDump: string): Promise<string> {
    const { stdout } = await promisify(execFile)(pgDump, ["--version"], { timeout: 10_000 });
    return /\(PostgreSQL\) (\S+)/.exec(stdout)?.[1] ?? "unknown";
}

const nothingStored = "No snapshot was stored; the database is unchanged.";

/** What to do, by what pg_dump says (its messages are English: LC_ALL=C). */
const advice: readonly (readonly [RegExp, string])[] = [
    [
        /permission denied/,
        "Grant the role that logs in SELECT on everything (or pg_read_all_data): a snapshot holds the whole database.",
    ],
    [
        /lock timeout/,
        "A session holds a table exclusively (AccessExclusiveLock in pg_locks): let it end, then run again.",
    ],
    [
        /row-level security/,
        "Let a role with BYPASSRLS log in: with row security, rows would be missing from the snapshot.",
    ],
    [
        /server closed the connection|terminating connection|connection to server|could not connect/,
        "The server or the network ended the connection: look into the server's log, then run again.",
    ],
    [/^signal/, "Somebody, or the machine short of memory, ended it (see the system's log): run again."],
];

function dumpFailed(ended: Ended, bytes: number): FailedError {
    const text = [ended.how, ...ended.lines].join("\n");
    return new FailedError({
        what: `pg_dump failed (${ended.how}) after ${String(bytes)} bytes.`,
        detail: ended.lines,
        state: nothingStored,
        next: advice.find(([says]) => says.test(text))?.[1] ?? "Correct what it says and run again.",
    });
}

function unreadable(restore: Ended, bytes: number): FailedError {
    return new FailedError({
        what: `pg_restore cannot read what pg_dump wrote (${restore.how}, at about ${String(bytes)} bytes).`,
        detail: restore.lines,
        state: nothingStored,
        next: "Run again; if it stays so, use pg_dump and pg_restore of the same version (SCHEMAWARD_PG_BIN).",
    });
}

function storeDiffers(store: SnapshotStore, object: string, why: string): FailedError {
    return new FailedError({
        what: `The store does not hold what was sent: ${why}.`,
        where: { object: `${store.url} ${object}` },
        state: "No snapshot was stored: the archive was deleted again. The database is unchanged.",
        next: "Check the store's disk, or name another store (snapshot.store).",
    });
}
