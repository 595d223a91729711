import { createHash } from "node:crypto";
import { promises as fs } from "node:fs";
import os from "node:os";
import path from "node:path";
import { FailedError, RefusedError } from "../errors";
import { dumpSuffix, type Manifest } from "./manifest";
import type { SnapshotStore } from "./store";
import { damaged } from "./verify";

export interface LocalArchiveOptions {
    readonly signal: AbortSignal | undefined;
    /** Called with the bytes read so far, a few times a second and at the end. */
    readonly onBytes?: (bytes: number) => void;
    /** Folder for the copy; default that for temporary files. */
    readonly folder?: string;
}

const progressEveryMs = 200;
/** What the names of folders with copies begin with; behind it comes the process. */
const copies = "schemaward-restore-";

/**
 * Works with a snapshot's archive as a file of this machine, which pg_restore needs for several jobs: it jumps about in it. A store in a folder
 * has the file; from another it is copied into a folder that only this user may enter, and removed afterwards. Before `work` begins the whole file
 * was read once: it has the size and the SHA-256 of its manifest, so it is the very archive that pg_restore read to its end when it was taken.
 * @throws FailedError when it is damaged or cannot be had, RefusedError when there is no room for a copy
 */
export async function withLocalArchive<T>(
    store: SnapshotStore,
    manifest: Manifest,
    options: LocalArchiveOptions,
    work: (file: string) => Promise<T>,
): Promise<T> {
    const object = manifest.name + dumpSuffix;
    const there = store.pathOf?.(object);
    if (there !== undefined) {
        await readThrough(store, manifest, options);
        return work(there);
    }
    const parent = options.folder ?? os.tmpdir();
    await needRoom(parent, manifest.archive.bytes);
    await sweep(parent);
    const folder = await fs.mkdtemp(path.join(parent, `${copies}${String(process.pid)}-`));
    try {
        const file = path.join(folder, "archive.dump");
        await copyTo(file, store, manifest, options);
        return await work(file);
    } finally {
        await fs.rm(folder, { recursive: true, force: true });
    }
}

/** Copies that a restore has left which was killed: they hold all that is in a database. */
async function sweep(parent: string): Promise<void> {
    for (const name of await fs.readdir(parent).catch(() => [])) {
        const pid = name.startsWith(copies) ? /^(\d+)-/.exec(name.slice(copies.length))?.[1] : undefined;
        if (pid === undefined || isAlive(Number(pid))) continue;
        await fs.rm(path.join(parent, name), { recursive: true, force: true }).catch(() => undefined);
    }
}

function isAlive(pid: number): boolean {
    try {
        process.kill(pid, 0);
        return true;
    } catch (error) {
        // It is there, and another user's.
        return (error as { code?: unknown }).code === "EPERM";
    }
}

async function copyTo(
    file: string,
    store: SnapshotStore,
    manifest: Manifest,
    options: LocalArchiveOptions,
): Promise<void> {
    const handle = await fs.open(file, "wx", 0o600);
    try {
        await readThrough(store, manifest, options, async (chunk) => {
            for (let done = 0; done < chunk.length;) done += (await handle.write(chunk, done)).bytesWritten;
        });
    } catch (error) {
        throw (error as { code?: unknown }).code === "ENOSPC"
            ? noRoom(path.dirname(path.dirname(file)), manifest.archive.bytes, 0)
            : error;
    } finally {
        await handle.close();
    }
}

/** Reads the archive once, and holds it against its manifest. */
async function readThrough(
    store: SnapshotStore,
    manifest: Manifest,
    { signal, onBytes }: LocalArchiveOptions,
    take: (chunk: Buffer) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
    const hash = createHash("sha256");
    let bytes = 0;
    let told = 0;
    for await (const piece of await store.get(manifest.name + dumpSuffix)) {
        if (signal?.aborted === true) throw interrupted();
        const chunk = piece as Buffer;
        hash.update(chunk);
        bytes += chunk.length;
        await take(chunk);
        if (Date.now() - told < progressEveryMs) continue;
        told = Date.now();
        onBytes?.(bytes);
    }
    onBytes?.(bytes);
    const { archive } = manifest;
    const sha256 = hash.digest("hex");
    const faults = [
        ...(bytes === archive.bytes
            ? []
            : [`size: ${String(bytes)} bytes, the manifest says ${String(archive.bytes)}`]),
        ...(sha256 === archive.sha256 ? [] : [`SHA-256: ${sha256}, the manifest says ${archive.sha256}`]),
    ];
    if (faults.length > 0) throw damaged(store, manifest.name, faults);
}

async function needRoom(folder: string, bytes: number): Promise<void> {
    const { bavail, bsize } = await fs.statfs(folder);
    if (bavail * bsize < bytes) throw noRoom(folder, bytes, bavail * bsize);
}

function noRoom(folder: string, bytes: number, free: number): RefusedError {
    return new RefusedError({
        what: `There is no room for a copy of the archive: it has ${String(bytes)} bytes, and ${folder} has ${String(free)} left.`,
        where: { object: folder },
        state: "Nothing was touched.",
        next: "Make room there, or set TMPDIR to a folder on a larger disk; then run the same command again.",
    });
}

function interrupted(): FailedError {
    return new FailedError({
        what: "Interrupted while the archive was read.",
        state: "Nothing was touched.",
        next: "Run the same command again.",
    });
}
