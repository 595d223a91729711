import type { Readable } from "node:stream";

/** One object in a store. */
export interface StoredObject {
    readonly name: string;
    readonly bytes: number;
    readonly modified: Date;
}

/**
 * Where snapshots are kept. A snapshot is two objects: `<name>.dump`, and `<name>.manifest.json` written last; without the second there is no snapshot.
 * Names are single path components; an implementation refuses others.
 */
export interface SnapshotStore {
    /** As the stack names it, without secrets: `file:///var/backups/physioflow`. */
    readonly url: string;
    /** Writes, reads and deletes a small object. @throws FailedError naming the right that is missing */
    probe(): Promise<void>;
    /**
     * Stores a stream of unknown length. Nothing is visible under `name` before the stream has ended well; when it fails,
     * nothing of it stays. @throws FailedError if `name` exists already (conditional put) or the store fails
     */
    put(name: string, body: Readable): Promise<{ readonly bytes: number; readonly sha256: string }>;
    get(name: string): Promise<Readable>;
    list(): Promise<readonly StoredObject[]>;
    delete(name: string): Promise<void>;
}
