import type { Node } from "libpg-query";
import type { IdentifiedObject } from "../catalog";
import { figureColumnName } from "./column-names";
import { parseColumn } from "../column-definition";
import { nameOf, quoteIdentifier, truncateName, unquote, type RangeVar, type TypeName } from "../identifiers";
import type { JudgeContext } from "./context";
import { isFree, isTemporary, named } from "./table";
import { relationKinds } from "./kinds";
import { as, strings, walk, textOf } from "../nodes";
import { references } from "./references";

/** CREATE VIEW. A view over something temporary is temporary itself. */
export function createView(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    const range = body["view"] as RangeVar;
    const query = body["query"];
    const temporary = isTemporary(range) || usesTemporary(context, query);
    const existing = model.find(
        relationKinds,
        temporary ? { schema: "pg_temp", name: range.relname ?? "" } : inCreationSchema(context, range),
    );
    if (existing !== undefined && body["replace"] === true) {
        if (existing.kind !== "view") return context.unsure(`${existing.kind} ${existing.name} is no view`);
        context.lock("ACCESS EXCLUSIVE", existing);
        releaseQuery(context, existing);
        model.change(existing, `${existing.definition} (replaced)`);
        return context.needs(existing, query);
    }
    if (!isFree(context, range, temporary, false)) return;
    context.needs(model.add("view", named(range), "AS …", { temporary }), query);
}

function inCreationSchema(context: JudgeContext, range: RangeVar): { schema?: string; name: string } {
    const { schema = context.model.creationSchema(), name } = named(range);
    return schema === undefined ? { name } : { schema, name };
}

/** A view's query is an inner rule of it, which holds its needs. */
function releaseQuery({ model }: JudgeContext, view: IdentifiedObject): void {
    for (const d of [...model.dependencies.on(view.id)])
        if (d.object.startsWith("pg_rewrite/") && d.type === "i")
            model.dependencies.release(`${d.object}/0`, (own) => own.type === "i");
    model.dependencies.release(view.id, (d) => d.on.startsWith("pg_namespace/") || d.type === "e");
}

function usesTemporary(context: JudgeContext, query: unknown): boolean {
    return references(context.model, query).some((id) => {
        const object = context.model.get(id);
        return object !== undefined && context.model.isTemporary(object);
    });
}

/** CREATE TABLE AS, SELECT INTO, CREATE MATERIALIZED VIEW. */
export function createTableAs(context: JudgeContext, body: Record<string, unknown>): void {
    const into = body["into"] as { rel?: RangeVar; colNames?: Node[] };
    const materialized = body["objtype"] === "OBJECT_MATVIEW";
    makeFromQuery(context, into, body["query"] as Node, materialized, body["if_not_exists"] === true);
}

export function selectInto(context: JudgeContext, select: Record<string, unknown>): void {
    const { intoClause, ...query } = select;
    makeFromQuery(context, intoClause as { rel?: RangeVar; colNames?: Node[] }, { SelectStmt: query }, false, false);
}

function makeFromQuery(
    context: JudgeContext,
    into: { readonly rel?: RangeVar; readonly colNames?: Node[] },
    query: Node,
    materialized: boolean,
    missingOk: boolean,
): void {
    const { model } = context;
    const range = into.rel ?? {};
    const temporary = isTemporary(range);
    if (!isFree(context, range, temporary, missingOk)) return;
    const unlogged = range.relpersistence === "u" ? "UNLOGGED" : "";
    if (materialized) return context.needs(model.add("materialized view", named(range), "AS …"), query);
    const table = model.add("table", named(range), unlogged, { temporary });
    const columns = outputColumns(context, query);
    if (columns === undefined) {
        context.unsure(`columns of ${table.name} come from a query that is not looked into`);
        return;
    }
    const written = strings(into.colNames);
    const names = columns.map(({ name }, i) => written[i] ?? name);
    if (new Set(names).size < names.length) context.unsure(`two columns of ${table.name} would have one name`);
    columns.forEach(({ name, type }, i) => {
        model.addPart("column", table, truncateName(written[i] ?? name), type);
    });
}

interface OutputColumn {
    readonly name: string;
    /** As in a column's definition; a guess where the query computes it. */
    readonly type: string;
}

