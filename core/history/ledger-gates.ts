import type { Client } from "pg";

/** Traffic that is stopped, as the ledger has it: written before anything is stopped, gone when all is let in again. */
export interface RecordedGate {
    /** The run that stopped it, or that went on with it. */
    readonly runId: string;
    /** What traffic comes through, as it was before. */
    readonly parts: readonly unknown[];
    readonly who: string;
    readonly host: string;
    readonly since: Date;
    /** What is waited for before traffic may come in again, for people; null: the run's end. */
    readonly heldFor: string | null;
}

export interface GateRow {
    readonly run_id: string;
    readonly parts: readonly unknown[];
    readonly who: string;
    readonly host: string;
    readonly since: Date;
    readonly held_for: string | null;
}

/** A set's gate; parameter: its name. */
export const gateQuery =
    "SELECT run_id::pg_catalog.text AS run_id, parts, who, host, since, held_for FROM schemaward.gates WHERE set_name OPERATOR(pg_catalog.=) $1";

export function toRecordedGate({ run_id, held_for, ...same }: GateRow): RecordedGate {
    return { ...same, runId: run_id, heldFor: held_for };
}

/**
 * Whether the schema is another one than when traffic was stopped, by whatever run, or is half-way; of a ledger that is there. False where
 * none is stopped and nothing is half-way.
 */
export async function hasChangedSinceGate(client: Client, set: string): Promise<boolean> {
    const { rows } = await client.query<{ changed: boolean }>({
        text: `SELECT EXISTS (SELECT 1 FROM schemaward.progress WHERE set_name OPERATOR(pg_catalog.=) $1)
                   OR EXISTS (SELECT 1 FROM schemaward.gates AS g
                                JOIN schemaward.runs AS r ON r.set_name OPERATOR(pg_catalog.=) g.set_name
                                JOIN schemaward.run_steps AS s ON s.run_id OPERATOR(pg_catalog.=) r.id
                               WHERE g.set_name OPERATOR(pg_catalog.=) $1 AND s.kind IN ('applied', 'undone')
                                 AND s.at OPERATOR(pg_catalog.>=) g.since) AS changed`,
        values: [set],
    });
    return rows[0]?.changed !== false;
}

/** Writes what is going to be stopped, before it is: a run that dies after it leaves a ledger that knows. Keeps since when. */
export async function recordGate(
    client: Client,
    set: string,
    gate: Pick<RecordedGate, "runId" | "parts" | "who" | "host">,
): Promise<void> {
    await client.query({
        text: `INSERT INTO schemaward.gates AS g (set_name, run_id, parts, who, host) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (set_name) DO UPDATE SET run_id = excluded.run_id, parts = excluded.parts, who = excluded.who,
                   host = excluded.host, held_for = NULL`,
        values: [set, gate.runId, JSON.stringify(gate.parts), gate.who, gate.host],
    });
}

/** Writes that traffic stays stopped, and what for. */
export async function recordHeld(client: Client, set: string, heldFor: string): Promise<void> {
    await client.query({
        text: `WITH g AS (UPDATE schemaward.gates SET held_for = $2 WHERE set_name = $1 AND held_for IS DISTINCT FROM $2 RETURNING run_id)
               INSERT INTO schemaward.run_steps (run_id, kind) SELECT run_id, 'held' FROM g`,
        values: [set, heldFor],
    });
}

/** Writes that traffic is let in again: in the journal of the run that stopped it. */
export async function recordResumed(client: Client, set: string): Promise<void> {
    await client.query({
        text: `WITH g AS (DELETE FROM schemaward.gates WHERE set_name = $1 RETURNING run_id)
               INSERT INTO schemaward.run_steps (run_id, kind) SELECT run_id, 'resumed' FROM g`,
        values: [set],
    });
}
