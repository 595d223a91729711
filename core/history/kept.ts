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
    object oid NOT NULL,
    subobject integer NOT NULL,
    name text NOT NULL,
    root text NOT NULL
);`;

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
}

/** All that is kept of a set and not wholly back, newest first. Of a ledger that is there; one of before has no table of it. */
export async function readKept(client: Client, set: string): Promise<readonly Kept[]> {
    const { rows: found } = await client.query<{ there: boolean }>(
        "SELECT pg_catalog.to_regclass('schemaward.kept') IS NOT NULL AS there",
    );
    if (found[0]?.there !== true) return [];
    const { rows } = await client.query<
        Omit<Kept, "rows" | "loaded" | "id"> & Record<"id" | "rows" | "loaded", string | null>
    >({
        text: `SELECT id, version, kind, object, column_name AS "column", rows, loaded_rows AS loaded, at, error FROM schemaward.kept
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

/** Forgets what was kept, rows and all. @returns whether there was such an entry */
export async function dropKept(client: Client, set: string, id: number): Promise<boolean> {
    const { rowCount } = await client.query(`DELETE FROM schemaward.kept WHERE set_name = $1 AND id = $2`, [set, id]);
    if ((rowCount ?? 0) === 0) return false;
    await client.query(`DROP TABLE IF EXISTS schemaward.kept_${String(Math.trunc(id))}`);
    return true;
}
