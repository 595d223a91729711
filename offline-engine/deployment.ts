// One run of the engine over a stack: preview or update, refresh, destroy (deployment_executor.go).

import { cpus } from "node:os";
import type { Snapshot } from "./checkpoint";
import type { Child } from "./child";
import { CommandError, messageOf, Reported } from "./errors";
import { Events, type Changes, type EngineEvent } from "./events";
import { Executor } from "./executor";
import type { StackName } from "./file-backend";
import type { Goal } from "./goal";
import { allDependencies, deletionOrder } from "./graph";
import { Monitor, type MonitorTarget } from "./monitor";
import type { Project } from "./project";
import { Secret, type PropertyMap } from "./properties";
import { failureOf, startProgram } from "./program";
import { DynamicProvider } from "./provider";
import { ProviderProcess } from "./provider-process";
import { rebuild } from "./rebuild";
import type { SnapshotManager } from "./snapshot-manager";
import type { PlainConfig } from "./stack-file";
import type { ResourceState } from "./state";
import { StepGenerator } from "./step-generator";
import { makeStep, type Registered, type Step } from "./steps";
import { Streams } from "./streams";
import { dynamicPackage, makeUrn, qualifiedTypeOf, splitProviderReference, type Urn } from "./urn";

export interface DeploymentOptions {
    readonly project: Project;
    readonly stack: StackName;
    readonly kind: "update" | "refresh" | "destroy";
    readonly dryRun: boolean;
    readonly snapshot: Snapshot;
    /** Writes the state; nothing in a preview. */
    readonly manager: SnapshotManager | undefined;
    readonly config: ReadonlyMap<string, PlainConfig>;
    readonly onEvent: (event: EngineEvent) => void;
}

export interface Outcome {
    readonly changes: Changes;
    readonly succeeded: boolean;
}

export class Deployment {
    private readonly events: Events;
    private readonly streams = new Streams();
    private readonly parallel = cpus().length * 4;
    private readonly provider: DynamicProvider;
    private readonly executor: Executor;
    private readonly generator: StepGenerator;
    private readonly goals = new Map<Urn, Goal>();
    private address = "";
    private program: Child | undefined;
    private providerReference: Promise<string> | undefined;
    /** Registrations are decided upon one after the other. */
    private queue: Promise<void> = Promise.resolve();
    private stopped = false;
    private canceled = false;
    /** Whether something other than a step failed; it was reported then. */
    private failed = false;
    private end: () => void = () => undefined;
    /** No more registrations: the program is done, something failed, or somebody cancelled. */
    private readonly ended = new Promise<void>((resolve) => {
        this.end = resolve;
    });

    constructor(private readonly options: DeploymentOptions) {
        const { project, stack, dryRun, snapshot, manager } = options;
        const events = new Events(options.onEvent);
        const host = { project, events, streams: this.streams, engineAddress: () => this.address };
        const provider = new DynamicProvider(new ProviderProcess(host));
        const ensureProvider = (state: ResourceState): void => {
            this.ensureProvider(state);
        };
        const context = { dryRun, provider, events, ensureProvider };
        const refreshing = options.kind === "refresh";
        this.events = events;
        this.provider = provider;
        this.generator = new StepGenerator({ ...stack, dryRun, base: snapshot, provider, events });
        this.executor = new Executor({ context, events, manager, refreshing, parallel: this.parallel }, () => {
            this.stopped = true;
            this.end();
        });
    }

    /** No step begins any more; those that run are waited for. */
    cancel(): void {
        this.canceled = true;
        this.provider.process.cancel();
        this.executor.stop();
    }

    /** Asks what was started to end, and insists after a while. What still comes of the steps that run is not told. */
    terminate(): void {
        this.executor.abandon();
        void this.program?.stop();
        void this.provider.process.stop();
    }

    async run(): Promise<Outcome> {
        const begin = performance.now();
        const { monitor, address } = await Monitor.start(this.target());
        this.address = address;
        const { changes } = this.executor;
        let succeeded: boolean;
        try {
            await this.deploy();
            this.finishStack();
            succeeded = this.verdict();
            this.events.summary(changes, (performance.now() - begin) / 1000);
        } finally {
            // Let go on, it would complain that nobody listens any more.
            if (this.canceled) await this.program?.stop();
            monitor.shutdown();
            await this.program?.finish();
            await this.provider.process.stop();
            monitor.stop();
        }
        // A program that had declared everything may still end badly: it has left promises behind.
        await this.queue;
        return { changes, succeeded: succeeded && !this.failed };
    }

    private async deploy(): Promise<void> {
        const { kind, dryRun, snapshot } = this.options;
        if (kind !== "refresh" && !dryRun && snapshot.pendingOperations.length > 0) this.warnOfPending();
        if (kind === "refresh") await this.refresh();
        if (kind === "update") await this.runProgram();
        if (kind !== "refresh" && !this.stopped) await this.deleteRest();
        await this.executor.idle();
    }

    private async runProgram(): Promise<void> {
        const { project, stack, config, dryRun } = this.options;
        const { events, streams, parallel, address } = this;
        this.program = startProgram({
            project,
            stack,
            config,
            dryRun,
            parallel,
            engineAddress: address,
            events,
            streams,
        });
        void this.program.ended.then((exit) => {
            const failure = failureOf(exit);
            this.enqueue("", () => {
                if (failure !== undefined) throw failure;
                this.end();
            });
        });
        await this.ended;
    }

