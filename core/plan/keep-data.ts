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

function marked(loss: Loss, keyed: ReadonlySet<string>): Loss {
    if (loss.kind === "table dropped" && loss.counted) return { ...loss, kept: true };
    if (!isColumn(loss)) return loss;
    return keyed.has(columnOf(loss.object)[0])
        ? { ...loss, kept: true }
        : { ...loss, note: "not kept: its table has no primary key" };
}

/** Tables with a primary key; one that earlier steps of the plan rename is not found, and then its columns are not kept. */
async function withKey(client: Client, tables: readonly string[]): Promise<ReadonlySet<string>> {
    if (tables.length === 0) return new Set();
    const { rows } = await client.query<{ name: string }>({
        text: `SELECT t.name FROM pg_catalog.unnest($1::pg_catalog.text[]) AS t (name)
                WHERE EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(t.name) AND i.indisprimary)`,
        values: [[...new Set(tables)]],
    });
    return new Set(rows.map((row) => row.name));
}

function loadsOf({ version }: PlanStep, kept: readonly Kept[]): LoadedBack[] {
    const newest = new Map<string, LoadedBack>();
    for (const { version: of, object, column, rows, loaded, at } of kept) {
        const name = withoutPublic(column === null ? object : `${object}.${column}`);
        if (of === version && loaded === null && !newest.has(name))
            newest.set(name, { object: name, rows, at: at.toISOString() });
    }
    return [...newest.values()].sort((a, b) => (a.object < b.object ? -1 : 1));
}
