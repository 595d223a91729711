import type { Client } from "pg";
import type { CatalogObject } from "../sql/observation";
import { packCatalog } from "./stored-catalog";

export interface StartedRun {
    readonly id: string;
    readonly set: string;
    readonly direction: string;
    readonly from: string | null;
    readonly to: string | null;
    readonly digest: string;
    /** The plan as JSON. */
    readonly plan: unknown;
    readonly snapshot: string | null;
    readonly who: string;
    readonly host: string;
    readonly pid: number;
}

/**
 * Writes that a run has begun. The stored catalog is taken away until the run's end: what a killed run has changed must
 * not look like the work of other hands.
 */
export async function recordRunStart(client: Client, run: StartedRun): Promise<void> {
    await client.query({
        text: `WITH s AS (UPDATE schemaward.sets SET catalog = NULL, catalog_stamp = NULL, changed_at = now() WHERE name = $2)
               INSERT INTO schemaward.runs (id, set_name, direction, from_version, to_version, digest, plan, snapshot, who, host, pid, status)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'running')`,
        values: [
            run.id,
            run.set,
            run.direction,
            run.from,
            run.to,
            run.digest,
            JSON.stringify(run.plan),
            run.snapshot,
            run.who,
            run.host,
            run.pid,
        ],
    });
}

/** Writes how a run ended, and the schema as it is now. */
export async function recordRunEnd(
    client: Client,
    run: { readonly id: string; readonly set: string },
    error: string | null,
    /** The stamp is of a moment before the catalog was read. */
    schema: { readonly stamp: string; readonly catalog: readonly CatalogObject[]; readonly mirror: string | null },
): Promise<void> {
    await client.query({
        text: `WITH s AS (UPDATE schemaward.sets SET catalog = $4, catalog_stamp = $5, mirror = coalesce($6, mirror), changed_at = now()
                           WHERE name = $2)
               UPDATE schemaward.runs SET status = CASE WHEN $3::text IS NULL THEN 'done' ELSE 'failed' END,
                   error = $3::text, ended_at = clock_timestamp() WHERE id = $1`,
        values: [run.id, run.set, error, packCatalog(schema.catalog), schema.stamp, schema.mirror],
    });
}

/** Id of the run in this database that began last, of whatever set. */
export async function readLastRun(client: Client): Promise<string | undefined> {
    const { rows } = await client.query<{ id: string }>(
        "SELECT id::text AS id FROM schemaward.runs ORDER BY started_at DESC LIMIT 1",
    );
    return rows[0]?.id;
}
