import type { Readable } from "node:stream";
import { BadInputError, FailedError } from "../errors";

/** One object in a store. */
export interface StoredObject {
    readonly name: string;
    readonly bytes: number;
    readonly modified: Date;
}

/** What a store says it has written. */
export interface Written {
    readonly bytes: number;
    /** Lower-case hex. */
    readonly sha256: string;
}

/**
 * Where snapshots are kept. A snapshot is two objects: `<name>.dump`, and `<name>.manifest.json` written last; without the second there is no snapshot.
 * Small marks may lie beside it: `<name>.taking`, `.protected`, `.verified`, `.in-use-…`.
 * Names are single path components; an implementation refuses others with `checkObjectName`.
 */
export interface SnapshotStore {
    /** As the stack names it, without secrets: `file:///var/backups/physioflow`. */
    readonly url: string;
    /**
     * Writes, reads and deletes a small object, the same way as `put` does; sweeps what dead runs left behind.
     * @throws FailedError naming the right that is missing
     */
    probe(): Promise<void>;
    /**
     * Stores a stream of unknown length. Nothing is visible under `name` before the stream has ended well; when it fails,
     * nothing of it stays and the stream's own error is thrown. The stream may have failed already when `put` is called.
     * @throws ObjectExistsError if `name` exists already (conditional put), FailedError if the store fails
     */
    put(name: string, body: Readable): Promise<Written>;
    /** @throws FailedError when there is none or it cannot be read; read errors destroy the stream with a FailedError */
    get(name: string): Promise<Readable>;
    /** The object's absolute path, where the store is a folder of this machine. */
    pathOf?(name: string): string;
    /** All objects; an empty list where nothing was stored yet. */
    list(): Promise<readonly StoredObject[]>;
    /** Deletes an object; one that is not there is no error. */
    delete(name: string): Promise<void>;
}

/** A conditional put met an object of that name. */
export class ObjectExistsError extends FailedError {
    constructor(store: string, name: string) {
        super({
            what: `${name} exists already; it was not overwritten.`,
            where: { object: store },
            state: "The store is as it was.",
            next: "Run again; the next snapshot gets another name.",
        });
    }
}

/**
 * The rule for object names, the same in every store.
 * @throws BadInputError unless `name` is one visible path component of at most 200 bytes
 */
export function checkObjectName(name: string): void {
    if (isObjectName(name)) return;
    throw new BadInputError({
        what: `${JSON.stringify(name.slice(0, 250))} is no name of an object in a snapshot store.`,
        state: "Nothing was touched.",
        next: "Names have 1 to 200 of the characters A-Z a-z 0-9 % _ . - and start with neither a dot nor a hyphen.",
    });
}

/** Whether `checkObjectName` takes it: what else lies in a store is not ours. */
export function isObjectName(name: string): boolean {
    return /^[A-Za-z0-9%_][A-Za-z0-9%_.-]*$/.test(name) && name.length <= 200;
}
