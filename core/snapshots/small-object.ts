import { Readable } from "node:stream";
import type { SnapshotStore } from "./store";

/**
 * Reads an object that fits into memory.
 * @param longest bytes
 * @throws FailedError from the store, Error for one that is too long
 */
export async function readWhole(store: SnapshotStore, name: string, longest: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of await store.get(name)) {
        chunks.push(chunk as Buffer);
        bytes += (chunk as Buffer).length;
        if (bytes > longest) throw new Error(`${name} is longer than ${String(longest)} bytes`);
    }
    return Buffer.concat(chunks);
}

/** Reads an object that is a few lines long. @throws as `readWhole` does */
export async function readSmall(store: SnapshotStore, name: string): Promise<string> {
    return (await readWhole(store, name, 65_536)).toString("utf8");
}

/** Writes an object that is a few lines long. @throws as the store's `put` does */
export async function writeSmall(store: SnapshotStore, name: string, text: string): Promise<void> {
    await store.put(name, Readable.from([Buffer.from(text)]));
}
