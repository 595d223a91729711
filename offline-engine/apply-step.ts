// Carrying out one step (Apply in pkg/resource/deploy/step.go).

import { ProviderError, type DynamicProvider, type Live } from "./provider";
import { inverted } from "./property-diff";
import { equalMaps, keepCiphertexts, noProperties, Secret, type PropertyMap } from "./properties";
import type { Events } from "./events";
import { resourceDifference } from "./differ";
import type { ResourceState } from "./state";
import type { Step } from "./steps";
import { isoTime } from "./time";
import { isProviderType, unknownValue } from "./urn";
import { randomUUID } from "node:crypto";

/** A protected resource was to be deleted: nothing was done, and the other deletes may go on. */
export class ProtectedError extends Error {
    constructor(urn: string) {
        super(
            `resource "${urn}" cannot be deleted\nbecause it is protected. To unprotect the resource, either remove the ` +
                "`protect` flag from the resource in your Pulumi program and run `pulumi up`, or use the command:\n" +
                `\`pulumi state unprotect '${urn}'\``,
        );
        this.name = "ProtectedError";
    }
}

export interface StepContext {
    readonly dryRun: boolean;
    readonly provider: DynamicProvider;
    readonly events: Events;
    /** Sees to it that the provider has the configuration that goes with a resource of the state. */
    ensureProvider(state: ResourceState): void;
}

/**
 * Does it, and brings the step's states up to date.
 * @throws ProviderError with what is left behind, or ProtectedError
 */
export async function applyStep(step: Step, context: StepContext): Promise<void> {
    switch (step.op) {
        case "same":
            stay(step, context);
            break;
        case "create":
        case "create-replacement":
            await create(step, context);
            break;
        case "update":
            await update(step, context);
            break;
        case "delete":
        case "delete-replaced":
            await remove(step, context);
            break;
        case "refresh":
            await refresh(step, context);
            break;
        case "replace":
        case "remove-pending-replace":
            break;
    }
}

function oldOf({ op, urn, old }: Step): ResourceState {
    if (old === undefined) throw new Error(`the step ${op} of ${urn} has no old state`);
    return old;
}

function newOf({ op, urn, new: state }: Step): ResourceState {
    if (state === undefined) throw new Error(`the step ${op} of ${urn} has no new state`);
    return state;
}

function stay(step: Step, { provider }: StepContext): void {
    const [old, state] = [oldOf(step), newOf(step)];
    state.id = old.id;
    state.outputs = old.outputs;
    if (isProviderType(state.type)) provider.process.configure(old.inputs);
}

async function create(step: Step, { dryRun, provider }: StepContext): Promise<void> {
    const state = newOf(step);
    let failure: ProviderError | undefined;
    if (isProviderType(state.type)) {
        provider.process.configure(state.inputs);
        state.id = dryRun ? unknownValue : randomUUID();
        state.outputs = state.inputs;
    } else if (state.custom && dryRun) {
        state.outputs = state.inputs;
    } else if (state.custom) {
        const made = await halfMade(
            provider.create(state.urn, state.inputs, state.customTimeouts?.create ?? 0),
            ({ id, outputs }) => ({ id, outputs }),
        );
        failure = made.failure;
        state.id = made.result.id;
        state.outputs = made.result.outputs;
        if (failure !== undefined) state.initErrors = failure.partial?.reasons ?? [];
    }
    state.created = state.modified = isoTime();
    if (step.pendingDelete) oldOf(step).delete = true;
    if (failure !== undefined) throw failure;
}

async function update(step: Step, { dryRun, provider }: StepContext): Promise<void> {
    const [old, state] = [oldOf(step), newOf(step)];
    state.id = old.id;
    state.created = old.created;
    state.modified = old.modified;
    if (!state.custom) return;
    let failure: ProviderError | undefined;
    if (isProviderType(state.type)) {
        provider.process.configure(state.inputs);
        state.outputs = state.inputs;
    } else if (dryRun) {
        state.outputs = state.inputs;
    } else {
        const { ignoreChanges, customTimeouts } = state;
        const made = await halfMade(
            provider.update(liveOf(old), state.inputs, { ignoreChanges, timeout: customTimeouts?.update ?? 0 }),
            ({ outputs }) => outputs,
        );
        failure = made.failure;
        state.outputs = made.result;
        if (failure !== undefined) state.initErrors = failure.partial?.reasons ?? [];
    }
    keepCiphertexts(old.outputs ?? noProperties, state.outputs);
    state.modified = isoTime();
    if (failure !== undefined) throw failure;
}

