import path from "node:path";
import { fileURLToPath } from "node:url";
import { BadInputError } from "../errors";
import { openFileStore } from "./file-store";
import { openS3Store } from "./s3-store";
import type { SnapshotStore } from "./store";

/** The kinds of stores by URL scheme; a new one is a file and a line here. */
const kinds: Readonly<Record<string, (url: string, projectDir: string) => SnapshotStore>> = {
    file: (url, projectDir) => openFileStore(url, folderOf(url, projectDir)),
    s3: (url, projectDir) => openS3Store(url, projectDir),
};

const allowed =
    "Name a folder: file:///var/backups/app (absolute), or file:./backups (relative to the project's root); or a bucket: s3://BUCKET/PREFIX.";

/**
 * Opens a snapshot store; touches nothing yet.
 * @param url `file:///absolute/folder`, `file:./folder`, or `s3://BUCKET/PREFIX` as `parseS3Url` takes it
 * @param projectDir absolute path that relative URLs are relative to
 * @throws BadInputError naming what is allowed
 */
export function openStore(url: string, projectDir: string): SnapshotStore {
    const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(url)?.[1]?.toLowerCase();
    if (scheme !== undefined && Object.hasOwn(kinds, scheme)) {
        const open = kinds[scheme];
        if (open !== undefined) return open(url, projectDir);
    }
    // The URL itself is not shown: one of a wrong kind may hold a password.
    if (scheme === undefined) throw badStore("The snapshot store is no URL.");
    throw badStore(`There are no snapshot stores of the kind ${scheme}:.`);
}

function folderOf(url: string, projectDir: string): string {
    const rest = url.slice("file:".length);
    let folder: string;
    try {
        folder = rest.startsWith("//") ? fileURLToPath(url) : decodeURIComponent(rest);
    } catch {
        throw badStore(`${url} names no folder of this machine.`);
    }
    if (folder === "" || folder.includes("\0") || /[?#]/.test(rest)) throw badStore(`${url} names no folder.`);
    if (folder.startsWith("~")) throw badStore(`${url}: ~ is known to shells only.`);
    return path.resolve(projectDir, folder);
}

function badStore(what: string): BadInputError {
    return new BadInputError({
        what,
        where: { object: "snapshot.store" },
        state: "Nothing was touched.",
        next: allowed,
    });
}
