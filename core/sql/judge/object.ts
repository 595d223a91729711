import type { Node } from "libpg-query";
import type { IdentifiedObject } from "../catalog";
import {
    bareName,
    quoteIdentifier,
    shown,
    typeText,
    writtenName,
    type TypeName,
    type WrittenName,
    splitTopLevel,
} from "../identifiers";
import { isKnownType, type JudgeContext } from "./context";
import { routineKinds, typeKinds } from "./kinds";
import { as, nodeType, strings, textOf } from "../nodes";
import type { ObjectKind } from "../observation";

/** The kinds that a word of the grammar (`OBJECT_TABLE`) may mean. */
export function kindsOf(objectType: string): readonly ObjectKind[] | undefined {
    return kinds[objectType];
}

const kinds: Readonly<Record<string, readonly ObjectKind[]>> = {
    OBJECT_TABLE: ["table", "partition"],
    OBJECT_FOREIGN_TABLE: ["foreign table", "partition"],
    OBJECT_VIEW: ["view"],
    OBJECT_MATVIEW: ["materialized view"],
    OBJECT_INDEX: ["index"],
    OBJECT_SEQUENCE: ["sequence"],
    OBJECT_COLLATION: ["collation"],
    OBJECT_STATISTIC_EXT: ["statistics"],
    OBJECT_TSCONFIGURATION: ["text search configuration"],
    OBJECT_TSDICTIONARY: ["text search dictionary"],
    OBJECT_TYPE: typeKinds,
    OBJECT_DOMAIN: ["domain"],
    OBJECT_FUNCTION: ["function", "aggregate"],
    OBJECT_PROCEDURE: ["procedure"],
    OBJECT_ROUTINE: routineKinds,
    OBJECT_AGGREGATE: ["aggregate"],
    OBJECT_TRIGGER: ["trigger"],
    OBJECT_POLICY: ["policy"],
    OBJECT_RULE: ["rule"],
    OBJECT_TABCONSTRAINT: ["constraint"],
    OBJECT_SCHEMA: ["schema"],
    OBJECT_EXTENSION: ["extension"],
    OBJECT_EVENT_TRIGGER: ["event trigger"],
    OBJECT_PUBLICATION: ["publication"],
    OBJECT_FDW: ["foreign data wrapper"],
    OBJECT_FOREIGN_SERVER: ["server"],
    OBJECT_LANGUAGE: ["language"],
    OBJECT_CAST: ["cast"],
    OBJECT_OPERATOR: ["operator"],
    OBJECT_OPCLASS: ["operator class"],
    OBJECT_OPFAMILY: ["operator family"],
};

/** Objects that no catalog here lists: nothing of a schema depends on them that is not dropped by itself. */
const unlisted: readonly string[] = [
    "OBJECT_TSPARSER",
    "OBJECT_TSTEMPLATE",
    "OBJECT_TRANSFORM",
    "OBJECT_ACCESS_METHOD",
    "OBJECT_CONVERSION",
];

/**
 * Finds what a statement names, by the grammar's word for its kind. What is not there makes the statement opaque, unless it need not
 * exist.
 */
