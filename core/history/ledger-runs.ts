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
    readonly who: string;
    readonly host: string;
    readonly pid: number;
}

/** Writes that a run has begun, with the plan that it is going to carry out. */
export async function recordRunStart(client: Client, run: StartedRun): Promise<void> {
    await client.query({
        text: `WITH s AS (INSERT INTO schemaward.run_steps (run_id, kind) VALUES ($1, 'planned'))
               INSERT INTO schemaward.runs (id, set_name, direction, from_version, to_version, digest, plan, who, host, pid, status)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'running')`,
        values: [
            run.id,
            run.set,
            run.direction,
            run.from,
            run.to,
            run.digest,
            JSON.stringify(run.plan),
            run.who,
            run.host,
            run.pid,
        ],
    });
}

/** Writes the plan as it is carried out, with what is lost counted anew. */
export async function recordPlan(client: Client, id: string, plan: unknown): Promise<void> {
    await client.query({
        text: "UPDATE schemaward.runs SET plan = $2 WHERE id = $1",
        values: [id, JSON.stringify(plan)],
    });
}

/** Writes that the snapshot before the scripts is taken and verified. */
export async function recordSnapshot(client: Client, id: string, snapshot: string): Promise<void> {
    await client.query({
        text: `WITH s AS (INSERT INTO schemaward.run_steps (run_id, kind) VALUES ($1, 'snapshotted'))
               UPDATE schemaward.runs SET snapshot = $2 WHERE id = $1`,
        values: [id, snapshot],
    });
}

/**
 * `gated`: traffic has ended; `verified`: ledger, history table and the stack's own queries were found as they have to be. Of a restore:
 * `restored`: the snapshot is in a database beside the live one, and is what its manifest says; `swapped`: that is in its place.
 */
export type JournalStep = "gated" | "verified" | "restored" | "swapped";

/** Writes a step of its own into a run's journal. */
export async function recordStep(client: Client, id: string, kind: JournalStep): Promise<void> {
    await client.query({
        text: `INSERT INTO schemaward.run_steps (run_id, kind) VALUES ($1, '${kind}')`,
        values: [id],
    });
}

/**
 * Takes the stored catalog away until the run's end: what a killed run has changed must not look like the work of other hands. For the
 * transaction right before the first script.
 */
export async function forgetCatalog(client: Client, set: string): Promise<void> {
    await client.query({
        text: "UPDATE schemaward.sets SET catalog = NULL, catalog_stamp = NULL, changed_at = now() WHERE name = $1",
        values: [set],
    });
}

/** Writes which history table the set keeps in step from now on. */
export async function recordMirror(client: Client, set: string, table: string | null): Promise<void> {
    await client.query({
        text: "UPDATE schemaward.sets SET mirror = coalesce($2, mirror) WHERE name = $1",
        values: [set, table],
    });
}

/** Writes that a run failed before its first script: nothing has changed but that. */
export async function recordRunGivenUp(client: Client, id: string, error: string): Promise<void> {
    await client.query({
        text: "UPDATE schemaward.runs SET status = 'failed', error = $2, ended_at = clock_timestamp() WHERE id = $1",
        values: [id, error],
    });
}

/**
 * Writes how a run ended whose scripts were begun, and the schema as it is now.
 * @param error null: everything was done and verified
 */
export async function recordRunEnd(
    client: Client,
    run: { readonly id: string; readonly set: string },
    error: string | null,
    /** The stamp is of a moment before the catalog was read. */
    schema: { readonly stamp: string; readonly catalog: readonly CatalogObject[]; readonly mirror: string | null },
): Promise<void> {
    await client.query({
        text: `WITH c AS (UPDATE schemaward.sets SET catalog = $4, catalog_stamp = $5, mirror = coalesce($6, mirror), changed_at = now()
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
