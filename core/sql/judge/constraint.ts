import type { Node } from "libpg-query";
import type { IdentifiedObject } from "../catalog";
import { withParts } from "../column-definition";
import { identifierPattern, quoteIdentifier, truncateName, unquote, type RangeVar } from "../identifiers";
import type { JudgeContext } from "./context";
import { partitionKey } from "./partition";
import { chooseConstraintName, chooseRelationName } from "./names";
import { hasIndex } from "./kinds";
import { as, strings, walk, textOf } from "../nodes";

/** A constraint as the grammar gives it, of a table, column or domain. */
export interface Constraint {
    readonly fk_upd_action?: string;
    readonly fk_del_action?: string;
    readonly contype?: string;
    readonly conname?: string;
    readonly keys?: Node[];
    readonly including?: Node[];
    readonly fk_attrs?: Node[];
    readonly pk_attrs?: Node[];
    readonly pktable?: RangeVar;
    readonly raw_expr?: Node;
    readonly where_clause?: Node;
    readonly indexname?: string;
    readonly generated_when?: string;
    readonly generated_kind?: string;
    readonly exclusions?: Node[];
    readonly options?: Node[];
    readonly skip_validation?: boolean;
    readonly is_no_inherit?: boolean;
}

const labels: Readonly<Record<string, string>> = {
    CONSTR_PRIMARY: "pkey",
    CONSTR_UNIQUE: "key",
    CONSTR_FOREIGN: "fkey",
    CONSTR_CHECK: "check",
    CONSTR_EXCLUSION: "excl",
};

export function isTableConstraint({ contype }: Constraint): boolean {
    return contype !== undefined && contype in labels;
}

/**
 * Adds a constraint to a table and, as far as they share it, to its heirs, with the locks that this takes on other tables.
 * @param column whose definition it stands in
 */
export function addConstraint(
    context: JudgeContext,
    table: IdentifiedObject,
    constraint: Constraint,
    column?: string,
): IdentifiedObject | undefined {
    const { model } = context;
    const label = labels[constraint.contype ?? ""];
    if (label === undefined) return undefined;
    const columns = usedColumns(context, table, constraint, column);
    const written = constraint.conname ?? constraint.indexname;
    const name = written === undefined ? chooseName(context, table, label, columns) : truncateName(written);
    const existing = model.part("constraint", table, name);
    // A child's own constraint of the same name is merged with its parent's.
    if (existing !== undefined) {
        context.unsure(`constraint ${existing.name} is there already`);
        return existing;
    }
    if (label === "pkey" && model.parts(table).some((p) => p.definition.startsWith("PRIMARY KEY")))
        context.unsure(`${table.name} has a primary key already`);
    if (/^(?:pkey|key|excl)$/.test(label)) checkPartitionKey(context, table, columns);
    const made = model.addPart("constraint", table, name, definitionOf(context, constraint, columns));
    linkColumns(context, table, made, columns);
    context.needs(made, [constraint.raw_expr, constraint.where_clause, constraint.exclusions], [table], "a");
    if (label === "pkey") for (const each of [table, ...model.children(table)]) requireColumns(context, each, columns);
    if (label === "fkey") linkForeignKey(context, table, made, constraint);
    if (constraint.is_no_inherit !== true) inheritConstraint(context, table, made, columns);
    return made;
}

/** Of a partitioned table, a key has all columns that rows are distributed by, and its index is made in each partition. */
function checkPartitionKey(context: JudgeContext, table: IdentifiedObject, columns: readonly string[]): void {
    const missing = partitionKey(table).find((name) => !columns.includes(name));
    if (missing !== undefined)
        context.unsure(`a key of ${table.name} must include ${missing}, by which it is partitioned`);
    for (const partition of context.model.partitions(table)) context.lock("SHARE", partition);
}

/** The same constraint in partitions and children: of children only CHECK. */
function inheritConstraint(
    context: JudgeContext,
    table: IdentifiedObject,
    made: IdentifiedObject,
    columns: readonly string[],
): void {
    const { model } = context;
    for (const child of model.directChildren(table)) {
        if (child.kind !== "partition" && !made.definition.startsWith("CHECK")) continue;
        const label = hasIndex(made) ? (made.definition.startsWith("PRIMARY") ? "pkey" : "key") : undefined;
        const same = model.part("constraint", child, unquote(made.localName));
        const name =
            label === undefined
                ? unquote(made.localName)
                : chooseRelationName(model, child, label === "pkey" ? "" : columns.join("_"), label);
        const mirrored =
            label === undefined && same !== undefined
                ? same
                : model.addPart("constraint", child, name, made.definition, true);
        model.dependencies.add(mirrored.id, made.id, "P");
        linkColumns(context, child, mirrored, columns);
        inheritConstraint(context, child, mirrored, columns);
    }
}

function chooseName(context: JudgeContext, table: IdentifiedObject, label: string, columns: readonly string[]): string {
    switch (label) {
        case "pkey":
            return chooseRelationName(context.model, table, "", label);
        case "key":
        case "excl":
            return chooseRelationName(context.model, table, columns.join("_"), label);
        case "check":
            return chooseConstraintName(context.model, table, columns.length === 1 ? (columns[0] ?? "") : "", label);
        default:
            return chooseConstraintName(context.model, table, columns.join("_"), label);
    }
}

