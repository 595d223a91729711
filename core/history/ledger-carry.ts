import type { Client } from "pg";
import { prepareLedger } from "./ledger-tables";

/** Rows of one question: a run's plan may have some hundred kilobytes. */
const pageRows = 100;

/** The ledger's tables that tell what was done to a database, whatever is in it; in the order of their keys. */
const journals = [
    { table: "runs", key: "id", of: "id" },
    { table: "run_steps", key: "run_id, seq", of: "run_id" },
    { table: "gates", key: "set_name", of: "run_id" },
] as const;

/**
 * Carries what happened to a database into the one that was restored from its snapshot: runs, their journals, what traffic is stopped, whose the sets
 * are. Which migrations are applied stays as restored: that is what the schema is.
 * @param live in no transaction
 * @param fresh in no transaction; gets ledger tables where the snapshot is from before there were any
 */
export async function carryLedger(live: Client, fresh: Client): Promise<void> {
    await prepareLedger(fresh);
    await live.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    await fresh.query("BEGIN");
    try {
        const { rows: known } = await live.query<{ id: string }>("SELECT id::text AS id FROM schemaward.runs");
        const runs = known.map((row) => row.id);
        for (const { table, key, of } of journals) {
            // What only the snapshot has stays: the history from another server, say. Of traffic only now counts.
            await fresh.query(
                table === "gates"
                    ? "DELETE FROM schemaward.gates"
                    : `DELETE FROM schemaward.${table} WHERE ${of} = ANY ($1::uuid[])`,
                table === "gates" ? [] : [runs],
            );
            for (let from = 0; ; from += pageRows) {
                const { rows } = await live.query<{ page: string; n: string }>(
                    `SELECT coalesce(pg_catalog.json_agg(pg_catalog.to_json(t)), '[]')::text AS page, count(*) AS n
                       FROM (SELECT * FROM schemaward.${table} ORDER BY ${key} LIMIT ${String(pageRows)} OFFSET ${String(from)}) t`,
                );
                if (Number(rows[0]?.n ?? 0) === 0) break;
                await fresh.query({
                    text: `INSERT INTO schemaward.${table} OVERRIDING SYSTEM VALUE
                           SELECT * FROM pg_catalog.json_populate_recordset(NULL::schemaward.${table}, $1)`,
                    values: [rows[0]?.page],
                });
            }
        }
        await fresh.query(
            `SELECT pg_catalog.setval(pg_catalog.pg_get_serial_sequence('schemaward.run_steps', 'seq'),
                                      (SELECT coalesce(max(seq), 0) + 1 FROM schemaward.run_steps), false)`,
        );
        const { rows: sets } = await live.query<SetRow>(
            "SELECT name, project, stack, environment, system_identifier FROM schemaward.sets",
        );
        // One that the snapshot does not know yet may still have another tool's history to adopt: a row here would keep it from that.
        for (const { name, project, stack, environment, system_identifier } of sets)
            await fresh.query({
                text: `UPDATE schemaward.sets SET project = $2, stack = $3, environment = $4, system_identifier = $5, changed_at = now()
                        WHERE name = $1`,
                values: [name, project, stack, environment, system_identifier],
            });
        await fresh.query("COMMIT");
    } catch (error) {
        await fresh.query("ROLLBACK").catch(() => undefined);
        throw error;
    } finally {
        await live.query("ROLLBACK").catch(() => undefined);
    }
}

interface SetRow {
    readonly name: string;
    readonly project: string;
    readonly stack: string;
    readonly environment: string;
    readonly system_identifier: string | null;
}
