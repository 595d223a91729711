// What the engine tells the display.

import { mapSecretsIn, Secret, type PropertyMap } from "./properties";
import type { PropertyChange } from "./property-diff";
import type { ResourceState } from "./state";
import { isInternal, type Step, type StepOp } from "./steps";
import type { Urn } from "./urn";

export type Severity = "debug" | "info" | "info#err" | "warning" | "error";

/** A step as it was when the event happened. Its states are copies, and what their secrets hide is not in them. */
export interface StepView {
    readonly op: StepOp;
    readonly urn: Urn;
    readonly old: ResourceState | undefined;
    readonly new: ResourceState | undefined;
    readonly keys: readonly string[];
    readonly changes: readonly PropertyChange[] | undefined;
    readonly logical: boolean;
}

export interface Diagnostic {
    /** Empty for what belongs to no resource. */
    readonly urn: Urn;
    readonly severity: Severity;
    /** Without the severity in front; ends with a line break. */
    readonly message: string;
    /** Messages of one stream other than 0 are shown as one text. */
    readonly stream: number;
    /** Shown while it happens, not at the end. */
    readonly ephemeral: boolean;
}

/** How many steps of each kind were planned or done. */
export type Changes = ReadonlyMap<StepOp, number>;

export type EngineEvent =
    | { readonly kind: "start"; readonly step: StepView }
    | { readonly kind: "outputs"; readonly step: StepView }
    | { readonly kind: "failed"; readonly step: StepView }
    | { readonly kind: "diagnostic"; readonly diagnostic: Diagnostic }
    /** From the engine itself, about the whole update. */
    | { readonly kind: "message"; readonly text: string }
    | { readonly kind: "summary"; readonly changes: Changes; readonly seconds: number };

/** @param op instead of the step's own: what a refresh turned out to be */
export function viewOf(step: Step, op: StepOp = step.op): StepView {
    return {
        op,
        urn: step.urn,
        old: masked(step.old),
        new: masked(step.new),
        keys: step.keys,
        changes: step.changes,
        logical: step.logical,
    };
}

const hidden = new Secret("[secret]");

function masked(state: ResourceState | undefined): ResourceState | undefined {
    if (state === undefined) return undefined;
    const mask = (map: PropertyMap): PropertyMap => mapSecretsIn(map, () => hidden);
    return {
        ...state,
        inputs: mask(state.inputs),
        outputs: state.outputs === undefined ? undefined : mask(state.outputs),
    };
}

/** Where events go. Steps that nobody is to see end here. */
export class Events {
    constructor(private readonly sink: (event: EngineEvent) => void) {}

    step(kind: "start" | "outputs" | "failed", step: Step, op?: StepOp): void {
        if (!isInternal(step)) this.sink({ kind, step: viewOf(step, op) });
    }

    diagnostic(
        severity: Severity,
        message: string,
        about: Partial<Omit<Diagnostic, "severity" | "message">> = {},
    ): void {
        const { urn = "", stream = 0, ephemeral = false } = about;
        this.sink({ kind: "diagnostic", diagnostic: { urn, severity, message: `${message}\n`, stream, ephemeral } });
    }

    summary(changes: Changes, seconds: number): void {
        this.sink({ kind: "summary", changes, seconds });
    }
}
