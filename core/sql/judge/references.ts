import type { Node } from "libpg-query";
import type { IdentifiedObject } from "../catalog";
import { nameOf, unquote, writtenName, type RangeVar, type TypeName, splitTopLevel } from "../identifiers";
import { relationKinds, routineKinds, typeKinds } from "./kinds";
import type { Model } from "./model";
import { strings, walk, textOf } from "../nodes";

/** Objects and columns that a piece of a statement needs, by id. In doubt more than it really needs. */
export function references(model: Model, tree: unknown, scope: readonly IdentifiedObject[] = []): string[] {
    const found = new Set<string>();
    const tables = [...scope];
    const aliases = new Map<string, IdentifiedObject>();
    const defined = new Set<string>();
    const fields: string[][] = [];
    const natural: unknown[] = [];
    walk(tree, (type, body) => {
        if (type === "CommonTableExpr") defined.add(textOf(body["ctename"]));
        if (type === "JoinExpr" && body["isNatural"] === true) natural.push(body);
        if (type === "JoinExpr")
            for (const name of strings(body["usingClause"] as Node[] | undefined)) fields.push([name]);
    });
    for (const object of scope) aliases.set(unquote(object.localName), object);
    visit(tree, (body) => {
        const range = body as RangeVar;
        if (typeof range.relname === "string") {
            if (range.schemaname === undefined && defined.has(range.relname)) return;
            const table = model.find(relationKinds, nameOf(range));
            if (table === undefined) return;
            tables.push(table);
            aliases.set(range.alias?.aliasname ?? range.relname, table);
        }
        if (Array.isArray(body["names"]) && "typemod" in body) {
            const type = model.find([...typeKinds, ...relationKinds], writtenName(strings((body as TypeName).names)));
            if (type !== undefined) found.add(rowTypeId(model, type));
        }
        if (Array.isArray(body["collname"])) addCollation(model, strings(body["collname"] as Node[]), found);
        if (Array.isArray(body["opclass"]))
            addNamed(model, "operator class", strings(body["opclass"] as Node[]), found);
    });
    walk(tree, (type, body) => {
        if (type === "ColumnRef") fields.push(columnPath(body["fields"] as Node[]));
        if (type === "FuncCall") for (const id of calledFunctions(model, body)) found.add(id);
        if (type === "A_Expr") addNamed(model, "operator", strings(body["name"] as Node[] | undefined), found);
    });
    for (const table of tables) found.add(table.id);
    for (const path of fields) {
        const [last = ""] = path.slice(-1);
        const named = path.length > 1 ? aliases.get(path.at(-2) ?? "") : undefined;
        for (const table of named === undefined ? tables : [named])
            for (const column of model.columns(table))
                if (last === "*" || unquote(column.localName) === last) found.add(column.id);
    }
    if (natural.length > 0) for (const table of tables) for (const column of model.columns(table)) found.add(column.id);
    return [...found];
}

/** A column's name with what stands before it; `*` for a star. */
function columnPath(fields: readonly Node[]): string[] {
    return fields.map((field) => ("A_Star" in field ? "*" : (strings([field])[0] ?? "")));
}

/** Every object of a tree, also those without a type name. */
function visit(tree: unknown, each: (body: Readonly<Record<string, unknown>>) => void): void {
    if (Array.isArray(tree)) for (const item of tree) visit(item, each);
    else if (typeof tree === "object" && tree !== null) {
        each(tree as Record<string, unknown>);
        for (const value of Object.values(tree)) visit(value, each);
    }
}

/** A table stands for its row type. */
function rowTypeId(model: Model, object: IdentifiedObject): string {
    if (typeKinds.includes(object.kind)) return object.id;
    const rowType = model.dependencies.on(object.id).find((d) => d.type === "i" && d.object.startsWith("pg_type/"));
    return rowType === undefined ? object.id : `${rowType.object}/0`;
}

/** Functions that a call may mean, and the sequence in nextval('…'). */
function calledFunctions(model: Model, call: Readonly<Record<string, unknown>>): string[] {
    const name = writtenName(strings(call["funcname"] as Node[]));
    const args = (call["args"] ?? []) as Node[];
    const candidates = model.findAll(routineKinds, name);
    const fitting = candidates.filter((f) => argumentCount(f.localName) === args.length);
    const ids = (fitting.length > 0 ? fitting : candidates).map(({ id }) => id);
    if (/^(?:nextval|currval|setval)$/.test(name.name)) {
        const sequence = literal(args[0]);
        const object = sequence === undefined ? undefined : model.find(["sequence"], parseName(sequence));
        if (object !== undefined) ids.push(object.id);
    }
    return ids;
}

/** The text of a literal, also of one that is cast. */
function literal(node: unknown): string | undefined {
    const body = node as { A_Const?: { sval?: { sval?: string } }; TypeCast?: { arg?: unknown } } | undefined;
    return body?.TypeCast === undefined ? body?.A_Const?.sval?.sval : literal(body.TypeCast.arg);
}

/** A name in a literal: `audit."Log_seq"`. */
export function parseName(text: string): { schema?: string; name: string } {
    return writtenName(
        [...text.matchAll(/"(?:[^"]|"")*"|[^.\s]+/g)].map(([part]) =>
            part.startsWith('"') ? unquote(part) : part.toLowerCase(),
        ),
    );
}

function argumentCount(localName: string): number {
    const inside = /\((.*)\)$/s.exec(localName)?.[1] ?? "";
    return inside === "" ? 0 : splitTopLevel(inside).length;
}

function addNamed(
    model: Model,
    kind: "operator" | "operator class",
    parts: readonly string[],
    found: Set<string>,
): void {
    const name = parts.at(-1) ?? "";
    if (name === "") return;
    for (const object of model.all(kind)) {
        const own =
            kind === "operator" ? object.localName.replace(/\(.*$/s, "") : object.localName.split(" USING ", 1)[0];
        if (own === name || own?.endsWith(`.${name}`) === true) found.add(object.id);
    }
}

function addCollation(model: Model, parts: readonly string[], found: Set<string>): void {
    const { schema, name } = writtenName(parts);
    for (const object of model.all("collation")) {
        const own = parseQuoted(object.localName);
        if (own.name === name && (schema === undefined || (own.schema ?? "public") === schema)) found.add(object.id);
    }
}

function parseQuoted(identity: string): { schema?: string; name: string } {
    return parseName(identity);
}
