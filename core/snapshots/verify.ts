import { BadInputError, FailedError, firstLineOf } from "../errors";
import { archiveBytes, archiveObjects } from "./archive";
import { ArchiveReader } from "./archive-reader";
import { ArchiveSource } from "./archive-source";
import { type ArchiveKey, UndecipherableError } from "./encryption";
import { whileInUse } from "./in-use";
import { dumpSuffix, manifestSuffix, readManifest, type Manifest } from "./manifest";
import type { SnapshotStore, StoredObject } from "./store";
import { needTool } from "./tool";
import { writeRecord, type Verified } from "./verified-record";

/** A snapshot that was read wholly and found to be what its manifest says. */
export interface VerifiedSnapshot {
    readonly manifest: Manifest;
    /** Of all of its objects, as stored. */
    readonly bytes: number;
    /** Of the first. */
    readonly sha256: string;
}

export interface VerifyOptions {
    /** Called with the bytes read so far, of how many, a few times a second. */
    readonly onProgress?: (bytes: number, of: number) => void;
    /** Told what could not be written into the store: with a key that may only read nothing is recorded. */
    readonly onUnrecorded?: (why: string) => void;
    /** Aborting ends it with an error; nothing is recorded. */
    readonly signal?: AbortSignal;
    /** What opens it, where it is encrypted. */
    readonly key?: ArchiveKey;
}

const progressEveryMs = 200;

/**
 * Reads a snapshot wholly: size and SHA-256 must match its manifest, and pg_restore must be able to read all of it. What that
 * showed is recorded beside it in the store: a damaged one is nobody's newest verified one any more. Needs no database.
 * @throws FailedError saying what is damaged; BadInputError when there is no such snapshot
 */
export async function verifySnapshot(
    store: SnapshotStore,
    name: string,
    options: VerifyOptions = {},
): Promise<VerifiedSnapshot> {
    const objects = await store.list();
    const dump = objects.find((o) => o.name === name + dumpSuffix);
    const manifestThere = objects.some((o) => o.name === name + manifestSuffix);
    if (!manifestThere) throw noSnapshot(store, name, objects, dump !== undefined);
    const unrecorded = (error: unknown): void => options.onUnrecorded?.(firstLineOf(error));
    return whileInUse(store, name, async () => {
        const manifest = await readManifest(await store.get(name + manifestSuffix), name);
        const missing = archiveObjects(manifest).filter(({ object }) => !objects.some((o) => o.name === object));
        if (missing.length > 0)
            throw damaged(
                store,
                name,
                missing.map(({ object }) => `${object} is missing; its manifest is there`),
            );
        const faults = await faultsOf(store, manifest, options);
        const at = new Date().toISOString();
        const record: Verified = faults.length === 0 ? { at, ok: true } : { at, ok: false, why: faults.join("; ") };
        await writeRecord(store, name, record).catch(unrecorded);
        if (faults.length > 0) throw damaged(store, name, faults);
        return { manifest, bytes: archiveBytes(manifest), sha256: manifest.archive.sha256 };
    });
}

/** What of the archive is not as its manifest says: lines for people. */
async function faultsOf(store: SnapshotStore, manifest: Manifest, options: VerifyOptions): Promise<string[]> {
    const { name, archive } = manifest;
    const pgRestore = await needTool("pg_restore", Number.parseInt(archive.pgDumpVersion, 10), "archive");
    const of = archiveBytes(manifest);
    let before = 0;
    let told = 0;
    const faults: string[] = [];
    for (const stored of archiveObjects(manifest)) {
        const reader = new ArchiveReader(pgRestore);
        const source = new ArchiveSource(store, stored, archive.encryption, options.key);
        let undecipherable: FailedError | undefined;
        try {
            try {
                for await (const chunk of source.pieces()) {
                    if (options.signal?.aborted === true) throw stopped(store, name);
                    await reader.write(chunk);
                    if (Date.now() - told < progressEveryMs) continue;
                    told = Date.now();
                    options.onProgress?.(before + source.read, of);
                }
            } catch (error) {
                if (!(error instanceof UndecipherableError)) throw error;
                undecipherable = error;
            }
            const { restore } = await reader.end();
            const found = source.faults();
            if (undecipherable !== undefined) found.push(undecipherable.parts.what);
            else if (!restore.ok)
                found.push(`pg_restore cannot read it (${restore.how}):`, ...restore.lines.map((l) => `  ${l}`));
            faults.push(...found);
        } finally {
            await reader.stop();
        }
        before += stored.bytes;
    }
    return faults;
}

function stopped(store: SnapshotStore, name: string): FailedError {
    return new FailedError({
        what: "The snapshot was not read to its end: it was stopped.",
        where: { object: `${store.url} ${name}` },
        state: "Nothing was changed, and nothing is known of it that was not known before.",
        next: "Run again when it may run to its end.",
    });
}

/** What a person has to know of a snapshot that is not what its manifest says. */
export function damaged(store: SnapshotStore, name: string, faults: readonly string[]): FailedError {
    return new FailedError({
        what: "The snapshot is damaged.",
        where: { object: `${store.url} ${name}` },
        detail: faults,
        state: "Nothing was changed.",
        next: "Do not restore from it; use an older snapshot, and take a new one now.",
    });
}

function noSnapshot(
    store: SnapshotStore,
    name: string,
    objects: readonly StoredObject[],
    dump: boolean,
): BadInputError {
    const names = objects
        .filter((o) => o.name.endsWith(manifestSuffix))
        .map((o) => o.name.slice(0, -manifestSuffix.length))
        .sort()
        .slice(-10);
    return new BadInputError({
        what: dump
            ? `${name} is no snapshot: its archive is there, but its manifest is not, so it was never completed.`
            : `There is no snapshot ${name}.`,
        where: { object: store.url },
        detail: names.map((n) => `there is: ${n}`),
        state: "Nothing was changed.",
        next: names.length === 0 ? "The store holds no snapshot: check its URL." : "Name one of these.",
    });
}
