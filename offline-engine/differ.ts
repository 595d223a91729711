// Whether and how a resource differs from what the program wants (diff in step_generator.go).

import type { Goal } from "./goal";
import { ignoringChanges } from "./property-path";
import { changesOf, diffMaps, type PropertyChange } from "./property-diff";
import { equalMaps, noProperties, reveal, type PropertyMap } from "./properties";
import type { DynamicProvider } from "./provider";
import type { ResourceState } from "./state";
import { isProviderType } from "./urn";

export interface Difference {
    readonly changed: boolean;
    /** Properties that force a replacement. */
    readonly replaces: readonly string[];
    readonly deleteBeforeReplace: boolean;
    /** What changed, if the provider left comparing to the engine. */
    readonly changes: readonly PropertyChange[] | undefined;
}

const same: Difference = { changed: false, replaces: [], deleteBeforeReplace: false, changes: undefined };

/** @param news checked inputs, old values in place of ignored changes */
export async function differenceOf(
    old: ResourceState,
    goal: Pick<Goal, "custom" | "type" | "provider" | "ignoreChanges">,
    news: PropertyMap,
    provider: DynamicProvider,
): Promise<Difference> {
    // A component that becomes a resource, or the other way round.
    if (old.provider !== goal.provider && (old.provider === "" || goal.provider === ""))
        return { ...same, changed: true, replaces: ["provider"] };
    if (!goal.custom) return { ...same, changed: !equalMaps(old.inputs, news) };
    if (isProviderType(goal.type)) return { ...same, changed: !equalMaps(old.outputs ?? noProperties, news) };
    return resourceDifference(old, news, goal.ignoreChanges, provider);
}

/** Asks the provider. */
export async function resourceDifference(
    old: ResourceState,
    news: PropertyMap,
    ignoreChanges: readonly string[],
    provider: DynamicProvider,
): Promise<Difference> {
    const { changes, replaces, deleteBeforeReplace } = await provider.diff(
        { urn: old.urn, id: old.id, inputs: old.inputs, outputs: old.outputs ?? noProperties },
        news,
        ignoreChanges,
    );
    if (changes !== undefined) return { changed: changes, replaces, deleteBeforeReplace, changes: undefined };
    const kept = ignoringChanges(news, old.inputs, ignoreChanges).inputs;
    const diff = diffMaps(revealed(old.inputs), revealed(kept));
    const changed = diff !== undefined;
    return { changed, replaces, deleteBeforeReplace, changes: changed ? changesOf(diff) : undefined };
}

function revealed(map: PropertyMap): PropertyMap {
    return new Map([...map].map(([key, value]) => [key, reveal(value)]));
}
