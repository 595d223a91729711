// Which resources need which (pkg/resource/graph). A list of resources is in an order in which they could be made.

import { dependenciesOf, providerUrnOf, type ResourceState } from "./state";
import type { Urn } from "./urn";

/** Resources after the first one that need it, directly or through others; being a child alone does not count. */
export function dependentsOf(
    root: ResourceState,
    resources: readonly ResourceState[],
    ignored: (urn: Urn) => boolean,
): ResourceState[] {
    const needed = new Set([root.urn]);
    const dependents: ResourceState[] = [];
    for (const state of resources.slice(resources.indexOf(root) + 1)) {
        const needs = [...state.dependencies, ...[...state.propertyDependencies.values()].flat(), providerUrnOf(state)];
        if (ignored(state.urn) || !needs.some((urn) => needed.has(urn))) continue;
        dependents.push(state);
        needed.add(state.urn);
    }
    return dependents;
}

/** Resources before a resource that it needs directly, with the children of the components among them. */
function directDependencies(state: ResourceState, resources: readonly ResourceState[]): Set<ResourceState> {
    const needs = new Set([...dependenciesOf(state).filter((urn) => urn !== state.parent), providerUrnOf(state)]);
    const before = resources.slice(0, resources.indexOf(state));
    const found = new Set<ResourceState>();
    for (const candidate of before) {
        if (candidate.urn === state.parent) found.add(candidate);
        if (!needs.has(candidate.urn)) continue;
        found.add(candidate);
        if (!candidate.custom) for (const child of descendantsOf(candidate, before)) found.add(child);
    }
    return found;
}

function descendantsOf(root: ResourceState, resources: readonly ResourceState[]): ResourceState[] {
    const family = new Set([root.urn]);
    return resources.filter((state) => {
        if (!family.has(state.parent)) return false;
        family.add(state.urn);
        return true;
    });
}

/** Everything a resource needs, directly or through others. */
export function allDependencies(state: ResourceState, resources: readonly ResourceState[]): Set<ResourceState> {
    const found = new Set<ResourceState>();
    const open = [state];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
        for (const dependency of directDependencies(next, resources)) {
            if (found.has(dependency)) continue;
            found.add(dependency);
            open.push(dependency);
        }
    }
    return found;
}

/** Groups to delete one after the other, so that nothing goes before what needs it; within a group the order is free. */
export function deletionOrder(
    condemned: readonly ResourceState[],
    resources: readonly ResourceState[],
): ResourceState[][] {
    const needs = new Map(condemned.map((state) => [state, directDependencies(state, resources)]));
    const left = new Set(condemned);
    const groups: ResourceState[][] = [];
    while (left.size > 0) {
        const group = [...left].filter((state) => [...(needs.get(state) ?? [])].every((d) => !left.has(d)));
        if (group.length === 0) throw new Error("the state's dependencies go round in a circle");
        for (const state of group) left.delete(state);
        groups.unshift(group);
    }
    return groups;
}
