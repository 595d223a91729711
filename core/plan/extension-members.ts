import type { Client } from "pg";

/** A table that belongs to an extension, and goes with it. */
export interface MemberTable {
    readonly table: {
        /** As plans name it. */
        readonly name: string;
        /** Schema-qualified, quoted. */
        readonly qualified: string;
    };
    /** With indexes and TOAST; 0 of a table without a page. */
    readonly bytes: number;
}

/**
 * The tables of extensions, which no catalog of a plan lists: their definitions are the extension's business, their rows are not.
 * @param extensions names, quoted where needed
 */
export async function readMembers(
    client: Client,
    extensions: readonly string[],
): Promise<ReadonlyMap<string, readonly MemberTable[]>> {
    const members = new Map<string, MemberTable[]>();
    if (extensions.length === 0) return members;
    const { rows } = await client.query<{ extension: string; name: string; qualified: string; bytes: string }>({
        text: `SELECT quote_ident(e.extname) AS extension, format('%I.%I', n.nspname, c.relname) AS qualified,
                      CASE n.nspname WHEN 'public' THEN '' ELSE quote_ident(n.nspname) || '.' END || quote_ident(c.relname) AS name,
                      (CASE WHEN pg_catalog.pg_relation_size(c.oid) = 0 THEN 0 ELSE pg_catalog.pg_total_relation_size(c.oid) END)::text AS bytes
                 FROM pg_catalog.pg_extension e
                 JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid = e.oid
                  AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'e'
                 JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind IN ('r', 'p')
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE quote_ident(e.extname) = ANY ($1) ORDER BY 1, 2`,
        values: [extensions],
    });
    for (const { extension, name, qualified, bytes } of rows)
        members.set(extension, [
            ...(members.get(extension) ?? []),
            { table: { name, qualified }, bytes: Number(bytes) },
        ]);
    return members;
}
