import type { Node } from "libpg-query";
import { quoteIdentifier, shown, truncateName, typeText, writtenName, type TypeName } from "../identifiers";
import type { JudgeContext } from "./context";
import { findObject } from "./object";
import { routineKinds } from "./kinds";
import { as, strings, textOf } from "../nodes";
import type { ObjectKind } from "../observation";
import { routineOf } from "../routine";

interface FunctionParameter {
    readonly argType?: TypeName;
    readonly mode?: string;
    readonly defexpr?: Node;
}

interface Option {
    readonly defname?: string;
    readonly arg?: Node;
}

/** CREATE FUNCTION and PROCEDURE. */
export function createFunction(context: JudgeContext, body: Record<string, unknown>, sql: string): void {
    const { model } = context;
    const parameters = ((body["parameters"] ?? []) as Node[]).flatMap(
        (n) => as<FunctionParameter>(n, "FunctionParameter") ?? [],
    );
    const options = ((body["options"] ?? []) as Node[]).flatMap((n) => as<Option>(n, "DefElem") ?? []);
    const text = (name: string): string | undefined =>
        as<{ sval?: string }>(options.find((o) => o.defname === name)?.arg, "String")?.sval;
    const kind = body["is_procedure"] === true ? "procedure" : "function";
    const names = strings(body["funcname"] as Node[]);
    const inputs = parameters.filter(({ mode }) => mode !== "FUNC_PARAM_OUT" && mode !== "FUNC_PARAM_TABLE");
    const made = addRoutine(
        context,
        kind,
        names,
        inputs.map((p) => p.argType),
        body["replace"] === true,
    );
    if (made === undefined) return;
    context.needs(made, [parameters, body["returnType"], body["sql_body"]]);
    const { name, body: code, language } = routineOf(body);
    if (!["immutable", "stable"].includes(text("volatility") ?? "volatile")) model.volatile.add(name);
    context.routines.define(name, {
        create: sql,
        // A body of the standard's form is written without quotes, at the end.
        body: code ?? sql.slice(Math.max(0, sql.search(/\b(?:BEGIN\s+ATOMIC|RETURN)\b/i))),
        language,
    });
}

/** Makes a function, or another one in its place. */
function addRoutine(
    context: JudgeContext,
    kind: ObjectKind,
    names: readonly string[],
    types: readonly (TypeName | undefined)[],
    replace: boolean,
): ReturnType<JudgeContext["model"]["add"]> | undefined {
    const { model } = context;
    const { schema, name } = writtenName(names);
    const where = schema ?? model.creationSchema();
    if (where === undefined || !model.schemaExists(where)) {
        context.unsure(`schema ${where ?? "of the search path"} is not known`);
        return undefined;
    }
    const signature = `(${types.map((t) => typeText(t, false, context.resolveType)).join(", ")})`;
    const existing = model
        .findAll(routineKinds, { schema: where, name })
        .find((r) => r.localName === quoteIdentifier(name) + signature);
    if (existing === undefined)
        return model.add(kind, { schema: where, name: truncateName(name) }, `CREATE ${kind}`, { signature });
    if (!replace || existing.kind !== kind) {
        context.unsure(`${kind} ${existing.name} is there already`);
        return undefined;
    }
    model.dependencies.release(existing.id, (d) => d.on.startsWith("pg_namespace/") || d.type === "e");
    model.change(existing, `${existing.definition} (replaced)`);
    return model.get(existing.id);
}

/** CREATE AGGREGATE. */
export function createAggregate(context: JudgeContext, body: Record<string, unknown>): void {
    const definition = ((body["definition"] ?? []) as Node[]).flatMap((n) => as<Option>(n, "DefElem") ?? []);
    const type = (name: string): TypeName | undefined =>
        as<TypeName>(definition.find((o) => o.defname === name)?.arg, "TypeName");
    const list = as<{ items?: Node[] }>(((body["args"] ?? []) as Node[])[0], "List")?.items ?? [];
    const args = list.flatMap((n) => as<FunctionParameter>(n, "FunctionParameter")?.argType ?? []);
    const base = type("basetype");
    const types =
        body["oldstyle"] === true && base !== undefined && strings(base.names).at(-1) !== "any" ? [base] : args;
    const made = addRoutine(context, "aggregate", strings(body["defnames"] as Node[]), types, body["replace"] === true);
    if (made === undefined) return;
    context.needs(made, [types, type("stype")]);
    for (const name of [
        "sfunc",
        "finalfunc",
        "combinefunc",
        "serialfunc",
        "deserialfunc",
        "msfunc",
        "minvfunc",
        "mfinalfunc",
    ])
        for (const routine of context.model.findAll(["function"], writtenName(strings(type(name)?.names))))
            context.model.dependencies.add(made.id, routine.id, "n");
}

/** ALTER FUNCTION … IMMUTABLE and the like. */
export function alterFunction(context: JudgeContext, body: Record<string, unknown>): void {
    const routine = findObject(
        context,
        textOf(body["objtype"]),
        { ObjectWithArgs: body["func"] } as unknown as Node,
        false,
    );
    if (routine !== undefined) context.model.change(routine, `${routine.definition} (altered)`);
}

/** Functions by a written name, all of whose overloads are meant: a trigger's, an event trigger's. */
export function functionsNamed(context: JudgeContext, parts: readonly string[]): string[] {
    const found = context.model.findAll(["function"], writtenName(parts));
    const plain = found.filter((f) => f.localName.endsWith("()"));
    if (found.length === 0 && parts[0] !== "pg_catalog") {
        const known = parts.length > 1 ? shown(writtenName(parts)) : undefined;
        if (known !== undefined) context.missing("function", writtenName(parts), true);
    }
    return (plain.length > 0 ? plain : found).map(({ id }) => id);
}
