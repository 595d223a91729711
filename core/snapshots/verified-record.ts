import { z } from "zod";
import { readSmall, writeSmall } from "./small-object";
import type { SnapshotStore } from "./store";

/** What the last look into a snapshot has shown, beside it in the store. Without one, it was verified when it was taken. */
export const verifiedSuffix = ".verified";

const recordSchema = z.object({ at: z.iso.datetime(), ok: z.boolean(), why: z.string().optional() });

/** Whether a snapshot is what its manifest says; `at` is UTC, ISO 8601, of the last look into it. */
export type Verified =
    { readonly ok: true; readonly at: string } | { readonly ok: false; readonly at: string; readonly why: string };

/**
 * @returns undefined for one that cannot be read
 * @throws FailedError from the store
 */
export async function readRecord(store: SnapshotStore, name: string): Promise<Verified | undefined> {
    const text = await readSmall(store, name + verifiedSuffix);
    try {
        const { at, ok, why } = recordSchema.parse(JSON.parse(text));
        return ok ? { ok, at } : { ok, at, why: why ?? "it is damaged" };
    } catch {
        return undefined;
    }
}

/** Puts a record in the place of the one before. @throws FailedError from the store */
export async function writeRecord(store: SnapshotStore, name: string, record: Verified): Promise<void> {
    await store.delete(name + verifiedSuffix);
    await writeSmall(store, name + verifiedSuffix, `${JSON.stringify(record)}\n`);
}
