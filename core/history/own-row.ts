import type { Node } from "libpg-query";
import type { RangeVar } from "../sql/identifiers";
import { as, strings } from "../sql/nodes";
import type { Statement } from "../sql/statement";
import { type MirrorKey, mirrorTable, nameColumns } from "./schema-migrations";

/**
 * Whether a statement does nothing but maintain this migration's own row of the history table, so that our own write
 * takes its place: a DELETE by version or name, or an INSERT of one row that fills no other column. An UPDATE, a DELETE of
 * other rows, or whatever else is not understood to the last word, is not: it runs as it is written. Columns are not looked for in the
 * table: a script may still name one that a later script has dropped.
 * @param schema the table's, or the one that it will be made in; a table of the same name in another is not ours
 */
export function isOwnRowMaintenance(statement: Statement, key: MirrorKey, schema: string): boolean {
    const deletion = as<DeleteNode>(statement.node, "DeleteStmt");
    if (deletion !== undefined) return isMirror(deletion, schema) && deletesOwnRow(deletion, key);
    const insertion = as<InsertNode>(statement.node, "InsertStmt");
    return insertion !== undefined && isMirror(insertion, schema) && insertsOwnRow(insertion, key);
}

interface WriteNode {
    readonly relation?: RangeVar;
    readonly withClause?: unknown;
    readonly returningClause?: unknown;
}

interface DeleteNode extends WriteNode {
    readonly usingClause?: readonly Node[];
    readonly whereClause?: Node;
}

interface InsertNode extends WriteNode {
    readonly cols?: readonly Node[];
    readonly selectStmt?: Node;
    readonly onConflictClause?: { readonly action?: string };
}

interface ExprNode {
    readonly kind?: string;
    readonly name?: Node[];
    readonly lexpr?: Node;
    readonly rexpr?: Node;
}

/** WITH and RETURNING may do or tell more than the write itself. */
function isMirror({ relation, withClause, returningClause }: WriteNode, schema: string): boolean {
    return (
        relation?.relname === mirrorTable &&
        relation.catalogname === undefined &&
        (relation.schemaname ?? schema) === schema &&
        relation.inh === true &&
        withClause === undefined &&
        returningClause === undefined
    );
}

function deletesOwnRow({ usingClause, whereClause }: DeleteNode, key: MirrorKey): boolean {
    if (usingClause !== undefined) return false;
    const where = as<ExprNode>(whereClause, "A_Expr");
    // IS DISTINCT FROM, too, has the equals sign for a name.
    if (where?.kind !== "AEXPR_OP" && where?.kind !== "AEXPR_IN") return false;
    if (strings(where.name).join() !== "=") return false;
    const column = columnOf(where.lexpr) ?? columnOf(where.rexpr);
    const values = constantsOf(columnOf(where.lexpr) === undefined ? where.lexpr : where.rexpr);
    return column !== undefined && values?.every((value) => isOwn(column, value, key)) === true;
}

function insertsOwnRow({ cols, selectStmt, onConflictClause }: InsertNode, key: MirrorKey): boolean {
    if ((onConflictClause?.action ?? "ONCONFLICT_NOTHING") !== "ONCONFLICT_NOTHING") return false;
    const select = as<Readonly<Record<string, unknown>> & { valuesLists?: readonly Node[] }>(selectStmt, "SelectStmt");
    const rows = select?.valuesLists;
    if (select === undefined || rows?.length !== 1) return false;
    if (["withClause", "limitCount", "limitOffset"].some((clause) => select[clause] !== undefined)) return false;
    const columns = (cols ?? []).map((n) => as<{ name?: string; indirection?: unknown }>(n, "ResTarget"));
    const values = constantsOf(rows[0]);
    return (
        values?.length === columns.length &&
        columns.every((c, i) => c?.indirection === undefined && isOwn(c?.name ?? "", values[i] ?? "", key))
    );
}

function isOwn(column: string, value: string, { version, name }: MirrorKey): boolean {
    // As text: longer versions, made of the date and time, are beyond what a number holds exactly.
    if (column === "version") return /^\d+$/.test(value) && withoutZeros(value) === withoutZeros(version);
    return nameColumns.includes(column) && (value === `${version}_${name}` || value === `${version}_${name}.sql`);
}

function withoutZeros(digits: string): string {
    return digits.replace(/^0+(?=\d)/, "");
}

/** A column's own name, whatever it is qualified with. */
function columnOf(node: Node | undefined): string | undefined {
    return strings(as<{ fields?: Node[] }>(node, "ColumnRef")?.fields).at(-1);
}

/** The constants that an expression or list consists of; undefined where anything else is in it. */
function constantsOf(node: Node | undefined): readonly string[] | undefined {
    const cast = as<{ arg?: Node }>(node, "TypeCast");
    if (cast !== undefined) return constantsOf(cast.arg);
    const items = as<{ items?: Node[] }>(node, "List")?.items;
    if (items !== undefined) {
        const values = items.map((item) => constantsOf(item)?.[0]);
        return values.every((value) => value !== undefined) ? values : undefined;
    }
    const constant = as<{ sval?: { sval?: string }; ival?: { ival?: number }; fval?: { fval?: string } }>(
        node,
        "A_Const",
    );
    const value =
        constant?.ival === undefined ? (constant?.sval?.sval ?? constant?.fval?.fval) : String(constant.ival.ival ?? 0);
    return value === undefined ? undefined : [value];
}
