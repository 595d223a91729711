import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { manifestFormat, manifestSchema, type Manifest } from "../../core/snapshots/manifest";
import { writeSmall } from "../../core/snapshots/small-object";
import type { SnapshotStore } from "../../core/snapshots/store";

/** A snapshot as a store shows it, of an archive that no pg_restore would read: for what looks at listings alone. */
export async function make(
    store: SnapshotStore,
    name: string,
    created: string,
    more: Partial<Manifest> = {},
): Promise<Manifest> {
    const archive = Buffer.from(`archive of ${name}`);
    const manifest = manifestSchema.parse({
        format: manifestFormat,
        name,
        created,
        environment: "prod",
        project: "physioflow",
        stack: "prod",
        set: "physioflow",
        app: null,
        from: "027",
        to: "024",
        applied: [],
        schemaHash: null,
        database: { name: "app", systemIdentifier: null, serverVersion: "15.14" },
        archive: {
            format: "custom",
            pgDumpVersion: "15.14",
            bytes: archive.length,
            sha256: createHash("sha256").update(archive).digest("hex"),
        },
        tables: [],
        ...more,
    });
    await store.put(`${name}.dump`, Readable.from([archive]));
    await writeSmall(store, `${name}.manifest.json`, JSON.stringify({ ...manifest, colour: "blue" }));
    return manifest;
}
