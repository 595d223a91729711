// A resource's outputs, as far as they say something new (getResourceOutputsPropertiesString in object_diff.go).

import type { StepView } from "../events";
import { diffMaps, diffValues, keysOf, type ObjectDiff } from "../property-diff";
import { isInternalKey, isPropertyMap, isArray, noProperties, sortedKeys, Unknown, type Property } from "../properties";
import { isRootStack } from "../urn";
import { isSame, isWorthShowing, PropertyPrinter, widest, type PrintOptions } from "./print-properties";

/** @param refreshing shows differences of the state also where inputs say the same */
export function outputsText(step: StepView, indent: number, options: PrintOptions, refreshing: boolean): string {
    const root = isRootStack(step.urn);
    // After an update the stack's outputs are all shown, in a preview only what is new.
    const showSames = !options.planning && root;
    if (options.planning && !refreshing && !root) return "";
    if ((step.old?.initErrors.length ?? 0) > 0) return "";
    const outs = step.new?.outputs ?? noProperties;
    const ins = step.new?.outputs === undefined ? noProperties : step.new.inputs;
    let diff: ObjectDiff | undefined;
    if (step.old?.outputs !== undefined) {
        diff = diffMaps(step.old.outputs, outs, isInternalKey);
        if (diff !== undefined && options.planning && root) dropUnknown(diff);
        if (diff === undefined && !showSames) return "";
    }
    const keys = diff === undefined ? sortedKeys(outs) : keysOf(diff);
    const width = widest(keys);
    const printer = new PropertyPrinter(options, indent, step.op, false);
    return keys
        .map((key) => {
            const out = outs.get(key) ?? null;
            if (diff === undefined && (isInternalKey(key) || !isWorthShowing(out))) return "";
            const into = ins.get(key);
            if (into !== undefined && !refreshing && diffValues(out, into, isInternalKey) === undefined) return "";
            if (!showSames && diff !== undefined && isSame(diff, key)) return "";
            return diff === undefined ? printer.property(key, out, width) : printer.propertyDiff(key, width, diff);
        })
        .join("");
}

/** A preview says nothing about outputs that are only known later, if there are old ones. */
function dropUnknown(diff: ObjectDiff): void {
    for (const [key, update] of diff.updates) {
        if (update.new instanceof Unknown) diff.updates.delete(key);
        else if (update.object !== undefined) dropUnknown(update.object);
    }
    for (const [key, value] of diff.adds) diff.adds.set(key, withoutMarks(value));
}

/** What marks a whole resource among the outputs is the SDK's own. */
function withoutMarks(value: Property): Property {
    if (isArray(value)) return value.map(withoutMarks);
    if (!isPropertyMap(value)) return value;
    return new Map([...value].filter(([key]) => key !== "@isPulumiResource").map(([key, v]) => [key, withoutMarks(v)]));
}
