import type { Client } from "pg";
import type { Database } from "../../connection";
import { diskFull, FailedError } from "../../errors";
import { archiveBytes } from "../../snapshots/archive";
import type { Manifest } from "../../snapshots/manifest";
import { restoreArchive } from "../../snapshots/restore-archive";
import type { Report } from "../events";
import { restoreToolFor } from "./server-needs";
import { createStatement, type DatabaseProperties, giveProperties } from "./database-properties";
import { type Making, makingComment, withConnection } from "./server-databases";

/** What a database is restored by. */
export interface FreshRequest {
    readonly database: Database;
    /** To another database of the server. */
    readonly beside: Client;
    readonly like: DatabaseProperties;
    readonly manifest: Manifest;
    readonly making: Making;
    /** The archive, files of this machine. */
    readonly files: readonly string[];
    readonly jobs: number;
    readonly signal: AbortSignal | undefined;
    readonly report: Report;
}

const lookEveryMs = 1_000;

/**
 * Makes a database like the one that is there, under another name, and restores the archive into it; then ANALYZE. Owner, encoding, locale,
 * tablespace, rights, settings and labels are those of the one that is there.
 * @throws FailedError; what was made is still there
 */
export async function makeFresh(request: FreshRequest): Promise<void> {
    const { database, beside, like, making, manifest, signal, report } = request;
    const name = beside.escapeIdentifier(making.name);
    try {
        await beside.query(createStatement(beside, making.name, like));
        await beside.query(`COMMENT ON DATABASE ${name} IS ${beside.escapeLiteral(makingComment(making))}`);
    } catch (error) {
        throw new FailedError({
            what: `No database could be made to restore into: ${error instanceof Error ? error.message : String(error)}.`,
            where: { object: making.name },
            next: `${(error as { code?: unknown }).code === diskFull.code ? diskFull.next : "Correct what it says"}, then run the same command again.`,
            cause: error,
        });
    }
    const stop = watchSize(request);
    try {
        await restoreArchive({
            pgRestore: await restoreToolFor(manifest),
            files: request.files,
            libpq: await database.libpq(),
            database: making.name,
            jobs: request.jobs,
            signal,
        });
    } finally {
        await stop();
    }
    const fresh = database.sibling(making.name);
    report({ type: "restore-step", text: "restored; statistics are collected (ANALYZE)" });
    await withConnection(fresh, "restore analyze", async (client) => client.query("ANALYZE"));
    await withConnection(database.sibling(databaseOf(beside)), "restore", async (client) =>
        giveProperties(client, making.name, like),
    );
}

function databaseOf(client: Client): string {
    return client.database ?? "postgres";
}

/** Tells how far it is, by what the new database takes on disk. */
function watchSize({ beside, making, manifest, report }: FreshRequest): () => Promise<void> {
    let asked: Promise<unknown> = Promise.resolve();
    const estimate = manifest.databaseBytes ?? 3 * archiveBytes(manifest);
    const look = async (): Promise<void> => {
        try {
            const { rows } = await beside.query<{ bytes: string }>({
                text: "SELECT pg_catalog.pg_database_size($1::name)::text AS bytes",
                values: [making.name],
            });
            report({ type: "restoring", bytes: Number(rows[0]?.bytes ?? 0), estimate });
        } catch {
            // It is only told.
        }
    };
    const timer = setInterval(() => {
        asked = asked.then(look);
    }, lookEveryMs);
    return async () => {
        clearInterval(timer);
        await asked;
    };
}
