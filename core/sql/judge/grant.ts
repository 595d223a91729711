import type { Node } from "libpg-query";
import type { IdentifiedObject } from "../catalog";
import { findColumn } from "./comment";
import type { JudgeContext } from "./context";
import { findObject, nameParts } from "./object";
import {
    allPrivileges,
    parseGrant,
    parsePrivileges,
    privilegesText,
    publicByDefault,
    setGrant,
    setPublic,
    type Grant,
} from "./privileges";
import { as } from "../nodes";
import type { ObjectKind } from "../observation";

/** Objects whose privileges no catalog here lists. */
const unlisted = ["OBJECT_LANGUAGE", "OBJECT_FDW", "OBJECT_LARGEOBJECT"];

/** GRANT and REVOKE on objects. */
export function grantStatement(context: JudgeContext, body: Record<string, unknown>): void {
    const grant = parseGrant(context, body);
    if (unlisted.includes(grant.objectType)) return;
    for (const object of targets(context, body, grant.objectType)) {
        const type = object.kind === "sequence" ? "OBJECT_SEQUENCE" : grant.objectType;
        const named = grant.privileges.filter((p) => p.columns.length === 0).map((p) => p.name);
        const whole =
            grant.privileges.length === 0 || named.includes("ALL")
                ? allPrivileges(type, context.model.facts.major)
                : named;
        if (grant.privileges.length === 0 || named.length > 0) {
            apply(context, object, whole, grant);
            if (!grant.isGrant) revokeFromColumns(context, object, whole, grant);
        }
        for (const { name, columns } of grant.privileges)
            for (const column of columns) {
                const parts = [
                    ...(context.model.schemaName(object) === undefined ? [] : [context.model.schemaName(object) ?? ""]),
                ];
                const found = findColumn(context, [...parts, unquoteLocal(object), column]);
                const list = name === "ALL" ? allPrivileges("column", context.model.facts.major) : [name];
                if (found !== undefined) apply(context, found, list, grant);
            }
    }
}

function unquoteLocal({ localName }: IdentifiedObject): string {
    return localName.startsWith('"') ? localName.slice(1, -1).replaceAll('""', '"') : localName;
}

function targets(context: JudgeContext, body: Record<string, unknown>, objectType: string): IdentifiedObject[] {
    const { model } = context;
    const objects = (body["objects"] ?? []) as Node[];
    if (body["targtype"] === "ACL_TARGET_ALL_IN_SCHEMA") {
        const kinds: Readonly<Record<string, readonly ObjectKind[]>> = {
            OBJECT_TABLE: ["table", "partition", "view", "materialized view", "foreign table"],
            OBJECT_SEQUENCE: ["sequence"],
            OBJECT_FUNCTION: ["function", "aggregate"],
            OBJECT_PROCEDURE: ["procedure"],
            OBJECT_ROUTINE: ["function", "procedure", "aggregate"],
        };
        const schemas = objects.flatMap(nameParts);
        return (kinds[objectType] ?? []).flatMap((kind) =>
            model.all(kind).filter((o) => schemas.includes(model.schemaName(o) ?? "") && !model.isTemporary(o)),
        );
    }
    const relation = objectType === "OBJECT_TABLE" || objectType === "OBJECT_SEQUENCE";
    return objects.flatMap(
        (n) => (relation ? context.relation(as(n, "RangeVar")) : findObject(context, objectType, n, false)) ?? [],
    );
}

function apply(context: JudgeContext, object: IdentifiedObject, privileges: readonly string[], grant: Grant): void {
    for (const grantee of grant.grantees) {
        if (grantee === context.model.owners.get(object.ofId ?? object.id)) continue;
        if (grantee === "PUBLIC" && publicByDefault.includes(object.kind)) {
            setPublic(context.model, object, grant.isGrant || grant.option);
            continue;
        }
        const existing = context.model.attached("grant", object, grantee);
        const now = parsePrivileges(existing?.definition);
        for (const privilege of privileges) {
            if (grant.isGrant) now.set(privilege, grant.option || now.get(privilege) === true);
            else if (!grant.option) now.delete(privilege);
            else if (now.has(privilege)) now.set(privilege, false);
        }
        setGrant(context.model, object, grantee, now);
    }
}

/** A privilege revoked on a table is revoked on its columns, too. */
function revokeFromColumns(
    context: JudgeContext,
    table: IdentifiedObject,
    privileges: readonly string[],
    grant: Grant,
): void {
    const { model } = context;
    for (const part of model.parts(table)) {
        if (part.kind !== "grant" || !part.name.startsWith("on column ") || !grant.grantees.includes(part.localName))
            continue;
        const now = parsePrivileges(part.definition);
        for (const privilege of privileges) {
            if (!grant.option) now.delete(privilege);
            else if (now.has(privilege)) now.set(privilege, false);
        }
        if (now.size === 0) model.remove(part);
        else model.change(part, privilegesText(now));
    }
}
