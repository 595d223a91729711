import type { Writable } from "node:stream";
import { FailedError, firstLineOf } from "../errors";
import { whileInUse } from "./in-use";
import { type ArchiveObject, archiveObjects } from "./archive";
import { ArchiveSource } from "./archive-source";
import { type ArchiveKey, UndecipherableError } from "./encryption";
import { manifestSuffix, readManifest, type Manifest } from "./manifest";
import type { SnapshotStore } from "./store";
import { findTables, type TablesOfSchema } from "./tables";
import { needTool, startTool, type Ended, type Tool } from "./tool";
import { writeRecord } from "./verified-record";

export interface ExtractRequest {
    readonly store: SnapshotStore;
    /** The snapshot's. */
    readonly name: string;
    /** Exact names; `SCHEMA.NAME` where no schema is given. */
    readonly tables: readonly string[];
    readonly schema?: string;
    /** Whether CREATE TABLE comes before the rows; without it there are only rows. Never owners, rights, keys or indexes. */
    readonly definition: boolean;
    /** Called once, when it is clear that there are such tables. It is written to and not ended. */
    readonly open: () => Promise<Writable>;
    /** Called with the bytes of the archive that were read, of how many. */
    readonly onProgress?: (bytes: number, of: number) => void;
    readonly signal?: AbortSignal;
    /** What opens it, where it is encrypted. */
    readonly key?: ArchiveKey;
}

/** What was extracted. */
export interface Extracted extends TablesOfSchema {
    /** Of the SQL. */
    readonly bytes: number;
}

/**
 * Writes some tables of a snapshot as SQL, streaming: pg_restore picks them out of the archive as it passes by. The archive is read to its
 * end whatever they are, since only there it shows whether it is what the manifest says.
 * @throws FailedError when the archive is damaged, pg_restore fails or it is stopped: what was written is then worth nothing;
 * BadInputError when there are no such tables: nothing was written
 */
export async function extractTables(request: ExtractRequest): Promise<Extracted> {
    const { store, name } = request;
    return whileInUse(store, name, async () => {
        const manifest = await readManifest(await store.get(name + manifestSuffix), name);
        const found = findTables(manifest, request.tables, request.schema);
        const pgRestore = await needTool("pg_restore", Number.parseInt(manifest.archive.pgDumpVersion, 10), "archive");
        const out = await request.open();
        let bytes = 0;
        for (const pass of passesFor(manifest, found, request.definition))
            bytes += await onePass(request, manifest, { ...pass, pgRestore, out, schema: found.schema });
        return { ...found, bytes };
    });
}

interface Pass {
    readonly stored: ArchiveObject;
    readonly names: readonly string[];
    readonly what: "all" | "definition" | "rows";
}

/** Rows of large tables may lie in objects of their own; definitions are in the first. */
function passesFor(manifest: Manifest, { schema, names }: TablesOfSchema, definition: boolean): Pass[] {
    const [first, ...parts] = archiveObjects(manifest);
    if (first === undefined) return [];
    const elsewhere = parts.flatMap((stored) => {
        const mine = names.filter((name) => stored.tables?.some((t) => t.schema === schema && t.name === name));
        return mine.length === 0 ? [] : [{ stored, names: mine, what: "rows" as const }];
    });
    const gone = new Set(elsewhere.flatMap((pass) => pass.names));
    const here = names.filter((name) => !gone.has(name));
    return [
        ...(definition && gone.size > 0 ? [{ stored: first, names, what: "definition" as const }] : []),
        ...(here.length === 0
            ? []
            : [
                  {
                      stored: first,
                      names: here,
                      what: definition && gone.size === 0 ? ("all" as const) : ("rows" as const),
                  },
              ]),
        ...elsewhere,
    ];
}

