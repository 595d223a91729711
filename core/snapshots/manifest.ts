import type { Readable } from "node:stream";
import { z } from "zod";
import { FailedError } from "../errors";
import { snapshotKinds } from "./name";

/** Name of the manifest's form, docs/snapshots.md. It changes only together with its number; readers ignore keys they do not know. */
export const manifestFormat = "schemaward/snapshot/1";

const count = z.int().nonnegative();
const text = z.string().min(1);
const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** A snapshot's manifest, as stored. It holds no secret and no address of a server. */
export const manifestSchema = z.object({
    format: z.literal(manifestFormat),
    /** The snapshot's name; `<name>.dump` is the archive. */
    name: text,
    /** When the archive's contents were true, UTC. */
    created: z.iso.datetime(),
    /** Why it was taken. Keys with a default are missing in manifests of earlier schemawards. */
    kind: z.enum(snapshotKinds).default("pre-migration"),
    /** A restore point's own label; null for the others. */
    label: text.nullable().default(null),
    environment: text,
    project: z.string(),
    stack: z.string(),
    /** Name of the set of migrations in the ledger. */
    set: text,
    /** Version of the application that the run was for. */
    app: text.nullable(),
    /** Version the database was at, and the one the run was going to; null is nothing applied. */
    from: text.nullable(),
    to: text.nullable(),
    /** What was applied, in the order of applying; checksum is SHA-256 of the up script. */
    applied: z.array(z.object({ version: text, checksum: z.string() })),
    /** Hash of the catalog, as the caller computes it; null when there was none. */
    schemaHash: text.nullable(),
    database: z.object({
        name: text,
        /** PostgreSQL's own identifier of the cluster; null where the server does not tell. */
        systemIdentifier: text.nullable(),
        /** `15.14` */
        serverVersion: text,
    }),
    /** What the database took on the server's disk (pg_database_size); null where that is not known. */
    databaseBytes: count.nullable().default(null),
    archive: z.object({
        /** The form `pg_dump --format=custom` writes. */
        format: z.literal("custom"),
        pgDumpVersion: text,
        bytes: count,
        sha256: hash,
        /** Further objects, `<name>.dump.1` and so on, with the rows of large tables: of a dump with several jobs. */
        parts: z
            .array(
                z.object({
                    bytes: count,
                    sha256: hash,
                    tables: z.array(z.object({ schema: text, name: text })),
                }),
            )
            .default([]),
        /** How all of them are encrypted; null: they are not. Sizes and hashes are of what is stored. */
        encryption: z
            .object({ format: z.literal("age"), recipients: z.array(text) })
            .nullable()
            .default(null),
    }),
    /** Rows of each table in the very state that was dumped. */
    tables: z.array(z.object({ schema: text, name: text, rows: count, exact: z.boolean() })),
});

export type Manifest = Readonly<z.infer<typeof manifestSchema>>;

export const dumpSuffix = ".dump";
export const manifestSuffix = ".manifest.json";

/** A manifest's bytes, as they are stored. */
export function manifestText(manifest: Manifest): Buffer {
    return Buffer.from(`${JSON.stringify(manifest, undefined, 4)}\n`);
}

/** Far above any real manifest: 1 MB holds some 10,000 tables. */
export const manifestMaxBytes = 64 * 1024 * 1024;

/**
 * Reads a manifest from a store's stream.
 * @param name the snapshot's, which the manifest must bear
 * @throws FailedError saying what is wrong with it
 */
export async function readManifest(body: Readable, name: string): Promise<Manifest> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of body) {
        chunks.push(chunk as Buffer);
        bytes += (chunk as Buffer).length;
        if (bytes > manifestMaxBytes) throw damaged(name, "it is too large for one");
    }
    let json: unknown;
    try {
        json = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    } catch {
        throw damaged(name, "it is no JSON");
    }
    const parsed = manifestSchema.safeParse(json);
    if (!parsed.success) {
        const format = (json as { format?: unknown } | null)?.format;
        if (typeof format === "string" && format !== manifestFormat)
            throw damaged(name, `its format is ${format.slice(0, 60)}, and this schemaward reads ${manifestFormat}`);
        throw damaged(
            name,
            parsed.error.issues
                .slice(0, 3)
                .map((i) => `${i.path.join(".")}: ${i.message}`)
                .join("; "),
        );
    }
    if (parsed.data.name !== name) throw damaged(name, `it is the manifest of ${parsed.data.name}`);
    return parsed.data;
}

function damaged(name: string, why: string): FailedError {
    return new FailedError({
        what: `The manifest cannot be used: ${why}.`,
        where: { object: `${name}${manifestSuffix}` },
        state: "Nothing was changed.",
        next: "Take another snapshot; this one is none without its manifest.",
    });
}
