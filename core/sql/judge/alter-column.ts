import type { Node } from "libpg-query";
import type { IdentifiedObject } from "../catalog";
import { parseColumn } from "../column-definition";
import { isSerial, quoteIdentifier, truncateName, unquote, writtenName } from "../identifiers";
import type { AlterCommand } from "./alter-command";
import { constraintsOf, isTableConstraint, type Constraint } from "./constraint";
import type { JudgeContext } from "./context";
import { withSetting } from "./column-settings";
import { alterType, isConstrained } from "./column-type";
import { drop } from "./drop";
import { addIdentity, dropIdentity, setIdentity } from "./identity";
import { addColumn, linkDefault, unlinkDefault, type ColumnDef } from "./table";
import { tableKinds } from "./kinds";
import { as, strings } from "../nodes";

/** ADD COLUMN, for partitions and children, too. */
export function addColumnCommand(
    context: JudgeContext,
    table: IdentifiedObject,
    command: AlterCommand,
    recurse: boolean,
): void {
    const { model } = context;
    const def = as<ColumnDef>(command.def, "ColumnDef");
    if (def === undefined) return;
    const name = truncateName(def.colname ?? "");
    const known = model.part("column", table, name);
    if (known !== undefined) {
        if (command.missing_ok !== true) context.unsure(`column ${known.name} is there already`);
        return;
    }
    const made = addColumn(context, table, def);
    if (!recurse && model.directChildren(table).length > 0)
        context.unsure(`the children of ${table.name} must get the column, too`);
    // Constraints of the column go to the heirs by themselves.
    const bare = {
        ...def,
        constraints: (def.constraints ?? []).filter((n) => !isTableConstraint(as<Constraint>(n, "Constraint") ?? {})),
    };
    for (const child of model.children(table)) {
        if (model.part("column", child, name) !== undefined) continue;
        const mirrored =
            isSerial(def.typeName) || bare.constraints.some(isIdentity) ? undefined : addColumn(context, child, bare);
        const column = mirrored ?? model.addPart("column", child, name, made.definition);
        model.replace({ ...column, definition: made.definition, inherited: true });
    }
    if (fillsRows(context, def)) context.rewrite(table);
}

function isIdentity(node: Node): boolean {
    return as<Constraint>(node, "Constraint")?.contype === "CONSTR_IDENTITY";
}

/**
 * Whether ADD COLUMN must write every row: a volatile default, an identity, a stored generated column, a domain with constraints.
 * Source: the notes of the manual's page on ALTER TABLE; ATExecAddColumn.
 */
function fillsRows(context: JudgeContext, def: ColumnDef): boolean {
    if (isSerial(def.typeName)) return true;
    if (isConstrained(context, context.model.find(["domain"], writtenName(strings(def.typeName?.names))))) return true;
    return constraintsOf(def.constraints).some((constraint) => {
        if (constraint.contype === "CONSTR_IDENTITY") return true;
        if (constraint.contype === "CONSTR_GENERATED") return constraint.generated_kind !== "v";
        return constraint.contype === "CONSTR_DEFAULT" && context.isVolatile(constraint.raw_expr);
    });
}

/** DROP COLUMN. Without ONLY it goes from the heirs, too. */
export function dropColumn(
    context: JudgeContext,
    table: IdentifiedObject,
    command: AlterCommand,
    recurse: boolean,
): void {
    const { model } = context;
    const column = findColumn(context, table, command);
    if (column === undefined) return;
    if (column.inherited) return context.unsure(`column ${column.name} is inherited and cannot be dropped by itself`);
    if (!recurse)
        for (const child of model.children(table)) {
            const same = model.part("column", child, unquote(column.localName));
            if (same !== undefined) model.replace({ ...same, inherited: false });
            if (model.parents(child).some((p) => p.id === table.id)) context.lock("ACCESS EXCLUSIVE", child);
        }
    drop(context, [column], command.behavior === "DROP_CASCADE");
}

