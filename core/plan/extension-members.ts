import type { Client } from "pg";

/** A table that belongs to an extension, and goes with it. */
export interface MemberTable {
    /** Schema-qualified, quoted. */
    readonly qualified: string;
    /** With indexes and TOAST; 0 of a table without a page. */
    readonly bytes: number;
}

export interface MemberColumn {
    /** The table, schema-qualified, quoted. */
    readonly qualified: string;
    readonly column: string;
}

/**
 * Columns of tables of extensions that go with types, collations, and other extensions that have such.
 * @param types schema-qualified, quoted
 * @param extensions that go, with their tables; quoted where needed
 */
export async function readMemberColumns(
    client: Client,
    types: readonly string[],
    extensions: readonly string[],
): Promise<readonly MemberColumn[]> {
    if (types.length + extensions.length === 0) return [];
    const named = (catalog: string, prefix: string): string =>
        `SELECT 'pg_catalog.${catalog}'::regclass::oid, o.oid FROM pg_catalog.${catalog} o
           JOIN pg_catalog.pg_namespace n ON n.oid = o.${prefix}namespace
          WHERE pg_catalog.format('%I.%I', n.nspname, o.${prefix}name) = ANY ($1)`;
    const { rows } = await client.query<MemberColumn>({
        text: `WITH RECURSIVE gone(classid, objid) AS (
                    (${named("pg_type", "typ")} UNION ${named("pg_collation", "coll")} UNION
                    SELECT d.classid, d.objid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
                     WHERE d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.deptype = 'e' AND quote_ident(e.extname) = ANY ($2))
                    UNION SELECT d.classid, d.objid FROM gone
                      JOIN pg_catalog.pg_depend d ON d.refclassid = gone.classid AND d.refobjid = gone.objid
                     WHERE d.classid = 'pg_catalog.pg_type'::regclass)
               SELECT DISTINCT format('%I.%I', n.nspname, c.relname) AS qualified, quote_ident(a.attname) AS column
                 FROM gone JOIN pg_catalog.pg_depend d ON d.refclassid = gone.classid AND d.refobjid = gone.objid
                  AND d.classid = 'pg_catalog.pg_class'::regclass AND d.objsubid > 0
                 JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind IN ('r', 'p')
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid
                 JOIN pg_catalog.pg_depend m ON m.classid = 'pg_catalog.pg_class'::regclass AND m.objid = c.oid AND m.deptype = 'e'
                 JOIN pg_catalog.pg_extension e ON e.oid = m.refobjid
                WHERE NOT quote_ident(e.extname) = ANY ($2) ORDER BY 1, 2`,
        values: [types, extensions],
    });
    return rows;
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
    const { rows } = await client.query<{ extension: string; qualified: string; bytes: string }>({
        text: `SELECT quote_ident(e.extname) AS extension, format('%I.%I', n.nspname, c.relname) AS qualified,
                      (CASE WHEN pg_catalog.pg_relation_size(c.oid) = 0 THEN 0 ELSE pg_catalog.pg_total_relation_size(c.oid) END)::text AS bytes
                 FROM pg_catalog.pg_extension e
                 JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid = e.oid
                  AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'e'
                 JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind IN ('r', 'p')
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE quote_ident(e.extname) = ANY ($1) ORDER BY 1, 2`,
        values: [extensions],
    });
    for (const { extension, qualified, bytes } of rows)
        members.set(extension, [...(members.get(extension) ?? []), { qualified, bytes: Number(bytes) }]);
    return members;
}
