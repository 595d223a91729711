// Finding a resource in the state under the names it had before (generateAliases in step_generator.go).

import type { Alias, Goal } from "./goal";
import { makeUrn, nameOf, qualifiedTypeOf, rootStackType, typeOf, type Urn } from "./urn";

export interface AliasContext {
    readonly stack: string;
    readonly project: string;
    /** URNs under which resources of this update were found in the state, by their new URNs. */
    readonly found: ReadonlyMap<Urn, Urn>;
}

/** URNs to look under, in this order, when the resource's own is not in the state. */
export function aliasUrns(goal: Goal, context: AliasContext): Urn[] {
    const urns = goal.aliases.map((alias) => urnOf(alias, goal, context));
    const oldParent = context.found.get(goal.parent);
    if (oldParent === undefined) return [...new Set(urns)];
    const inherited = [
        inheritedUrn(goal.type, goal.name, nameOf(goal.parent), oldParent, context),
        ...urns.map((urn) => inheritedUrn(typeOf(urn), nameOf(urn), nameOf(goal.parent), oldParent, context)),
    ];
    return [...new Set([...urns, ...inherited])];
}

function urnOf(alias: Alias, goal: Goal, { stack, project, found }: AliasContext): Urn {
    if ("urn" in alias) return alias.urn;
    const parent = alias.parent === "" ? goal.parent : (found.get(alias.parent) ?? alias.parent);
    const parentType = alias.noParent || parent === "" ? "" : qualifiedTypeOf(parent);
    return makeUrn(
        alias.stack === "" ? stack : alias.stack,
        alias.project === "" ? project : alias.project,
        parentType === rootStackType ? "" : parentType,
        alias.type === "" ? goal.type : alias.type,
        alias.name === "" ? goal.name : alias.name,
    );
}

/** A child that is named after its parent had, under the parent's old name, a name made with that. */
function inheritedUrn(type: string, name: string, parentName: string, oldParent: Urn, context: AliasContext): Urn {
    const oldName = name.startsWith(parentName) ? nameOf(oldParent) + name.slice(parentName.length) : name;
    return makeUrn(context.stack, context.project, qualifiedTypeOf(oldParent), type, oldName);
}
