import type { Node } from "libpg-query";
import { textOf } from "../nodes";
import type { IdentifiedObject } from "../catalog";
import { parseColumn, withParts } from "../column-definition";
import { quoteIdentifier, unquote, type RangeVar } from "../identifiers";
import type { JudgeContext } from "./context";
import { bareIdentity, renameIdentity, replaceInIdentities } from "./identities";
import { relationKinds } from "./kinds";
import { findObject } from "./object";
import { relationTypes } from "./rename";

/** ALTER … SET SCHEMA. */
export function setSchema(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    const type = textOf(body["objectType"]);
    const missingOk = body["missing_ok"] === true;
    const wanted = textOf(body["newschema"]);
    const oid = model.schemaOid(wanted);
    if (oid === undefined) return context.unsure(`schema ${quoteIdentifier(wanted)} is not known`);
    const object = relationTypes.includes(type)
        ? context.relation(body["relation"] as RangeVar, missingOk)
        : findObject(context, type, body["object"] as Node, missingOk);
    if (object === undefined) return;
    if (object.kind === "extension") return moveExtension(context, object, wanted);
    if (object.schema === null) {
        const prefix = wanted === "public" ? "" : `${quoteIdentifier(wanted)}.`;
        const rest = object.localName.slice(object.localName.indexOf(bareIdentity(object)));
        return renameIdentity(context, object, prefix + rest);
    }
    if (relationKinds.includes(object.kind)) context.lock("ACCESS EXCLUSIVE", object);
    const from = `${quoteIdentifier(model.schemaName(object) ?? "")}.${object.localName}`;
    model.rename(object, object.localName, oid);
    // Indexes and the sequences of columns move along.
    for (const part of model.parts(object))
        if (part.kind === "index" || part.kind === "sequence") {
            if (part.kind === "sequence") context.lock("ACCESS EXCLUSIVE", part);
            model.rename(part, part.localName, oid);
        }
    replaceInIdentities(context, (text) => (text === from ? `${quoteIdentifier(wanted)}.${object.localName}` : text));
}

/** An extension moves with everything in it; columns of its types say the new schema. */
function moveExtension(context: JudgeContext, extension: IdentifiedObject, schema: string): void {
    const { model } = context;
    const from = / SCHEMA (.*)$/.exec(extension.definition)?.[1] ?? "";
    const to = quoteIdentifier(schema);
    model.change(extension, extension.definition.replace(/ SCHEMA .*$/, ` SCHEMA ${to}`));
    const members = model.dependencies
        .on(extension.id)
        .filter((d) => d.type === "e" && d.object.startsWith("pg_type/"));
    for (const member of members)
        for (const d of model.dependencies.on(`${member.object}/0`)) {
            const column = model.get(`${d.object}/${d.subid}`);
            if (column?.kind !== "column") continue;
            const { type } = parseColumn(column.definition);
            if (type.startsWith(`${from}.`))
                model.change(column, withParts(column.definition, { type: to + type.slice(from.length) }));
        }
    // What the extension's types are called from now on.
    for (const [name, schemas] of model.typeSchemas)
        if (schemas.includes(unquote(from))) model.typeSchemas.set(name, [...schemas, schema]);
}
