import { FailedError } from "../errors";
import { fieldManager, type KubernetesObject } from "./cluster";
import { collectionPath, groupOf, keyOf, mark, pathOf, placeText, readMark, releaseFields, unmark } from "./marks";
import { type GateTools, inCluster, type PartKind, type WorkloadPart } from "./part";

/** Anything with a scale subresource: scaled to zero, and to what it was. */
export const workload: PartKind<WorkloadPart> = {
    text: ({ name, replicas }) => `${name}×${replicas}`,
    key: keyOf,
    rights: (part) => {
        const { plural, namespace } = part;
        const group = groupOf(part);
        return [
            ...(["get", "list", "patch"] as const).map((verb) => ({ verb, group, resource: plural, namespace })),
            ...(["get", "patch"] as const).map((verb) => ({ verb, group, resource: `${plural}/scale`, namespace })),
            { verb: "list", group: "", resource: "pods", namespace },
        ];
    },
    stop: async (part, tools) => {
        const marked = await mark(inCluster(tools), part, (object) => ({ replicas: replicasOf(object) }));
        if (marked === undefined) throw gone(part);
        await scale(part, tools, 0);
    },
    insist: async (part, tools) => {
        const { cluster, say } = inCluster(tools);
        const object = await cluster.get(pathOf(part));
        if (object === undefined || replicasOf(object) === 0) return;
        say(`${scaledBy(part, object)}; it is scaled to 0 again`);
        await scale(part, tools, 0);
    },
    flows: async (part, tools) => {
        const { cluster } = inCluster(tools);
        const [object, pods] = await Promise.all([cluster.get(pathOf(part)), podsOf(part, tools)]);
        if (object !== undefined && replicasOf(object) > 0) return scaledBy(part, object);
        return pods.length === 0 ? undefined : `of ${part.name} ${podsText(pods)}`;
    },
    resume: async (part, tools) => {
        const { cluster, say } = inCluster(tools);
        const object = await cluster.get(pathOf(part));
        if (object === undefined) {
            say(`${placeText(part)} is gone, so it is not scaled up`);
            return;
        }
        const found = readMark(object);
        if (found !== undefined && found.owner !== tools.owner) return;
        const was = Number(found?.was["replicas"] ?? part.replicas);
        // Whoever has scaled it meanwhile wanted that.
        if (replicasOf(object) === 0 && was > 0) await scale(part, tools, was);
        await unmark(inCluster(tools), part, () => ({}));
        await releaseFields(cluster, part);
    },
    release: async (part, tools) => releaseFields(inCluster(tools).cluster, part),
    byHand: ({ resource, name, namespace, replicas }) =>
        `kubectl scale ${resource.toLowerCase()} ${name} -n ${namespace} --replicas=${replicas}`,
};

/** `spec.replicas`; one where it does not say, as Kubernetes has it. */
export function replicasOf({ spec }: KubernetesObject): number {
    return typeof spec?.["replicas"] === "number" ? spec["replicas"] : 1;
}

async function scale(part: WorkloadPart, tools: GateTools, replicas: number): Promise<void> {
    const scaled = await inCluster(tools).cluster.patch(`${pathOf(part)}/scale`, "merge-patch", { spec: { replicas } });
    if (scaled === undefined) throw gone(part);
}

/** Pods of a workload that may still work: also those that are told to end and have not. */
async function podsOf(part: WorkloadPart, tools: GateTools): Promise<readonly KubernetesObject[]> {
    const { cluster } = inCluster(tools);
    const labelSelector = part.podSelector;
    const pods = await cluster.list(collectionPath({ apiVersion: "v1", plural: "pods", namespace: part.namespace }), {
        labelSelector,
    });
    return (pods ?? []).filter((pod) => !["Succeeded", "Failed"].includes(String(pod.status?.["phase"])));
}

function podsText(pods: readonly KubernetesObject[]): string {
    const shown = pods.slice(0, 5).map(({ metadata: { name, deletionTimestamp, finalizers } }) => {
        if (deletionTimestamp === undefined) return name;
        const why = finalizers === undefined || finalizers.length === 0 ? "" : `, held by ${finalizers.join(", ")}`;
        return `${name} (told to end${why})`;
    });
    const more = pods.length > shown.length ? ` and ${pods.length - shown.length} more` : "";
    return `${pods.length === 1 ? "1 pod is" : `${pods.length} pods are`} still there: ${shown.join(", ")}${more}`;
}

/** Who has scaled it, as far as its managed fields say. */
function scaledBy(part: WorkloadPart, object: KubernetesObject): string {
    const manager = object.metadata.managedFields?.findLast(
        (entry) =>
            entry.manager !== fieldManager &&
            JSON.stringify(entry.fieldsV1 ?? {}).includes('"f:replicas":{}') &&
            !JSON.stringify(entry.fieldsV1 ?? {}).includes('"f:status"'),
    );
    const who =
        manager?.manager === undefined
            ? "somebody"
            : `${manager.manager}${manager.time === undefined ? "" : ` (${manager.time})`}`;
    return `${placeText(part)} was scaled to ${replicasOf(object)} by ${who}`;
}

function gone(part: WorkloadPart): FailedError {
    return new FailedError({
        what: `${placeText(part)} is gone, or has no scale subresource.`,
        next: "See whether it is meant; then run the same command again, which looks anew.",
    });
}
