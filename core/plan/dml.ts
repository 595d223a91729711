import type { Node } from "libpg-query";
import { skipBlank } from "../sql/lexical";
import { as, strings, walk } from "../sql/nodes";
import type { Statement } from "../sql/statement";

/** A statement that takes or overwrites rows or values, as far as its text tells. */
export interface RowChange {
    readonly kind: "rows deleted" | "rows updated" | "rows truncated" | "values converted";
    /** Name parts as written: `["audit", "logs"]`. */
    readonly relation: readonly string[];
    readonly alias: string | undefined;
    /** For updates and conversions: the columns. */
    readonly columns: readonly string[];
    /** The condition's text when it can stand alone; `""`: all rows; undefined: cannot be taken out of the statement. */
    readonly where: string | undefined;
    readonly cascade: boolean;
    readonly line: number;
}

interface Relation {
    readonly schemaname?: string;
    readonly relname?: string;
    readonly alias?: { readonly aliasname?: string };
}

interface Dml {
    readonly relation?: Relation;
    readonly usingClause?: Node[];
    readonly fromClause?: Node[];
    readonly withClause?: unknown;
    readonly returningClause?: unknown;
    readonly whereClause?: Node;
    readonly targetList?: Node[];
    readonly onConflictClause?: { readonly action?: string; readonly targetList?: Node[] };
    readonly mergeWhenClauses?: Node[];
    readonly relations?: Node[];
    readonly behavior?: string;
    readonly cmds?: Node[];
}

/**
 * What the statements of one step take or overwrite. A column whose type they change twice may have lost values on the way, though the
 * catalog is as before.
 */
export function stepRowChanges(statements: readonly Statement[]): Map<Statement, RowChange[]> {
    const changes = new Map<Statement, RowChange[]>();
    const retyped = new Set<string>();
    for (const statement of statements) {
        const own = rowChanges(statement);
        const body = as<Dml>(statement.node, "AlterTableStmt");
        const relation = named(body?.relation);
        for (const { name } of (body?.cmds ?? []).flatMap((c) => typeCommand(c) ?? [])) {
            const key = JSON.stringify([relation.relation, name]);
            const told = own.some((c) => c.columns.includes(name));
            if (retyped.has(key) && !told)
                own.push({
                    kind: "values converted",
                    ...relation,
                    columns: [name],
                    where: "",
                    cascade: false,
                    line: statement.line,
                });
            retyped.add(key);
        }
        if (own.length > 0) changes.set(statement, own);
    }
    return changes;
}

/** Everything in a statement that can lose rows or values of existing tables; also inside WITH. */
function rowChanges(statement: Statement): RowChange[] {
    const found: RowChange[] = [];
    walk(statement.node, (type, raw) => {
        const body = raw as Dml;
        const topLevel = as(statement.node, type) === raw;
        const base = { line: statement.line, cascade: false, columns: [] as string[] };
        if (type === "DeleteStmt") {
            const alone = topLevel && body.usingClause === undefined && body.withClause === undefined;
            found.push({
                ...base,
                kind: "rows deleted",
                ...named(body.relation),
                where: alone ? condition(statement, body) : undefined,
            });
        } else if (type === "UpdateStmt") {
            const alone = topLevel && body.fromClause === undefined && body.withClause === undefined;
            found.push({
                ...base,
                kind: "rows updated",
                ...named(body.relation),
                columns: targets(body.targetList),
                where: alone ? condition(statement, body) : undefined,
            });
        } else if (type === "MergeStmt") {
            const actions = (body.mergeWhenClauses ?? []).map(
                (c) => as<{ commandType?: string }>(c, "MergeWhenClause")?.commandType,
            );
            if (actions.includes("CMD_UPDATE"))
                found.push({ ...base, kind: "rows updated", ...named(body.relation), where: undefined });
            if (actions.includes("CMD_DELETE"))
                found.push({ ...base, kind: "rows deleted", ...named(body.relation), where: undefined });
        } else if (type === "InsertStmt" && body.onConflictClause?.action === "ONCONFLICT_UPDATE") {
            found.push({
                ...base,
                kind: "rows updated",
                ...named(body.relation),
                columns: targets(body.onConflictClause.targetList),
                where: undefined,
            });
        } else if (type === "AlterTableStmt" && topLevel) {
            const columns = (body.cmds ?? []).flatMap(convertedColumn);
            if (columns.length > 0)
                found.push({ ...base, kind: "values converted", ...named(body.relation), columns, where: "" });
        } else if (type === "TruncateStmt") {
            for (const relation of body.relations ?? []) {
                found.push({
                    ...base,
                    kind: "rows truncated",
                    ...named(as<Relation>(relation, "RangeVar")),
                    where: "",
                    cascade: body.behavior === "DROP_CASCADE",
                });
            }
        }
    });
    return found;
}

