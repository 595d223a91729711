import { keyOf, mark, pathOf, readMark, releaseFields, unmark } from "./marks";
import { type GateTools, inCluster, type PartKind, type ScaledObjectPart } from "./part";

// Source: KEDA's documentation, "Pausing autoscaling": with both, the target stays at the count that the first one names.
const pausedReplicas = "autoscaling.keda.sh/paused-replicas";
const paused = "autoscaling.keda.sh/paused";

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
        await mark(inCluster(tools), part, ({ metadata: { annotations } }) => ({
            paused: annotations?.[paused] ?? null,
            pausedReplicas: annotations?.[pausedReplicas] ?? null,
        }));
        await annotate(part, tools, { [paused]: "true", [pausedReplicas]: "0" });
    },
    flows: async (part, tools) => {
        const object = await inCluster(tools).cluster.get(pathOf(part));
        if (object === undefined || object.metadata.annotations?.[pausedReplicas] === "0") return undefined;
        return `KEDA's ${part.name} in ${part.namespace} is no longer paused at 0`;
    },
    insist: async (part, tools) => annotate(part, tools, { [paused]: "true", [pausedReplicas]: "0" }),
    resume: async (part, tools) => {
        const { cluster } = inCluster(tools);
        const object = await cluster.get(pathOf(part));
        if (object === undefined) return;
        const found = readMark(object);
        if (found !== undefined && found.owner !== tools.owner) return;
        if (found !== undefined || object.metadata.annotations?.[pausedReplicas] === "0")
            await annotate(part, tools, {
                [paused]: (found?.was["paused"] as string | null | undefined) ?? part.paused,
                [pausedReplicas]: (found?.was["pausedReplicas"] as string | null | undefined) ?? part.pausedReplicas,
            });
        await unmark(inCluster(tools), part, () => ({}));
        await releaseFields(cluster, part);
    },
    release: async (part, tools) => releaseFields(inCluster(tools).cluster, part),
    byHand: ({ name, namespace }) =>
        `kubectl annotate scaledobject ${name} -n ${namespace} ${pausedReplicas}- ${paused}-`,
};

async function annotate(
    part: ScaledObjectPart,
    tools: GateTools,
    annotations: Readonly<Record<string, string | null>>,
): Promise<void> {
    await inCluster(tools).cluster.patch(pathOf(part), "merge-patch", { metadata: { annotations } });
}
