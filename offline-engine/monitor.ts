// The gRPC services that the program talks to: pulumirpc.ResourceMonitor and pulumirpc.Engine.

import {
    Server,
    ServerCredentials,
    status,
    type handleUnaryCall,
    type UntypedHandleCall,
    type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { EngineService } from "@pulumi/pulumi/proto/engine_grpc_pb";
import engine from "@pulumi/pulumi/proto/engine_pb";
import { ResourceMonitorService } from "@pulumi/pulumi/proto/resource_grpc_pb";
import resource from "@pulumi/pulumi/proto/resource_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { unknownHere } from "./errors";
import type { Diagnostic, Severity } from "./events";
import type { Goal } from "./goal";
import { channelOptions } from "./grpc";
import { noProperties, type PropertyMap } from "./properties";
import { goalOf } from "./read-goal";
import type { Registered } from "./steps";
import type { Urn } from "./urn";
import { fromStruct, toStruct } from "./wire";

/** Where the program's requests go. */
export interface MonitorTarget {
    readonly projectRoot: string;
    /** Resolves when the resource is there. */
    register(goal: Goal): Promise<Registered>;
    /** URN and id of the provider of dynamic resources. */
    defaultProvider(): Promise<string>;
    registerOutputs(urn: Urn, outputs: PropertyMap): Promise<void>;
    /** The program has no more to ask for. */
    finished(): void;
    log(severity: Severity, message: string, about: Partial<Diagnostic>): void;
    /** The program asked for something that only the real engine does, or that makes no sense. */
    abort(error: unknown): void;
}

/** Features of the real monitor that the SDK asks about; those that are refused are refused when they are used. */
const features = new Set([
    "secrets",
    "resourceReferences",
    "outputValues",
    "aliasSpecs",
    "deletedWith",
    "replaceWith",
    "transforms",
    "invokeTransforms",
    "parameterization",
    "resourceHooks",
    "errorHooks",
]);

/** Requests that are refused, with what a program does to make them. */
const refused = {
    invoke: "a function call to a provider (invoke)",
    call: "a method call to a resource (call)",
    readResource: "reading a resource that exists already (get)",
    registerStackTransform: "a stack transform",
    registerStackInvokeTransform: "a stack transform",
    registerResourceHook: "a resource hook",
    registerErrorHook: "an error hook",
    registerPackage: "a parameterized package",
} as const;

export class Monitor {
    private readonly server = new Server(channelOptions);
    private rootResource = "";
    private close: (error: Error) => void = () => undefined;
    private readonly closed = new Promise<never>((_, reject) => {
        this.close = reject;
    });
    private readonly waiting: (() => void)[] = [];

    private constructor(private readonly target: MonitorTarget) {
        this.closed.catch(() => undefined);
    }

    /** Listens on a free port of the loopback. */
    static async start(target: MonitorTarget): Promise<{ readonly monitor: Monitor; readonly address: string }> {
        const monitor = new Monitor(target);
        monitor.server.addService(ResourceMonitorService, monitor.resourceMonitor());
        monitor.server.addService(EngineService, monitor.engine());
        const port = await new Promise<number>((resolve, reject) => {
            monitor.server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
                if (error === null) resolve(bound);
                else reject(error);
            });
        });
        return { monitor, address: `127.0.0.1:${port.toString()}` };
    }

    /**
     * Lets a program that waits for the end go, answers everything else that it is too late, and takes no more calls: a program
     * whose update failed ends when its connection does.
     */
    shutdown(): void {
        for (const answer of this.waiting.splice(0)) answer();
        this.close(new Error("resource monitor shut down"));
        this.server.tryShutdown(() => undefined);
    }

    /** Ends all connections. */
    stop(): void {
        this.server.forceShutdown();
    }

    private resourceMonitor(): UntypedServiceImplementation {
        const refusals = Object.entries(refused).map(([method, what]): [string, UntypedHandleCall] => [
            method,
            this.handler(() => Promise.reject(unknownHere(what))),
        ]);
        const wait: handleUnaryCall<Empty, Empty> = (_, callback) => {
            this.waiting.push(() => {
                callback(null, new Empty());
            });
            this.target.finished();
        };
        return {
            ...Object.fromEntries(refusals),
            supportsFeature: this.handler((request: resource.SupportsFeatureRequest) =>
                Promise.resolve(new resource.SupportsFeatureResponse().setHassupport(features.has(request.getId()))),
            ),
            registerResource: this.handler((request: resource.RegisterResourceRequest) => this.register(request)),
            registerResourceOutputs: this.handler(async (request: resource.RegisterResourceOutputsRequest) => {
                await this.target.registerOutputs(request.getUrn(), fromStruct(request.getOutputs()));
                return new Empty();
            }),
            signalAndWaitForShutdown: wait,
        };
    }

    private async register(request: resource.RegisterResourceRequest): Promise<resource.RegisterResourceResponse> {
        const goal = goalOf(request, this.target.projectRoot);
        const provider = goal.custom ? await this.target.defaultProvider() : "";
        const { state, failed } = await this.target.register({ ...goal, provider });
        const outputs = goal.custom ? (state.outputs ?? noProperties) : noProperties;
        const { SUCCESS, FAIL } = resource.Result;
        return new resource.RegisterResourceResponse()
            .setUrn(state.urn)
            .setId(state.id)
            .setObject(toStruct(outputs, { secrets: request.getAcceptsecrets() }))
            .setResult(failed ? FAIL : SUCCESS);
    }

    private engine(): UntypedServiceImplementation {
        return {
            log: this.handler((request: engine.LogRequest) => {
                this.target.log(severityOf(request.getSeverity()), request.getMessage(), {
                    urn: request.getUrn(),
                    stream: request.getStreamid(),
                    ephemeral: request.getEphemeral(),
                });
                return Promise.resolve(new Empty());
            }),
            getRootResource: this.handler(() =>
                Promise.resolve(new engine.GetRootResourceResponse().setUrn(this.rootResource)),
            ),
            setRootResource: this.handler((request: engine.SetRootResourceRequest) => {
                this.rootResource = request.getUrn();
                return Promise.resolve(new engine.SetRootResourceResponse());
            }),
            requirePulumiVersion: this.handler(() => Promise.reject(unknownHere("requirePulumiVersion"))),
        };
    }

    /** What goes wrong ends the update; the program is told only that it is over. */
    private handler<Q, R>(answer: (request: Q) => Promise<R>): UntypedHandleCall {
        const handle: handleUnaryCall<Q, R> = (call, callback) => {
            const work = answer(call.request);
            work.catch((error: unknown) => {
                this.target.abort(error);
            });
            Promise.race([work, this.closed]).then(
                (response) => {
                    callback(null, response);
                },
                () => {
                    callback({ code: status.UNAVAILABLE, details: "resource monitor shut down" }, null);
                },
            );
        };
        return handle as UntypedHandleCall;
    }
}

function severityOf(severity: engine.LogSeverity): Severity {
    const { DEBUG, WARNING, ERROR } = engine.LogSeverity;
    if (severity === DEBUG) return "debug";
    if (severity === WARNING) return "warning";
    return severity === ERROR ? "error" : "info";
}
