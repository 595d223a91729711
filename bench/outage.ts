import type { ClientRequest } from "node:http";
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
    const seen = ({ metadata, spec }: Deployment): void => {
        if (wanted.get(metadata.name) === spec.replicas) return;
        wanted.set(metadata.name, spec.replicas);
        if (spec.replicas === 0) firstAway ??= performance.now();
        else lastGiven = performance.now();
        changed();
    };
    const stopDeployments = await watch<Deployment>(kubernetes, `/apis/apps/v1/namespaces/${namespace}/deployments?`, {
        onList: (items) => {
            items.forEach(seen);
        },
        onEvent: (line) => {
            seen((JSON.parse(line) as { readonly object: Deployment }).object);
        },
    });
    // A pod that does not run any more leaves such a watch as one that was deleted: nothing else has to be read of it.
    const podsPath = `/api/v1/namespaces/${namespace}/pods?fieldSelector=status.phase%3DRunning&`;
    const stopPods = await watch(kubernetes, podsPath, {
        onList: (items) => {
            running = items.length;
            changed();
        },
        onEvent: (line) => {
            if (line.startsWith('{"type":"ADDED"')) {
                running++;
                lastRunning = performance.now();
            } else if (line.startsWith('{"type":"DELETED"')) running--;
            changed();
        },
    });
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

interface Watcher<T> {
    /** All there are: at first, and after the server has ended the watch, as one does that has just started. */
    readonly onList: (items: readonly T[]) => void;
    /** `{"type":"ADDED","object":{…}}` */
    readonly onEvent: (line: string) => void;
}

/**
 * @param path ends with `?` or `&`
 * @returns what ends it
 */
async function watch<T>(
    kubernetes: LocalKubernetes,
    path: string,
    { onList, onEvent }: Watcher<T>,
): Promise<() => void> {
    let isOver = false;
    let request: ClientRequest | undefined;
    const begin = async (): Promise<void> => {
        const { status, body } = await kubernetes.request("admin", "GET", path);
        if (status !== 200) throw new Error(`GET ${path}: ${status}`);
        const { items, metadata } = body as unknown as List<T>;
        onList(items);
        const url = new URL(`${path}watch=1&resourceVersion=${metadata.resourceVersion}`, kubernetes.server);
        const headers = { authorization: `Bearer ${kubernetes.token("admin")}` };
        request = https.get(url, { ca: kubernetes.ca, headers }, (response) => {
            let rest = "";
            response.setEncoding("utf8").on("data", (chunk: string) => {
                const lines = (rest + chunk).split("\n");
                rest = lines.pop() ?? "";
                lines.forEach(onEvent);
            });
            response.on("close", () => {
                if (!isOver) void begin();
            });
        });
        // Ended from here, it complains.
        request.on("error", () => undefined);
    };
    await begin();
    return () => {
        isOver = true;
        request?.destroy();
    };
}

interface List<T> {
    readonly metadata: { readonly resourceVersion: string };
    readonly items: readonly T[];
}