function findColumn(
    context: JudgeContext,
    table: IdentifiedObject,
    command: AlterCommand,
): IdentifiedObject | undefined {
    const column = context.model.part("column", table, command.name ?? "");
    // Columns of views are not in the model.
    if (column === undefined && command.missing_ok !== true && tableKinds.includes(table.kind))
        context.unsure(`column ${table.name}.${quoteIdentifier(command.name ?? "")} is not known`);
    return column;
}

/** ALTER COLUMN …, for partitions and children as far as they share it. */
export function alterColumn(
    context: JudgeContext,
    table: IdentifiedObject,
    command: AlterCommand,
    recurse: boolean,
): void {
    const { model } = context;
    if (command.num !== undefined) return; // Statistics of an index's expression: no part of its definition.
    const column = findColumn(context, table, { ...command, missing_ok: false });
    if (column === undefined) return;
    const same = recurse
        ? model.children(table).flatMap((child) => model.part("column", child, unquote(column.localName)) ?? [])
        : [];
    const all = [column, ...same];
    switch (command.subtype) {
        case "AT_AlterColumnType":
            return alterType(context, table, all, as<ColumnDef>(command.def, "ColumnDef") ?? {});
        case "AT_AddIdentity":
            return addIdentity(context, table, column, as<Constraint>(command.def, "Constraint") ?? {});
        case "AT_DropIdentity":
            return dropIdentity(context, column, command);
        case "AT_SetIdentity":
            return setIdentity(context, column, as<{ items?: Node[] }>(command.def, "List")?.items ?? []);
        case "AT_DropNotNull":
            if (isInPrimaryKey(context, column)) context.unsure(`${column.name} is in a primary key`);
            for (const each of all) context.setColumn(each, { notNull: false });
            return;
        case "AT_SetNotNull":
            for (const each of all) context.setColumn(each, { notNull: true });
            return;
        case "AT_ColumnDefault":
            for (const each of all) setDefault(context, each, command.def);
            return;
        case "AT_DropExpression":
            for (const each of all) {
                if (!parseColumn(each.definition).value?.startsWith("GENERATED")) {
                    if (command.missing_ok !== true) context.unsure(`${each.name} is not generated`);
                    continue;
                }
                unlinkDefault(context, each);
                context.setColumn(each, { value: undefined });
            }
            return;
        case "AT_SetExpression":
            return setExpression(context, table, all, command.def);
        default:
            for (const each of all) context.model.change(each, withSetting(each.definition, command));
    }
}

function setDefault(context: JudgeContext, column: IdentifiedObject, expression: Node | undefined): void {
    const { identity, value } = parseColumn(column.definition);
    if (identity !== undefined || value?.startsWith("GENERATED") === true)
        return context.unsure(`${column.name} can have no default`);
    const isNull = as<{ isnull?: boolean }>(expression, "A_Const")?.isnull === true;
    if (expression === undefined || isNull) {
        unlinkDefault(context, column);
        context.setColumn(column, { value: undefined });
    } else {
        linkDefault(context, column, expression, "a");
        context.setColumn(column, { value: "DEFAULT …" });
    }
}

function setExpression(
    context: JudgeContext,
    table: IdentifiedObject,
    columns: readonly IdentifiedObject[],
    expression: Node | undefined,
): void {
    for (const column of columns) {
        const kind = (parseColumn(column.definition).value ?? "").endsWith(" VIRTUAL") ? "VIRTUAL" : "STORED";
        linkDefault(context, column, expression, "i");
        context.setColumn(column, { value: `GENERATED ALWAYS AS (…) ${kind}` });
        if (kind === "STORED") context.rewrite(table);
    }
}

function isInPrimaryKey({ model }: JudgeContext, column: IdentifiedObject): boolean {
    return model
        .dependentsOf(column)
        .some((p) => p.kind === "constraint" && p.ofId === column.ofId && p.definition.startsWith("PRIMARY KEY"));
}
