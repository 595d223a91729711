// What a step changes, for display (TranslateDetailedDiff, getDiffInfo and getResourcePropertiesDetails).

import type { StepView } from "../events";
import {
    diffMaps,
    diffValues,
    emptyDiff,
    type ElementDiff,
    type ObjectDiff,
    type PropertyChange,
    type ValueDiff,
} from "../property-diff";
import { isArray, isInternalKey, isPropertyMap, noProperties, sortedKeys, unknown, type Property } from "../properties";
import { prefixes } from "../steps";
import type { Paint } from "./paint";

/** Only what the engine found changed, without what stays. */
export function translated(changes: readonly PropertyChange[], step: StepView): ObjectDiff | undefined {
    const [olds, news] = [step.old?.inputs ?? noProperties, step.new?.inputs ?? noProperties];
    const root: Draft = { old: olds, new: news };
    for (const { path, kind } of changes) put(root, path, kind);
    return root.object;
}

interface Draft {
    readonly old: Property;
    readonly new: Property;
    array?: ElementDiff[];
    object?: ObjectDiff;
}

function childOf(value: Property, key: string | number): Property | undefined {
    if (typeof key === "number") return isArray(value) ? value[key] : undefined;
    return isPropertyMap(value) ? value.get(key) : undefined;
}

function put(parent: Draft, [key, ...rest]: readonly (string | number)[], kind: PropertyChange["kind"]): void {
    if (key === undefined) return;
    const [old, value] = [childOf(parent.old, key), childOf(parent.new, key)];
    const change = rest.length === 0 ? kind : old === undefined ? "add" : value === undefined ? "delete" : undefined;
    if (change === "add") place(parent, key, { kind: "add", value: value ?? unknown });
    else if (change === "delete") place(parent, key, { kind: "delete", value: old ?? unknown });
    else {
        const [before, after] = [old ?? null, value ?? null];
        const draft: Draft = { old: before, new: after, ...existing(parent, key) };
        const diff: ValueDiff = rest.length === 0 ? (diffValues(before, after) ?? draft) : draft;
        if (rest.length > 0) put(draft, rest, kind);
        place(parent, key, { kind: "update", diff });
    }
}

function existing(parent: Draft, key: string | number): Pick<Draft, "array" | "object"> {
    const element = typeof key === "number" ? parent.array?.[key] : undefined;
    const diff =
        element?.kind === "update"
            ? element.diff
            : typeof key === "string"
              ? parent.object?.updates.get(key)
              : undefined;
    return {
        ...(diff?.array === undefined ? {} : { array: [...diff.array] }),
        ...(diff?.object === undefined ? {} : { object: diff.object }),
    };
}

function place(parent: Draft, key: string | number, element: ElementDiff): void {
    if (typeof key === "number") {
        parent.array ??= [];
        parent.array[key] = element;
        return;
    }
    parent.object ??= emptyDiff();
    if (element.kind === "update") parent.object.updates.set(key, element.diff);
    else if (element.kind === "add") parent.object.adds.set(key, element.value);
    else parent.object.deletes.set(key, element.value);
}

/** The changed properties' names, as in [diff: +new-gone~changed]. Empty if there are none to name. */
export function shortDiff(step: StepView, paint: Paint): string {
    const { old, new: state, changes, op } = step;
    if (old === undefined || state === undefined) return "";
    let diff: ObjectDiff | undefined;
    if (op !== "same") {
        diff = changes === undefined ? diffMaps(old.inputs, state.inputs, isInternalKey) : translated(changes, step);
    }
    const about = new Set<string>();
    if (old.provider !== state.provider) about.add("provider");
    if (old.protect !== state.protect) about.add("protect");
    if (diff === undefined && about.size === 0) return "";
    const include = changes === undefined ? undefined : new Set(changes.map(({ path }) => String(path[0])));
    const names = (keys: Iterable<string>, kind: "create" | "delete" | "update"): string => {
        const shown = sortedKeys(new Map([...keys].filter((k) => include?.has(k) ?? true).map((k) => [k, k])));
        return shown.length === 0 ? "" : paint.op(kind, prefixes[kind].trim() + shown.join(","));
    };
    const { adds, deletes, updates } = diff ?? emptyDiff();
    const updated = [...updates.keys(), ...about];
    return `diff: ${names(adds.keys(), "create")}${names(deletes.keys(), "delete")}${names(updated, "update")}`;
}