export function findObject(
    context: JudgeContext,
    objectType: string,
    object: Node,
    missingOk: boolean,
): IdentifiedObject | undefined {
    const { model } = context;
    const wanted = kinds[objectType];
    if (wanted === undefined) {
        context.unsure(
            unlisted.includes(objectType)
                ? `a ${word(objectType)} is not in the catalog that is judged by`
                : `${word(objectType)} is not judged`,
        );
        return undefined;
    }
    if (routineKinds.some((kind) => wanted.includes(kind))) return findRoutine(context, wanted, object, missingOk);
    const parts = nameParts(object);
    switch (objectType) {
        case "OBJECT_TRIGGER":
        case "OBJECT_POLICY":
        case "OBJECT_RULE":
        case "OBJECT_TABCONSTRAINT":
            return findPart(context, wanted[0] ?? "trigger", parts, missingOk);
        case "OBJECT_SCHEMA":
        case "OBJECT_EXTENSION":
        case "OBJECT_EVENT_TRIGGER":
        case "OBJECT_PUBLICATION":
        case "OBJECT_FDW":
        case "OBJECT_FOREIGN_SERVER":
        case "OBJECT_LANGUAGE": {
            const name = parts.at(-1) ?? "";
            const found = model.all(wanted[0] ?? "schema").find((o) => bareName(o.localName) === name);
            if (found === undefined && wanted[0] === "schema")
                context.missing("schema", { schema: name, name }, missingOk);
            else if (found === undefined && !missingOk)
                context.unsure(`${wanted[0] ?? ""} ${quoteIdentifier(name)} is not known`);
            return found;
        }
        case "OBJECT_INDEX": {
            const name = writtenName(parts);
            const index = model.find(["index"], name);
            if (index === undefined && model.findIndexConstraint(name) !== undefined)
                context.unsure(`index ${shown(name)} belongs to a constraint, and PostgreSQL does not let it go alone`);
            else if (index === undefined) context.missing("index", name, missingOk);
            return index;
        }
        case "OBJECT_COLLATION":
        case "OBJECT_TSCONFIGURATION":
        case "OBJECT_TSDICTIONARY":
            return findByIdentity(
                context,
                wanted[0] ?? "collation",
                identities(context, writtenName(parts)),
                shown(writtenName(parts)),
                missingOk,
            );
        case "OBJECT_OPCLASS":
        case "OBJECT_OPFAMILY": {
            const [method = "", ...name] = parts;
            const all = identities(context, writtenName(name)).map((i) => `${i} USING ${quoteIdentifier(method)}`);
            return findByIdentity(context, wanted[0] ?? "operator class", all, shown(writtenName(name)), missingOk);
        }
        case "OBJECT_CAST":
        case "OBJECT_OPERATOR":
            return findByIdentity(
                context,
                wanted[0] ?? "cast",
                typedIdentities(context, objectType, object),
                word(objectType),
                missingOk,
            );
        default:
            return context.lookUp(wanted, writtenName(parts), missingOk);
    }
}

function word(objectType: string): string {
    return objectType.replace("OBJECT_", "").toLowerCase().replaceAll("_", " ");
}

/** The parts of a name in whatever node the grammar puts it. */
export function nameParts(object: Node): string[] {
    const type = nodeType(object);
    const body = as<Record<string, unknown>>(object, type) ?? {};
    switch (type) {
        case "String":
            return [textOf(body["sval"])];
        case "TypeName":
            return strings(body["names"] as Node[]);
        case "ObjectWithArgs":
            return strings(body["objname"] as Node[]);
        case "RangeVar":
            return [body["schemaname"], body["relname"]].filter((p): p is string => typeof p === "string");
        default:
            return ((body["items"] ?? []) as Node[]).flatMap(nameParts);
    }
}

/** `[schema,] table, own name`. */
function findPart(
    context: JudgeContext,
    kind: ObjectKind,
    parts: readonly string[],
    missingOk: boolean,
): IdentifiedObject | undefined {
    const { model } = context;
    const table = context.lookUp(
        ["table", "partition", "view", "materialized view", "foreign table"],
        writtenName(parts.slice(0, -1)),
        missingOk,
    );
    if (table === undefined) return undefined;
    const part = model.part(kind, table, parts.at(-1) ?? "");
    if (part === undefined && !missingOk)
        context.unsure(`${kind} ${quoteIdentifier(parts.at(-1) ?? "")} on ${table.name} is not known`);
    return part;
}

/** How an identity begins, for each schema of the path: that of public without it. */
function identities(context: JudgeContext, { schema, name }: WrittenName): string[] {
    return (schema === undefined ? context.model.path.schemas : [schema]).map((s) =>
        s === "public" ? quoteIdentifier(name) : `${quoteIdentifier(s)}.${quoteIdentifier(name)}`,
    );
}

