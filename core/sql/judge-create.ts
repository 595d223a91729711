import type { Node } from "libpg-query";
import type { IdentifiedObject } from "./catalog";
import { isSerial, nameOf, typeText, unquote, writtenName, type RangeVar, type TypeName } from "./identifiers";
import type { JudgeContext } from "./judge-context";
import { relationKinds, tableKinds, typeKinds } from "./model";
import { as, strings, walk } from "./nodes";

export interface Constraint {
    readonly contype?: string;
    readonly conname?: string;
    readonly keys?: Node[];
    readonly fk_attrs?: Node[];
    readonly pktable?: RangeVar;
    readonly raw_expr?: Node;
    readonly indexname?: string;
    readonly generated_kind?: string;
    readonly exclusions?: Node[];
}

export interface ColumnDef {
    readonly colname?: string;
    readonly typeName?: TypeName;
    readonly constraints?: Node[];
}

const suffixes: Readonly<Record<string, string>> = {
    CONSTR_PRIMARY: "pkey",
    CONSTR_UNIQUE: "key",
    CONSTR_FOREIGN: "fkey",
    CONSTR_CHECK: "check",
    CONSTR_EXCLUSION: "excl",
};

/** CREATE TABLE with everything in it. */
export function createTable(context: JudgeContext, body: Record<string, unknown>, foreign = false): void {
    const { model } = context;
    const range = body["relation"] as RangeVar;
    // Temporary tables are of the session, not of the schema.
    if (range.relpersistence === "t" || model.find(relationKinds, nameOf(range)) !== undefined) return;
    const parents = ((body["inhRelations"] ?? []) as Node[]).flatMap(
        (n) => context.table(as<RangeVar>(n, "RangeVar")) ?? [],
    );
    const isPartition = body["partbound"] !== undefined;
    const kind = isPartition ? "partition" : foreign ? "foreign table" : "table";
    const table = model.add(kind, nameOf(range), "CREATE TABLE");
    const placed =
        isPartition && parents[0] !== undefined ? { ...table, of: parents[0].name, ofId: parents[0].id } : table;
    model.replace(placed);
    for (const parent of parents) {
        model.depend(table.id, parent.id.slice(0, -2), "0", isPartition ? "a" : "n");
        if (isPartition) attach(context, parent, undefined);
        else context.lock("SHARE UPDATE EXCLUSIVE", parent);
        mirror(context, parent, placed);
    }
    for (const element of (body["tableElts"] ?? []) as Node[]) {
        const column = as<ColumnDef>(element, "ColumnDef");
        const constraint = as<Constraint>(element, "Constraint");
        const like = as<{ relation?: RangeVar; options?: number }>(element, "TableLikeClause");
        if (column !== undefined) addColumn(context, placed, column);
        if (constraint !== undefined) addConstraint(context, placed, constraint);
        const source = context.relation(like?.relation);
        if (source !== undefined)
            for (const part of model.parts(source))
                if (part.kind === "column") model.addPart("column", placed, unquote(part.localName), part.definition);
    }
}

/** Locks that CREATE TABLE … PARTITION OF and ATTACH PARTITION take. Source: DefineRelation and ATExecAttachPartition in tablecmds.c. */
export function attach(context: JudgeContext, parent: IdentifiedObject, partition: IdentifiedObject | undefined): void {
    const { model } = context;
    context.lock(partition === undefined ? "ACCESS EXCLUSIVE" : "SHARE UPDATE EXCLUSIVE", parent);
    context.lockTree("ACCESS EXCLUSIVE", partition);
    for (const part of model.parts(parent)) {
        // The default partition must be shown to hold no row of the new one.
        if (part.kind === "partition" && / DEFAULT$/.test(part.definition)) context.lockTree("ACCESS EXCLUSIVE", part);
        if (part.kind === "constraint") context.lock("SHARE ROW EXCLUSIVE", model.otherEnd(part));
    }
    for (const key of model.referencing(parent)) context.lock("SHARE ROW EXCLUSIVE", context.owner(key));
}

/** What a partition or child takes over from its parent. */
function mirror(context: JudgeContext, parent: IdentifiedObject, child: IdentifiedObject): void {
    for (const part of context.model.parts(parent))
        if (part.kind === "column" || part.kind === "constraint")
            context.model.addPart(part.kind, child, unquote(part.localName), part.definition, true);
}

/** A column with its sequence and constraints. */
export function addColumn(context: JudgeContext, table: IdentifiedObject, def: ColumnDef): IdentifiedObject {
    const { model } = context;
    const name = def.colname ?? "";
    const constraints = (def.constraints ?? []).flatMap((n) => as<Constraint>(n, "Constraint") ?? []);
    const notNull = constraints.some(({ contype }) => contype === "CONSTR_NOTNULL" || contype === "CONSTR_PRIMARY");
    const column = model.addPart("column", table, name, typeText(def.typeName, true) + (notNull ? " NOT NULL" : ""));
    const type = model.find(typeKinds, writtenName(strings(def.typeName?.names)));
    if (type !== undefined) model.depend(column.id, type.id.slice(0, -2), "0", "n");
    if (isSerial(def.typeName) || constraints.some(({ contype }) => contype === "CONSTR_IDENTITY"))
        ownedSequence(context, table, column, name);
    for (const constraint of constraints)
        if (constraint.contype !== undefined && constraint.contype in suffixes)
            addConstraint(context, table, constraint, name);
    return column;
}

