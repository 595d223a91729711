import https from "node:https";
import type { LocalKubernetes } from "../tools/local-kubernetes";

/** How long an application was away, as seen from outside; milliseconds. */
export interface Outage {
    /** From the first of its Deployments that is to have no pods to the last that is to have all of them again. */
    readonly gateMs: number;
    /** To the last pod that runs again. */
    readonly podsMs: number;
}

/** Watches the Deployments of a namespace and their pods. */
export interface Observer {
    /** Waits until all pods run. @throws Error when they do not within two minutes */
    settled(): Promise<void>;
    /** Waits until all is back. @returns the outage since it was last asked */
    outage(): Promise<Outage>;
    close(): void;
}

/** @param replicas that each of so many Deployments has, unless it is stopped */
export async function observe(
    kubernetes: LocalKubernetes,
    namespace: string,
    { deployments, replicas }: { readonly deployments: number; readonly replicas: number },
): Promise<Observer> {
    const wanted = new Map<string, number>();
    let running = 0;
    let firstAway: number | undefined;
    let lastGiven = 0;
    let lastRunning = 0;
    let changed = (): void => undefined;
    const stopDeployments = await watch(
        kubernetes,
        `/apis/apps/v1/namespaces/${namespace}/deployments?watch=1`,
        (line) => {
            const { metadata, spec } = (JSON.parse(line) as { readonly object: Deployment }).object;
            if (wanted.get(metadata.name) === spec.replicas) return;
            wanted.set(metadata.name, spec.replicas);
            if (spec.replicas === 0) firstAway ??= performance.now();
            else lastGiven = performance.now();
            changed();
        },
    );
    // A pod that does not run any more leaves such a watch as one that was deleted: nothing else has to be read of it.
    const stopPods = await watch(
        kubernetes,
        `/api/v1/namespaces/${namespace}/pods?watch=1&fieldSelector=status.phase%3DRunning`,
        (line) => {
            if (line.startsWith('{"type":"ADDED"')) {
                running++;
                lastRunning = performance.now();
            } else if (line.startsWith('{"type":"DELETED"')) running--;
            changed();
        },
    );
    const isWhole = (): boolean =>
        wanted.size === deployments &&
        [...wanted.values()].every((n) => n === replicas) &&
        running === replicas * deployments;
    const settled = async (): Promise<void> => {
        if (isWhole()) return;
        await new Promise<void>((resolve, reject) => {
            const timer = setTimeout(() => {
                reject(new Error(`after two minutes ${running} of ${replicas * deployments} pods run`));
            }, 120_000);
            changed = () => {
                if (!isWhole()) return;
                clearTimeout(timer);
                changed = () => undefined;
                resolve();
            };
        });
    };
    return {
        settled,
        outage: async () => {
            if (firstAway === undefined) throw new Error("the application was never away");
            const from = firstAway;
            await settled();
            firstAway = undefined;
            return { gateMs: lastGiven - from, podsMs: Math.max(lastGiven, lastRunning) - from };
        },
        close: () => {
            stopDeployments();
            stopPods();
        },
    };
}

interface Deployment {
    readonly metadata: { readonly name: string };
    readonly spec: { readonly replicas: number };
}

/** @returns what ends it */
async function watch(kubernetes: LocalKubernetes, path: string, onLine: (line: string) => void): Promise<() => void> {
    return new Promise((resolve, reject) => {
        const headers = { authorization: `Bearer ${kubernetes.token("admin")}` };
        const request = https.get(new URL(path, kubernetes.server), { ca: kubernetes.ca, headers }, (response) => {
            let rest = "";
            response.setEncoding("utf8").on("data", (chunk: string) => {
                const lines = (rest + chunk).split("\n");
                rest = lines.pop() ?? "";
                lines.forEach(onLine);
            });
            // What it sends when it is ended from here.
            response.on("error", () => undefined);
            resolve(() => request.destroy());
        });
        request.on("error", reject);
    });
}