    /** Deletes what the program no longer wants, group after group. */
    private async deleteRest(): Promise<void> {
        await this.executor.idle();
        const { resources } = this.options.snapshot;
        const steps = new Map(
            this.generator.deletes().map((step): [ResourceState | undefined, Step] => [step.old, step]),
        );
        const condemned = [...steps.keys()].filter((state) => state !== undefined);
        for (const group of deletionOrder(condemned, resources)) {
            // What something undeletable needs has to stay.
            const needed = new Set(this.executor.failed.flatMap((state) => [...allDependencies(state, resources)]));
            await this.executor.runAll(group.filter((s) => !needed.has(s)).flatMap((state) => steps.get(state) ?? []));
        }
    }

    private async refresh(): Promise<void> {
        const { snapshot } = this.options;
        const steps = snapshot.resources.map((state) => makeStep({ op: "refresh", old: state, new: state }));
        await this.executor.runAll(steps);
        rebuild(snapshot, steps);
    }

    private target(): MonitorTarget {
        return {
            projectRoot: this.options.project.root,
            register: (goal) => this.register(goal),
            defaultProvider: () => this.defaultProvider(),
            registerOutputs: (urn, outputs) =>
                new Promise((resolve) => {
                    this.enqueue(urn, () => {
                        this.executor.registerOutputs(urn, outputs);
                        resolve();
                    });
                }),
            finished: () => {
                this.enqueue("", this.end);
            },
            log: (severity, message, about) => {
                this.events.diagnostic(severity, message, about);
            },
            abort: (error) => {
                this.fail("", error);
            },
        };
    }

    private register(asked: Goal): Promise<Registered> {
        const parent = this.goals.get(asked.parent);
        const goal = {
            ...asked,
            protect: asked.protect ?? parent?.protect,
            retainOnDelete: asked.retainOnDelete ?? parent?.retainOnDelete,
        };
        const { stack, project } = this.options.stack;
        const urn = makeUrn(
            stack,
            project,
            goal.parent === "" ? "" : qualifiedTypeOf(goal.parent),
            goal.type,
            goal.name,
        );
        return new Promise((resolve) => {
            this.enqueue(urn, async () => {
                const steps = await this.generator.stepsFor(goal, (registered) => {
                    this.goals.set(registered.state.urn, goal);
                    resolve(registered);
                });
                void this.executor.run(steps);
            });
        });
    }

    /** The provider of all dynamic resources is a resource itself; its inputs are the whole configuration. */
    private defaultProvider(): Promise<string> {
        const inputs: PropertyMap = new Map(
            [...this.options.config].map(([key, { text, secret }]) => [key, secret ? new Secret(text) : text]),
        );
        this.providerReference ??= this.register({
            type: `pulumi:providers:${dynamicPackage}`,
            name: "default",
            custom: true,
            inputs,
            parent: "",
            protect: undefined,
            retainOnDelete: undefined,
            deleteBeforeReplace: undefined,
            dependencies: [],
            propertyDependencies: new Map(),
            provider: "",
            ignoreChanges: [],
            additionalSecretOutputs: [],
            aliases: [],
            customTimeouts: undefined,
            sourcePosition: "",
            stackTrace: [],
        }).then(({ state }) => `${state.urn}::${state.id}`);
        return this.providerReference;
    }

    /** A resource of the state is deleted or read with the configuration its provider has in the state. */
    private ensureProvider(state: ResourceState): void {
        if (this.provider.process.configured) return;
        const { urn, id } = splitProviderReference(state.provider);
        const found = this.options.snapshot.resources.find((s) => s.urn === urn && s.id === id);
        if (found === undefined) throw new CommandError(`could not find provider ${state.provider}`);
        this.provider.process.configure(found.inputs);
    }

    private enqueue(urn: Urn, work: () => void | Promise<void>): void {
        this.queue = this.queue.then(async () => {
            if (this.stopped) return;
            try {
                await work();
            } catch (error) {
                this.fail(urn, error);
            }
        });
    }

    private fail(urn: Urn, error: unknown): void {
        if (this.stopped) return;
        this.failed = true;
        if (!(error instanceof Reported)) this.events.diagnostic("error", messageOf(error), { urn });
        this.executor.stop();
    }

    private finishStack(): void {
        try {
            this.executor.finishStack(this.failed || this.executor.errored || this.generator.sawError);
        } catch (error) {
            this.failed = true;
            this.events.diagnostic("error", messageOf(error));
        }
    }

    private verdict(): boolean {
        if (this.failed) return false;
        const errored = this.executor.errored || this.generator.sawError;
        if (!errored && !this.canceled) return true;
        this.events.diagnostic(
            "error",
            `${this.options.dryRun ? "preview" : "update"} ${errored ? "failed" : "canceled"}`,
        );
        return false;
    }

    private warnOfPending(): void {
        const { pendingOperations } = this.options.snapshot;
        const list = pendingOperations
            .map(({ resource, type }) => `  * ${resource.urn}, interrupted while ${type}\n`)
            .join("");
        this.events.diagnostic(
            "warning",
            `Attempting to deploy or update resources with ${pendingOperations.length.toString()} pending operations from ` +
                `previous deployment.\n${list}These resources are in an unknown state because the Pulumi CLI was ` +
                "interrupted while waiting for changes to these resources to complete. You should confirm whether or not " +
                "the operations listed completed successfully by checking the state of the appropriate provider. For " +
                "example, if you are using AWS, you can confirm using the AWS Console.\n\nOnce you have confirmed the " +
                "status of the interrupted operations, you can repair your stack using `pulumi refresh` which will " +
                "refresh the state from the provider you are using and clear the pending operations if there are any.\n\n" +
                "Note that `pulumi refresh` will need to be run interactively to clear pending CREATE operations.",
        );
    }
}