/** A failure that left something behind counts as a result as well. */
async function halfMade<T>(
    work: Promise<T>,
    fromPartial: (partial: NonNullable<ProviderError["partial"]>) => T,
): Promise<{ readonly result: T; readonly failure?: ProviderError }> {
    try {
        return { result: await work };
    } catch (error) {
        if (!(error instanceof ProviderError) || error.partial === undefined) throw error;
        return { result: fromPartial(error.partial), failure: error };
    }
}

async function remove(step: Step, context: StepContext): Promise<void> {
    const old = oldOf(step);
    if (step.op === "delete" && old.protect) throw new ProtectedError(old.urn);
    const untouched = context.dryRun || old.retainOnDelete || !old.custom || isProviderType(old.type);
    if (!untouched) {
        context.ensureProvider(old);
        await context.provider.delete(liveOf(old), old.customTimeouts?.delete ?? 0);
    }
    if (step.pendingReplacement) old.pendingReplacement = true;
}

/** Reads what is there, and asks what an update would do about it: that, seen from the other side, is what changed. */
async function refresh(step: Step, context: StepContext): Promise<void> {
    const old = oldOf(step);
    if (!old.custom || isProviderType(old.type) || old.pendingReplacement) return;
    context.ensureProvider(old);
    const { found, reasons } = await readLive(old, context);
    if (found.id === "") {
        step.new = undefined;
        step.result = "delete";
        return;
    }
    const state: ResourceState = {
        ...old,
        id: found.id,
        inputs: found.inputs ?? old.inputs,
        outputs: found.outputs,
        initErrors: reasons,
    };
    keepCiphertexts(old.inputs, state.inputs);
    keepCiphertexts(old.outputs ?? noProperties, found.outputs);
    if (!equalMaps(state.inputs, old.inputs) || !equalMaps(found.outputs, old.outputs ?? noProperties))
        state.modified = isoTime();
    step.new = state;
    const difference = await resourceDifference(state, old.inputs, old.ignoreChanges, context.provider);
    step.changes = difference.changes === undefined ? undefined : inverted(difference.changes);
    step.result = difference.changed ? "update" : "same";
}

/** A resource that is there but not well is no failure of the refresh. */
async function readLive(
    old: ResourceState,
    { provider, events }: StepContext,
): Promise<{
    readonly found: { readonly id: string; readonly inputs: PropertyMap | undefined; readonly outputs: PropertyMap };
    readonly reasons: readonly string[];
}> {
    try {
        return { found: await provider.read(liveOf(old), old.customTimeouts?.read ?? 0), reasons: [] };
    } catch (error) {
        if (!(error instanceof ProviderError) || error.partial === undefined) throw error;
        const { id, outputs, reasons } = error.partial;
        const points = reasons.map((reason) => `\n* ${reason}`).join("");
        events.diagnostic("warning", `Refreshed resource is in an unhealthy state:${points}`, { urn: old.urn });
        return { found: { id, inputs: undefined, outputs }, reasons };
    }
}

function liveOf({ urn, id, inputs, outputs }: ResourceState): Live {
    return { urn, id, inputs, outputs: outputs ?? noProperties };
}

/** Outputs are secret where the program says so, and where the input of the same name is. */
export function markOutputs(state: ResourceState): void {
    if (state.outputs === undefined) return;
    const secret = new Set(state.additionalSecretOutputs);
    state.outputs = new Map(
        [...state.outputs].map(([key, value]) =>
            !(value instanceof Secret) && (secret.has(key) || state.inputs.get(key) instanceof Secret)
                ? [key, new Secret(value)]
                : [key, value],
        ),
    );
}
