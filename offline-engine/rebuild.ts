import type { Snapshot } from "./checkpoint";
import type { ResourceState } from "./state";
import type { Step } from "./steps";
import type { Urn } from "./urn";

/**
 * Puts the refreshed states in place of those before, and takes away every mention of resources that are gone:
 * dependencies on them are dropped, children go to the parent's parent (rebuildBaseState in deployment_executor.go).
 */
export function rebuild(snapshot: Snapshot, refreshes: readonly Step[]): void {
    const refreshed = new Map(refreshes.map((step) => [step.old, step.new]));
    const living = new Set<Urn>();
    /** Where children of a resource belong, also of one that is gone. */
    const parents = new Map<Urn, Urn>();
    const resources: ResourceState[] = [];
    for (const old of snapshot.resources) {
        const state = refreshed.has(old) ? refreshed.get(old) : old;
        const parent = living.has(old.parent) ? old.parent : (parents.get(old.parent) ?? "");
        parents.set(old.urn, parent);
        if (state === undefined) continue;
        state.parent = parent;
        state.dependencies = state.dependencies.filter((urn) => living.has(urn));
        state.propertyDependencies = new Map(
            [...state.propertyDependencies]
                .map(([key, urns]): [string, Urn[]] => [key, urns.filter((urn) => living.has(urn))])
                .filter(([, urns]) => urns.length > 0),
        );
        living.add(state.urn);
        resources.push(state);
    }
    snapshot.resources = resources;
}
