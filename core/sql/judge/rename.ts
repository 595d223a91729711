import type { Node } from "libpg-query";
import { textOf } from "../nodes";
import type { IdentifiedObject } from "../catalog";
import { parseColumn, withParts } from "../column-definition";
import {
    identifierPattern,
    nameOf,
    quoteIdentifier,
    truncateName,
    unquote,
    type RangeVar,
    splitTopLevel,
} from "../identifiers";
import type { JudgeContext } from "./context";
import { bareIdentity, renameIdentity, replaceInIdentities } from "./identities";
import { findObject, kindsOf, signatureOf } from "./object";
import { relationKinds, routineKinds } from "./kinds";

/** What the grammar calls relations; each may be named by the word of another. */
export const relationTypes = [
    "OBJECT_TABLE",
    "OBJECT_FOREIGN_TABLE",
    "OBJECT_VIEW",
    "OBJECT_MATVIEW",
    "OBJECT_INDEX",
    "OBJECT_SEQUENCE",
];

/** ALTER … RENAME. */
export function renameStatement(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    const type = textOf(body["renameType"]);
    const range = body["relation"] as RangeVar | undefined;
    const newName = truncateName(textOf(body["newname"]));
    const missingOk = body["missing_ok"] === true;
    const local = quoteIdentifier(newName);
    if (relationTypes.includes(type)) return renameRelation(context, type, range, local, missingOk);
    switch (type) {
        case "OBJECT_COLUMN":
            return renameColumn(context, range, textOf(body["subname"]), newName, missingOk);
        case "OBJECT_ATTRIBUTE":
            return renameAttribute(
                context,
                range,
                textOf(body["subname"]),
                newName,
                body["behavior"] === "DROP_CASCADE",
            );
        case "OBJECT_TABCONSTRAINT":
        case "OBJECT_TRIGGER":
        case "OBJECT_POLICY":
        case "OBJECT_RULE":
            return renamePart(context, type, range, textOf(body["subname"]), newName, missingOk);
        case "OBJECT_DOMCONSTRAINT": {
            const domain = findObject(context, "OBJECT_DOMAIN", body["object"] as Node, false);
            const [from, to] = [quoteIdentifier(textOf(body["subname"])), local];
            if (domain !== undefined)
                model.change(domain, domain.definition.replace(`CONSTRAINT ${from} `, `CONSTRAINT ${to} `));
            return;
        }
        default: {
            const named = (body["object"] ?? { String: { sval: body["subname"] } }) as Node;
            const object = findObject(context, type, named, missingOk);
            if (object !== undefined) renameObject(context, object, local);
        }
    }
}

function renameRelation(
    context: JudgeContext,
    type: string,
    range: RangeVar | undefined,
    local: string,
    missingOk: boolean,
): void {
    const { model } = context;
    const name = nameOf(range);
    const relation = model.find(relationKinds, name);
    const constraint = relation === undefined ? model.findIndexConstraint(name) : undefined;
    if (constraint !== undefined) {
        // An index and its constraint have one name.
        for (const each of withHeirs(context, constraint, false)) model.rename(each, local);
        return;
    }
    if (relation === undefined) return context.missing(kindsOf(type)?.[0] ?? "relation", name, missingOk);
    context.lock(relation.kind === "index" ? "SHARE UPDATE EXCLUSIVE" : "ACCESS EXCLUSIVE", relation);
    checkFree(context, relation, local);
    renameObject(context, relation, local);
}

function checkFree(context: JudgeContext, object: IdentifiedObject, local: string): void {
    const schema = context.model.schemaName(object);
    const name = { name: unquote(local), ...(schema === undefined ? {} : { schema }) };
    const taken = context.model.find(relationKinds, name);
    if (taken !== undefined && taken.id !== object.id) context.unsure(`relation ${local} is there already`);
}

/** Renames, and with a type or a table the arguments of functions that are of it. */
function renameObject(context: JudgeContext, object: IdentifiedObject, local: string): void {
    const { model } = context;
    const schema = quoteIdentifier(model.schemaName(object) ?? "");
    const from = `${schema}.${object.localName}`;
    if (routineKinds.includes(object.kind)) return model.rename(object, local + signatureOf(object));
    if (object.kind === "schema") {
        const [old, now] = [object.localName, local];
        model.rename(object, local);
        replaceInIdentities(context, (text) => (text.startsWith(`${old}.`) ? now + text.slice(old.length) : text));
        return;
    }
    if (/^(?:operator|operator class|operator family|collation|text search \w+)$/.test(object.kind)) {
        const bare = bareIdentity(object);
        return renameIdentity(context, object, object.localName.replace(bare, local));
    }
    model.rename(object, local);
    replaceInIdentities(context, (text) => (text === from ? `${schema}.${local}` : text));
}

