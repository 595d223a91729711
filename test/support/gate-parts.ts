import assert from "node:assert/strict";
import type { Client } from "pg";
import { type Cluster, openCluster } from "../../core/traffic/cluster";
import { findWorkloads } from "../../core/traffic/find-workloads";
import { releaseParts, resumeParts, stopParts } from "../../core/traffic/gate";
import type { GatePart, GateTools } from "../../core/traffic/part";
import { defaultTraffic, type TrafficSettings } from "../../core/traffic-settings";
import type { ControlPlane } from "./control-plane";
import { eventually } from "./eventually";

/** Workloads of a control plane, stopped and let in again without a run. */
export interface TestGate {
    readonly parts: readonly GatePart[];
    readonly tools: GateTools;
    /** What was told besides. */
    readonly notes: readonly string[];
    /** What was waited for. */
    readonly waits: readonly string[];
    /** @param onWaiting told when what is waited for changes */
    stop(onWaiting?: (why: string) => void, drainSeconds?: number): Promise<void>;
    resume(): Promise<void>;
    release(): Promise<void>;
}

/** Finds what the settings choose; for the owner `1/db/app` unless told. @param wrap given the login, for a test that disturbs it */
export async function findGate(
    plane: ControlPlane,
    settings: Partial<TrafficSettings>,
    { owner = "1/db/app", wrap = (cluster) => cluster }: GateOptions = {},
): Promise<TestGate> {
    const cluster = wrap(await openCluster({ kubeconfig: plane.kubernetes.kubeconfig("admin") }));
    const { parts, refusals } = await findWorkloads(cluster, { ...defaultTraffic, ...settings });
    assert.deepEqual(refusals, []);
    const notes: string[] = [];
    const waits: string[] = [];
    const tools: GateTools = {
        cluster,
        // Only roles' sessions would need one.
        client: undefined as unknown as Client,
        owner,
        runId: "7c1e9a04-0000-4000-8000-000000000000",
        say: (text) => notes.push(text),
    };
    return {
        parts,
        tools,
        notes,
        waits,
        stop: async (onWaiting = () => undefined, drainSeconds = 20) =>
            stopParts(parts, tools, {
                drainMs: drainSeconds * 1000,
                signal: undefined,
                onWaiting: (why) => {
                    waits.push(why);
                    onWaiting(why);
                },
            }),
        resume: async () => resumeParts(parts, tools),
        release: async () => releaseParts(parts, tools),
    };
}

/** Where an object is in the API: `urlOf("apps/v1", namespace, "deployments", "api")`. */
export function urlOf(apiVersion: string, namespace: string, plural: string, name = ""): string {
    const prefix = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    return `${prefix}/namespaces/${namespace}/${plural}${name === "" ? "" : `/${name}`}`;
}

/** An object as a test looks at it. */
export interface TestObject {
    readonly metadata: {
        readonly name: string;
        readonly uid: string;
        readonly generation?: number;
        readonly resourceVersion: string;
        readonly annotations?: Readonly<Record<string, string>>;
        readonly managedFields?: readonly { readonly manager?: string }[];
    };
    readonly spec: Readonly<Record<string, unknown>>;
    readonly status?: Readonly<Record<string, unknown>>;
}

export async function objectAt(plane: ControlPlane, url: string): Promise<TestObject> {
    return (await plane.ask("GET", url)) as unknown as TestObject;
}

/** Sets a workload's count as somebody else does: `kubectl scale` under another name. */
export async function scaleBy(plane: ControlPlane, manager: string, url: string, replicas: number): Promise<void> {
    const body = { spec: { replicas } };
    await plane.ask("PATCH", `${url}/scale?fieldManager=${manager}`, body, "application/merge-patch+json");
}

/** Makes a kind of custom resources of the group `example.dev` or another, and waits until it is served. */
export async function makeKind(plane: ControlPlane, kind: TestKind): Promise<void> {
    const { group, version, singular, plural, scale } = kind;
    const status = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
    await plane.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
        apiVersion: "apiextensions.k8s.io/v1",
        kind: "CustomResourceDefinition",
        metadata: { name: `${plural}.${group}` },
        spec: {
            group,
            scope: "Namespaced",
            names: { kind: singular, plural, singular: singular.toLowerCase() },
            versions: [
                {
                    name: version,
                    served: true,
                    storage: true,
                    schema: {
                        openAPIV3Schema: { type: "object", properties: { spec: status, status } },
                    },
                    subresources: {
                        status: {},
                        ...(scale === undefined
                            ? {}
                            : {
                                  scale: {
                                      specReplicasPath: scale,
                                      statusReplicasPath: ".status.replicas",
                                      labelSelectorPath: ".status.selector",
                                  },
                              }),
                    },
                },
            ],
        },
    });
    const needed = scale === undefined ? plural : `${plural}/scale`;
    await eventually(async () => {
        // Until then it answers that there is no such page, and not as an API does.
        const served = await plane.kubernetes
            .request("admin", "GET", `/apis/${group}/${version}`)
            .catch(() => undefined);
        const { resources = [] } = (served?.body ?? {}) as { resources?: { name: string }[] };
        return resources.some(({ name }) => name === needed);
    }, `${plural}.${group}`);
}

export interface TestKind {
    readonly group: string;
    readonly version: string;
    readonly singular: string;
    readonly plural: string;
    /** Which field its scale subresource sets: `.spec.replicas`. */
    readonly scale?: string;
}

export interface GateOptions {
    readonly owner?: string;
    readonly wrap?: (cluster: Cluster) => Cluster;
}
