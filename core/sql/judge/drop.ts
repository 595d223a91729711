import type { Node } from "libpg-query";
import { textOf } from "../nodes";
import type { IdentifiedObject } from "../catalog";
import { withParts } from "../column-definition";
import { columnOf, withoutColumn } from "./dependencies";
import { quoteIdentifier, unquote, splitTopLevel } from "../identifiers";
import type { JudgeContext } from "./context";
import { findObject, kindsOf } from "./object";
import { hasIndex } from "./kinds";

/** DROP of anything that the grammar treats alike. */
export function dropStatement(context: JudgeContext, body: Record<string, unknown>): void {
    const type = textOf(body["removeType"]);
    const missingOk = body["missing_ok"] === true;
    const targets = ((body["objects"] ?? []) as Node[]).flatMap((n) => findObject(context, type, n, missingOk) ?? []);
    if (kindsOf(type) === undefined && type !== "OBJECT_ROUTINE") return;
    if (body["concurrent"] === true) return dropConcurrently(context, targets);
    for (const target of targets) lockTarget(context, target);
    drop(context, targets, body["behavior"] === "DROP_CASCADE");
}

/** DROP INDEX CONCURRENTLY takes SHARE UPDATE EXCLUSIVE, and in the end a lock on the index that nobody waits for any more. */
function dropConcurrently(context: JudgeContext, targets: readonly IdentifiedObject[]): void {
    const taken = context.locks.length;
    drop(context, targets, false);
    context.locks.length = taken;
}

/** Locks besides those on what goes: a partition's parent is told. */
function lockTarget(context: JudgeContext, target: IdentifiedObject): void {
    if (target.kind === "partition") context.lock("ACCESS EXCLUSIVE", context.owner(target));
}

/**
 * Drops objects with everything that goes along, and takes the locks that this needs. What PostgreSQL would refuse is done
 * all the same, and said.
 */
export function drop(context: JudgeContext, targets: readonly IdentifiedObject[], cascade: boolean): void {
    const { model } = context;
    const gone: IdentifiedObject[] = [];
    // Inner parts that are no objects: rules of views, row types, defaults.
    const inner: string[] = [];
    const heirs = new Map<string, readonly IdentifiedObject[]>();
    const { visited, blocking } = model.dependencies.closure(
        targets.map(({ id }) => id),
        cascade,
        (id) => {
            const object = model.get(id);
            if (object === undefined) inner.push(id);
            else gone.push(object);
            return object === undefined ? [] : besides(context, object, heirs);
        },
    );
    for (const target of targets) checkWhole(context, target, visited);
    if (blocking.length > 0) {
        const names = [...new Set(blocking.flatMap((id) => nameOf(context, id)))];
        context.unsure(
            `${names.length === 0 ? "something else" : names.slice(0, 3).join(", ")} depends on it, and PostgreSQL refuses without CASCADE`,
        );
    }
    for (const object of gone) lockFor(context, object, visited);
    for (const id of inner) loseInnerPart(context, id, visited);
    for (const object of gone) model.remove(object);
    for (const id of inner) model.dependencies.remove(id);
}

/**
 * What pg_depend does not say: a column or CHECK goes from the heirs, and everything that belongs to a table with it.
 * @param heirs of the tables that were asked about so far, by their id: each has many columns
 */
function besides(
    context: JudgeContext,
    object: IdentifiedObject,
    heirs: Map<string, readonly IdentifiedObject[]>,
): readonly string[] {
    const { model } = context;
    if (object.kind !== "column" && object.kind !== "constraint") return model.parts(object).map((part) => part.id);
    let children = heirs.get(object.ofId ?? "");
    if (children === undefined) {
        const table = context.owner(object);
        children = table === undefined ? [] : model.directChildren(table);
        heirs.set(object.ofId ?? "", children);
    }
    return children.flatMap((child) => {
        const same = model.part(object.kind, child, unquote(object.localName));
        return same?.inherited === true ? same.id : [];
    });
}

/** A part of something (a member of an extension, the sequence of an identity column) is not dropped by itself. */
function checkWhole(context: JudgeContext, target: IdentifiedObject, visited: ReadonlySet<string>): void {
    const needs = context.model.dependencies.of(target.id);
    const whole = needs.find(
        (d) => (d.type === "i" || d.type === "e") && !visited.has(`${d.on}/${d.onSubid}`) && !visited.has(`${d.on}/0`),
    );
    const parts = needs.filter((d) => d.type === "P" || d.type === "S");
    const kept = parts.length > 0 && !parts.some((d) => visited.has(`${d.on}/0`));
    if (whole !== undefined || kept)
        context.unsure(
            `${target.kind} ${target.name} is part of something else, which PostgreSQL does not let it leave`,
        );
}

