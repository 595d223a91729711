import type { Client } from "pg";
import { FailedError } from "../errors";
import { messageOf } from "./exporter";

/** Rows of one table; partitions are tables of their own. */
export interface TableRows {
    readonly schema: string;
    readonly name: string;
    readonly rows: number;
    /** False: estimated from the table's size and the statistics of its last ANALYZE. */
    readonly exact: boolean;
}

/** Tables with more rows than this, as estimated, are not counted. */
export const exactLimit = 1_000_000;

/** Tables whose rows pg_dump writes: no partitioned parents, no foreign or temporary tables, none of an extension. */
const tablesQuery = `
    SELECT n.nspname AS schema, c.relname AS name, format('%I.%I', n.nspname, c.relname) AS quoted,
           pg_relation_size(c.oid)::float8 / current_setting('block_size')::int AS pages,
           CASE WHEN c.reltuples >= 0 AND c.relpages > 0
                THEN c.reltuples::float8 / c.relpages * pg_relation_size(c.oid) / current_setting('block_size')::int END AS rows
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND c.relpersistence <> 't'
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
     ORDER BY n.nspname, c.relname`;

interface TableRow {
    schema: string;
    name: string;
    quoted: string;
    pages: number;
    rows: number | null;
}

/**
 * Lists the tables and locks them in ACCESS SHARE mode, as pg_dump does, so that what is counted later is what was dumped: a
 * TRUNCATE or DROP in between would not respect the transaction's snapshot.
 * @param client in the exporting transaction
 * @throws FailedError when one may not be read, is gone, or stays locked
 */
export async function lockTables(client: Client): Promise<readonly TableToCount[]> {
    try {
        const { rows } = await client.query<TableRow>(tablesQuery);
        for (let i = 0; i < rows.length; i += 200) {
            const names = rows.slice(i, i + 200).map((row) => `ONLY ${row.quoted}`);
            await client.query(`LOCK TABLE ${names.join(", ")} IN ACCESS SHARE MODE`);
        }
        return rows;
    } catch (error) {
        throw new FailedError({
            what: `The tables cannot be read for a snapshot: ${messageOf(error)}`,
            state: "No snapshot was taken; the database is unchanged.",
            next: nextFor((error as { code?: unknown }).code),
            cause: error,
        });
    }
}

export type TableToCount = Readonly<TableRow>;

/**
 * Counts the rows of tables in the exporting transaction's snapshot.
 * @param limit tables estimated to have more rows are not counted
 * @throws FailedError
 */
export async function countRows(
    client: Client,
    tables: readonly TableToCount[],
    limit: number = exactLimit,
): Promise<TableRows[]> {
    const counted: TableRows[] = [];
    try {
        for (const { schema, name, quoted, pages, rows } of tables) {
            const estimate = pages === 0 ? 0 : (rows ?? (await plannersEstimate(client, quoted)));
            const exact = estimate <= limit;
            counted.push({
                schema,
                name,
                exact,
                rows: exact ? await exactCount(client, quoted) : Math.round(estimate),
            });
        }
        return counted;
    } catch (error) {
        throw new FailedError({
            what: `The rows cannot be counted: ${messageOf(error)}`,
            state: "No snapshot was stored; the database is unchanged.",
            next: "Run again; if it stays so, look into the server's log.",
            cause: error,
        });
    }
}

async function exactCount(client: Client, quoted: string): Promise<number> {
    const { rows } = await client.query<{ n: string }>(`SELECT count(*) AS n FROM ONLY ${quoted}`);
    return Number(rows[0]?.n ?? 0);
}

/** For a table that was never analyzed. */
async function plannersEstimate(client: Client, quoted: string): Promise<number> {
    const { rows } = await client.query<{ "QUERY PLAN": [{ Plan: { "Plan Rows": number } }] }>(
        `EXPLAIN (FORMAT JSON) SELECT FROM ONLY ${quoted}`,
    );
    return rows[0]?.["QUERY PLAN"][0].Plan["Plan Rows"] ?? 0;
}

function nextFor(code: unknown): string {
    switch (code) {
        case "42501":
            return "Grant the role that logs in SELECT on all tables (or pg_read_all_data): a snapshot holds the whole database.";
        case "55P03":
            return "A session holds a table exclusively (look for AccessExclusiveLock in pg_locks): let it end, then run again.";
        case "42P01":
            return "The schema was changed at the same moment by other hands: let that end, then run again.";
        default:
            return "Check the server's log and run again.";
    }
}
