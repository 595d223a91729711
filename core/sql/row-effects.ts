import type { Client } from "pg";
import type { Node } from "libpg-query";
import { functionEffects } from "./function-effects";
import { nameOf, shown, type RangeVar } from "./identifiers";
import { as, strings, walk } from "./nodes";
import { ruleSources } from "./rule-sources";

/** Rows of a relation that a statement changes. */
export interface RowChange {
    readonly range: RangeVar;
    /** INSERT, UPDATE, DELETE, TRUNCATE. */
    readonly events: readonly string[];
}

const eventsOf: Readonly<Record<string, readonly string[]>> = {
    InsertStmt: ["INSERT"],
    UpdateStmt: ["UPDATE"],
    DeleteStmt: ["DELETE"],
    MergeStmt: ["INSERT", "UPDATE", "DELETE"],
    TruncateStmt: ["TRUNCATE"],
};

/** What a statement changes rows of, also inside WITH. */
export function rowChangesOf(node: Node): RowChange[] {
    const found: RowChange[] = [];
    walk([node], (type, body) => {
        const events = eventsOf[type];
        if (events === undefined) return;
        const ranges = [
            body["relation"] as RangeVar | undefined,
            ...((body["relations"] ?? []) as Node[]).map((n) => as<RangeVar>(n, "RangeVar")),
        ].filter((range) => range !== undefined);
        const all = body["onConflictClause"] === undefined ? events : [...events, "UPDATE"];
        for (const range of ranges) found.push({ range, events: all });
    });
    return found;
}

/** Functions of the server that take what no table shows. */
const losing = /^(?:lo_unlink|lo_truncate(?:64)?|lo_put)$/;

/** What a statement does to rows besides what it says: catalogs changed by hand, large objects. */
export function oddRowChange(node: Node): string | undefined {
    const catalog = rowChangesOf(node).find(({ range }) => isSystem(range))?.range.relname;
    if (catalog !== undefined) return `rows of ${catalog}, a catalog, are changed by hand`;
    let lost: string | undefined;
    walk([node], (type, body) => {
        const name = type === "FuncCall" ? (strings(body["funcname"] as Node[]).at(-1) ?? "") : "";
        if (losing.test(name)) lost = `a call of ${name}`;
    });
    return lost;
}

function isSystem({ schemaname, relname }: RangeVar): boolean {
    return (
        schemaname === "pg_catalog" ||
        schemaname === "information_schema" ||
        (schemaname === undefined && relname?.startsWith("pg_") === true)
    );
}

/** Bits of TRIGGER_TYPE_… in PostgreSQL's pg_trigger.h, and pg_rewrite's ev_type. */
const bits: Readonly<Record<string, { readonly trigger: number; readonly rule: string }>> = {
    INSERT: { trigger: 4, rule: "3" },
    DELETE: { trigger: 8, rule: "4" },
    UPDATE: { trigger: 16, rule: "2" },
    TRUNCATE: { trigger: 32, rule: "" },
};

/** What triggers and rules of a database do when a statement changes rows. @returns a sentence for each that loses something */
export async function triggerEffects(client: Client, changes: readonly RowChange[]): Promise<string[]> {
    const found: string[] = [];
    for (const { range, events } of changes) {
        const mask = events.reduce((sum, event) => sum | (bits[event]?.trigger ?? 0), 0);
        const { rows } = await client.query<{ name: string; code: string | null }>({
            // Where a key leads to, rows are deleted (8), updated (16) or truncated (32), whatever the statement did.
            text: `WITH RECURSIVE tables(oid, mask) AS (SELECT to_regclass($1)::oid, $2::integer UNION
                        SELECT next.oid, next.mask FROM tables, LATERAL (
                            SELECT i.inhrelid, tables.mask FROM pg_catalog.pg_inherits i WHERE i.inhparent = tables.oid
                            UNION ALL
                            SELECT s.source, tables.mask FROM ${ruleSources} AS s
                              JOIN pg_catalog.pg_class v ON v.oid = s.relation AND v.relkind = 'v' WHERE s.relation = tables.oid
                            UNION ALL
                            SELECT f.conrelid, CASE WHEN tables.mask & 32 <> 0 THEN 32 ELSE 24 END FROM pg_catalog.pg_constraint f
                             WHERE f.contype = 'f' AND f.confrelid = tables.oid
                               AND ((tables.mask & 8 <> 0 AND f.confdeltype IN ('c', 'n', 'd'))
                                 OR (tables.mask & 16 <> 0 AND f.confupdtype IN ('c', 'n', 'd'))
                                 OR tables.mask & 32 <> 0)) AS next(oid, mask))
                   SELECT format('trigger %I of %s', t.tgname, t.tgrelid::regclass) AS name, p.proname AS code
                     FROM tables JOIN pg_catalog.pg_trigger t ON t.tgrelid = tables.oid JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
                    WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & tables.mask <> 0
                   UNION SELECT format('rule %I of %s', r.rulename, r.ev_class::regclass), NULL
                     FROM tables JOIN pg_catalog.pg_rewrite r ON r.ev_class = tables.oid
                    WHERE r.rulename <> '_RETURN' AND r.ev_enabled <> 'D' AND r.ev_type::text = ANY ($3)
                      AND pg_catalog.pg_get_ruledef(r.oid) !~ ' DO (INSTEAD |ALSO )?NOTHING;?$'`,
            values: [shown(nameOf(range)), mask, events.map((event) => bits[event]?.rule ?? "")],
        });
        for (const { name, code } of rows) {
            if (code === null) found.push(`${name} may do something else`);
            else {
                const { hidden, outside } = await functionEffects(client, [code]);
                if (outside !== undefined) found.push(`${name}: ${outside} acts outside this database`);
                if (hidden !== undefined) found.push(`${name} with ${hidden}`);
            }
        }
    }
    return [...new Set(found)];
}
