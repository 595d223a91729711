import type { Client } from "pg";
import { nameOf, shown } from "./identifiers";
import type { RowChange } from "./row-changes";
import { ruleSources } from "./rule-sources";

/** Bits of TRIGGER_TYPE_… in PostgreSQL's pg_trigger.h, and pg_rewrite's ev_type. */
const bits: Readonly<Record<string, { readonly trigger: number; readonly rule: string }>> = {
    INSERT: { trigger: 4, rule: "3" },
    DELETE: { trigger: 8, rule: "4" },
    UPDATE: { trigger: 16, rule: "2" },
    TRUNCATE: { trigger: 32, rule: "" },
};

/** A trigger or a rule that a change of rows sets off. */
export interface Reaction {
    /** `trigger t of a`, `rule r of a`. */
    readonly name: string;
    /** Unqualified names of the functions of a trigger, those of its condition included; of a rule none. */
    readonly functions: readonly string[];
    readonly isRule: boolean;
}

/** An UPDATE of a partitioned table deletes (8) a row from one partition and inserts (4) it into another, where its key says so. */
const moving = (mask: string, relation: string): string =>
    `CASE WHEN ${relation}.relkind = 'p' AND ${mask} & 16 <> 0 THEN ${mask} | 12 ELSE ${mask} END`;

/**
 * The triggers and rules of a database that changes of rows set off.
 * @param anywhere whether an unqualified name may be of any schema, as in a function, which may have a search_path of its own, and turn on what is
 * turned off
 */
export async function reactionsTo(
    client: Client,
    changes: readonly RowChange[],
    anywhere: boolean,
): Promise<Reaction[]> {
    const found: Reaction[] = [];
    for (const { range, events } of changes) {
        const mask = events.reduce((sum, event) => sum | (bits[event]?.trigger ?? 0), 0);
        const { rows } = await client.query<Reaction>({
            // Where a key leads to, rows are deleted (8), updated (16) or truncated (32), whatever the statement did.
            text: `WITH RECURSIVE tables(oid, mask) AS (
                        SELECT c.oid, ${moving("$2::integer", "c")} FROM (SELECT to_regclass($1)::oid AS oid UNION ALL
                            SELECT oid FROM pg_catalog.pg_class WHERE relname = $4::name AND relkind IN ('r', 'p', 'v', 'f')) AS written
                          JOIN pg_catalog.pg_class c ON c.oid = written.oid UNION
                        SELECT next.oid, ${moving("next.mask", "c")} FROM tables CROSS JOIN LATERAL (
                            SELECT i.inhrelid, tables.mask FROM pg_catalog.pg_inherits i WHERE i.inhparent = tables.oid
                            UNION ALL
                            SELECT s.source, tables.mask FROM ${ruleSources} AS s
                              JOIN pg_catalog.pg_class v ON v.oid = s.relation AND v.relkind = 'v' WHERE s.relation = tables.oid
                            UNION ALL
                            SELECT f.conrelid, CASE WHEN tables.mask & 32 <> 0 THEN 32 ELSE 24 END FROM pg_catalog.pg_constraint f
                             WHERE f.contype = 'f' AND f.confrelid = tables.oid
                               AND ((tables.mask & 8 <> 0 AND f.confdeltype IN ('c', 'n', 'd'))
                                 OR (tables.mask & 16 <> 0 AND f.confupdtype IN ('c', 'n', 'd'))
                                 OR tables.mask & 32 <> 0)) AS next(oid, mask) JOIN pg_catalog.pg_class c ON c.oid = next.oid)
                   SELECT format('trigger %I of %s', t.tgname, t.tgrelid::regclass) AS name, false AS "isRule",
                          array_agg(DISTINCT p.proname::text) AS functions
                     FROM tables JOIN pg_catalog.pg_trigger t ON t.tgrelid = tables.oid
                     JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_trigger'::regclass AND d.objid = t.oid
                      AND d.refclassid = 'pg_catalog.pg_proc'::regclass
                     JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid
                    WHERE NOT t.tgisinternal AND (t.tgenabled <> 'D' OR $5) AND t.tgtype & tables.mask <> 0 GROUP BY t.oid, t.tgname, t.tgrelid
                   UNION ALL SELECT DISTINCT format('rule %I of %s', r.rulename, r.ev_class::regclass), true, '{}'::text[]
                     FROM tables JOIN pg_catalog.pg_rewrite r ON r.ev_class = tables.oid
                    WHERE r.rulename <> '_RETURN' AND (r.ev_enabled <> 'D' OR $5) AND r.ev_type::text = ANY ($3)
                      AND pg_catalog.pg_get_ruledef(r.oid) !~ ' DO (INSTEAD |ALSO )?NOTHING;?$'`,
            values: [
                shown(nameOf(range)),
                mask,
                events.map((event) => bits[event]?.rule ?? ""),
                anywhere && range.schemaname === undefined ? range.relname : null,
                anywhere,
            ],
        });
        found.push(...rows);
    }
    return found;
}
