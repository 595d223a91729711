import type { Node } from "libpg-query";
import type { IdentifiedObject } from "../catalog";
import { formatColumn } from "../column-definition";
import {
    bareName,
    isSerial,
    nameOf,
    quoteIdentifier,
    truncateName,
    unquote,
    writtenName,
    type RangeVar,
    type TypeName,
    splitTopLevel,
} from "../identifiers";
import { addConstraint, constraintsOf, isTableConstraint, type Constraint } from "./constraint";
import type { JudgeContext } from "./context";
import { likeClause, type TableLikeClause } from "./like";
import { chooseRelationName } from "./names";
import { lockForPartition, partitionBound, referToPartition, takeOverIndexes } from "./partition";
import { relationKinds, typeKinds } from "./kinds";
import { as, strings, walk } from "../nodes";

export interface ColumnDef {
    readonly colname?: string;
    readonly typeName?: TypeName;
    readonly constraints?: Node[];
    readonly collClause?: { readonly collname?: Node[] };
    /** Of ALTER … TYPE: the expression after USING. */
    readonly raw_default?: Node;
}

interface CreateStmt {
    readonly relation?: RangeVar;
    readonly inhRelations?: Node[];
    readonly partbound?: { readonly is_default?: boolean };
    readonly partspec?: { readonly partParams?: Node[] };
    readonly ofTypename?: TypeName;
    readonly tableElts?: Node[];
    readonly if_not_exists?: boolean;
}

/** CREATE TABLE with everything in it. */
export function createTable(context: JudgeContext, statement: CreateStmt, foreign = false): void {
    const { model } = context;
    const range = statement.relation ?? {};
    const temporary = isTemporary(range);
    if (!isFree(context, range, temporary, statement.if_not_exists === true)) return;
    const parents = (statement.inhRelations ?? []).flatMap((n) => context.table(as<RangeVar>(n, "RangeVar")) ?? []);
    const isPartition = statement.partbound !== undefined;
    const kind = isPartition ? "partition" : foreign ? "foreign table" : "table";
    const bare = model.add(kind, named(range), tableDefinition(context, statement, parents), { temporary });
    const parent = parents[0];
    const table =
        isPartition && parent !== undefined ? model.replace({ ...bare, of: parent.name, ofId: parent.id }) : bare;
    if (isPartition && parent !== undefined) lockForPartition(context, parent, undefined);
    const elements = statement.tableElts ?? [];
    for (const each of parents) {
        model.dependencies.add(table.id, each.id, isPartition ? "a" : "n");
        inherit(context, each, table, isPartition);
    }
    ofType(context, table, statement.ofTypename);
    const later: Constraint[] = [];
    for (const element of elements) {
        const def = as<ColumnDef>(element, "ColumnDef");
        const constraint = as<Constraint>(element, "Constraint");
        const like = as<TableLikeClause>(element, "TableLikeClause");
        if (def !== undefined) addOrMergeColumn(context, table, def);
        if (constraint !== undefined) later.push(constraint);
        if (like !== undefined) likeClause(context, table, like);
    }
    for (const constraint of later) addConstraint(context, table, constraint);
    context.needs(table, statement.partspec, [table]);
    if (isPartition && parent !== undefined) {
        takeOverIndexes(context, parent, table);
        referToPartition(context, parent, table);
    }
}

export function isTemporary(range: RangeVar): boolean {
    return range.relpersistence === "t" || range.schemaname === "pg_temp";
}

export function named(range: RangeVar): { schema?: string; name: string } {
    const { name, ...schema } = nameOf(range);
    return { ...schema, name: truncateName(name) };
}

/** Whether a relation can be made under a name; says why not. */
export function isFree(context: JudgeContext, range: RangeVar, temporary: boolean, missingOk: boolean): boolean {
    const { model } = context;
    const { schema, name } = named(range);
    const where = temporary ? "pg_temp" : (schema ?? model.creationSchema());
    if (where === undefined || !model.schemaExists(where)) {
        context.unsure(`schema ${where ?? "of the search path"} is not known`);
        return false;
    }
    if (model.find([...relationKinds, ...typeKinds], { schema: where, name }) === undefined) return true;
    if (!missingOk) context.unsure(`relation ${quoteIdentifier(name)} is there already`);
    return false;
}

