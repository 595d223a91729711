import type { Node } from "libpg-query";
import type { IdentifiedObject } from "../catalog";
import { withParts } from "../column-definition";
import { nameOf, quoteIdentifier, splitTopLevel, type RangeVar } from "../identifiers";
import { as, strings } from "../nodes";
import type { AlterCommand } from "./alter-command";
import { addColumnCommand } from "./alter-column";
import type { JudgeContext } from "./context";
import { drop } from "./drop";
import { tableKinds } from "./kinds";
import type { ColumnDef } from "./table";
import { addType } from "./type";

/** CREATE TYPE … AS (…). */
export function createComposite(context: JudgeContext, body: Record<string, unknown>): void {
    const columns = ((body["coldeflist"] ?? []) as Node[]).flatMap((n) => as<ColumnDef>(n, "ColumnDef") ?? []);
    const range = body["typevar"] as RangeVar;
    const { schema, name } = nameOf(range);
    const type = addType(
        context,
        "type",
        schema === undefined ? [name] : [schema, name],
        columns.map((c) => attributeText(context, c)).join(", "),
    );
    if (type !== undefined) for (const column of columns) linkAttribute(context, type, column);
}

/** An attribute is an inner part of its type, which needs another type and goes with it. */
function linkAttribute(context: JudgeContext, type: IdentifiedObject, column: ColumnDef): void {
    const id = `pg_attribute/${type.id.replaceAll("/", "-")}-${column.colname ?? ""}/0`;
    context.model.dependencies.add(id, type.id, "a");
    context.needs({ ...type, id }, [column.typeName, column.collClause]);
}

function attributeText(context: JudgeContext, column: ColumnDef): string {
    const collation = strings(column.collClause?.collname);
    const text = `${quoteIdentifier(column.colname ?? "")} ${context.typeText(column.typeName)}`;
    return collation.length === 0 ? text : `${text} COLLATE ${collation.map(quoteIdentifier).join(".")}`;
}

/** ALTER TYPE … ADD, DROP and ALTER ATTRIBUTE: what values of the type have in tables goes or comes with it. */
export function alterComposite(context: JudgeContext, range: RangeVar, commands: readonly AlterCommand[]): void {
    const { model } = context;
    const type = context.lookUp(["type"], nameOf(range), false);
    if (type === undefined) return;
    const typed = model.dependentsOf(type).filter((t) => tableKinds.includes(t.kind));
    for (const table of typed) context.lock("ACCESS EXCLUSIVE", table);
    if (typed.length > 0 && commands.some((c) => c.behavior !== "DROP_CASCADE"))
        context.unsure(
            `${typed[0]?.name ?? ""} is a table of type ${type.name}, which PostgreSQL does not change without CASCADE`,
        );
    const users = usersOf(context, type);
    let attributes = splitTopLevel(type.definition);
    for (const command of commands) {
        const def = as<ColumnDef>(command.def, "ColumnDef") ?? {};
        const name = quoteIdentifier(command.name ?? def.colname ?? "");
        const at = attributes.findIndex((a) => a.startsWith(`${name} `));
        if (command.subtype === "AT_AddColumn") {
            if (at !== -1) return context.unsure(`attribute ${name} of ${type.name} is there already`);
            attributes.push(attributeText(context, def));
            for (const table of typed) addColumnCommand(context, table, command, true);
            linkAttribute(context, type, def);
            continue;
        }
        if (at === -1) {
            if (command.missing_ok !== true) context.unsure(`attribute ${name} of ${type.name} is not known`);
            continue;
        }
        if (command.subtype === "AT_DropColumn") {
            attributes = attributes.filter((_, i) => i !== at);
            const columns = typed.flatMap((t) => model.part("column", t, command.name ?? "") ?? []);
            if (columns.length > 0) drop(context, columns, command.behavior === "DROP_CASCADE");
        } else if (command.subtype === "AT_AlterColumnType") {
            attributes[at] = attributeText(context, { ...def, colname: command.name ?? "" });
            if (users.length > 0)
                context.unsure(
                    `${users.slice(0, 3).join(", ")} is of type ${type.name}, which PostgreSQL then does not change`,
                );
            for (const table of typed) {
                const column = model.part("column", table, command.name ?? "");
                if (column !== undefined)
                    model.change(column, withParts(column.definition, { type: context.typeText(def.typeName) }));
                context.rewrite(table);
            }
        } else context.unsure(`ALTER TYPE … ${command.subtype ?? ""} is not judged`);
    }
    model.change(type, attributes.join(", "));
}

/** Columns that hold values of a type, directly or within another type. */
function usersOf(context: JudgeContext, type: IdentifiedObject): string[] {
    const { model } = context;
    const { visited } = model.dependencies.closure([type.id], true, () => []);
    return [...visited].flatMap((id) => {
        const object = model.get(id);
        return object?.kind === "column" && object.ofId !== undefined && !visited.has(object.ofId) ? [object.name] : [];
    });
}
