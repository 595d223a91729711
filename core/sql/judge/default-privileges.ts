import type { Node } from "libpg-query";
import type { IdentifiedObject } from "../catalog";
import { quoteIdentifier } from "../identifiers";
import { as, strings } from "../nodes";
import type { ObjectKind } from "../observation";
import type { JudgeContext } from "./context";
import { optionsOf } from "./global";
import { roleName, type RoleSpec } from "./owner";
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

/** What new objects of a kind are called in default privileges. */
const defaultClasses: Partial<Record<ObjectKind, string>> = {
    table: "tables",
    partition: "tables",
    view: "tables",
    "materialized view": "tables",
    "foreign table": "tables",
    sequence: "sequences",
    function: "functions",
    procedure: "functions",
    aggregate: "functions",
    type: "types",
    enum: "types",
    domain: "types",
    schema: "schemas",
};

/** Gives new objects what ALTER DEFAULT PRIVILEGES grants on them. */
export function applyDefaultPrivileges(context: JudgeContext, objects: readonly IdentifiedObject[]): void {
    const { model } = context;
    const role = quoteIdentifier(model.path.currentUser);
    for (const object of objects) {
        const plural = defaultClasses[object.kind];
        if (plural === undefined || model.get(object.id) === undefined || model.isTemporary(object)) continue;
        const schema = model.schemaName(object);
        const everywhere = model.findIdentity("default privileges", `of ${role} on ${plural}`);
        const here = model.findIdentity(
            "default privileges",
            `of ${role} in ${quoteIdentifier(schema ?? "")} on ${plural}`,
        );
        if (
            everywhere !== undefined &&
            publicByDefault.includes(object.kind) &&
            !/ TO PUBLIC(?:;|$)/.test(everywhere.definition)
        )
            setPublic(model, object, false);
        for (const source of [everywhere, here])
            for (const [grantee, privileges] of source === undefined ? [] : parseDefaults(source.definition)) {
                if (grantee === role || (grantee === "PUBLIC" && publicByDefault.includes(object.kind))) continue;
                const known = parsePrivileges(model.attached("grant", object, grantee)?.definition);
                setGrant(model, object, grantee, new Map([...known, ...privileges]));
            }
    }
}

/** `SELECT TO a; USAGE* TO b` → grantee → privileges. */
function parseDefaults(definition: string): Map<string, Map<string, boolean>> {
    return new Map(
        definition
            .split("; ")
            .filter((item) => item !== "")
            .map((item): [string, Map<string, boolean>] => {
                const at = item.lastIndexOf(" TO ");
                return [item.slice(at + 4), parsePrivileges(item.slice(0, at))];
            }),
    );
}

/** ALTER DEFAULT PRIVILEGES. */
export function alterDefaultPrivileges(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    const options = optionsOf(body["options"]);
    const list = (name: string): Node[] =>
        as<{ items?: Node[] }>(options.find((o) => o.defname === name)?.arg, "List")?.items ?? [];
    const grant = parseGrant(context, body["action"] as Record<string, unknown>);
    const plural = `${grant.objectType.replace("OBJECT_", "").toLowerCase()}s`;
    const roles = list("roles").map((n) => roleName(context, as<RoleSpec>(n, "RoleSpec")));
    const schemas = strings(list("schemas"));
    const privileges =
        grant.privileges.length === 0
            ? allPrivileges(grant.objectType, model.facts.major)
            : grant.privileges.map((p) => p.name);
    for (const role of roles.length === 0 ? [quoteIdentifier(model.path.currentUser)] : roles)
        for (const schema of schemas.length === 0 ? [undefined] : schemas) {
            const inSchema = schema === undefined ? "" : `in ${quoteIdentifier(schema)} `;
            changeDefaults(context, `of ${role} ${inSchema}on ${plural}`, role, schema, privileges, grant);
        }
}

function changeDefaults(
    context: JudgeContext,
    identity: string,
    role: string,
    schema: string | undefined,
    privileges: readonly string[],
    grant: Grant,
): void {
    const { model } = context;
    const existing = model.findIdentity("default privileges", identity);
    const usual = schema === undefined ? builtInDefaults(role, grant.objectType, model.facts.major) : "";
    const defaults = parseDefaults(existing?.definition ?? usual);
    for (const grantee of grant.grantees) {
        const now = defaults.get(grantee) ?? new Map<string, boolean>();
        for (const privilege of privileges) {
            if (grant.isGrant) now.set(privilege, grant.option || now.get(privilege) === true);
            else if (!grant.option) now.delete(privilege);
            else if (now.has(privilege)) now.set(privilege, false);
        }
        if (now.size === 0) defaults.delete(grantee);
        else defaults.set(grantee, now);
    }
    const text = defaultsText(defaults);
    // Where nothing differs from what PostgreSQL does by itself, there is no entry.
    if (text === defaultsText(parseDefaults(usual))) {
        if (existing !== undefined) model.remove(existing);
    } else if (existing !== undefined) model.change(existing, text);
    else model.addIdentity("default privileges", identity, text, schema);
}

function defaultsText(defaults: ReadonlyMap<string, ReadonlyMap<string, boolean>>): string {
    return [...defaults]
        .map(([grantee, privileges]) => `${privilegesText(privileges)} TO ${grantee}`)
        .sort()
        .join("; ");
}

/** What the owner and everybody have on a new object when nothing was altered. Source: acldefault in acl.c. */
function builtInDefaults(role: string, objectType: string, major: number): string {
    const own = `${[...allPrivileges(objectType, major)].sort().join(", ")} TO ${role}`;
    const everybody = { OBJECT_FUNCTION: "EXECUTE TO PUBLIC", OBJECT_TYPE: "USAGE TO PUBLIC" }[objectType];
    return everybody === undefined ? own : `${own}; ${everybody}`;
}
