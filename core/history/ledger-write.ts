import type { Client } from "pg";
import { isSensitive } from "../sql/sensitive";
import { type Origin, storedSqlLimit } from "./ledger";

// No statement here is a named one: a script's DISCARD ALL or DEALLOCATE ALL would take it away from under us.

/** A script as the ledger keeps it. */
export interface StoredScript {
    readonly file: string;
    readonly sql: string;
    readonly checksum: string;
}

export interface AppliedMigration {
    readonly set: string;
    readonly version: string;
    readonly name: string;
    readonly format: string;
    readonly up: StoredScript;
    readonly down: StoredScript | undefined;
    readonly origin: Origin;
    readonly durationMs: number;
    readonly runId: string | null;
    readonly who: string;
}

/** The session whose advisory lock keeps other runs out. */
export interface LockHolder {
    readonly pid: number;
    /** Key of the advisory lock, a bigint in decimal. */
    readonly key: string;
}

const lockIsHeld = (pid: number, key: number): string =>
    `EXISTS (SELECT FROM pg_catalog.pg_locks l
              WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted AND l.pid = $${pid}::integer
                AND (l.classid::bigint << 32 | l.objid::bigint) = $${key}::bigint
                AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))`;

/**
 * Writes the rows of an applied migration; call in the migration's own transaction.
 * @returns false, and nothing is written, when `holder` no longer has its lock: roll back
 */
export async function recordApplied(client: Client, m: AppliedMigration, holder: LockHolder): Promise<boolean> {
    const { rowCount } = await client.query({
        text: `WITH step AS (
                   INSERT INTO schemaward.run_steps (run_id, kind, version, checksum, duration_ms)
                   SELECT $14::uuid, $11, $2, $6, $13::integer WHERE $14::uuid IS NOT NULL
               )
               INSERT INTO schemaward.migrations (set_name, version, name, format, up_file, up_checksum, up_sql, down_file, down_checksum,
                   down_sql, origin, applied_by, duration_ms, run_id)
               SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::integer, $14::uuid WHERE ${lockIsHeld(15, 16)}`,
        values: [
            m.set,
            m.version,
            m.name,
            m.format,
            m.up.file,
            m.up.checksum,
            storable(m.up.sql),
            m.down?.file ?? null,
            m.down?.checksum ?? null,
            m.down === undefined ? null : storable(m.down.sql),
            m.origin,
            m.who,
            Math.round(m.durationMs),
            m.runId,
            holder.pid,
            holder.key,
        ],
    });
    return rowCount === 1;
}

export interface UndoneMigration {
    readonly set: string;
    readonly version: string;
    readonly checksum: string;
    readonly durationMs: number;
    readonly runId: string | null;
}

/**
 * Deletes the row of a migration that was undone; call in the down script's own transaction.
 * @returns false, and nothing is deleted, when `holder` no longer has its lock: roll back
 */
export async function recordUndone(client: Client, m: UndoneMigration, holder: LockHolder): Promise<boolean> {
    const { rowCount } = await client.query({
        text: `WITH step AS (
                   INSERT INTO schemaward.run_steps (run_id, kind, version, checksum, duration_ms)
                   SELECT $3::uuid, 'undone', $2, $4, $5::integer WHERE $3::uuid IS NOT NULL
               )
               DELETE FROM schemaward.migrations WHERE set_name = $1 AND version = $2 AND ${lockIsHeld(6, 7)}`,
        values: [m.set, m.version, m.runId, m.checksum, Math.round(m.durationMs), holder.pid, holder.key],
    });
    return rowCount === 1;
}

function storable(sql: string): string | null {
    return Buffer.byteLength(sql, "utf8") > storedSqlLimit || isSensitive(sql) ? null : sql;
}

/** A script whose transactions are recorded one by one. */
export interface ProgressKey {
    readonly set: string;
    readonly version: string;
    readonly direction: "up" | "down";
    readonly checksum: string;
}

/** Marks a unit of a several-transaction script as begun or finished. */
export async function recordProgress(client: Client, key: ProgressKey, unit: number, finished: boolean): Promise<void> {
    await client.query({
        text: `INSERT INTO schemaward.progress (set_name, version, direction, checksum, unit, finished)
               VALUES ($1, $2, $3, $4, $5, $6)
               ON CONFLICT (set_name, unit) DO UPDATE SET finished = excluded.finished`,
        values: [key.set, key.version, key.direction, key.checksum, unit, finished],
    });
}

export async function clearProgress(client: Client, set: string): Promise<void> {
    await client.query({ text: "DELETE FROM schemaward.progress WHERE set_name = $1", values: [set] });
}
