// Steps: what the engine decided to do with one resource, and how it is called.

import type { PropertyChange } from "./property-diff";
import type { ResourceState } from "./state";
import { isDefaultProvider, type Urn } from "./urn";

/** In the order in which the summary lists them. */
export const stepOps = [
    "same",
    "create",
    "update",
    "delete",
    "replace",
    "create-replacement",
    "delete-replaced",
    "refresh",
    "remove-pending-replace",
] as const;

export type StepOp = (typeof stepOps)[number];

/** What a registration is answered with. */
export interface Registered {
    readonly state: ResourceState;
    readonly failed: boolean;
}

export interface Step {
    readonly op: StepOp;
    readonly urn: Urn;
    readonly old: ResourceState | undefined;
    /** A refresh takes it away when the resource is gone. */
    new: ResourceState | undefined;
    /** Properties that force a replacement. */
    readonly keys: readonly string[];
    /** What changed, if the engine had to find out itself. */
    changes: readonly PropertyChange[] | undefined;
    /** Counted, and remembered for registerOutputs; the parts of a replacement are not. */
    readonly logical: boolean;
    /** A replacement that creates first leaves the old resource to be deleted at the end. */
    readonly pendingDelete: boolean;
    /** A replacement that deletes first leaves the old resource in the state until the new one exists. */
    readonly pendingReplacement: boolean;
    /** What a refresh turned out to be. */
    result: "same" | "update" | "delete";
    readonly done: ((registered: Registered) => void) | undefined;
}

type Given = Pick<Step, "op"> & { readonly [K in Exclude<keyof Step, "op" | "urn">]?: Step[K] | undefined };

/** @throws if neither an old nor a new state is given */
export function makeStep(given: Given): Step {
    const urn = given.new?.urn ?? given.old?.urn;
    if (urn === undefined) throw new Error(`a step without a resource: ${given.op}`);
    return {
        op: given.op,
        urn,
        old: given.old,
        new: given.new,
        keys: given.keys ?? [],
        changes: given.changes,
        logical:
            given.logical ??
            !["create-replacement", "delete-replaced", "refresh", "remove-pending-replace"].includes(given.op),
        pendingDelete: given.pendingDelete ?? false,
        pendingReplacement: given.pendingReplacement ?? false,
        result: "same",
        done: given.done,
    };
}

/** The state a step is about: the new one, or for deletes and refreshes the old one. */
export function subjectOf(step: Pick<Step, "op" | "old" | "new">): ResourceState {
    const [first, second] = step.op === "refresh" ? [step.old, step.new] : [step.new, step.old];
    const subject = first ?? second;
    if (subject === undefined) throw new Error("a step without a resource");
    return subject;
}

/** Steps nobody sees: those of default providers, and the clearing away of half-done replacements. */
export function isInternal(step: Step): boolean {
    return step.op === "remove-pending-replace" || isDefaultProvider(step.urn);
}

/** Two characters before a line. */
export const prefixes: Readonly<Record<StepOp, string>> = {
    same: "  ",
    create: "+ ",
    update: "~ ",
    delete: "- ",
    replace: "+-",
    "create-replacement": "++",
    "delete-replaced": "--",
    refresh: "~ ",
    "remove-pending-replace": "~ ",
};

interface Words {
    readonly preview: string;
    readonly doing: string;
    readonly done: string;
    readonly failed: string;
}

/** How a step is called in a preview, while it runs, afterwards, and when it failed. */
export const words: Readonly<Record<StepOp, Words>> = {
    same: { preview: "", doing: "", done: "", failed: "failed" },
    create: { preview: "create", doing: "creating", done: "created", failed: "creating failed" },
    update: { preview: "update", doing: "updating", done: "updated", failed: "updating failed" },
    delete: { preview: "delete", doing: "deleting", done: "deleted", failed: "deleting failed" },
    replace: { preview: "replace", doing: "replacing", done: "replaced", failed: "replacing failed" },
    "create-replacement": {
        preview: "create replacement",
        doing: "creating replacement",
        done: "created replacement",
        failed: "creating failed",
    },
    "delete-replaced": {
        preview: "delete original",
        doing: "deleting original",
        done: "deleted original",
        failed: "deleting failed",
    },
    refresh: { preview: "refreshing", doing: "refreshing", done: "refresh", failed: "refreshing failed" },
    "remove-pending-replace": { preview: "", doing: "", done: "", failed: "" },
};