interface TypeCommand {
    readonly name: string;
    readonly type: unknown;
    readonly using: Node | undefined;
}

/** ALTER COLUMN … TYPE. */
function typeCommand(item: Node): TypeCommand | undefined {
    const command = as<{ subtype?: string; name?: string; def?: Node }>(item, "AlterTableCmd");
    if (command?.subtype !== "AT_AlterColumnType" || command.name === undefined) return undefined;
    const definition = as<{ raw_default?: Node; typeName?: unknown }>(command.def, "ColumnDef");
    return { name: command.name, type: definition?.typeName, using: definition?.raw_default };
}

/** The column of ALTER COLUMN … TYPE … USING an expression that may make other values of the old ones. */
function convertedColumn(item: Node): string[] {
    const command = typeCommand(item);
    if (command?.using === undefined) return [];
    // USING column, or USING column::type, says no more than no USING: the change of type alone is judged.
    const cast = as<{ arg?: Node; typeName?: unknown }>(command.using, "TypeCast");
    const sameType = cast === undefined || withoutLocations(cast.typeName) === withoutLocations(command.type);
    const operand = cast?.arg ?? command.using;
    const plain = strings(as<{ fields?: Node[] }>(operand, "ColumnRef")?.fields).at(-1) === command.name;
    return plain && sameType ? [] : [command.name];
}

function withoutLocations(tree: unknown): string {
    return JSON.stringify(tree, (key, value: unknown) => (key === "location" ? undefined : value));
}

function named(relation: Relation | undefined): { relation: string[]; alias: string | undefined } {
    const parts = [relation?.schemaname, relation?.relname].filter((p) => p !== undefined);
    return { relation: parts, alias: relation?.alias?.aliasname };
}

function targets(list: readonly Node[] | undefined): string[] {
    return (list ?? []).flatMap((n) => as<{ name?: string }>(n, "ResTarget")?.name ?? []);
}

/**
 * The text behind the statement's own WHERE. A sub-query's WHERE comes in parentheses, so the first one at depth 0 that
 * is a token is it.
 */
function condition(statement: Statement, body: Dml): string | undefined {
    if (body.whereClause === undefined) return "";
    if (body.returningClause !== undefined || as(body.whereClause, "CurrentOfExpr") !== undefined) return undefined;
    const { sql } = statement;
    let depth = 0;
    for (const { text, start } of tokens(sql)) {
        if (text === "(") depth++;
        else if (text === ")") depth--;
        else if (depth === 0 && text.toLowerCase() === "where") return sql.slice(start + text.length).trim();
    }
    return undefined;
}

/** Words and single characters outside quotes and comments; rough, good enough to find a keyword. */
function* tokens(sql: string): Generator<{ text: string; start: number }> {
    const pattern = /'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$[\s\S]*?\$\1\$|[\p{L}_][\p{L}\p{N}_$]*|[^\s]/uy;
    for (let i = skipBlank(sql, 0); i < sql.length;) {
        pattern.lastIndex = i;
        const text = pattern.exec(sql)?.[0];
        if (text === undefined) return;
        yield { text, start: i };
        i = skipBlank(sql, i + text.length);
    }
}