function tableDefinition(context: JudgeContext, statement: CreateStmt, parents: readonly IdentifiedObject[]): string {
    const names = parents.map((p) => qualified(context, p)).join(", ");
    const key = (statement.partspec?.partParams ?? []).flatMap(
        (n) => as<{ name?: string }>(n, "PartitionElem")?.name ?? "…",
    );
    return [
        ...(statement.relation?.relpersistence === "u" ? ["UNLOGGED"] : []),
        ...(statement.partbound !== undefined
            ? [`PARTITION OF ${names} ${partitionBound(statement.partbound)}`]
            : parents.length > 0
              ? [`INHERITS (${names})`]
              : []),
        ...(statement.partspec === undefined ? [] : [`PARTITION BY RANGE (${key.map(quoteIdentifier).join(", ")})`]),
    ].join(" ");
}

export function qualified(context: JudgeContext, table: IdentifiedObject): string {
    return `${quoteIdentifier(context.model.schemaName(table) ?? "public")}.${table.localName}`;
}

/** What a partition or child takes over from its parent: columns and CHECK constraints; a partition also keys and triggers. */
function inherit(context: JudgeContext, parent: IdentifiedObject, child: IdentifiedObject, isPartition: boolean): void {
    const { model } = context;
    for (const column of model.columns(parent)) {
        if (model.part("column", child, unquote(column.localName)) !== undefined) continue;
        const made = model.addPart("column", child, unquote(column.localName), column.definition, true);
        for (const d of model.dependencies.of(column.id))
            model.dependencies.add(made.id, `${d.on}/${d.onSubid}`, d.type);
    }
    for (const part of model.parts(parent)) {
        const shared =
            (part.kind === "constraint" &&
                (part.definition.startsWith("CHECK") || (isPartition && part.definition.startsWith("FOREIGN")))) ||
            (isPartition && part.kind === "trigger" && part.definition.includes(" FOR EACH ROW "));
        if (!shared || / NO INHERIT\b/.test(part.definition)) continue;
        const made = model.addPart(part.kind, child, unquote(part.localName), part.definition, true);
        model.dependencies.add(made.id, part.id, "P");
        for (const d of model.dependencies.of(part.id))
            if (d.type === "n") model.dependencies.add(made.id, `${d.on}/${d.onSubid}`, "n");
    }
}

function addOrMergeColumn(context: JudgeContext, table: IdentifiedObject, def: ColumnDef): void {
    const known = context.model.part("column", table, def.colname ?? "");
    if (known === undefined) addColumn(context, table, def);
    else {
        // A column that the parent has, too, or one of a typed table: its own, with its own constraints.
        if (def.typeName !== undefined) context.model.replace({ ...known, inherited: false });
        for (const constraint of constraintsOf(def.constraints)) addColumnConstraint(context, table, known, constraint);
    }
}

/** A column with its sequence and constraints. */
export function addColumn(context: JudgeContext, table: IdentifiedObject, def: ColumnDef): IdentifiedObject {
    const { model } = context;
    const name = truncateName(def.colname ?? "");
    const constraints = constraintsOf(def.constraints);
    const has = (...types: string[]): boolean => constraints.some(({ contype }) => types.includes(contype ?? ""));
    const identity = constraints.find(({ contype }) => contype === "CONSTR_IDENTITY");
    const value = constraints.find(({ contype }) => contype === "CONSTR_DEFAULT" || contype === "CONSTR_GENERATED");
    const serial = isSerial(def.typeName);
    const collation = context.collationText(def.collClause);
    context.checkType(def.typeName);
    const column = model.addPart(
        "column",
        table,
        name,
        formatColumn({
            type: context.typeText(def.typeName),
            notNull: has("CONSTR_NOTNULL", "CONSTR_PRIMARY", "CONSTR_IDENTITY") || serial,
            rest: "",
            ...(collation === undefined ? {} : { collation }),
            ...(serial ? { value: "DEFAULT nextval(…)" } : value === undefined ? {} : { value: valueText(value) }),
            ...(identity === undefined ? {} : { identity: identityText(identity) }),
        }),
    );
    context.needs(column, [def.typeName, def.collClause]);
    if (serial || identity !== undefined) ownedSequence(context, table, column, identity);
    if (serial) linkDefault(context, column, undefined, "a");
    for (const constraint of constraints) addColumnConstraint(context, table, column, constraint);
    return column;
}

