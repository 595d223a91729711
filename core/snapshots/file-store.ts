import { createHash, randomBytes } from "node:crypto";
// Not from node:fs/promises: so it is loaded with the first call, and never for a plan that has nothing to do.
import { promises as fs } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { FailedError, SchemawardError } from "../errors";
import { checkObjectName, ObjectExistsError, type SnapshotStore, type StoredObject, type Written } from "./store";

/** Unfinished objects: hidden, so that no listing takes them for a snapshot. */
const unfinished = /^\.schemaward-.*\.part$/;
const sweepAfterMs = 24 * 3_600_000;

/**
 * A store in a folder of this machine. Objects are written under a temporary name, synced, and linked to their own name,
 * which never overwrites. The folder is made with mode 0700, the files have 0600: a dump is as secret as the database.
 * @param url as the stack names it
 * @param folder absolute path
 */
export function openFileStore(url: string, folder: string): SnapshotStore {
    return new FileStore(url, folder);
}

class FileStore implements SnapshotStore {
    constructor(
        readonly url: string,
        private readonly folder: string,
    ) {}

    async probe(): Promise<void> {
        const name = `probe-${randomBytes(8).toString("hex")}`;
        const content = randomBytes(64);
        await this.makeFolder();
        await this.sweep();
        await this.put(name, Readable.from([content]));
        const read: Buffer[] = [];
        for await (const chunk of await this.get(name)) read.push(chunk as Buffer);
        await this.delete(name);
        if (!Buffer.concat(read).equals(content))
            throw new FailedError({
                what: "The snapshot store does not give back what was written into it.",
                where: { object: this.folder },
                state: "No snapshot was taken.",
                next: "Check the disk and its file system, or name another store.",
            });
    }

    async put(name: string, body: Readable): Promise<Written> {
        checkObjectName(name);
        const final = path.join(this.folder, name);
        const temporary = path.join(
            this.folder,
            `.schemaward-${String(process.pid)}-${randomBytes(8).toString("hex")}.part`,
        );
        try {
            await this.makeFolder();
            // Early, so that a long stream is not read in vain; link() below is what decides.
            if (await exists(final)) throw new ObjectExistsError(this.url, name);
            const file = await this.attempt("create a file in", fs.open(temporary, "wx", 0o600));
            let written: Written;
            try {
                written = await this.writeAll(file, body);
                await this.attempt("sync a file in", file.sync());
            } finally {
                await file.close();
            }
            await fs.link(temporary, final).catch((error: unknown) => {
                if (codeOf(error) === "EEXIST") throw new ObjectExistsError(this.url, name);
                throw this.failure("link a file in", error);
            });
            await this.syncFolder();
            return written;
        } finally {
            body.destroy();
            await fs.unlink(temporary).catch(() => undefined);
        }
    }

    async get(name: string): Promise<Readable> {
        checkObjectName(name);
        const file = await this.attempt("read", fs.open(path.join(this.folder, name), "r"), name);
        return Readable.from(this.readAll(file, name), { objectMode: false });
    }

    pathOf(name: string): string {
        checkObjectName(name);
        return path.join(this.folder, name);
    }

    async list(): Promise<readonly StoredObject[]> {
        const names = await fs.readdir(this.folder).catch((error: unknown) => {
            if (codeOf(error) === "ENOENT") return [];
            throw this.failure("list", error);
        });
        const objects: StoredObject[] = [];
        for (const name of names.filter((n) => !n.startsWith("."))) {
            const facts = await fs.stat(path.join(this.folder, name)).catch(() => undefined);
            if (facts?.isFile() === true) objects.push({ name, bytes: facts.size, modified: facts.mtime });
        }
        return objects;
    }

    async delete(name: string): Promise<void> {
        checkObjectName(name);
        await fs.unlink(path.join(this.folder, name)).catch((error: unknown) => {
            if (codeOf(error) !== "ENOENT") throw this.failure("delete", error, name);
        });
        await this.syncFolder();
    }

