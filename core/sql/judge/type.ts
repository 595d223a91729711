import type { Node } from "libpg-query";
import type { IdentifiedObject } from "../catalog";
import { shown, truncateName, writtenName } from "../identifiers";
import { strings, textOf } from "../nodes";
import type { ObjectKind } from "../observation";
import type { JudgeContext } from "./context";
import { relationKinds, typeKinds } from "./kinds";
import { qualified } from "./table";

/** Makes a type, if its name is free. */
export function addType(
    context: JudgeContext,
    kind: ObjectKind,
    parts: readonly string[],
    definition: string,
): IdentifiedObject | undefined {
    const { model } = context;
    const { schema, name } = writtenName(parts);
    const where = schema ?? model.creationSchema();
    if (where === undefined || !model.schemaExists(where)) {
        context.unsure(`schema ${where ?? "of the search path"} is not known`);
        return undefined;
    }
    if (model.find([...typeKinds, ...relationKinds], { schema: where, name }) !== undefined) {
        context.unsure(`type ${shown({ schema: where, name })} is there already`);
        return undefined;
    }
    return model.add(kind, { schema: where, name: truncateName(name) }, definition);
}

function literal(text: string): string {
    return `${text.includes("\\") ? "E" : ""}'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

/** CREATE TYPE … AS ENUM. */
export function createEnum(context: JudgeContext, body: Record<string, unknown>): void {
    const values = strings(body["vals"] as Node[] | undefined);
    addType(context, "enum", strings(body["typeName"] as Node[]), values.map(literal).join(", "));
}

/** ALTER TYPE … ADD VALUE and RENAME VALUE. */
export function alterEnum(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    const type = context.lookUp(["enum"], writtenName(strings(body["typeName"] as Node[])), false);
    if (type === undefined) return;
    const values = enumValues(type.definition);
    const value = literal(textOf(body["newVal"]));
    if (body["oldVal"] !== undefined) {
        const at = values.indexOf(literal(textOf(body["oldVal"])));
        if (at === -1 || values.includes(value))
            return context.unsure(`value ${textOf(body["oldVal"])} of ${type.name} cannot be renamed`);
        renameLiteral(context, type, values[at] ?? "", value);
        values[at] = value;
    } else {
        if (values.includes(value)) {
            if (body["skipIfNewValExists"] !== true) context.unsure(`value ${value} of ${type.name} is there already`);
            return;
        }
        const neighbor = body["newValNeighbor"];
        const at = neighbor === undefined ? values.length : values.indexOf(literal(textOf(neighbor)));
        if (at === -1) return context.unsure(`value ${textOf(neighbor)} of ${type.name} is not known`);
        values.splice(neighbor !== undefined && body["newValIsAfter"] === true ? at + 1 : at, 0, value);
    }
    model.change(type, values.join(", "));
}

/** Definitions that name the value say its new name now. */
function renameLiteral(context: JudgeContext, type: IdentifiedObject, from: string, to: string): void {
    const { model } = context;
    const cast = `::${qualified(context, type)}`;
    const { visited } = model.dependencies.closure([type.id], true, () => []);
    for (const id of visited) {
        const object = model.get(id);
        if (object !== undefined && object.id !== type.id)
            model.change(
                object,
                object.definition.replaceAll(from + cast, () => to + cast),
            );
    }
}

function enumValues(definition: string): string[] {
    return definition.match(/E?'(?:[^']|'')*'/g) ?? [];
}
