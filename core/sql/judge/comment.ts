import type { Node } from "libpg-query";
import { textOf } from "../nodes";
import type { IdentifiedObject } from "../catalog";
import { withoutColumn } from "./dependencies";
import { quoteIdentifier, shown, writtenName } from "../identifiers";
import type { JudgeContext } from "./context";
import { findObject, nameParts } from "./object";
import { relationKinds } from "./kinds";

/** Objects whose comments no catalog here lists. */
const unlisted = [
    "OBJECT_LARGEOBJECT",
    "OBJECT_DOMCONSTRAINT",
    "OBJECT_TSPARSER",
    "OBJECT_TSTEMPLATE",
    "OBJECT_TRANSFORM",
    "OBJECT_ACCESS_METHOD",
    "OBJECT_CONVERSION",
];

/** COMMENT ON. */
export function commentOn(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    const type = textOf(body["objtype"]);
    if (unlisted.includes(type)) return;
    const object = body["object"] as Node;
    const parts = nameParts(object);
    // The index of a constraint is no object of its own.
    if (type === "OBJECT_INDEX" && model.findIndexConstraint(writtenName(parts)) !== undefined) return;
    const target = type === "OBJECT_COLUMN" ? findColumn(context, parts) : findObject(context, type, object, false);
    if (target === undefined) return;
    const text = body["comment"];
    const existing = model.attached("comment", target, "");
    if (typeof text === "string" && text !== "") model.attach("comment", target, "", text);
    else if (existing !== undefined) model.remove(existing);
}

/** A column; of a view, which has none in the model, what stands for it. */
export function findColumn(context: JudgeContext, parts: readonly string[]): IdentifiedObject | undefined {
    const { model } = context;
    const table = context.lookUp(relationKinds, writtenName(parts.slice(0, -1)), false);
    const name = parts.at(-1) ?? "";
    if (table === undefined) return undefined;
    const column = model.part("column", table, name);
    if (column !== undefined) return column;
    if (table.kind !== "view" && table.kind !== "materialized view") {
        context.unsure(`column ${table.name}.${shown({ name })} is not known`);
        return undefined;
    }
    const shownName = `${table.name}.${quoteIdentifier(name)}`;
    const attached = model.parts(table).find((p) => p.name.startsWith(`on column ${shownName}`));
    const id =
        attached?.id.split("/").slice(1, 4).join("/") ?? `${withoutColumn(table.id)}/${name.replaceAll("/", "-")}`;
    return {
        ...table,
        kind: "column",
        id,
        name: shownName,
        localName: quoteIdentifier(name),
        of: table.name,
        ofId: table.id,
    };
}
