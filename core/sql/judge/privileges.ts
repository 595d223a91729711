import type { Node } from "libpg-query";
import type { IdentifiedObject } from "../catalog";
import { as, strings, textOf } from "../nodes";
import type { ObjectKind } from "../observation";
import type { JudgeContext } from "./context";
import type { Model } from "./model";
import { roleName, type RoleSpec } from "./owner";

/** What may be granted on an object, by the grammar's word. Source: the manual's chapter on privileges, table 5.2. */
export function allPrivileges(objectType: string, major: number): readonly string[] {
    switch (objectType) {
        case "OBJECT_TABLE":
            return [
                ...["DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE"],
                ...(major >= 17 ? ["MAINTAIN"] : []),
            ];
        case "OBJECT_SEQUENCE":
            return ["SELECT", "UPDATE", "USAGE"];
        case "OBJECT_SCHEMA":
            return ["CREATE", "USAGE"];
        case "OBJECT_FUNCTION":
        case "OBJECT_PROCEDURE":
        case "OBJECT_ROUTINE":
            return ["EXECUTE"];
        case "column":
            return ["INSERT", "REFERENCES", "SELECT", "UPDATE"];
        default:
            return ["USAGE"];
    }
}

/** Kinds on which everybody has something from the start; the catalog says where that was taken away. */
export const publicByDefault: readonly ObjectKind[] = ["function", "procedure", "aggregate", "type", "enum", "domain"];

export interface Grant {
    readonly isGrant: boolean;
    readonly objectType: string;
    readonly privileges: readonly { readonly name: string; readonly columns: readonly string[] }[];
    readonly grantees: readonly string[];
    /** With grant option, or: only the option is revoked. */
    readonly option: boolean;
}

export function parseGrant(context: JudgeContext, body: Record<string, unknown>): Grant {
    return {
        isGrant: body["is_grant"] === true,
        objectType: textOf(body["objtype"]),
        privileges: ((body["privileges"] ?? []) as Node[]).flatMap((n) => {
            const privilege = as<{ priv_name?: string; cols?: Node[] }>(n, "AccessPriv");
            // ALL (column) has columns and no name.
            return privilege === undefined
                ? []
                : [{ name: privilege.priv_name?.toUpperCase() ?? "ALL", columns: strings(privilege.cols) }];
        }),
        grantees: ((body["grantees"] ?? []) as Node[]).map((n) => roleName(context, as<RoleSpec>(n, "RoleSpec"))),
        option: body["grant_option"] === true,
    };
}

/** `DELETE, SELECT*` → privilege → with grant option. */
export function parsePrivileges(text: string | undefined): Map<string, boolean> {
    return new Map(
        (text ?? "")
            .split(", ")
            .filter((p) => p !== "" && p !== "none")
            .map((p): [string, boolean] => [p.replace("*", ""), p.endsWith("*")]),
    );
}

export function privilegesText(privileges: ReadonlyMap<string, boolean>): string {
    return [...privileges]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, option]) => name + (option ? "*" : ""))
        .join(", ");
}

export function setGrant(
    model: Model,
    object: IdentifiedObject,
    grantee: string,
    privileges: ReadonlyMap<string, boolean>,
): void {
    const existing = model.attached("grant", object, grantee);
    if (privileges.size > 0) model.attach("grant", object, grantee, privilegesText(privileges));
    else if (existing !== undefined) model.remove(existing);
}

/** What everybody may do with functions and types: listed only where it was taken away. */
export function setPublic(model: Model, object: IdentifiedObject, granted: boolean): void {
    const existing = model.attached("grant", object, "PUBLIC");
    if (!granted) model.attach("grant", object, "PUBLIC", "none");
    else if (existing !== undefined) model.remove(existing);
}
