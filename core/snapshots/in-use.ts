import { randomBytes } from "node:crypto";
import { writeSmall } from "./small-object";
import type { SnapshotStore, StoredObject } from "./store";

/** `<name>.in-use-<pid>-<random>`: somebody reads this snapshot, and retention is to leave it alone. */
const mark = /^(.+)\.in-use-\d+-[0-9a-f]{6}$/;

/** The mark of a reader that was killed stays; after this it counts no more. */
const staleAfterMs = 24 * 3_600_000;
const renewEveryMs = 6 * 3_600_000;

/**
 * Does something with a snapshot while a mark in the store keeps retention from deleting it. The mark has to be there before the
 * manifest is read: retention looks for marks once more when it has deleted that, and puts it back if there is one.
 * @param work reads the manifest, then the archive
 * @param onUnmarked is told why no mark could be left: a key that may only read is enough to read
 */
export async function whileInUse<T>(
    store: SnapshotStore,
    name: string,
    work: () => Promise<T>,
    onUnmarked: (error: unknown) => void = () => undefined,
): Promise<T> {
    let current = await leaveMark(store, name).catch((error: unknown) => {
        onUnmarked(error);
        return undefined;
    });
    let renewing = Promise.resolve();
    const renew = async (): Promise<void> => {
        if (current === undefined) return;
        const next = await leaveMark(store, name).catch(() => undefined);
        if (next === undefined) return;
        const before = current;
        current = next;
        await store.delete(before).catch(() => undefined);
    };
    const timer = setInterval(() => {
        renewing = renewing.then(renew);
    }, renewEveryMs).unref();
    try {
        return await work();
    } finally {
        clearInterval(timer);
        await renewing;
        if (current !== undefined) await store.delete(current).catch(() => undefined);
    }
}

async function leaveMark(store: SnapshotStore, name: string): Promise<string> {
    const object = `${name}.in-use-${String(process.pid)}-${randomBytes(3).toString("hex")}`;
    await writeSmall(store, object, `${String(process.pid)}\n`);
    return object;
}

/** Which snapshot an object marks as being read; undefined for any other object. */
export function markedBy(object: string): string | undefined {
    return mark.exec(object)?.[1];
}

/** The snapshots that somebody reads now. */
export function inUse(objects: Iterable<StoredObject>, now: Date): ReadonlySet<string> {
    const names = new Set<string>();
    for (const { name, modified } of objects) {
        const marked = markedBy(name);
        if (marked !== undefined && now.getTime() - modified.getTime() < staleAfterMs) names.add(marked);
    }
    return names;
}
