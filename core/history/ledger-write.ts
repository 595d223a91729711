import type { Client } from "pg";
import { isSensitive } from "../sql/sensitive";
import { type Origin, storedSqlLimit } from "./ledger";

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

/** Writes the row of an applied migration; call in the migration's own transaction. */
export async function recordApplied(client: Client, m: AppliedMigration): Promise<void> {
    await client.query({
        name: "schemaward_record_applied",
        text: `INSERT INTO schemaward.migrations (set_name, version, name, format, up_file, up_checksum, up_sql, down_file, down_checksum,
                   down_sql, origin, applied_by, duration_ms, run_id)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
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
            m.durationMs,
            m.runId,
        ],
    });
}

/** Deletes the row of a migration that was undone; call in the down script's own transaction. */
export async function recordUndone(client: Client, set: string, version: string): Promise<void> {
    await client.query({
        name: "schemaward_record_undone",
        text: "DELETE FROM schemaward.migrations WHERE set_name = $1 AND version = $2",
        values: [set, version],
    });
}

function storable(sql: string): string | null {
    return Buffer.byteLength(sql, "utf8") > storedSqlLimit || isSensitive(sql) ? null : sql;
}

/** A line of the run's record: `up`, `down`, `adopted`, `snapshot`, … */
export async function recordStep(
    client: Client,
    runId: string,
    kind: string,
    step: { version?: string; checksum?: string; durationMs?: number },
): Promise<void> {
    await client.query({
        name: "schemaward_record_step",
        text: "INSERT INTO schemaward.run_steps (run_id, kind, version, checksum, duration_ms) VALUES ($1, $2, $3, $4, $5)",
        values: [runId, kind, step.version ?? null, step.checksum ?? null, step.durationMs ?? null],
    });
}

/** Marks a unit of a several-transaction script as begun or finished. */
export async function recordProgress(
    client: Client,
    key: { set: string; version: string; direction: "up" | "down"; checksum: string },
    unit: number,
    finished: boolean,
): Promise<void> {
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
