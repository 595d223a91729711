import { createHash } from "node:crypto";
import type { ArchiveObject } from "./archive";
import { type ArchiveKey, decrypt } from "./encryption";
import type { Manifest } from "./manifest";
import type { SnapshotStore } from "./store";

/**
 * Reads one of an archive's objects, once, as pg_dump wrote it: decrypted where it is encrypted, while what is stored is counted and hashed as
 * it passes by.
 */
export class ArchiveSource {
    private readonly hash = createHash("sha256");
    /** Stored bytes that were read so far. */
    read = 0;

    /** @param key what opens it, where it is encrypted */
    constructor(
        private readonly store: SnapshotStore,
        private readonly stored: ArchiveObject,
        private readonly encryption: Manifest["archive"]["encryption"],
        private readonly key: ArchiveKey | undefined,
    ) {}

    /** @throws FailedError from the store or when it cannot be decrypted, BadInputError without the right key */
    async *pieces(): AsyncGenerator<Buffer> {
        if (this.encryption === null) yield* this.counted();
        else yield* await decrypt(this.key, this.stored.object, this.counted());
    }

    /** When all was read: in what it is not what the manifest says, for people; empty: in nothing. */
    faults(): string[] {
        const { object, bytes, sha256, tables } = this.stored;
        const which = tables === null ? "" : `${object}: `;
        const found = this.hash.copy().digest("hex");
        return [
            ...(this.read === bytes
                ? []
                : [`${which}size: ${String(this.read)} bytes, the manifest says ${String(bytes)}`]),
            ...(found === sha256 ? [] : [`${which}SHA-256: ${found}, the manifest says ${sha256}`]),
        ];
    }

    /** What is stored, counted and hashed as it passes by. */
    private async *counted(): AsyncGenerator<Buffer> {
        for await (const piece of await this.store.get(this.stored.object)) {
            const chunk = piece as Buffer;
            this.hash.update(chunk);
            this.read += chunk.length;
            yield chunk;
        }
    }
}
