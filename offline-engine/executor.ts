// Runs steps, tells the display and the state about them, and stops when one fails (step_executor.go, update.go).

import { applyStep, markOutputs, ProtectedError, type StepContext } from "./apply-step";
import { CommandError, messageOf } from "./errors";
import type { Events } from "./events";
import { keepCiphertexts, noProperties, type PropertyMap } from "./properties";
import { ProviderError } from "./provider";
import type { SnapshotManager } from "./snapshot-manager";
import type { ResourceState } from "./state";
import { isInternal, subjectOf, type Step, type StepOp } from "./steps";
import { isRootStack, type Urn } from "./urn";

export interface ExecutorOptions {
    readonly context: StepContext;
    readonly events: Events;
    /** Nothing in a preview. */
    readonly manager: SnapshotManager | undefined;
    readonly refreshing: boolean;
    /** How many chains of steps run at once. */
    readonly parallel: number;
}

export class Executor {
    /** How many steps of each kind were planned or done. */
    readonly changes = new Map<StepOp, number>();
    /** States whose step failed without stopping the rest. */
    readonly failed: ResourceState[] = [];
    /** Whether any step failed. */
    errored = false;
    private stopped = false;
    private abandoned = false;
    private readonly running = new Set<Promise<void>>();
    private readonly waiting: (() => void)[] = [];
    private free: number;
    /** Steps whose component may still say what its outputs are. */
    private readonly open = new Map<Urn, Step>();
    private stackOutputs: { readonly urn: Urn; readonly outputs: PropertyMap } | undefined;

    constructor(
        private readonly options: ExecutorOptions,
        /** What to do when no further step is to begin. */
        private readonly onStop: () => void,
    ) {
        this.free = options.parallel;
    }

    /** From now on no step begins. */
    stop(): void {
        this.stopped = true;
        this.onStop();
    }

    /** From now on nobody is told how a step ends. */
    abandon(): void {
        this.abandoned = true;
    }

    /** Steps one after the other, until one fails. Does not wait for other chains. */
    run(chain: readonly Step[]): Promise<void> {
        const run = this.runChain(chain).finally(() => this.running.delete(run));
        this.running.add(run);
        return run;
    }

    async runAll(steps: readonly Step[]): Promise<void> {
        await Promise.all(steps.map((step) => this.run([step])));
    }

    /** When nothing is running. */
    async idle(): Promise<void> {
        while (this.running.size > 0) await Promise.all(this.running);
    }

    private async runChain(chain: readonly Step[]): Promise<void> {
        await this.turn();
        try {
            for (const step of chain) {
                if (this.stopped || !(await this.execute(step))) return;
            }
        } catch (error) {
            // Not the step itself failed, but the writing of the state.
            this.errored = true;
            this.options.events.diagnostic("error", messageOf(error), { urn: chain[0]?.urn ?? "" });
            this.stop();
        } finally {
            this.free++;
            this.waiting.shift()?.();
        }
    }

    private async turn(): Promise<void> {
        while (this.free === 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
        this.free--;
    }

    private async execute(step: Step): Promise<boolean> {
        const { context, events, manager } = this.options;
        events.step("start", step);
        manager?.begin(step);
        let failure: unknown;
        try {
            await applyStep(step, context);
            if (step.logical && step.new !== undefined) this.open.set(step.urn, step);
        } catch (error) {
            failure = error;
        }
        if (step.new !== undefined && step.op !== "replace") markOutputs(step.new);
        if (this.abandoned) this.errored = true;
        else if (failure === undefined) this.succeeded(step);
        else this.report(step, failure);
        const partial = failure instanceof ProviderError && failure.partial !== undefined;
        // The resource was not brought to its new inputs, but its outputs say what it is now.
        if (partial && step.op === "update" && step.new !== undefined && step.old !== undefined)
            step.new.inputs = step.old.inputs;
        manager?.end(step, failure === undefined || partial);
        if (failure === undefined && step.new !== undefined) step.done?.({ state: step.new, failed: false });
        return failure === undefined;
    }

    private succeeded(step: Step): void {
        const { context, events, refreshing } = this.options;
        const refreshed = refreshing && step.op === "refresh";
        const op = refreshed ? step.result : step.op;
        if ((step.logical || refreshed) && !isInternal(step)) this.changes.set(op, (this.changes.get(op) ?? 0) + 1);
        // Outputs of components come later, from the program.
        if (context.dryRun || refreshed || step.op === "delete" || subjectOf(step).custom)
            events.step("outputs", step, op);
    }

    private report(step: Step, failure: unknown): void {
        const { context, events, refreshing } = this.options;
        this.errored = true;
        const message = context.dryRun ? `Preview failed: ${messageOf(failure)}` : messageOf(failure);
        events.diagnostic("error", message, { urn: isInternal(step) ? "" : step.urn });
        if (!context.dryRun) events.step("failed", step);
        if (failure instanceof ProtectedError) this.failed.push(subjectOf(step));
        else if (!refreshing) this.stop();
    }

    /** @throws CommandError if the program names a resource that it did not register */
    registerOutputs(urn: Urn, outputs: PropertyMap): void {
        if (isRootStack(urn)) this.stackOutputs = { urn, outputs };
        else this.setOutputs(urn, outputs);
    }

    /** The stack's outputs are set at the end: after a failure those that did not come are kept. */
    finishStack(failed: boolean): void {
        if (this.stackOutputs === undefined) return;
        const { urn, outputs } = this.stackOutputs;
        const old = this.open.get(urn)?.old?.outputs ?? noProperties;
        this.setOutputs(urn, failed ? new Map([...old, ...outputs]) : outputs);
    }

    private setOutputs(urn: Urn, outputs: PropertyMap): void {
        const step = this.open.get(urn);
        if (step?.new === undefined)
            throw new CommandError(`cannot complete a resource '${urn}' whose registration isn't pending`);
        this.open.delete(urn);
        keepCiphertexts(step.old?.outputs ?? noProperties, outputs);
        step.new.outputs = outputs;
        this.options.events.step("outputs", step);
        this.options.manager?.registerOutputs(step);
    }
}
