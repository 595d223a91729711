import type { Client } from "pg";
import { splitLast } from "../../core/plan/names";
import type { Loss } from "../../core/plan/plan";

/** Everything in the tables of a database, by OID, so that a rename is no loss. */
export interface Contents {
    readonly tables: ReadonlyMap<number, Table>;
    /** Relations of every kind, without indexes and those of sessions, by OID. */
    readonly relations: ReadonlyMap<number, Relation>;
}

interface Table {
    /** The topmost table that it is a partition or a child of, or its own name. */
    readonly root: string;
    readonly columns: ReadonlyMap<number, string>;
    /** Values as text, in the order of `columns`. */
    readonly rows: readonly (readonly (string | null)[])[];
}

interface Relation {
    readonly name: string;
    readonly kind: string;
    /** Itself, the tables that it is a partition or a child of, and for a sequence the one that it belongs to. */
    readonly goesWith: readonly string[];
}

const userSchemas = "n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'schemaward')";

/** Reads all rows of all tables; generated columns are derived, and left out. */
export async function readContents(client: Client): Promise<Contents> {
    const found = await client.query<{ oid: number; name: string; root: string; columns: [number, string][] | null }>(
        `WITH RECURSIVE up(oid, top) AS (
             SELECT oid, oid FROM pg_class
             UNION ALL SELECT up.oid, i.inhparent FROM up JOIN pg_inherits i ON i.inhrelid = up.top)
         SELECT c.oid::int, c.oid::regclass::text AS name,
             (SELECT max(top::regclass::text) FROM up WHERE up.oid = c.oid
                 AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = up.top)) AS root,
             (SELECT json_agg(json_build_array(attnum, quote_ident(attname)) ORDER BY attnum) FROM pg_attribute a
               WHERE a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '') AS columns
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND ${userSchemas}`,
    );
    const tables = new Map<number, Table>();
    for (const { oid, name, root, columns } of found.rows) {
        const list = (columns ?? []).map(([, column]) => `${column}::text`).join(", ");
        const { rows } = await client.query<(string | null)[]>({
            text: `SELECT ${list} FROM ONLY ${name}`,
            rowMode: "array",
        });
        tables.set(oid, { root, columns: new Map(columns), rows });
    }
    const relations = await client.query<{ oid: number; name: string; kind: string; with: string[] }>(
        `WITH RECURSIVE owns(oid, owner) AS (
             SELECT inhrelid, inhparent FROM pg_inherits
             UNION ALL SELECT objid, refobjid FROM pg_depend
                        WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i')),
         up(oid, owner) AS (SELECT oid, oid FROM pg_class UNION SELECT up.oid, o.owner FROM up JOIN owns o ON o.oid = up.owner)
         SELECT c.oid::int, c.oid::regclass::text AS name, c.relkind AS kind,
             (SELECT array_agg(owner::regclass::text) FROM up WHERE up.oid = c.oid) AS with
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND ${userSchemas}`,
    );
    return {
        tables,
        relations: new Map(
            relations.rows.map(({ oid, name, kind, with: goesWith }) => [oid, { name, kind, goesWith }]),
        ),
    };
}

/** What is no longer there, by topmost table: rows that are gone or other than before, and values of columns that are gone. */
export function realLosses(before: Contents, after: Contents): Map<string, number> {
    const lost = new Map<string, number>();
    for (const [oid, table] of before.tables) {
        const n = lostOf(table, after.tables.get(oid));
        if (n > 0) lost.set(table.root, (lost.get(table.root) ?? 0) + n);
    }
    return lost;
}

function lostOf(before: Table, after: Table | undefined): number {
    if (after === undefined) return before.rows.length;
    const columns = [...before.columns.keys()];
    const kept = columns.filter((c) => after.columns.has(c));
    const positions = kept.map((c) => columns.indexOf(c));
    const left = new Map<string, number>();
    const order = [...after.columns.keys()];
    const afterPositions = kept.map((c) => order.indexOf(c));
    const key = (row: readonly (string | null)[], at: readonly number[]): string =>
        JSON.stringify(at.map((i) => row[i]));
    for (const row of after.rows) {
        const text = key(row, afterPositions);
        left.set(text, (left.get(text) ?? 0) + 1);
    }
    let lost = 0;
    for (const row of before.rows) {
        const text = key(row, positions);
        const n = left.get(text) ?? 0;
        if (n === 0) lost++;
        else left.set(text, n - 1);
    }
    const gone = columns.flatMap((c, i) => (after.columns.has(c) ? [] : [i]));
    return lost + gone.reduce((sum, i) => sum + before.rows.filter((row) => row[i] !== null).length, 0);
}

/** Rows fewer than before, by topmost table. */
export function rowsGone(before: Contents, after: Contents): Map<string, number> {
    const gone = new Map<string, number>();
    for (const [oid, { root, rows }] of before.tables) {
        const n = rows.length - (after.tables.get(oid)?.rows.length ?? 0);
        if (n > 0) gone.set(root, (gone.get(root) ?? 0) + n);
    }
    return gone;
}

/** For each relation and column that is no longer there, the names under which a plan may tell of it. Views made again are no loss. */
export function goneObjects(before: Contents, after: Contents): string[][] {
    const names = new Set([...after.relations.values()].map(({ name }) => name));
    const gone: string[][] = [];
    for (const [oid, { name, kind, goesWith }] of before.relations)
        if (!after.relations.has(oid) && !(kind === "v" && names.has(name))) gone.push([name, ...goesWith]);
    for (const [oid, { columns }] of before.tables) {
        const now = after.tables.get(oid);
        if (now === undefined) continue;
        const tables = before.relations.get(oid)?.goesWith ?? [];
        for (const [number, column] of columns)
            if (!now.columns.has(number)) gone.push(tables.map((table) => `${table}.${column}`));
    }
    return gone;
}

/** What a plan says of one topmost table. */
export interface Told {
    /** Rows and values. */
    readonly all: number;
    /** Rows that go altogether. */
    readonly rows: number;
    readonly exact: boolean;
}

/**
 * What a plan tells, added up as `realLosses` does.
 * @param client a database that is as it was when the plan was made
 * @param aliases names that objects have only while the plan is carried out, and their names before
 */
export async function toldLosses(
    client: Client,
    losses: readonly Loss[],
    aliases: Readonly<Record<string, string>>,
): Promise<Map<string, Told>> {
    const told = new Map<string, Told>();
    for (const { kind, object, rows, exact, counted } of losses) {
        if (!counted || rows === null) continue;
        const table = kind === "column dropped" || kind === "type changed" ? splitLast(object)[0] : object;
        const root = await rootOf(client, aliases[table] ?? table);
        const sum = told.get(root) ?? { all: 0, rows: 0, exact: true };
        const whole = kind === "table dropped" || kind === "rows deleted" || kind === "rows truncated";
        told.set(root, {
            all: sum.all + rows,
            rows: sum.rows + (whole ? rows : 0),
            exact: sum.exact && exact,
        });
    }
    return told;
}

async function rootOf(client: Client, name: string): Promise<string> {
    const { rows } = await client.query<{ root: string }>({
        text: `WITH RECURSIVE up(oid) AS (SELECT to_regclass($1)::oid UNION ALL SELECT i.inhparent FROM up JOIN pg_inherits i ON i.inhrelid = up.oid)
               SELECT oid::regclass::text AS root FROM up WHERE NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = up.oid) AND oid IS NOT NULL LIMIT 1`,
        values: [name],
    });
    return rows[0]?.root ?? `(not there) ${name}`;
}