function usedColumns(
    context: JudgeContext,
    table: IdentifiedObject,
    constraint: Constraint,
    column: string | undefined,
): string[] {
    if (constraint.contype === "CONSTR_CHECK") {
        const known = context.model.columns(table).map(({ localName }) => unquote(localName));
        return [...new Set(columnRefs(constraint.raw_expr))].filter((name) => known.includes(name));
    }
    if (constraint.indexname !== undefined) {
        const index = context.model
            .parts(table)
            .find((p) => p.kind === "index" && unquote(p.localName) === constraint.indexname);
        return index === undefined ? [] : columnsIn(index.definition);
    }
    const excluded: string[] = [];
    walk(constraint.exclusions, (type, body) => {
        if (type === "IndexElem") excluded.push(body["name"] === undefined ? "expr" : textOf(body["name"]));
    });
    const keys = strings(constraint.keys ?? constraint.fk_attrs);
    return [...(keys.length === 0 && column !== undefined ? [column] : keys), ...excluded];
}

/** The columns between the last parentheses of an index's definition. */
function columnsIn(definition: string): string[] {
    return [...(/\(([^()]*)\)/.exec(definition)?.[1] ?? "").matchAll(identifierPattern)].map(([name]) => unquote(name));
}

export function columnRefs(tree: unknown): string[] {
    const names: string[] = [];
    walk(tree, (type, body) => {
        if (type === "ColumnRef") names.push(strings(body["fields"] as Node[]).at(-1) ?? "");
    });
    return names;
}

function definitionOf(context: JudgeContext, constraint: Constraint, columns: readonly string[]): string {
    const list = columns.map(quoteIdentifier).join(", ");
    const unchecked = constraint.skip_validation === true ? " NOT VALID" : "";
    switch (constraint.contype) {
        case "CONSTR_PRIMARY":
            return `PRIMARY KEY (${list})`;
        case "CONSTR_UNIQUE":
            return `UNIQUE (${list})`;
        case "CONSTR_FOREIGN": {
            const table = context.model.find(["table", "partition"], { ...names(constraint.pktable) });
            return `FOREIGN KEY (${list}) REFERENCES ${table?.name ?? "?"}(${strings(constraint.pk_attrs).map(quoteIdentifier).join(", ")})${actions(constraint)}${unchecked}`;
        }
        case "CONSTR_EXCLUSION":
            return `EXCLUDE (${list})`;
        default:
            return `CHECK (${list})${unchecked}`;
    }
}

function names(range: RangeVar | undefined): { schema?: string; name: string } {
    return { name: range?.relname ?? "", ...(range?.schemaname === undefined ? {} : { schema: range.schemaname }) };
}

function linkColumns(
    context: JudgeContext,
    table: IdentifiedObject,
    constraint: IdentifiedObject,
    columns: readonly string[],
): void {
    for (const name of new Set(columns)) {
        const column = context.model.part("column", table, name);
        if (column !== undefined) context.model.dependencies.add(constraint.id, column.id, "a");
    }
}

/** A primary key makes its columns NOT NULL. */
function requireColumns(context: JudgeContext, table: IdentifiedObject, columns: readonly string[]): void {
    for (const name of columns) {
        const column = context.model.part("column", table, name);
        if (column !== undefined) context.model.change(column, withParts(column.definition, { notNull: true }));
    }
}

function linkForeignKey(
    context: JudgeContext,
    table: IdentifiedObject,
    made: IdentifiedObject,
    constraint: Constraint,
): void {
    const { model } = context;
    const referenced = context.table(constraint.pktable);
    if (referenced === undefined) return;
    model.dependencies.add(made.id, referenced.id, "n");
    const wanted = strings(constraint.pk_attrs);
    for (const name of wanted) {
        const column = model.part("column", referenced, name);
        if (column !== undefined) model.dependencies.add(made.id, column.id, "n");
    }
    // The key needs the index that makes the other end unique.
    const unique = model
        .parts(referenced)
        .filter(
            (p) => (p.kind === "constraint" && hasIndex(p)) || (p.kind === "index" && /\bUNIQUE\b/.test(p.definition)),
        );
    const primary = unique.find((p) => p.definition.startsWith("PRIMARY KEY"));
    const fitting = wanted.length === 0 ? primary : unique.find((p) => sameNames(columnsIn(p.definition), wanted));
    if (fitting !== undefined) {
        model.dependencies.add(made.id, fitting.id, "n");
        if (wanted.length === 0)
            for (const name of columnsIn(fitting.definition)) {
                const column = model.part("column", referenced, name);
                if (column !== undefined) model.dependencies.add(made.id, column.id, "n");
            }
    }
    context.lockTree("SHARE ROW EXCLUSIVE", table);
    context.lockTree("SHARE ROW EXCLUSIVE", referenced);
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
    return a.length === b.length && a.every((name) => b.includes(name));
}

export function constraintsOf(list: readonly Node[] | undefined): Constraint[] {
    return (list ?? []).flatMap((n) => as<Constraint>(n, "Constraint") ?? []);
}

/** `ON UPDATE …` and `ON DELETE …` of a key, by the grammar's letters. */
function actions({ fk_upd_action, fk_del_action }: Constraint): string {
    const words: Readonly<Record<string, string>> = { c: "CASCADE", n: "SET NULL", d: "SET DEFAULT" };
    const [update, remove] = [words[fk_upd_action ?? ""], words[fk_del_action ?? ""]];
    return `${update === undefined ? "" : ` ON UPDATE ${update}`}${remove === undefined ? "" : ` ON DELETE ${remove}`}`;
}
