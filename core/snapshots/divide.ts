import type { Client } from "pg";

/** A table whose rows are dumped by themselves. */
export interface LargeTable {
    readonly schema: string;
    readonly name: string;
    readonly bytes: number;
}

/** Tables beyond these are too small to be worth a place in a command line. */
const mostTables = 200;

/**
 * Divides the rows of large tables among the jobs of a dump, the first of which has all the rest as well. Pure.
 * @param rest bytes of everything that is not in `tables`
 * @returns for each job after the first its tables; jobs that would have none are left out
 */
export function divide(tables: readonly LargeTable[], rest: number, jobs: number): readonly (readonly LargeTable[])[] {
    const loads = Array.from({ length: jobs }, (_, i) => ({ bytes: i === 0 ? rest : 0, tables: [] as LargeTable[] }));
    for (const table of [...tables].sort((a, b) => b.bytes - a.bytes)) {
        // The largest first, each to whoever has least to do (Graham 1969).
        const least = loads.reduce((a, b) => (b.bytes < a.bytes ? b : a));
        least.bytes += table.bytes;
        least.tables.push(table);
    }
    return loads.slice(1).flatMap((load) => (load.tables.length === 0 ? [] : [load.tables]));
}

/**
 * What there is to divide: the largest tables, and how much all the rest is.
 * @param client in the exporting transaction
 */
export async function readSizes(
    client: Client,
): Promise<{ readonly tables: readonly LargeTable[]; readonly rest: number }> {
    const { rows } = await client.query<{ schema: string; name: string; bytes: string | null }>(
        `SELECT n.nspname::text AS schema, c.relname::text AS name, pg_table_size(c.oid)::text AS bytes
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
          ORDER BY pg_table_size(c.oid) DESC NULLS LAST`,
    );
    const { rows: objects } = await client.query<{ bytes: string }>(
        "SELECT pg_table_size('pg_largeobject'::regclass)::text AS bytes",
    );
    const all = rows.map((row) => ({ ...row, bytes: Number(row.bytes ?? 0) }));
    const tables = all.slice(0, mostTables);
    const small = all.slice(mostTables).reduce((sum, { bytes }) => sum + bytes, 0);
    return { tables, rest: small + Number(objects[0]?.bytes ?? 0) };
}

/** The name as pg_dump's patterns take it, with nothing in it that is a pattern. */
export function patternOf({ schema, name }: Pick<LargeTable, "schema" | "name">): string {
    return [schema, name].map((part) => `"${part.replaceAll('"', '""')}"`).join(".");
}
