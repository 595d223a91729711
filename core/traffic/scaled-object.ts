import type { KubernetesObject } from "./cluster";
import { type Change, keyOf, mark, pathOf, placeText, releaseFields, unmark } from "./marks";
import { inCluster, type PartKind, type ScaledObjectPart } from "./part";

// Source: KEDA's documentation, "Pausing autoscaling": with both, the target stays at the count that the first one names.
const pausedReplicas = "autoscaling.keda.sh/paused-replicas";
const paused = "autoscaling.keda.sh/paused";

/** What both say while it is stopped. */
const stopped = { paused: "true", pausedReplicas: "0" } as const;

/** What its two annotations say; null: it lacks them. */
export type Pausing = Pick<ScaledObjectPart, "paused" | "pausedReplicas">;

/** KEDA's ScaledObject of a workload: paused, so that it does not scale it up again. */
export const scaledObject: PartKind<ScaledObjectPart> = {
    text: ({ name }) => `${name} (KEDA)`,
    key: keyOf,
    rights: ({ namespace }) =>
        (["get", "list", "patch"] as const).map((verb) => ({
            verb,
            group: "keda.sh",
            resource: "scaledobjects",
            namespace,
        })),
    stop: async (part, tools) => {
        // A workload that is stopped stays so without it.
        await mark(inCluster(tools), part, (object, before) => ({ ...pausingOf(object, before) }), pause);
    },
    flows: async (part, tools) => {
        const object = await inCluster(tools).cluster.get(pathOf(part));
        if (object === undefined || isPaused(object)) return undefined;
        return `${placeText(part)} (KEDA) is no longer paused at 0`;
    },
    insist: async (part, tools) => {
        const { cluster, say } = inCluster(tools);
        const object = await cluster.get(pathOf(part));
        if (object === undefined || isPaused(object)) return;
        say(`${placeText(part)} (KEDA) was no longer paused at 0; it is paused again`);
        await cluster.patch(pathOf(part), "merge-patch", { metadata: pause() });
    },
    resume: async (part, tools) => {
        await unmark(inCluster(tools), part, (object, found) => {
            const was = found === undefined ? part : (found as unknown as Pausing);
            const now = rawPausing(object);
            // What somebody has set meanwhile stays.
            return {
                annotations: {
                    ...(now.paused === stopped.paused && now.paused !== was.paused ? { [paused]: was.paused } : {}),
                    ...(now.pausedReplicas === stopped.pausedReplicas && now.pausedReplicas !== was.pausedReplicas
                        ? { [pausedReplicas]: was.pausedReplicas }
                        : {}),
                },
            };
        });
        await releaseFields(inCluster(tools).cluster, part);
    },
    release: async (part, tools) => releaseFields(inCluster(tools).cluster, part),
    byHand: ({ name, namespace }) =>
        `kubectl annotate scaledobject ${name} -n ${namespace} ${pausedReplicas}- ${paused}-`,
};

/** Its own values, by what is remembered of those that are ours now. */
export function pausingOf(object: KubernetesObject, before: Readonly<Record<string, unknown>> | undefined): Pausing {
    const now = rawPausing(object);
    if (before === undefined) return now;
    const was = before as unknown as Pausing;
    return {
        paused: now.paused === stopped.paused ? was.paused : now.paused,
        pausedReplicas: now.pausedReplicas === stopped.pausedReplicas ? was.pausedReplicas : now.pausedReplicas,
    };
}

function rawPausing({ metadata: { annotations } }: KubernetesObject): Pausing {
    return { paused: annotations?.[paused] ?? null, pausedReplicas: annotations?.[pausedReplicas] ?? null };
}

function isPaused(object: KubernetesObject): boolean {
    const now = rawPausing(object);
    return now.paused === stopped.paused && now.pausedReplicas === stopped.pausedReplicas;
}

function pause(object?: KubernetesObject): Change & { readonly annotations: Readonly<Record<string, string>> } {
    const all = { [paused]: stopped.paused, [pausedReplicas]: stopped.pausedReplicas };
    return { annotations: object !== undefined && isPaused(object) ? {} : all };
}
