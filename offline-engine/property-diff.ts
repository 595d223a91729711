// Differences between property values (sdk/go/common/resource/properties_diff.go).

import { compareBytes, equal, isArray, isPropertyMap, type Property, type PropertyMap } from "./properties";

export interface ObjectDiff {
    readonly adds: Map<string, Property>;
    readonly deletes: Map<string, Property>;
    readonly sames: Map<string, Property>;
    readonly updates: Map<string, ValueDiff>;
}

export interface ValueDiff {
    readonly old: Property;
    readonly new: Property;
    readonly array?: readonly ElementDiff[];
    readonly object?: ObjectDiff;
}

export type ElementDiff =
    | { readonly kind: "add" | "delete" | "same"; readonly value: Property }
    | { readonly kind: "update"; readonly diff: ValueDiff };

export function emptyDiff(): ObjectDiff {
    return { adds: new Map(), deletes: new Map(), sames: new Map(), updates: new Map() };
}

/** Nothing, if the maps are equal. Ignored keys are not even listed as the same. */
export function diffMaps(
    olds: PropertyMap,
    news: PropertyMap,
    ignore: (key: string) => boolean = () => false,
): ObjectDiff | undefined {
    const diff = emptyDiff();
    for (const [key, old] of olds) {
        if (ignore(key)) continue;
        const value = news.get(key);
        if (value === undefined) {
            if (old !== null) diff.deletes.set(key, old);
            continue;
        }
        const change = diffValues(old, value, ignore);
        if (change === undefined) diff.sames.set(key, old);
        else if (old === null) diff.adds.set(key, value);
        else if (value === null) diff.deletes.set(key, old);
        else diff.updates.set(key, change);
    }
    for (const [key, value] of news) {
        if (!ignore(key) && !olds.has(key) && value !== null) diff.adds.set(key, value);
    }
    return diff.adds.size + diff.deletes.size + diff.updates.size === 0 ? undefined : diff;
}

export function diffValues(
    old: Property,
    value: Property,
    ignore: (key: string) => boolean = () => false,
): ValueDiff | undefined {
    if (isArray(old) && isArray(value)) {
        const array = diffArrays(old, value, ignore);
        return array.every((e) => e.kind === "same") ? undefined : { old, new: value, array };
    }
    if (isPropertyMap(old) && isPropertyMap(value)) {
        const object = diffMaps(old, value, ignore);
        return object === undefined ? undefined : { old, new: value, object };
    }
    return equal(old, value) ? undefined : { old, new: value };
}

function diffArrays(
    olds: readonly Property[],
    news: readonly Property[],
    ignore: (key: string) => boolean,
): ElementDiff[] {
    return Array.from({ length: Math.max(olds.length, news.length) }, (_, i): ElementDiff => {
        const [old, value] = [olds[i], news[i]];
        if (old === undefined) return { kind: "add", value: value ?? null };
        if (value === undefined) return { kind: "delete", value: old };
        const diff = diffValues(old, value, ignore);
        return diff === undefined ? { kind: "same", value: old } : { kind: "update", diff };
    });
}

/** Every key, also the unchanged ones, sorted. */
export function keysOf(diff: ObjectDiff): string[] {
    const maps: readonly ReadonlyMap<string, unknown>[] = [diff.adds, diff.deletes, diff.sames, diff.updates];
    return maps.flatMap((map) => [...map.keys()]).sort(compareBytes);
}

export function isChanged(diff: ObjectDiff, key: string): boolean {
    return diff.adds.has(key) || diff.deletes.has(key) || diff.updates.has(key);
}

/** One changed property, by path. The engine makes such a list when a provider leaves the comparing to it. */
export interface PropertyChange {
    readonly path: readonly (string | number)[];
    readonly kind: "add" | "delete" | "update";
}

export function changesOf(diff: ObjectDiff, prefix: readonly (string | number)[] = []): PropertyChange[] {
    const change = (kind: PropertyChange["kind"], key: string): PropertyChange => ({ path: [...prefix, key], kind });
    return [
        ...[...diff.updates].flatMap(([key, update]) => changesOfValue(update, [...prefix, key])),
        ...[...diff.adds.keys()].map((key) => change("add", key)),
        ...[...diff.deletes.keys()].map((key) => change("delete", key)),
    ];
}

function changesOfValue(diff: ValueDiff, path: readonly (string | number)[]): PropertyChange[] {
    if (diff.object !== undefined) return changesOf(diff.object, path);
    if (diff.array === undefined) return [{ path, kind: kindOf(diff) }];
    return diff.array.flatMap((element, i): PropertyChange[] => {
        if (element.kind === "same") return [];
        if (element.kind === "update") return changesOfValue(element.diff, [...path, i]);
        return [{ path: [...path, i], kind: element.kind }];
    });
}

function kindOf(diff: ValueDiff): PropertyChange["kind"] {
    if (diff.old === null) return "add";
    return diff.new === null ? "delete" : "update";
}

/** The same change seen from the other side. */
export function inverted(changes: readonly PropertyChange[]): PropertyChange[] {
    const other = { add: "delete", delete: "add", update: "update" } as const;
    return changes.map(({ path, kind }) => ({ path, kind: other[kind] }));
}

/** A path as text: a.b[0]["other key"]. */
export function pathText(path: readonly (string | number)[]): string {
    return path
        .map((part, i) => {
            if (typeof part === "number") return `[${part.toString()}]`;
            if (/["[\].]/.test(part) || part === "") return `[${JSON.stringify(part)}]`;
            return i === 0 ? part : `.${part}`;
        })
        .join("");
}
