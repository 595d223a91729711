import type { Node } from "libpg-query";
import type { IdentifiedObject } from "../catalog";
import {
    quoteIdentifier,
    shown,
    truncateName,
    unquote,
    writtenName,
    type RangeVar,
    type TypeName,
} from "../identifiers";
import type { JudgeContext } from "./context";
import { typedIdentities } from "./object";
import { as, strings, textOf } from "../nodes";
import type { ObjectKind } from "../observation";

interface Option {
    readonly defname?: string;
    readonly arg?: Node;
}

export function optionsOf(list: unknown): Option[] {
    return ((list ?? []) as Node[]).flatMap((n) => as<Option>(n, "DefElem") ?? []);
}

/** Makes what no schema holds, if its name is free. */
function addNamed(
    context: JudgeContext,
    kind: ObjectKind,
    name: string,
    missingOk: boolean,
): IdentifiedObject | undefined {
    const { model } = context;
    const local = quoteIdentifier(truncateName(name));
    if (model.all(kind).some((o) => o.localName === local)) {
        if (!missingOk) context.unsure(`${kind} ${local} is there already`);
        return undefined;
    }
    return model.addGlobal(kind, local, `CREATE ${kind}`);
}

function findNamed(context: JudgeContext, kind: ObjectKind, name: string): IdentifiedObject | undefined {
    const found = context.model.all(kind).find((o) => unquote(o.localName) === name);
    if (found === undefined) context.unsure(`${kind} ${quoteIdentifier(name)} is not known`);
    return found;
}

/** CREATE SCHEMA; what stands within it is judged by `judgeElement`, with the schema in front of the path. */
export function createSchema(
    context: JudgeContext,
    body: Record<string, unknown>,
    judgeElement: (node: Node) => void,
): void {
    const { model } = context;
    const role = body["authrole"] as { rolename?: string } | undefined;
    const name = textOf(body["schemaname"] ?? role?.rolename ?? model.path.currentUser);
    // Schemas of the server are not in the model.
    if (model.schemaExists(name)) {
        if (body["if_not_exists"] !== true) context.unsure(`schema ${quoteIdentifier(name)} is there already`);
        return;
    }
    model.addGlobal("schema", quoteIdentifier(truncateName(name)), "");
    const path = model.path.copy();
    model.path.set([name, ...path.schemas], true);
    for (const element of (body["schemaElts"] ?? []) as Node[]) judgeElement(element);
    model.path = path;
}

/** CREATE EXTENSION. What it brings comes and goes with it, and is not looked into. */
export function createExtension(context: JudgeContext, body: Record<string, unknown>): void {
    const extension = addNamed(context, "extension", textOf(body["extname"]), body["if_not_exists"] === true);
    if (extension === undefined) return;
    const options = optionsOf(body["options"]);
    const schema = as<{ sval?: string }>(options.find((o) => o.defname === "schema")?.arg, "String")?.sval;
    const where = context.model.find(["schema"], { name: schema ?? context.model.creationSchema() ?? "public" });
    if (where !== undefined) context.model.dependencies.add(extension.id, where.id, "n");
    context.model.hasNewExtension = true;
    const available = context.model.available.get(textOf(body["extname"]));
    if (available === undefined) context.unsure(`extension ${extension.name} is not available on this server`);
    else if (available.comment !== "") context.model.attach("comment", extension, "", available.comment);
    if (!options.some((o) => o.defname === "cascade")) return;
    for (const name of available?.requires ?? [])
        createExtension(context, { ...body, extname: name, if_not_exists: true });
}

interface PublicationObject {
    readonly pubobjtype?: string;
    readonly name?: string;
    readonly pubtable?: { readonly relation?: RangeVar; readonly columns?: Node[]; readonly whereClause?: Node };
}

/** CREATE PUBLICATION. */
export function createPublication(context: JudgeContext, body: Record<string, unknown>): void {
    const publication = addNamed(context, "publication", textOf(body["pubname"]), false);
    if (publication !== undefined) linkPublication(context, publication, body["pubobjects"]);
}

/** ALTER PUBLICATION. */
export function alterPublication(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    const publication = findNamed(context, "publication", textOf(body["pubname"]));
    if (publication === undefined) return;
    model.change(publication, `${publication.definition} (altered)`);
    if (body["action"] === "AP_DropObjects" || body["action"] === "AP_SetObjects") {
        const wanted = body["action"] === "AP_SetObjects" ? undefined : members(context, body["pubobjects"]);
        for (const d of [...model.dependencies.on(publication.id)]) {
            const on = model.dependencies.of(`${d.object}/0`).map((o) => `${o.on}/0`);
            if (wanted === undefined || on.some((id) => wanted.includes(id)))
                model.dependencies.remove(`${d.object}/0`);
        }
        if (wanted !== undefined) return;
    }
    linkPublication(context, publication, body["pubobjects"]);
}

