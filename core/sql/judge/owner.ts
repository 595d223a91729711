import type { IdentifiedObject } from "../catalog";
import { quoteIdentifier } from "../identifiers";
import type { JudgeContext } from "./context";

/** A role as the grammar gives it. */
export interface RoleSpec {
    readonly roletype?: string;
    readonly rolename?: string;
}

/** Name of a role, quoted; `PUBLIC` for everybody. */
export function roleName(context: JudgeContext, role: RoleSpec | undefined): string {
    switch (role?.roletype) {
        case "ROLESPEC_PUBLIC":
            return "PUBLIC";
        case "ROLESPEC_CSTRING":
            return quoteIdentifier(role.rolename ?? "");
        default:
            return quoteIdentifier(context.model.path.currentUser);
    }
}

/** OWNER TO: no part of a schema as read, but what was granted to the new owner is the owner's own now. */
export function changeOwner(context: JudgeContext, object: IdentifiedObject, role: RoleSpec | undefined): void {
    const { model } = context;
    const grant = model.attached("grant", object, roleName(context, role));
    if (grant !== undefined) model.remove(grant);
    model.owners.set(object.id, roleName(context, role));
}