    private async writeAll(file: FileHandle, body: Readable): Promise<Written> {
        const hash = createHash("sha256");
        let bytes = 0;
        for await (const piece of body) {
            const chunk = Buffer.isBuffer(piece) ? piece : Buffer.from(piece as string | Uint8Array);
            hash.update(chunk);
            for (let done = 0; done < chunk.length;) {
                const { bytesWritten } = await this.attempt("write into", file.write(chunk, done));
                done += bytesWritten;
            }
            bytes += chunk.length;
        }
        return { bytes, sha256: hash.digest("hex") };
    }

    private async *readAll(file: FileHandle, name: string): AsyncGenerator<Buffer> {
        try {
            for (;;) {
                const { bytesRead, buffer } = await this.attempt(
                    "read",
                    file.read(Buffer.allocUnsafe(262_144), 0, 262_144, null),
                    name,
                );
                if (bytesRead === 0) return;
                yield buffer.subarray(0, bytesRead);
            }
        } finally {
            await file.close();
        }
    }

    private async makeFolder(): Promise<void> {
        await this.attempt("create", fs.mkdir(this.folder, { recursive: true, mode: 0o700 }));
    }

    /** The new name must survive a power cut, too. */
    private async syncFolder(): Promise<void> {
        if (process.platform === "win32") return;
        const folder = await this.attempt("open", fs.open(this.folder, "r"));
        try {
            await this.attempt("sync", folder.sync());
        } finally {
            await folder.close();
        }
    }

    private async sweep(): Promise<void> {
        const names = await this.attempt("list", fs.readdir(this.folder));
        for (const name of names.filter((n) => unfinished.test(n))) {
            const file = path.join(this.folder, name);
            const facts = await fs.stat(file).catch(() => undefined);
            // Each write renews the time, so a run that lives is never taken for a dead one.
            if (facts !== undefined && Date.now() - facts.mtimeMs > sweepAfterMs)
                await fs.unlink(file).catch(() => undefined);
        }
    }

    private async attempt<T>(doing: string, operation: Promise<T>, name?: string): Promise<T> {
        try {
            return await operation;
        } catch (error) {
            throw this.failure(doing, error, name);
        }
    }

    private failure(doing: string, error: unknown, name?: string): SchemawardError {
        if (error instanceof SchemawardError) return error;
        const code = codeOf(error) ?? "unknown error";
        const place = name ?? "the store's folder";
        return new FailedError({
            what: `The snapshot store failed: could not ${doing} ${place} (${code}).`,
            where: { object: name === undefined ? this.folder : path.join(this.folder, name) },
            state: "Nothing incomplete was left in the store under a visible name.",
            next: adviceFor(code),
            cause: error,
        });
    }
}

function adviceFor(code: string): string {
    switch (code) {
        case "ENOSPC":
        case "EDQUOT":
            return "The disk or the quota is full: free space there, or name another store (snapshot.store).";
        case "EACCES":
        case "EPERM":
        case "EROFS":
            return "The user this runs as must be able to create, link, read and delete files in that folder.";
        case "ENOTSUP":
        case "EOPNOTSUPP":
        case "ENOSYS":
        case "EMLINK":
            return "That file system knows no hard links, by which overwriting is ruled out: name a folder on another.";
        case "ENOTDIR":
        case "EEXIST":
            return "Something that is no folder stands in the way: name another folder (snapshot.store).";
        case "ENOENT":
            return "It is not there: list the store to see what is.";
        default:
            return "Check the disk and its file system, or name another store (snapshot.store).";
    }
}

async function exists(file: string): Promise<boolean> {
    return (await fs.stat(file).catch(() => undefined)) !== undefined;
}

function codeOf(error: unknown): string | undefined {
    const code = (error as { code?: unknown } | null)?.code;
    return typeof code === "string" ? code : undefined;
}