export function ownedSequence(
    context: JudgeContext,
    table: IdentifiedObject,
    column: IdentifiedObject,
    name: string,
): void {
    const { model } = context;
    const sequence = model.add(
        "sequence",
        { ...schemaOf(context, table), name: `${unquote(table.localName)}_${name}_seq` },
        "sequence",
    );
    model.replace({ ...sequence, of: table.name, ofId: table.id });
    model.depend(sequence.id, table.id.slice(0, -2), column.id.split("/")[2] ?? "0", "a");
}

export function schemaOf(context: JudgeContext, object: IdentifiedObject): { schema?: string } {
    const name = context.model.schemaName(object);
    return name === undefined ? {} : { schema: name };
}

/** A constraint with the locks that ADD CONSTRAINT takes on other tables. */
export function addConstraint(
    context: JudgeContext,
    table: IdentifiedObject,
    constraint: Constraint,
    column?: string,
): void {
    const { model } = context;
    const suffix = suffixes[constraint.contype ?? ""];
    if (suffix === undefined) return;
    const keys = column !== undefined ? [column] : strings(constraint.keys ?? constraint.fk_attrs);
    const columns =
        suffix === "check" && column === undefined ? [...new Set(columnRefs(constraint.raw_expr))].slice(0, 2) : keys;
    const excluded = (constraint.exclusions ?? []).flatMap((n) => {
        const names: string[] = [];
        walk(n, (type, body) => {
            if (type === "IndexElem" && body["name"] !== undefined) names.push(String(body["name"]));
        });
        return names;
    });
    // As ChooseConstraintName does; a check of several columns is called after the table alone.
    const middle = suffix === "pkey" || (suffix === "check" && columns.length > 1) ? [] : [...columns, ...excluded];
    const name =
        constraint.conname ??
        constraint.indexname ??
        free(context, table, [unquote(table.localName), ...middle, suffix].join("_"));
    const made = model.addPart("constraint", table, name, suffix === "fkey" ? "FOREIGN KEY" : suffix);
    const owner = table.id.slice(0, -2);
    for (const key of new Set([...columns, ...excluded])) {
        const part = model.part("column", table, key);
        if (part !== undefined) model.depend(made.id, owner, part.id.split("/")[2] ?? "0", "a");
        if (part !== undefined && suffix === "pkey" && !part.definition.includes("NOT NULL"))
            model.change(part, `${part.definition} NOT NULL`);
    }
    const referenced = context.table(constraint.pktable);
    if (suffix === "fkey" && referenced !== undefined) {
        model.depend(made.id, referenced.id.slice(0, -2), "0", "n");
        context.lockTree("SHARE ROW EXCLUSIVE", referenced);
    }
    for (const child of model.children(table)) model.addPart("constraint", child, name, made.definition, true);
}

function columnRefs(tree: unknown): string[] {
    const names: string[] = [];
    walk(tree, (type, body) => {
        if (type === "ColumnRef") names.push(strings(body["fields"] as Node[]).at(-1) ?? "");
    });
    return names;
}

function free(context: JudgeContext, table: IdentifiedObject, wanted: string): string {
    let name = wanted;
    for (let n = 1; context.model.part("constraint", table, name) !== undefined; n++) name = `${wanted}${n}`;
    return name;
}

/** CREATE INDEX: SHARE on the table and its partitions, unless CONCURRENTLY. */
export function createIndex(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    const table = model.find([...tableKinds, "materialized view"], nameOf(body["relation"] as RangeVar));
    if (table === undefined) return;
    const names = ((body["indexParams"] ?? []) as Node[]).map((n) => {
        const item = as<{ name?: string; expr?: Node }>(n, "IndexElem");
        return item?.name ?? strings(as<{ funcname?: Node[] }>(item?.expr, "FuncCall")?.funcname).at(-1) ?? "expr";
    });
    const wanted = [unquote(table.localName), ...names, "idx"].join("_");
    const written = body["idxname"] as string | undefined;
    const scope = schemaOf(context, table);
    if (
        written !== undefined &&
        body["if_not_exists"] === true &&
        model.find(["index"], { ...scope, name: written }) !== undefined
    )
        return;
    let name = written ?? wanted;
    for (let n = 1; written === undefined && model.find(relationKinds, { ...scope, name }) !== undefined; n++)
        name = `${wanted}${n}`;
    const index = model.add("index", { ...scope, name }, "CREATE INDEX");
    model.replace({ ...index, of: table.name, ofId: table.id });
    const used = new Set([...names, ...columnRefs(body["indexParams"]), ...columnRefs(body["whereClause"])]);
    for (const column of used) {
        const part = model.part("column", table, column);
        if (part !== undefined) model.depend(index.id, table.id.slice(0, -2), part.id.split("/")[2] ?? "0", "a");
    }
    if (body["concurrent"] !== true) context.lockTree("SHARE", table);
}
