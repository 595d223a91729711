import type { Node } from "libpg-query";
import type { RangeVar } from "./identifiers";
import { as, strings, walk } from "./nodes";

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

/** Functions of the server and of its extensions that take what no table shows, or run a text of SQL. */
const losing =
    /^(?:lo_unlink|lo_truncate(?:64)?|lo_put|lowrite|query_to_xml\w*|cursor_to_xml\w*|ts_stat|ts_rewrite|crosstab\w*|connectby|xpath_table)$/;

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
