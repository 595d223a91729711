import { writeSmall } from "./small-object";
import { ObjectExistsError, type SnapshotStore } from "./store";

/** A snapshot with this object beside it is not deleted by retention. */
export const protectedSuffix = ".protected";

/**
 * Keeps a snapshot from retention; one that is protected already is no error. Whether there is such a snapshot the caller knows.
 * @throws FailedError from the store
 */
export async function protectSnapshot(store: SnapshotStore, name: string): Promise<void> {
    try {
        await writeSmall(store, name + protectedSuffix, `${new Date().toISOString()}\n`);
    } catch (error) {
        if (!(error instanceof ObjectExistsError)) throw error;
    }
}

/**
 * Leaves a snapshot to retention again; one that is not protected is no error.
 * @throws FailedError from the store
 */
export async function unprotectSnapshot(store: SnapshotStore, name: string): Promise<void> {
    await store.delete(name + protectedSuffix);
}

/** @param objects names of what the store lists */
export function isProtected(objects: { has(name: string): boolean }, name: string): boolean {
    return objects.has(name + protectedSuffix);
}
