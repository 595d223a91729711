import type { Client } from "pg";
import { FailedError } from "../errors";
import { messageOf } from "./exporter";

/** Rows of one table; partitions are tables of their own. */
export interface TableRows {
    readonly schema: string;
    readonly name: string;
    readonly rows: number;
    /** False: estimated, or the table was truncated or rewritten by other hands at that very moment. */
    readonly exact: boolean;
}

/** Tables with more rows than this, as estimated, are not counted. */
export const exactLimit = 1_000_000;

/** Tables whose rows pg_dump writes: no partitioned parents, no foreign or temporary tables, none of an extension. */
const tablesQuery = `
    SELECT n.nspname AS schema, c.relname AS name, format('%I.%I', n.nspname, c.relname) AS quoted,
           c.oid, c.relfilenode AS file,
           pg_relation_size(c.oid)::float8 / current_setting('block_size')::int AS pages,
           CASE WHEN c.reltuples >= 0 AND c.relpages > 0
                THEN c.reltuples::float8 / c.relpages * pg_relation_size(c.oid) / current_setting('block_size')::int END AS rows
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND c.relpersistence <> 't'
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
     ORDER BY n.nspname, c.relname`;

interface Table {
    readonly schema: string;
    readonly name: string;
    readonly quoted: string;
    readonly oid: number;
    readonly file: number;
    /** Null when it was dropped since the snapshot. */
    readonly pages: number | null;
    /** By the last ANALYZE and the present size; null when it was never analyzed. */
    readonly rows: number | null;
}

/**
 * Counts the rows of all tables in the exporting transaction's snapshot, as pg_dump sees them.
 *
 * Tables are not locked beforehand: a TRUNCATE queueing between our lock and pg_dump's would stop pg_dump. TRUNCATE does not
 * respect snapshots, so a count is exact only if the table still has the file that it has in the snapshot.
 * @param client in the exporting transaction
 * @param limit tables estimated to have more rows are not counted
 * @throws FailedError
 */
export async function countRows(client: Client, limit: number = exactLimit): Promise<TableRows[]> {
    try {
        const { rows: tables } = await client.query<Table>(tablesQuery);
        const counted: TableRows[] = [];
        for (const table of tables) {
            const { schema, name } = table;
            counted.push({ schema, name, ...(await rowsOf(client, table, limit)) });
        }
        return counted;
    } catch (error) {
        throw new FailedError({
            what: `The rows cannot be counted: ${messageOf(error)}`,
            state: "No snapshot was stored; the database is unchanged.",
            next: nextFor(error),
            cause: error,
        });
    }
}

async function rowsOf(client: Client, table: Table, limit: number): Promise<Pick<TableRows, "rows" | "exact">> {
    const known = table.pages === 0 ? 0 : table.rows;
    if (known !== null && known > limit) return { rows: Math.round(known), exact: false };
    await client.query("SAVEPOINT one_table");
    try {
        const estimate = known ?? (await plannersEstimate(client, table.quoted));
        if (estimate > limit) return { rows: Math.round(estimate), exact: false };
        const { rows } = await client.query<{ n: string; file: number | null }>(
            `SELECT count(*) AS n, pg_relation_filenode(${String(table.oid)}) AS file FROM ONLY ${table.quoted}`,
        );
        return { rows: Number(rows[0]?.n ?? 0), exact: rows[0]?.file === table.file };
    } catch (error) {
        // Gone, or locked exclusively for long: if that matters to the dump, pg_dump says so.
        if (!["42P01", "3F000", "55P03"].includes(String((error as { code?: unknown }).code))) throw error;
        await client.query("ROLLBACK TO SAVEPOINT one_table");
        return { rows: Math.round(known ?? 0), exact: false };
    }
}

/** For a table that was never analyzed. */
async function plannersEstimate(client: Client, quoted: string): Promise<number> {
    const { rows } = await client.query<{ "QUERY PLAN": [{ Plan: { "Plan Rows": number } }] }>(
        `EXPLAIN (FORMAT JSON) SELECT FROM ONLY ${quoted}`,
    );
    return rows[0]?.["QUERY PLAN"][0].Plan["Plan Rows"] ?? 0;
}

function nextFor(error: unknown): string {
    if ((error as { code?: unknown }).code !== "42501") return "Run again; if it stays so, look into the server's log.";
    return messageOf(error).includes("row-level security")
        ? "Let a role with BYPASSRLS log in: with row security, rows would be missing from the snapshot."
        : "Grant the role that logs in SELECT on all tables (or pg_read_all_data): a snapshot holds the whole database.";
}