function renameColumn(
    context: JudgeContext,
    range: RangeVar | undefined,
    from: string,
    to: string,
    missingOk: boolean,
): void {
    const { model } = context;
    const table = context.relation(range, missingOk);
    if (table === undefined) return;
    context.lockTree("ACCESS EXCLUSIVE", table);
    if (table.kind === "view" || table.kind === "materialized view")
        return model.change(table, `${table.definition} (${from} is now ${to})`);
    const column = model.part("column", table, from);
    if (column === undefined) return context.unsure(`column ${table.name}.${quoteIdentifier(from)} is not known`);
    if (model.part("column", table, to) !== undefined)
        context.unsure(`column ${table.name}.${quoteIdentifier(to)} is there already`);
    const [old, now] = [quoteIdentifier(from), quoteIdentifier(to)];
    for (const each of withHeirs(context, column, true)) {
        const owner = context.owner(each);
        model.rename(each, now);
        // What belongs to the table names the column in its definition.
        for (const part of owner === undefined ? [] : model.parts(owner))
            if (["constraint", "index", "statistics", "policy", "trigger"].includes(part.kind)) {
                model.change(
                    part,
                    part.definition.replace(identifierPattern, (word) => (word === old ? now : word)),
                );
            } else if (part.kind === "column") {
                const { value } = parseColumn(part.definition);
                const renamed = value?.replace(identifierPattern, (word) => (word === old ? now : word));
                if (value?.startsWith("GENERATED")) model.change(part, withParts(part.definition, { value: renamed }));
            }
    }
}

/** The same part in partitions and children, as far as they have it from here. */
function withHeirs(context: JudgeContext, part: IdentifiedObject, own: boolean): IdentifiedObject[] {
    const { model } = context;
    const table = context.owner(part);
    const heirs = table === undefined ? [] : model.children(table);
    return [
        part,
        ...heirs.flatMap((child) => {
            const same = model.part(part.kind, child, unquote(part.localName));
            return same !== undefined && (own || same.inherited) ? [same] : [];
        }),
    ];
}

function renamePart(
    context: JudgeContext,
    type: string,
    range: RangeVar | undefined,
    from: string,
    to: string,
    missingOk: boolean,
): void {
    const { model } = context;
    const table = context.relation(range, missingOk);
    if (table === undefined) return;
    const kind = kindsOf(type)?.[0] ?? "constraint";
    const part = model.part(kind, table, from);
    // Of constraints, children share CHECK alone.
    if (part?.definition.startsWith("CHECK") === true) context.lockTree("ACCESS EXCLUSIVE", table);
    else context.lock("ACCESS EXCLUSIVE", table);
    if (part === undefined) return context.unsure(`${kind} ${quoteIdentifier(from)} on ${table.name} is not known`);
    const heirs = kind === "constraint" || (kind === "trigger" && model.facts.major >= 15);
    for (const each of heirs ? withHeirs(context, part, false) : [part]) {
        if (kind === "trigger" && each.ofId !== undefined) context.lock("ACCESS EXCLUSIVE", model.get(each.ofId));
        model.rename(each, quoteIdentifier(to));
    }
}

function renameAttribute(
    context: JudgeContext,
    range: RangeVar | undefined,
    from: string,
    to: string,
    cascade: boolean,
): void {
    const { model } = context;
    const type = context.lookUp(["type"], nameOf(range), false);
    if (type === undefined) return;
    const [old, now] = [quoteIdentifier(from), quoteIdentifier(to)];
    const attributes = splitTopLevel(type.definition).map((a) =>
        a.startsWith(`${old} `) ? now + a.slice(old.length) : a,
    );
    model.change(type, attributes.join(", "));
    for (const table of model.dependentsOf(type).filter((t) => t.kind === "table")) {
        const column = model.part("column", table, from);
        context.lock("ACCESS EXCLUSIVE", table);
        if (!cascade)
            context.unsure(
                `${table.name} is a table of type ${type.name}, which PostgreSQL does not change without CASCADE`,
            );
        if (column !== undefined && cascade) model.rename(column, now);
    }
}