function members(context: JudgeContext, list: unknown): string[] {
    return ((list ?? []) as Node[]).flatMap((n) => {
        const range = as<PublicationObject>(n, "PublicationObjSpec")?.pubtable?.relation;
        const table = range === undefined ? undefined : context.table(range);
        return table === undefined ? [] : [table.id];
    });
}

/** A table's or schema's membership is a part of both. */
function linkPublication(context: JudgeContext, publication: IdentifiedObject, list: unknown): void {
    const { model } = context;
    for (const node of (list ?? []) as Node[]) {
        const object = as<PublicationObject>(node, "PublicationObjSpec");
        const table = object?.pubtable === undefined ? undefined : context.table(object.pubtable.relation);
        const schema = object?.name === undefined ? undefined : model.find(["schema"], { name: object.name });
        const member = table ?? schema;
        if (member === undefined) continue;
        const catalog = table === undefined ? "pg_publication_namespace" : "pg_publication_rel";
        const id = `${catalog}/${publication.id.replaceAll("/", "-")}-${member.id.replaceAll("/", "-")}/0`;
        model.dependencies.add(id, publication.id, "a");
        model.dependencies.add(id, member.id, "a");
        if (table !== undefined) {
            for (const name of strings(object?.pubtable?.columns)) {
                const column = model.part("column", table, name);
                if (column !== undefined) model.dependencies.add(id, column.id, "n");
            }
            context.needs({ ...publication, id }, object?.pubtable?.whereClause, [table]);
        }
    }
}

/** CREATE FOREIGN DATA WRAPPER, SERVER, LANGUAGE. */
export function createGlobal(
    kind: ObjectKind,
    key: string,
    on?: { readonly kind: ObjectKind; readonly key: string },
): (context: JudgeContext, body: Record<string, unknown>) => void {
    return (context, body) => {
        const made = addNamed(context, kind, String(body[key]), body["if_not_exists"] === true);
        const needed = on === undefined ? undefined : findNamed(context, on.kind, String(body[on.key]));
        if (made !== undefined && needed !== undefined) context.model.dependencies.add(made.id, needed.id, "n");
    };
}

/** ALTER of such a thing. */
export function alterGlobal(
    kind: ObjectKind,
    key: string,
): (context: JudgeContext, body: Record<string, unknown>) => void {
    return (context, body) => {
        const object = findNamed(context, kind, String(body[key]));
        if (object !== undefined) context.model.change(object, `${object.definition} (altered)`);
    };
}

/** Makes what is named by its identity, if that is free. */
export function addIdentity(
    context: JudgeContext,
    kind: ObjectKind,
    identity: string,
    schema: string | undefined,
    missingOk: boolean,
): IdentifiedObject | undefined {
    const { model } = context;
    if (model.findIdentity(kind, identity) !== undefined) {
        if (!missingOk) context.unsure(`${kind} ${identity} is there already`);
        return undefined;
    }
    return model.addIdentity(kind, identity, `CREATE ${kind}`, schema);
}

function place(context: JudgeContext, parts: readonly string[]): { schema: string; identity: string; name: string } {
    const { schema = context.model.creationSchema() ?? "public", name } = writtenName(parts);
    return { schema, name, identity: shown(schema === "public" ? { name } : { schema, name }) };
}

/** CREATE COLLATION, TEXT SEARCH CONFIGURATION and DICTIONARY. */
export function createInSchema(kind: ObjectKind): (context: JudgeContext, body: Record<string, unknown>) => void {
    return (context, body) => {
        const { schema, identity } = place(context, strings(body["defnames"] as Node[]));
        addIdentity(context, kind, identity, schema, body["if_not_exists"] === true);
    };
}