/** @returns bytes of SQL */
async function onePass(
    request: ExtractRequest,
    manifest: Manifest,
    {
        stored,
        names,
        what,
        pgRestore,
        out,
        schema,
    }: Pass & { readonly pgRestore: string; readonly out: Writable; readonly schema: string },
): Promise<number> {
    const { store, name } = request;
    const restore = startTool(pgRestore, [
        ...["--file=-", `--schema=${schema}`, ...names.map((table) => `--table=${table}`)],
        ...(what === "rows" ? ["--data-only"] : ["--no-owner", "--no-privileges"]),
        ...(what === "definition" ? ["--schema-only"] : []),
    ]);
    const source = new ArchiveSource(store, stored, manifest.archive.encryption, request.key);
    try {
        let unwritable: unknown;
        const writing = writeAll(restore, out).catch((error: unknown) => {
            unwritable = error;
            return 0;
        });
        const faults = await feed(request, source, stored.bytes, restore, () => unwritable !== undefined);
        const bytes = await writing;
        if (unwritable !== undefined) throw notWritten(unwritable);
        const ended = await restore.ended;
        if (faults.length > 0) throw await damaged(store, name, faults);
        if (!ended.ok) throw unreadable(store, name, ended);
        return bytes;
    } finally {
        await restore.stop();
    }
}

/** @returns in what the archive is not what the manifest says; empty: in nothing */
async function feed(
    { store, name, onProgress, signal }: ExtractRequest,
    source: ArchiveSource,
    of: number,
    { stdin }: Tool,
    isInVain: () => boolean,
): Promise<string[]> {
    try {
        for await (const chunk of source.pieces()) {
            if (signal?.aborted === true) throw stopped(store, name);
            if (isInVain()) return [];
            onProgress?.(source.read, of);
            // When it has what it wants it reads no further.
            if (!stdin.destroyed && stdin.writable && !stdin.write(chunk)) await drained(stdin);
        }
    } catch (error) {
        if (error instanceof UndecipherableError) return [...source.faults(), error.parts.what];
        throw error;
    } finally {
        if (!stdin.destroyed) stdin.end();
    }
    return source.faults();
}

async function writeAll({ stdout }: Tool, out: Writable): Promise<number> {
    let bytes = 0;
    let failed: Error | undefined;
    const onError = (error: Error): void => {
        failed = error;
    };
    out.on("error", onError);
    try {
        for await (const chunk of stdout) {
            bytes += (chunk as Buffer).length;
            if (!out.write(chunk)) await drained(out);
            if (failed !== undefined) throw failed;
        }
        return bytes;
    } finally {
        out.off("error", onError);
    }
}

/** Returns when a stream takes more, or never will. */
async function drained(stream: Writable): Promise<void> {
    if (stream.destroyed) return;
    await new Promise<void>((resolve) => {
        const goOn = (): void => {
            stream.off("drain", goOn).off("close", goOn).off("error", goOn);
            resolve();
        };
        stream.on("drain", goOn).on("close", goOn).on("error", goOn);
    });
}

function stopped(store: SnapshotStore, name: string): FailedError {
    return new FailedError({
        what: "The tables were not extracted to their end: it was stopped.",
        where: { object: `${store.url} ${name}` },
        state: "The store is as it was; what was written of them is not whole.",
        next: "Run again when it may run to its end.",
    });
}

async function damaged(store: SnapshotStore, name: string, faults: readonly string[]): Promise<FailedError> {
    await writeRecord(store, name, { at: new Date().toISOString(), ok: false, why: faults.join("; ") }).catch(
        () => undefined,
    );
    return new FailedError({
        what: "The snapshot is damaged: what was extracted from it is not to be used.",
        where: { object: `${store.url} ${name}` },
        detail: faults,
        state: untouched,
        next: "Extract from an older snapshot, and take a new one now.",
    });
}

function unreadable(store: SnapshotStore, name: string, ended: Ended): FailedError {
    return new FailedError({
        what: `pg_restore could not extract the tables (${ended.how}), although the archive is as its manifest says.`,
        where: { object: `${store.url} ${name}` },
        detail: ended.lines,
        state: untouched,
        next: "Use pg_restore of the version that wrote it (SCHEMAWARD_PG_BIN), or correct what it says.",
    });
}

function notWritten(error: unknown): FailedError {
    return new FailedError({
        what: `What was extracted cannot be written: ${firstLineOf(error)}.`,
        state: untouched,
        next: "See that there is room, and that whoever reads it reads to its end; then run again.",
        cause: error,
    });
}

const untouched = "The database was not touched; what was written of the tables is not whole.";
