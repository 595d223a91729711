import type { Client } from "pg";
import { type Kept, readKept } from "../history/kept";
import { columnOf, withoutPublic } from "./names";
import type { LoadedBack, Loss, PlanStep } from "./plan";

/**
 * Marks what is kept of what steps drop, and names what comes back: for a stack with `keepData`. Tables are kept whole, columns where their table
 * has a primary key to find the rows by again; rows that a script deletes or overwrites are not.
 * @param client in a transaction that only reads
 */
export async function markKept(client: Client, set: string, steps: readonly PlanStep[]): Promise<readonly PlanStep[]> {
    const columns = steps.flatMap((step) => step.losses.filter(isColumn).map((loss) => columnOf(loss.object)[0]));
    const keyed = await withKey(client, columns);
    const kept = steps.some((step) => step.direction === "up") ? await readKept(client, set) : [];
    return steps.map((step) => {
        const loads = step.direction === "up" ? loadsOf(step, kept) : [];
        return {
            ...step,
            losses: step.direction === "up" ? step.losses : step.losses.map((loss) => marked(loss, keyed)),
            ...(loads.length === 0 ? {} : { loads }),
        };
    });
}

function isColumn({ kind, counted }: Loss): boolean {
    return kind === "column dropped" && counted;
}

function marked(loss: Loss, keyed: ReadonlyMap<string, readonly string[]>): Loss {
    if (loss.kind === "table dropped" && loss.counted) return { ...loss, kept: true };
    if (!isColumn(loss)) return loss;
    const [table, column] = columnOf(loss.object);
    const key = keyed.get(table);
    if (key === undefined) return { ...loss, note: "not kept: its table has no primary key" };
    return key.includes(column)
        ? { ...loss, note: "not kept: it is part of the primary key" }
        : { ...loss, kept: true };
}

/** Columns of primary keys, as the server quotes them; a table that earlier steps of the plan rename is not found, and then its columns are not kept. */
async function withKey(client: Client, tables: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    if (tables.length === 0) return new Map();
    const { rows } = await client.query<{ name: string; key: readonly string[] }>({
        text: `SELECT t.name, pg_catalog.array_agg(pg_catalog.quote_ident(a.attname)) AS key
                 FROM pg_catalog.unnest($1::pg_catalog.text[]) AS t (name)
                 JOIN pg_catalog.pg_index i ON i.indrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(t.name) AND i.indisprimary
                 JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) i.indrelid AND a.attnum OPERATOR(pg_catalog.=) ANY (i.indkey)
                GROUP BY t.name`,
        values: [[...new Set(tables)]],
    });
    return new Map(rows.map((row) => [row.name, row.key]));
}

function loadsOf({ version }: PlanStep, kept: readonly Kept[]): LoadedBack[] {
    const newest = new Map<string, LoadedBack>();
    for (const { version: of, object, column, rows, loaded, at, current } of kept) {
        const name = withoutPublic(column === null ? object : `${object}.${column}`);
        if (current && of === version && loaded === null && !newest.has(name))
            newest.set(name, { object: name, rows, at: at.toISOString() });
    }
    return [...newest.values()].sort((a, b) => (a.object < b.object ? -1 : 1));
}