/** CREATE OPERATOR; a commutator or negator that is not there yet is made along. */
export function createOperator(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    const options = optionsOf(body["definition"]);
    const type = (name: string): TypeName | undefined =>
        as<TypeName>(options.find((o) => o.defname === name)?.arg, "TypeName");
    const text = (name: string): string | undefined => {
        const arg = options.find((o) => o.defname === name)?.arg;
        return strings(as<{ items?: Node[] }>(arg, "List")?.items).at(-1) ?? as<{ sval?: string }>(arg, "String")?.sval;
    };
    const { schema, name } = place(context, strings(body["defnames"] as Node[]));
    const spell = (t: TypeName | undefined): string => (t === undefined ? "NONE" : context.typeText(t, false));
    const [left, right] = [spell(type("leftarg")), spell(type("rightarg"))];
    const prefix = schema === "public" ? "" : `${quoteIdentifier(schema)}.`;
    const made = addIdentity(context, "operator", `${prefix}${name}(${left},${right})`, schema, false);
    if (made === undefined) return;
    context.needs(made, [type("leftarg"), type("rightarg")]);
    for (const key of ["function", "procedure", "restrict", "join"])
        for (const routine of model.findAll(["function"], writtenName(strings(type(key)?.names))))
            model.dependencies.add(made.id, routine.id, "n");
    for (const [key, identity] of [
        ["commutator", `${prefix}${text("commutator") ?? ""}(${right},${left})`],
        ["negator", `${prefix}${text("negator") ?? ""}(${left},${right})`],
    ] as const)
        if (text(key) !== undefined) addIdentity(context, "operator", identity, schema, true);
}

/** CREATE CAST. */
export function createCast(context: JudgeContext, body: Record<string, unknown>): void {
    const types = [body["sourcetype"], body["targettype"]] as TypeName[];
    const identity = `(${types.map((t) => context.typeText(t, false)).join(" AS ")})`;
    const made = addIdentity(context, "cast", identity, undefined, false);
    if (made === undefined) return;
    context.needs(made, types);
    const called = body["func"] as { objname?: Node[] } | undefined;
    for (const routine of context.model.findAll(["function"], writtenName(strings(called?.objname))))
        context.model.dependencies.add(made.id, routine.id, "n");
}

/** CREATE OPERATOR CLASS and FAMILY; a class without a family makes one of its name. */
export function createOperatorClass(context: JudgeContext, body: Record<string, unknown>): void {
    const isClass = body["opclassname"] !== undefined;
    const using = ` USING ${quoteIdentifier(textOf(body["amname"]))}`;
    const { schema, identity } = place(context, strings((body["opclassname"] ?? body["opfamilyname"]) as Node[]));
    const made = addIdentity(context, isClass ? "operator class" : "operator family", identity + using, schema, false);
    if (made === undefined || !isClass) return;
    const { model } = context;
    const written = strings(body["opfamilyname"] as Node[] | undefined);
    const family =
        written.length > 0
            ? model.findIdentity("operator family", place(context, written).identity + using)
            : addIdentity(context, "operator family", identity + using, schema, true);
    if (family !== undefined) {
        model.dependencies.add(made.id, family.id, "a");
        if (written.length > 0) model.change(family, `${family.definition} (altered)`);
    }
    context.needs(made, [body["datatype"], body["items"]]);
    for (const node of (body["items"] ?? []) as Node[]) {
        const called = as<{ itemtype?: number; name?: { objname?: Node[] } }>(node, "CreateOpClassItem");
        for (const routine of model.findAll(["function"], writtenName(strings(called?.name?.objname))))
            model.dependencies.add(made.id, routine.id, "n");
        const parts = strings(called?.name?.objname);
        for (const operator of model.all("operator"))
            if (operator.localName.startsWith(`${parts.at(-1) ?? ""}(`))
                model.dependencies.add(made.id, operator.id, "n");
    }
}

/** ALTER OPERATOR, OPERATOR FAMILY, COLLATION, TEXT SEARCH: another definition of what is named by its identity. */
export function alterByIdentity(
    kind: ObjectKind,
    key: string,
): (context: JudgeContext, body: Record<string, unknown>) => void {
    return (context, body) => {
        const { model } = context;
        const parts = Array.isArray(body[key]) ? strings(body[key] as Node[]) : [];
        const method = body["amname"] === undefined ? "" : ` USING ${quoteIdentifier(textOf(body["amname"]))}`;
        const identities =
            kind === "operator"
                ? typedIdentities(context, "OBJECT_OPERATOR", { ObjectWithArgs: body[key] } as unknown as Node)
                : model.path.schemas.map((s) => {
                      const { schema = s, name } = writtenName(parts);
                      return shown(schema === "public" ? { name } : { schema, name }) + method;
                  });
        const object = identities.flatMap((i) => model.findIdentity(kind, i) ?? [])[0];
        if (object === undefined) return context.unsure(`${kind} ${identities[0] ?? ""} is not known`);
        model.change(object, `${object.definition} (altered)`);
    };
}
