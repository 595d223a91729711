// Keeps the state on disk in step with what happened (pkg/backend/snapshot.go): it is written before and after every
// step that changes anything, so that a kill at any moment leaves a state that says what was being done.

import {
    integrityProblem,
    withoutAliases,
    writeSnapshot,
    type PendingOperation,
    type PendingOperationType,
    type Snapshot,
} from "./checkpoint";
import { CommandError } from "./errors";
import { writeCheckpoint, type Backend, type StackName } from "./file-backend";
import { equalMaps, noProperties } from "./properties";
import type { Crypter } from "./secrets";
import { resourceToStored, type ResourceState } from "./state";
import type { Step, StepOp } from "./steps";

const pendingTypes: Partial<Record<StepOp, PendingOperationType>> = {
    create: "creating",
    "create-replacement": "creating",
    update: "updating",
    delete: "deleting",
    "delete-replaced": "deleting",
};

export class SnapshotManager {
    /** Made or confirmed by this update, in the order in which that happened. */
    private readonly news: ResourceState[] = [];
    /** No more to be written: replaced by a new state, or deleted. */
    private readonly done = new Set<ResourceState>();
    private readonly pending = new Map<ResourceState, PendingOperationType>();
    /** Whether something changed that was not worth a write by itself. */
    private unwritten = true;
    private closed = false;

    constructor(
        private readonly backend: Backend,
        private readonly stack: StackName,
        /** Shared with the engine, which marks resources in it and rewrites it in a refresh. */
        private readonly base: Snapshot,
        private readonly crypter: Crypter,
    ) {}

    begin(step: Step): void {
        const type = pendingTypes[step.op];
        const state = step.new ?? step.old;
        if (type === undefined || state === undefined) return;
        this.pending.set(state, type);
        this.save();
    }

    /** @param successful also when the resource was only half made */
    end(step: Step, successful: boolean): void {
        const { op, old, new: state } = step;
        if (op === "replace") return;
        if (op === "refresh") {
            this.unwritten = true;
            return;
        }
        const subject = state ?? old;
        if (subject !== undefined) this.pending.delete(subject);
        if (successful) this.account(step);
        if (op === "same" && successful && !differs(step)) this.unwritten = true;
        else this.save();
    }

    private account({ op, old, new: state }: Step): void {
        const replacing = op === "create" || op === "create-replacement";
        const deleting = op === "delete" || op === "delete-replaced";
        const settled = replacing || deleting ? old?.pendingReplacement === replacing : true;
        if (old !== undefined && settled) this.done.add(old);
        if (state !== undefined) this.news.push(state);
    }

    /** A component's outputs came. */
    registerOutputs(step: Step): void {
        if (equalMaps(step.old?.outputs ?? noProperties, step.new?.outputs ?? noProperties) && step.old !== undefined)
            this.unwritten = true;
        else this.save();
    }

    /** Writes what was not worth a write before. */
    close(): void {
        if (this.unwritten) this.save();
        this.closed = true;
    }

    /** From now on nothing is written, whatever still ends: the state keeps its pending operations. */
    abandon(): void {
        this.closed = true;
    }

    private current(): Snapshot {
        const living = [...this.news, ...this.base.resources].filter((state) => !this.done.has(state));
        const left = this.base.pendingOperations.filter(({ type }) => type === "creating");
        const pending = [...this.pending].map(([resource, type]): PendingOperation => ({ resource, type }));
        return {
            resources: withoutAliases(living),
            pendingOperations: [...pending, ...left],
            metadata: this.base.metadata,
        };
    }

    private save(): void {
        if (this.closed) return;
        const snapshot = this.current();
        writeCheckpoint(this.backend, this.stack, writeSnapshot(this.stack, snapshot, this.crypter));
        this.unwritten = false;
        const problem = integrityProblem(snapshot.resources);
        if (problem !== undefined) throw new CommandError(`failed to verify snapshot: ${problem}`);
    }
}

/** Whether a resource that stays the same still has something new to write; where it was declared does not count. */
function differs({ old, new: state }: Step): boolean {
    if (old === undefined || state === undefined) return true;
    const rest = (s: ResourceState): string =>
        JSON.stringify(
            resourceToStored(
                {
                    ...s,
                    inputs: noProperties,
                    outputs: noProperties,
                    propertyDependencies: new Map(),
                    dependencies: [...s.dependencies].sort(),
                    initErrors: [],
                    sourcePosition: "",
                    stackTrace: [],
                },
                () => null,
            ),
        );
    return (
        rest(old) !== rest(state) ||
        !equalMaps(old.inputs, state.inputs) ||
        !equalMaps(old.outputs ?? noProperties, state.outputs ?? noProperties)
    );
}