function addColumnConstraint(
    context: JudgeContext,
    table: IdentifiedObject,
    column: IdentifiedObject,
    constraint: Constraint,
): void {
    if (isTableConstraint(constraint)) addConstraint(context, table, constraint, unquote(column.localName));
    if (constraint.contype === "CONSTR_DEFAULT") linkDefault(context, column, constraint.raw_expr, "a");
    if (constraint.contype === "CONSTR_GENERATED") linkDefault(context, column, constraint.raw_expr, "i");
}

function valueText(constraint: Constraint): string {
    if (constraint.contype === "CONSTR_DEFAULT") return "DEFAULT …";
    const columns = columnNames(constraint.raw_expr).map(quoteIdentifier).join(", ");
    return `GENERATED ALWAYS AS (${columns}) ${constraint.generated_kind === "v" ? "VIRTUAL" : "STORED"}`;
}

function columnNames(tree: unknown): string[] {
    const names: string[] = [];
    walk(tree, (type, body) => {
        if (type === "ColumnRef") names.push(strings(body["fields"] as Node[]).at(-1) ?? "");
    });
    return names;
}

export function identityText(constraint: Constraint): string {
    return constraint.generated_when === "d" ? "GENERATED BY DEFAULT AS IDENTITY" : "GENERATED ALWAYS AS IDENTITY";
}

/**
 * The default of a column as the inner object that pg_attrdef keeps: it goes with the column ("a"), or the column with it ("i", where
 * it is generated), and it needs what its expression names.
 */
export function linkDefault(
    context: JudgeContext,
    column: IdentifiedObject,
    expression: Node | undefined,
    type: "a" | "i",
): void {
    const { model } = context;
    unlinkDefault(context, column);
    const id = `pg_attrdef/${column.id.replaceAll("/", "-")}/0`;
    model.dependencies.add(id, column.id, type);
    const table = context.owner(column);
    const scope = table === undefined ? [] : [table];
    context.needs({ ...column, id }, expression, scope, "n");
}

export function unlinkDefault({ model }: JudgeContext, column: IdentifiedObject): void {
    for (const d of [...model.dependencies.on(column.id)])
        if (d.object.startsWith("pg_attrdef/") && (d.type === "a" || d.type === "i"))
            model.dependencies.remove(`${d.object}/0`);
}

/** The sequence of a serial or identity column. */
export function ownedSequence(
    context: JudgeContext,
    table: IdentifiedObject,
    column: IdentifiedObject,
    identity: Constraint | undefined,
): void {
    const { model } = context;
    const options = (identity?.options ?? []).flatMap((n) => as<{ defname?: string; arg?: Node }>(n, "DefElem") ?? []);
    const written = strings(
        as<{ items?: Node[] }>(options.find((o) => o.defname === "sequence_name")?.arg, "List")?.items,
    );
    const name = written.at(-1) ?? chooseRelationName(model, table, unquote(column.localName), "seq");
    const schema = (written.length > 1 ? written[0] : undefined) ?? model.schemaName(table) ?? "public";
    const sequence = model.addOwned("sequence", table, { schema, name }, "SEQUENCE");
    model.dependencies.add(sequence.id, column.id, identity === undefined ? "a" : "i");
    if (identity === undefined) {
        const id = `pg_attrdef/${column.id.replaceAll("/", "-")}/0`;
        model.dependencies.add(id, column.id, "a");
        model.dependencies.add(id, sequence.id, "n");
    }
}

/** CREATE TABLE … OF type: the type's attributes are the columns. */
function ofType(context: JudgeContext, table: IdentifiedObject, typeName: TypeName | undefined): void {
    if (typeName === undefined) return;
    const { model } = context;
    const type = context.lookUp(["type"], writtenName(strings(typeName.names)), false);
    if (type === undefined) return;
    model.dependencies.add(table.id, type.id, "n");
    model.change(table, `OF ${qualified(context, type)}`);
    for (const attribute of splitTopLevel(type.definition)) {
        const localName = /^"(?:[^"]|"")*"|^\S+/.exec(attribute)?.[0] ?? attribute;
        model.addPart("column", table, bareName(localName), attribute.slice(localName.length).trim());
    }
}
