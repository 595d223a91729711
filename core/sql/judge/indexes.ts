import type { Node } from "libpg-query";
import type { IdentifiedObject } from "../catalog";
import { figureColumnName } from "./column-names";
import { nameOf, quoteIdentifier, truncateName, unquote, type RangeVar } from "../identifiers";
import type { JudgeContext } from "./context";
import { chooseRelationName } from "./names";
import { relationKinds, tableKinds } from "./kinds";
import { as, strings, textOf } from "../nodes";

interface IndexElem {
    readonly name?: string;
    readonly expr?: Node;
}

/** CREATE INDEX: SHARE on the table and its partitions, unless CONCURRENTLY. */
export function createIndex(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    const range = body["relation"] as RangeVar;
    const table = context.lookUp([...tableKinds, "materialized view"], nameOf(range), false);
    if (table === undefined) return;
    const schema = model.schemaName(table) ?? "public";
    const written = body["idxname"] === undefined ? undefined : truncateName(textOf(body["idxname"]));
    const onlyThis = range.inh !== true;
    if (body["concurrent"] !== true) {
        if (onlyThis) context.lock("SHARE", table);
        else context.lockTree("SHARE", table);
    }
    if (written !== undefined && isTaken(context, schema, written)) {
        if (body["if_not_exists"] !== true) context.unsure(`relation ${quoteIdentifier(written)} is there already`);
        return;
    }
    const index = addIndex(context, table, body, written);
    if (!onlyThis) inheritIndex(context, table, index, body);
}

function isTaken(context: JudgeContext, schema: string, name: string): boolean {
    return (
        context.model.find(relationKinds, { schema, name }) !== undefined ||
        context.model.findIndexConstraint({ schema, name }) !== undefined
    );
}

function addIndex(
    context: JudgeContext,
    table: IdentifiedObject,
    body: Record<string, unknown>,
    written: string | undefined,
): IdentifiedObject {
    const { model } = context;
    const elements = [
        ...((body["indexParams"] ?? []) as Node[]),
        ...((body["indexIncludingParams"] ?? []) as Node[]),
    ].flatMap((n) => as<IndexElem>(n, "IndexElem") ?? []);
    const names = numbered(elements.map((e) => e.name ?? figureColumnName(e.expr) ?? "expr"));
    const name = written ?? chooseRelationName(model, table, names.join("_"), "idx");
    const columns = elements.flatMap((e) => e.name ?? []).map(quoteIdentifier);
    const unique = body["unique"] === true ? "UNIQUE " : "";
    const index = model.addOwned(
        "index",
        table,
        { schema: model.schemaName(table) ?? "public", name },
        `CREATE ${unique}INDEX (${columns.join(", ")})`,
    );
    model.dependencies.add(index.id, table.id, "a");
    for (const { name: column } of elements) {
        const part = column === undefined ? undefined : model.part("column", table, column);
        if (part !== undefined) model.dependencies.add(index.id, part.id, "a");
    }
    context.needs(index, [body["indexParams"], body["whereClause"]], [table], "a");
    return index;
}

/** Names that come twice get a number; source: ChooseIndexColumnNames in indexcmds.c. */
function numbered(names: readonly string[]): string[] {
    const result: string[] = [];
    for (const name of names) {
        let free = name;
        for (let n = 1; result.includes(free); n++) free = `${name}${n}`;
        result.push(free);
    }
    return result;
}

function inheritIndex(
    context: JudgeContext,
    table: IdentifiedObject,
    index: IdentifiedObject,
    body: Record<string, unknown>,
): void {
    for (const child of context.model.directChildren(table)) {
        if (child.kind !== "partition") continue;
        const made = addIndex(context, child, body, undefined);
        context.model.replace({ ...made, inherited: true });
        context.model.dependencies.add(made.id, index.id, "P");
        inheritIndex(context, child, made, body);
    }
}

/** CREATE STATISTICS: SHARE UPDATE EXCLUSIVE on the table. */
export function createStatistics(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    const table = context.lookUp(
        [...tableKinds, "materialized view"],
        nameOf(as<RangeVar>((body["relations"] as Node[] | undefined)?.[0], "RangeVar")),
        false,
    );
    if (table === undefined) return;
    const expressions = (body["exprs"] as Node[]).flatMap((n) => as<IndexElem>(n, "StatsElem") ?? []);
    const written = strings(body["defnames"] as Node[] | undefined);
    const schema =
        written.length > 1 ? written[0] : written.length === 1 ? model.creationSchema() : model.schemaName(table);
    const names = numbered(expressions.map((e) => e.name ?? "expr"));
    const name = written.at(-1) ?? statisticsName(context, table, names.join("_"), schema ?? "public");
    const wanted = { schema: schema ?? "public", name };
    if (model.find(["statistics"], wanted) !== undefined) {
        if (body["if_not_exists"] !== true) context.unsure(`statistics object ${name} is there already`);
        return;
    }
    const made = model.addOwned(
        "statistics",
        table,
        wanted,
        `CREATE STATISTICS ON ${names.map(quoteIdentifier).join(", ")}`,
    );
    for (const { name: column } of expressions) {
        const part = column === undefined ? undefined : model.part("column", table, column);
        if (part !== undefined) model.dependencies.add(made.id, part.id, "a");
    }
    if (expressions.every((e) => e.name === undefined)) model.dependencies.add(made.id, table.id, "a");
    context.needs(made, expressions, [table], "a");
}

function statisticsName(context: JudgeContext, table: IdentifiedObject, columns: string, schema: string): string {
    for (let n = 0; ; n++) {
        const name = truncateName([unquote(table.localName), columns, `stat${n === 0 ? "" : String(n)}`].join("_"));
        if (context.model.find(["statistics"], { schema, name }) === undefined) return name;
    }
}