/** Names, and where they are plain types, of a query's columns. */
function outputColumns(context: JudgeContext, query: Node | undefined): OutputColumn[] | undefined {
    const select = as<Record<string, unknown>>(query, "SelectStmt");
    if (select === undefined) return undefined;
    if (select["op"] !== undefined && select["op"] !== "SETOP_NONE")
        return outputColumns(context, { SelectStmt: select["larg"] } as unknown as Node);
    if (select["valuesLists"] !== undefined) {
        const row = as<{ items?: Node[] }>((select["valuesLists"] as Node[])[0], "List")?.items ?? [];
        return row.map((_, i) => ({ name: `column${i + 1}`, type: "unknown" }));
    }
    const sources = fromSources(context, select);
    const columns: OutputColumn[] = [];
    for (const item of (select["targetList"] ?? []) as Node[]) {
        const target = as<{ name?: string; val?: Node }>(item, "ResTarget");
        const fields = as<{ fields?: Node[] }>(target?.val, "ColumnRef")?.fields;
        if (fields?.some((f) => "A_Star" in f) === true) {
            const [alias] = strings(fields).slice(-1);
            const starred = alias === undefined ? sources : sources?.filter((s) => s.alias === alias);
            if (starred === undefined || starred.some((s) => s.columns === undefined) || starred.length === 0)
                return undefined;
            columns.push(...starred.flatMap((s) => s.columns ?? []));
        } else {
            columns.push({
                name: target?.name ?? figureColumnName(target?.val) ?? "?column?",
                type: typeOf(context, target?.val, sources ?? []),
            });
        }
    }
    return columns;
}

interface Source {
    readonly alias: string;
    /** Undefined: not known. */
    readonly columns: readonly OutputColumn[] | undefined;
}

/** What stands in FROM, in order; undefined where a join merges columns. */
function fromSources(context: JudgeContext, select: Record<string, unknown>): Source[] | undefined {
    const ctes = new Map<string, Node>();
    walk(select["withClause"], (type, body) => {
        if (type === "CommonTableExpr") ctes.set(textOf(body["ctename"]), body["ctequery"] as Node);
    });
    const sources: Source[] = [];
    const merging: boolean[] = [];
    const visit = (node: Node): void => {
        const range = as<RangeVar>(node, "RangeVar");
        const join = as<{ larg?: Node; rarg?: Node; isNatural?: boolean; usingClause?: Node[] }>(node, "JoinExpr");
        const sub = as<{ subquery?: Node; alias?: { aliasname?: string } }>(node, "RangeSubselect");
        if (range !== undefined) {
            const cte = range.schemaname === undefined ? ctes.get(range.relname ?? "") : undefined;
            const columns = cte === undefined ? tableColumns(context, range) : outputColumns(context, cte);
            sources.push({ alias: range.alias?.aliasname ?? range.relname ?? "", columns });
        } else if (join !== undefined) {
            merging.push(join.isNatural === true || join.usingClause !== undefined);
            if (join.larg !== undefined) visit(join.larg);
            if (join.rarg !== undefined) visit(join.rarg);
        } else if (sub !== undefined) {
            sources.push({ alias: sub.alias?.aliasname ?? "", columns: outputColumns(context, sub.subquery) });
        } else sources.push({ alias: "", columns: undefined });
    };
    for (const node of (select["fromClause"] ?? []) as Node[]) visit(node);
    return merging.includes(true) ? undefined : sources;
}

function tableColumns(context: JudgeContext, range: RangeVar): readonly OutputColumn[] | undefined {
    const table = context.model.find(relationKinds, nameOf(range));
    if (table?.kind === "view" || table?.kind === "materialized view")
        return context.model.facts.viewColumns.get(table.id);
    if (table === undefined || !["table", "partition", "foreign table"].includes(table.kind)) return undefined;
    return context.model
        .columns(table)
        .map((c) => ({ name: unquote(c.localName), type: parseColumn(c.definition).type }));
}

function typeOf(context: JudgeContext, value: Node | undefined, sources: readonly Source[]): string {
    const cast = as<{ typeName?: TypeName }>(value, "TypeCast");
    if (cast !== undefined) return context.typeText(cast.typeName);
    const path = strings(as<{ fields?: Node[] }>(value, "ColumnRef")?.fields);
    const [name = "", alias] = [path.at(-1), path.at(-2)];
    const found = sources
        .filter((s) => alias === undefined || s.alias === alias)
        .flatMap((s) => s.columns?.filter((c) => c.name === name) ?? []);
    return found.length === 1 ? (found[0]?.type ?? "unknown") : `unknown (${quoteIdentifier(name)})`;
}
