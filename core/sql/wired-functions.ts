import type { Client } from "pg";
import type { Node } from "libpg-query";
import { nameOf, shown, writtenName, type RangeVar, type TypeName } from "./identifiers";
import { strings, walk } from "./nodes";
import { rowChangesOf } from "./row-changes";
import { ruleSources } from "./rule-sources";

const wiring = ["pg_rewrite", "pg_attrdef", "pg_constraint", "pg_policy", "pg_class"]
    .map((c) => `'pg_catalog.${c}'::regclass`)
    .join(", ");

/**
 * SQL of a condition: any function of the database's users stands in a default, a check, a rule, a policy, an index or a partition's key.
 * @param condition SQL on `p`, of pg_proc, and `l`, of pg_language
 */
export function wiredFunctionExists(condition: string): string {
    return `EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
                JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_proc'::regclass AND d.refobjid = p.oid AND d.classid IN (${wiring})
               WHERE p.oid >= 16384 AND ${condition})`;
}

/** What a statement names, through which it may call functions that it does not name. */
export interface Named {
    /** As written, quoted where needed. */
    readonly relations: readonly string[];
    readonly types: readonly string[];
}

export function namedIn(node: Node): Named {
    const ranges: RangeVar[] = rowChangesOf(node).map(({ range }) => range);
    const types: TypeName[] = [];
    walk([node], (type, body) => {
        if (type === "RangeVar") ranges.push(body);
        if (type === "TypeName") types.push(body);
        // The grammar leaves these unwrapped.
        const relation = body["relation"] as RangeVar | undefined;
        if (relation?.relname !== undefined) ranges.push(relation);
        const own = (body["typeName"] ?? body["type_name"]) as TypeName | undefined;
        if (own !== undefined) types.push(own);
    });
    return {
        relations: [...new Set(ranges.filter((r) => r.relname !== undefined).map((range) => shown(nameOf(range))))],
        types: [
            ...new Set(
                types
                    .map(({ names }) => strings(names))
                    .filter((parts) => parts.length > 0 && parts[0] !== "pg_catalog")
                    .map((parts) => shown(writtenName(parts))),
            ),
        ],
    };
}

/**
 * Functions of the database's users that stand in the defaults, checks, rules, policies, indexes and keys of what is named: of tables, of the tables behind
 * views, of the domains that their columns have.
 * @param anywhere whether an unqualified name may be of any schema, as in a function, which may have a search_path of its own
 */
export async function wiredFunctions(client: Client, { relations, types }: Named, anywhere = false): Promise<string[]> {
    if (relations.length + types.length === 0) return [];
    const { rows } = await client.query<{ name: string }>({
        text: `WITH RECURSIVE relations(oid) AS (
                   SELECT oid FROM (SELECT to_regclass(n)::oid AS oid FROM unnest($1::text[]) AS n UNION ALL
                       SELECT c.oid FROM pg_catalog.pg_class c WHERE $3 AND quote_ident(c.relname) = ANY ($1)) AS written UNION
                   SELECT s.source FROM relations JOIN ${ruleSources} AS s ON s.relation = relations.oid),
               types(oid) AS (
                   SELECT oid FROM (SELECT to_regtype(n)::oid AS oid FROM unnest($2::text[]) AS n UNION ALL
                       SELECT t.oid FROM pg_catalog.pg_type t WHERE $3 AND quote_ident(t.typname) = ANY ($2)) AS written UNION
                   SELECT a.atttypid FROM relations JOIN pg_catalog.pg_attribute a ON a.attrelid = relations.oid UNION
                   SELECT next.oid FROM types JOIN pg_catalog.pg_type t ON t.oid = types.oid, LATERAL (
                       SELECT CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.typelem END UNION ALL
                       SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.typrelid) AS next(oid)),
               parts(class, oid) AS (
                   SELECT 'pg_catalog.pg_rewrite'::regclass, r.oid FROM relations JOIN pg_catalog.pg_rewrite r ON r.ev_class = relations.oid
                   UNION SELECT 'pg_catalog.pg_attrdef'::regclass, a.oid FROM relations JOIN pg_catalog.pg_attrdef a ON a.adrelid = relations.oid
                   UNION SELECT 'pg_catalog.pg_constraint'::regclass, k.oid FROM relations JOIN pg_catalog.pg_constraint k ON k.conrelid = relations.oid
                   UNION SELECT 'pg_catalog.pg_class'::regclass, i.indexrelid FROM relations JOIN pg_catalog.pg_index i ON i.indrelid = relations.oid
                   UNION SELECT 'pg_catalog.pg_class'::regclass, relations.oid FROM relations
                   UNION SELECT 'pg_catalog.pg_policy'::regclass, y.oid FROM relations JOIN pg_catalog.pg_policy y ON y.polrelid = relations.oid
                   UNION SELECT 'pg_catalog.pg_constraint'::regclass, k.oid FROM types JOIN pg_catalog.pg_constraint k ON k.contypid = types.oid)
               SELECT DISTINCT p.proname AS name FROM parts
                 JOIN pg_catalog.pg_depend d ON d.classid = parts.class AND d.objid = parts.oid AND d.refclassid = 'pg_catalog.pg_proc'::regclass
                 JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid WHERE p.oid >= 16384`,
        values: [relations, types, anywhere],
    });
    return rows.map(({ name }) => name);
}