function findByIdentity(
    context: JudgeContext,
    kind: ObjectKind,
    all: readonly string[],
    name: string,
    missingOk: boolean,
): IdentifiedObject | undefined {
    for (const identity of all) {
        const found = context.model.findIdentity(kind, identity);
        if (found !== undefined) return found;
    }
    if (!missingOk) context.unsure(`${kind} ${name} is not known`);
    return undefined;
}

/** `(public.mood AS integer)`, `===(integer,integer)`. */
export function typedIdentities(context: JudgeContext, objectType: string, object: Node): string[] {
    if (objectType === "OBJECT_CAST") {
        const types = (as<{ items?: Node[] }>(object, "List")?.items ?? []).map((n) => as<TypeName>(n, "TypeName"));
        return [`(${types.map((t) => context.typeText(t, false)).join(" AS ")})`];
    }
    const operator = as<{ objname?: Node[]; objargs?: Node[] }>(object, "ObjectWithArgs");
    const types = (operator?.objargs ?? []).map((n) => as<TypeName>(n, "TypeName"));
    const list = types.map((t) => (t === undefined ? "NONE" : context.typeText(t, false))).join(",");
    const { schema, name } = writtenName(strings(operator?.objname));
    return (schema === undefined ? context.model.path.schemas : [schema]).map(
        (s) => `${s === "public" ? "" : `${quoteIdentifier(s)}.`}${name}(${list})`,
    );
}

interface ObjectWithArgs {
    readonly objname?: Node[];
    readonly objargs?: Node[];
    readonly objfuncargs?: Node[];
    readonly args_unspecified?: boolean;
}

/** A function by name and arguments; without arguments it must be the only one of its name. */
function findRoutine(
    context: JudgeContext,
    wanted: readonly ObjectKind[],
    object: Node,
    missingOk: boolean,
): IdentifiedObject | undefined {
    const routine = as<ObjectWithArgs>(object, "ObjectWithArgs") ?? {};
    const name = writtenName(strings(routine.objname));
    const candidates = context.model.findAll(wanted, name);
    if (routine.args_unspecified === true && candidates.length > 1) {
        context.unsure(`function name ${shown(name)} is not unique`);
        return undefined;
    }
    const found =
        routine.args_unspecified === true
            ? candidates[0]
            : (signatures(context, routine)
                  .map((s) => candidates.find((c) => signatureOf(c) === s))
                  .find((c) => c !== undefined) ?? similar(context, routine, candidates));
    if (found === undefined) context.missing("function", name, missingOk);
    return found;
}

export function signatureOf({ localName }: IdentifiedObject): string {
    return /\(.*\)$/s.exec(localName)?.[0] ?? "()";
}

/** Of input arguments alone, and of all: procedures may be called by either. */
function signatures(context: JudgeContext, routine: ObjectWithArgs): string[] {
    const parameters = (routine.objfuncargs ?? []).flatMap(
        (n) => as<{ argType?: TypeName; mode?: string }>(n, "FunctionParameter") ?? [],
    );
    const inputs = parameters.filter(({ mode }) => mode !== "FUNC_PARAM_OUT" && mode !== "FUNC_PARAM_TABLE");
    const all = (routine.objargs ?? []).map((n) => as<TypeName>(n, "TypeName"));
    return [inputs.map(({ argType }) => argType), all].map(
        (types) => `(${types.map((t) => typeText(t, false, context.resolveType)).join(", ")})`,
    );
}

/** Where a type is not known by its name, the number of arguments must do. */
function similar(
    context: JudgeContext,
    routine: ObjectWithArgs,
    candidates: readonly IdentifiedObject[],
): IdentifiedObject | undefined {
    const types = (routine.objargs ?? []).flatMap((n) => as<TypeName>(n, "TypeName") ?? []);
    if (types.every((t) => isKnownType(context.model, writtenName(strings(t.names))))) return undefined;
    const fitting = candidates.filter((c) => splitTopLevel(signatureOf(c).slice(1, -1)).length === types.length);
    return fitting.length === 1 ? fitting[0] : undefined;
}
