import { existsSync, promises as fs } from "node:fs";
import type { Client } from "pg";
import type { Database } from "../../connection";
import { diskFull, FailedError, RefusedError } from "../../errors";
import { missingOwners, readNeeds } from "../../snapshots/archive-toc";
import type { Manifest } from "../../snapshots/manifest";
import { restoreArchive } from "../../snapshots/restore-archive";
import { needTool } from "../../snapshots/tool";
import type { Report } from "../events";
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
    /** The archive, a file of this machine. */
    readonly file: string;
    readonly jobs: number;
    readonly signal: AbortSignal | undefined;
    readonly report: Report;
}

const lookEveryMs = 1_000;

/**
 * Sees, before anything is touched, that the server has what the archive needs: roles, extensions, room.
 * @throws RefusedError naming what is missing
 */
export async function needOf(beside: Client, file: string, manifest: Manifest): Promise<void> {
    const pgRestore = await restoreTool(manifest);
    const needs = await readNeeds(pgRestore, file);
    const { rows } = await beside.query<{ roles: string[]; missing: string[]; folder: string | null; local: boolean }>({
        text: `SELECT ARRAY(SELECT rolname::text FROM pg_catalog.pg_roles) AS roles,
                      ARRAY(SELECT e FROM pg_catalog.unnest($1::text[]) AS e
                             WHERE e NOT IN (SELECT name::text FROM pg_catalog.pg_available_extensions)) AS missing,
                      pg_catalog.current_setting('data_directory', true) AS folder,
                      pg_catalog.inet_server_addr() IS NULL OR pg_catalog.inet_server_addr() = pg_catalog.inet_client_addr() AS local`,
        values: [needs.extensions],
    });
    const [server] = rows;
    if (server === undefined) throw new Error("no answer");
    const owners = missingOwners(needs, server.roles);
    const lacking = [
        ...owners.map((role) => `the role ${role}, which owns what is in the snapshot: CREATE ROLE`),
        ...server.missing.map((extension) => `the extension ${extension}: install its package on the server`),
    ];
    if (lacking.length > 0)
        throw new RefusedError({
            what: "The server lacks what the snapshot needs.",
            where: { object: manifest.name },
            detail: lacking,
            state: "Nothing was touched.",
            next: "Add what is missing, then run the same command again.",
        });
    // Nothing in SQL tells how much room a server has; one on this machine can be looked at.
    if (server.local && server.folder !== null) await needRoom(server.folder, manifest);
}

async function needRoom(folder: string, { databaseBytes, name }: Manifest): Promise<void> {
    if (databaseBytes === null || !existsSync(folder)) return;
    const { bavail, bsize } = await fs.statfs(folder);
    const free = bavail * bsize;
    if (free >= databaseBytes) return;
    throw new RefusedError({
        what: `The server has not enough room: the restored database takes about ${String(databaseBytes)} bytes beside the one that is there, and ${String(free)} are free.`,
        where: { object: name },
        state: "Nothing was touched.",
        next: `${diskFull.next} (databases kept from earlier restores are in schemaward snapshot list), then run the same command again.`,
    });
}

async function restoreTool({ archive, database }: Manifest): Promise<string> {
    const major = Math.max(Number.parseInt(archive.pgDumpVersion, 10), Number.parseInt(database.serverVersion, 10));
    return needTool("pg_restore", major, "archive");
}

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
            next: "Correct what it says, then run the same command again.",
            cause: error,
        });
    }
    const stop = watchSize(request);
    try {
        await restoreArchive({
            pgRestore: await restoreTool(manifest),
            file: request.file,
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
    const estimate = manifest.databaseBytes ?? 3 * manifest.archive.bytes;
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
