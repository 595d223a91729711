import { promises as fs } from "node:fs";
import os from "node:os";
import path from "node:path";
import { FailedError, RefusedError } from "../errors";
import { archiveBytes, type ArchiveObject, archiveObjects } from "./archive";
import { ArchiveSource } from "./archive-source";
import { type ArchiveKey, UndecipherableError } from "./encryption";
import type { Manifest } from "./manifest";
import type { SnapshotStore } from "./store";
import { damaged } from "./verify";

export interface LocalArchiveOptions {
    readonly signal: AbortSignal | undefined;
    /** Called with the bytes read so far, a few times a second and at the end. */
    readonly onBytes?: (bytes: number) => void;
    /** Folder for the copy; default that for temporary files. */
    readonly folder?: string;
    /** What opens it, where it is encrypted. */
    readonly key?: ArchiveKey | undefined;
}

const progressEveryMs = 200;
/** What the names of folders with copies begin with; behind it comes the process. */
const copies = "schemaward-restore-";

/**
 * Works with a snapshot's archive as files of this machine, which pg_restore needs for several jobs: it jumps about in them. A store in a folder
 * has them, unless they are encrypted; from others they are copied into a folder that only this user may enter, and removed afterwards. Before `work`
 * begins all of it was read once: it has the sizes and hashes of its manifest, so it is the very archive that pg_restore read to its end when it was taken.
 * @param work gets the files' absolute paths, the first object's first
 * @throws FailedError when it is damaged or cannot be had, RefusedError when there is no room for a copy, BadInputError without the right key
 */
export async function withLocalArchive<T>(
    store: SnapshotStore,
    manifest: Manifest,
    options: LocalArchiveOptions,
    work: (files: readonly string[]) => Promise<T>,
): Promise<T> {
    const objects = archiveObjects(manifest);
    const reading = new Reading(store, manifest, options);
    if (store.pathOf !== undefined && manifest.archive.encryption === null) {
        const files: string[] = [];
        for (const stored of objects) {
            await reading.through(stored);
            files.push(store.pathOf(stored.object));
        }
        return work(files);
    }
    const parent = options.folder ?? os.tmpdir();
    // Encrypted it is larger than the copy, by next to nothing.
    await needRoom(parent, archiveBytes(manifest));
    await sweep(parent);
    const folder = await fs.mkdtemp(path.join(parent, `${copies}${String(process.pid)}-`));
    try {
        const files: string[] = [];
        for (const [i, stored] of objects.entries()) {
            const file = path.join(folder, `archive.${String(i)}`);
            await copyTo(file, reading, stored, archiveBytes(manifest));
            files.push(file);
        }
        return await work(files);
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

async function copyTo(file: string, reading: Reading, stored: ArchiveObject, bytes: number): Promise<void> {
    const handle = await fs.open(file, "wx", 0o600);
    try {
        await reading.through(stored, async (chunk) => {
            for (let done = 0; done < chunk.length;) done += (await handle.write(chunk, done)).bytesWritten;
        });
    } catch (error) {
        throw (error as { code?: unknown }).code === "ENOSPC"
            ? noRoom(path.dirname(path.dirname(file)), bytes, 0)
            : error;
    } finally {
        await handle.close();
    }
}

/** Reads an archive's objects, one after the other, and holds each against the manifest. */
class Reading {
    private before = 0;
    private told = 0;

    constructor(
        private readonly store: SnapshotStore,
        private readonly manifest: Manifest,
        private readonly options: LocalArchiveOptions,
    ) {}

    async through(
        stored: ArchiveObject,
        take: (chunk: Buffer) => Promise<void> = () => Promise.resolve(),
    ): Promise<void> {
        const { signal, onBytes, key } = this.options;
        const source = new ArchiveSource(this.store, stored, this.manifest.archive.encryption, key);
        const faults: string[] = [];
        try {
            for await (const chunk of source.pieces()) {
                if (signal?.aborted === true) throw interrupted();
                await take(chunk);
                if (Date.now() - this.told < progressEveryMs) continue;
                this.told = Date.now();
                onBytes?.(this.before + source.read);
            }
        } catch (error) {
            if (!(error instanceof UndecipherableError)) throw error;
            faults.push(error.parts.what);
        }
        faults.unshift(...source.faults());
        if (faults.length > 0) throw damaged(this.store, this.manifest.name, faults);
        this.before += source.read;
        onBytes?.(this.before);
    }
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
