import type { Client } from "pg";

/**
 * Rows that a down script was to destroy and that were kept: `kept` tells of them, `kept_N` holds them, each value as the text that its type
 * writes, so that nothing keeps a type from being dropped with its table. `keep_guard` is empty between transactions.
 */
export const keptTables = `
CREATE TABLE IF NOT EXISTS schemaward.kept (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    set_name text NOT NULL,
    version text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('table', 'column')),
    object text NOT NULL,
    column_name text,
    columns text[] NOT NULL,
    sequences jsonb NOT NULL DEFAULT '{}',
    rows bigint NOT NULL DEFAULT 0,
    run_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    loaded_at timestamptz,
    loaded_run uuid,
    loaded_rows bigint,
    error text
);
CREATE TABLE IF NOT EXISTS schemaward.keep_guard (
    set_name text NOT NULL,
    version text NOT NULL,
    object oid NOT NULL,
    subobject integer NOT NULL,
    name text NOT NULL,
    names text[] NOT NULL
);`;

/** Whether `entry` is of the last way back, so that going forward again loads it back: what an earlier one has kept and nobody has loaded is of another time. */
export const isCurrent = `NOT EXISTS (
    SELECT FROM schemaward.run_steps s JOIN schemaward.runs r ON r.id OPERATOR(pg_catalog.=) s.run_id
     WHERE r.set_name OPERATOR(pg_catalog.=) entry.set_name AND s.version OPERATOR(pg_catalog.=) entry.version
       AND s.kind IN ('applied', 'adopted') AND s.at OPERATOR(pg_catalog.>) entry.at)`;

/** What was kept of one table or column. */
export interface Kept {
    readonly id: number;
    /** The migration whose down script destroyed it; going forward over it loads it back. */
    readonly version: string;
    readonly kind: "table" | "column";
    /** `public.users`, as SQL writes it; of a column the table. */
    readonly object: string;
    readonly column: string | null;
    /** Rows that were kept, and of these how many are loaded back; null: it was not tried, or failed. */
    readonly rows: number;
    readonly loaded: number | null;
    readonly at: Date;
    /** Why loading it back failed. */
    readonly error: string | null;
    /** False: the version was applied since without it, so it is not loaded back any more. */
    readonly current: boolean;
}

/** All that is kept of a set and not wholly back, newest first. Of a ledger that is there; one of before has no table of it. */
export async function readKept(client: Client, set: string): Promise<readonly Kept[]> {
    if (!(await hasTable(client))) return [];
    const { rows } = await client.query<
        Omit<Kept, "rows" | "loaded" | "id"> & Record<"id" | "rows" | "loaded", string | null>
    >({
        text: `SELECT id, version, kind, object, column_name AS "column", rows, loaded_rows AS loaded, at, error,
                      ${isCurrent} AS current FROM schemaward.kept entry
                WHERE set_name OPERATOR(pg_catalog.=) $1
                  AND (loaded_rows IS NULL OR loaded_rows OPERATOR(pg_catalog.<) rows) ORDER BY id DESC`,
        values: [set],
    });
    return rows.map((row) => ({
        ...row,
        id: Number(row.id),
        rows: Number(row.rows),
        loaded: row.loaded === null ? null : Number(row.loaded),
    }));
}

async function hasTable(client: Client): Promise<boolean> {
    const { rows } = await client.query<{ there: boolean }>(
        "SELECT pg_catalog.to_regclass('schemaward.kept') IS NOT NULL AS there",
    );
    return rows[0]?.there === true;
}

/** Forgets what was kept, rows and all. @returns whether there was such an entry */
export async function dropKept(client: Client, set: string, id: number): Promise<boolean> {
    if (!(await hasTable(client))) return false;
    await client.query("BEGIN");
    try {
        const { rowCount } = await client.query("DELETE FROM schemaward.kept WHERE set_name = $1 AND id = $2", [
            set,
            id,
        ]);
        if (rowCount === 1) await client.query(`DROP TABLE IF EXISTS schemaward.kept_${String(Math.trunc(id))}`);
        await client.query("COMMIT");
        return rowCount === 1;
    } catch (error) {
        await client.query("ROLLBACK").catch(() => undefined);
        throw error;
    }
}
