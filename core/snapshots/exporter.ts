import type { Client } from "pg";
import { FailedError } from "../errors";
import { redactSql } from "../sql/sensitive";

/** What is known of a database when its snapshot is exported. */
export interface Exported {
    /** For pg_dump --snapshot. */
    readonly snapshotId: string;
    readonly database: string;
    readonly systemIdentifier: string | null;
    /** `15.14` */
    readonly serverVersion: string;
    /** Of the whole database on disk, indexes and all. */
    readonly databaseBytes: number;
}

/** Longest wait for a table's lock, for the row counts and for pg_dump. */
export const lockWaitMs = 60_000;

/**
 * Opens the transaction whose snapshot the dump and the row counts share. It stays open until the connection ends.
 * Settings that would end it while it idles during a long dump are switched off for it.
 * @param client a connection of its own, outside a transaction
 * @throws FailedError
 */
export async function exportSnapshot(client: Client): Promise<Exported> {
    try {
        await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        await client.query(
            `SET LOCAL search_path = pg_catalog; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = ${String(lockWaitMs)};
             SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL row_security = off`,
        );
        const { rows } = await client.query<ExportRow>(
            `SELECT pg_catalog.pg_export_snapshot() AS snapshot, pg_catalog.current_database() AS database,
                    pg_catalog.pg_database_size(pg_catalog.current_database())::text AS bytes,
                    pg_catalog.current_setting('server_version') AS version,
                    pg_catalog.current_setting('server_version_num')::int AS num,
                    has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') AS may`,
        );
        const row = rows[0];
        if (row === undefined) throw new Error("no answer");
        if (row.num >= 170_000) await client.query("SET LOCAL transaction_timeout = 0");
        const { rows: control } = row.may
            ? await client.query<{ id: string }>(
                  "SELECT system_identifier::text AS id FROM pg_catalog.pg_control_system()",
              )
            : { rows: [] };
        return {
            snapshotId: row.snapshot,
            database: row.database,
            systemIdentifier: control[0]?.id ?? null,
            serverVersion: row.version.split(" ", 1)[0] ?? row.version,
            databaseBytes: Number(row.bytes),
        };
    } catch (error) {
        throw new FailedError({
            what: `No snapshot could be exported: ${messageOf(error)}`,
            state: "No snapshot was taken; the database is unchanged.",
            next: "Check the server's log and run again.",
            cause: error,
        });
    }
}

interface ExportRow {
    snapshot: string;
    database: string;
    bytes: string;
    version: string;
    num: number;
    may: boolean;
}

/** A server's message, fit to be shown. */
export function messageOf(error: unknown): string {
    return redactSql(error instanceof Error ? error.message : String(error));
}
