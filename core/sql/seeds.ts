import type { Node } from "libpg-query";
import { nameOf, type RangeVar, shown } from "./identifiers";
import { as, nodeType, walk } from "./nodes";
import type { Statement } from "./statement";

/** Statements that run code which is not in them, or make rows out of others, so that nobody can say here which rows they write. */
const opaque = new Set([
    "DoStmt",
    "CallStmt",
    "ExecuteStmt",
    "PrepareStmt",
    "CopyStmt",
    "SelectStmt",
    "CreateTableAsStmt",
]);

/**
 * Whether a script puts rows into a table as constants only: what it inserts there comes from no table but such as the script makes itself and fills
 * with constants, and nothing else in it may write rows that are not its own words. Needs the parser loaded.
 * @param table qualified, as the server quotes it; a script's own name without a schema is taken for it if the last part is the same
 */
export function insertsConstantsOnly(statements: readonly Statement[], table: string): boolean {
    if (statements.some(({ node }) => opaque.has(nodeType(node)))) return false;
    const made = new Set(
        statements.flatMap(({ node }) => {
            const create = as<{ relation?: RangeVar; if_not_exists?: boolean }>(node, "CreateStmt");
            return create === undefined || create.if_not_exists === true ? [] : [shown(nameOf(create.relation))];
        }),
    );
    const isConstant = (name: string, asking: readonly string[]): boolean =>
        statements.every(({ node }) => {
            const insert = as<{ relation?: RangeVar; selectStmt?: Node; withClause?: Node }>(node, "InsertStmt");
            if (insert === undefined || !isSame(shown(nameOf(insert.relation)), name)) return true;
            if (insert.withClause !== undefined) return false;
            return tablesRead(insert.selectStmt).every(
                (read) => made.has(read) && !asking.includes(read) && isConstant(read, [...asking, read]),
            );
        });
    return isConstant(table, []);
}

function isSame(written: string, table: string): boolean {
    return written === table || table.endsWith(`.${written}`) || written.endsWith(`.${table}`);
}

function tablesRead(tree: unknown): string[] {
    const names: string[] = [];
    walk(tree, (type, body) => {
        if (type === "RangeVar") names.push(shown(nameOf(body)));
    });
    return names;
}