function nameOf(context: JudgeContext, id: string): string[] {
    const { model } = context;
    const object = model.get(id);
    if (object !== undefined) return [`${object.kind} ${object.name}`];
    return model.dependencies
        .of(id)
        .filter((d) => d.type === "i" || d.type === "a")
        .flatMap((d) => {
            const whole = model.get(`${d.on}/${d.onSubid}`);
            return whole === undefined ? [] : [`${whole.kind} ${whole.name}`];
        });
}

/** Locks that are taken on what goes, and on what it belongs to; that is locked by itself where it goes, too. */
function lockFor(context: JudgeContext, object: IdentifiedObject, visited: ReadonlySet<string>): void {
    const owner = object.ofId !== undefined && !visited.has(object.ofId) ? context.owner(object) : undefined;
    switch (object.kind) {
        case "table":
        case "partition":
        case "foreign table":
        case "view":
        case "materialized view":
        case "sequence":
            context.lock("ACCESS EXCLUSIVE", object);
            break;
        case "constraint":
            context.lock("ACCESS EXCLUSIVE", owner);
            if (!hasIndex(object) && !mirrorsKey(context, object))
                context.lock("ACCESS EXCLUSIVE", context.model.otherEnd(object));
            break;
        case "index":
            context.lock("ACCESS EXCLUSIVE", object);
            context.lock("ACCESS EXCLUSIVE", owner);
            break;
        case "column":
        case "trigger":
        case "policy":
        case "rule":
            context.lock("ACCESS EXCLUSIVE", owner);
            break;
        default:
    }
}

/** Of a foreign key that a partition only mirrors, nothing is kept at the other end; of one to a partition, there is. */
function mirrorsKey({ model }: JudgeContext, key: IdentifiedObject): boolean {
    if (!key.inherited) return false;
    const parent = model.dependencies.of(key.id).find((d) => d.on.startsWith("pg_constraint/"));
    return model.get(`${parent?.on ?? ""}/0`)?.ofId !== key.ofId;
}

/** A composite type's attribute: the type has a relation for them, which is no object of its own. */
function loseAttribute(context: JudgeContext, id: string, visited: ReadonlySet<string>): void {
    const { model } = context;
    const relation = `${withoutColumn(id)}/0`;
    if (model.get(relation) !== undefined || visited.has(relation)) return;
    for (const d of model.dependencies.of(relation)) {
        const type = d.type === "i" ? model.get(`${d.on}/0`) : undefined;
        if (type?.kind === "type" && !visited.has(type.id)) loseFrom(context, type, visited);
    }
}

/** Takes the attributes of types that go out of a composite type; where none is found by its type, all. */
function loseFrom(context: JudgeContext, type: IdentifiedObject, visited: ReadonlySet<string>): void {
    const { model } = context;
    const gone = [...visited].flatMap((id) => {
        const object = model.get(id);
        return object === undefined
            ? []
            : [`${quoteIdentifier(model.schemaName(object) ?? "public")}.${object.localName}`];
    });
    const isGone = (attribute: string): boolean =>
        gone.some((name) => attribute.replace(/\[\]$/, "").endsWith(` ${name}`));
    const attributes = splitTopLevel(type.definition);
    const left = attributes.filter((attribute) => !isGone(attribute));
    model.change(type, left.length === attributes.length ? "" : left.join(", "));
}

/** Of inner parts, by their catalog, the catalog of what loses them. */
const losers: Readonly<Record<string, string>> = {
    pg_attrdef: "pg_class/",
    pg_publication_rel: "pg_publication/",
    pg_publication_namespace: "pg_publication/",
    pg_constraint: "pg_type/",
    pg_attribute: "pg_type/",
    pg_amop: "pg_opfamily/",
    pg_amproc: "pg_opfamily/",
};

/** What stays, and loses an inner part: a column its default, a publication a table, a domain a constraint. */
function loseInnerPart(context: JudgeContext, id: string, visited: ReadonlySet<string>): void {
    const { model } = context;
    const catalog = id.slice(0, id.indexOf("/"));
    if (catalog === "pg_class" && columnOf(id) !== "0") return loseAttribute(context, id, visited);
    const wanted = losers[catalog];
    if (wanted === undefined) return;
    for (const d of model.dependencies.of(id)) {
        if (d.type === "n" || !d.on.startsWith(wanted)) continue;
        if (visited.has(`${d.on}/${d.onSubid}`) || visited.has(`${d.on}/0`)) continue;
        const whole = model.get(`${d.on}/${d.onSubid}`);
        if (whole === undefined) continue;
        if (whole.kind === "column") {
            context.lock("ACCESS EXCLUSIVE", context.owner(whole));
            model.change(whole, withParts(whole.definition, { value: undefined }));
        } else if (catalog === "pg_attribute") loseFrom(context, whole, visited);
        else model.change(whole, `${whole.definition} (less a part)`);
    }
}
