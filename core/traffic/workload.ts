import { FailedError } from "../errors";
import type { Cluster, KubernetesObject } from "./cluster";
import {
    busy,
    groupOf,
    isOwnKind,
    keyOf,
    mark,
    pathOf,
    pauseBefore,
    placeText,
    podsPath,
    readMark,
    releaseFields,
    setBy,
} from "./marks";
import { type GateTools, inCluster, type ObjectPlace, type PartKind, type WorkloadPart } from "./part";

/** Tries against others who change the same workload at the same time. */
const tries = 20;

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
    prepare: async (part, tools) => {
        const { cluster } = inCluster(tools);
        const isThere = await mark(inCluster(tools), part, async (object, before) => {
            const replicas = await replicasOf(cluster, part, object);
            return before !== undefined && replicas === 0 ? before : { replicas };
        });
        if (!isThere) throw gone(part);
    },
    stop: scaleToZero,
    insist: async (part, tools) => {
        const { cluster, say } = inCluster(tools);
        const object = await cluster.get(pathOf(part));
        if (object === undefined) return;
        const replicas = await replicasOf(cluster, part, object);
        if (replicas === 0) return;
        say(`${scaledBy(part, object, replicas)}; it is scaled to 0 again`);
        await scaleToZero(part, tools);
    },
    flows: async (part, tools) => {
        const { cluster } = inCluster(tools);
        const object = await cluster.get(pathOf(part));
        const replicas = object === undefined ? 0 : await replicasOf(cluster, part, object);
        if (object !== undefined && replicas > 0) return scaledBy(part, object, replicas);
        // Looked for after it: what its controller made before it saw the 0 is among them.
        const pods = await podsOf(part, tools);
        if (pods.length > 0) return `of ${part.name} ${podsText(pods)}`;
        return object !== undefined && isUnseen(object)
            ? `the controller of ${placeText(part)} has not seen yet that it is scaled to 0`
            : undefined;
    },
    resume: async (part, tools) => {
        const { cluster, say } = inCluster(tools);
        for (let i = 0; ; i++) {
            const object = await cluster.get(pathOf(part));
            if (object === undefined) {
                say(`${placeText(part)} is gone, so it is not scaled up`);
                return;
            }
            const found = readMark(object);
            if (found !== undefined && found.owner !== tools.owner) return;
            const was = Number(found?.was["replicas"] ?? part.replicas);
            // Whoever has scaled it meanwhile wanted that.
            if (!(was > 0) || (await replicasOf(cluster, part, object)) > 0) return;
            // Guarded, for one who does so now.
            const { resourceVersion } = object.metadata;
            const scaled = await cluster.patch(`${pathOf(part)}/scale`, "merge-patch", {
                metadata: { resourceVersion },
                spec: { replicas: was },
            });
            if (scaled !== "conflict") return;
            if (i === tries) throw busy(part);
            await pauseBefore(i);
        }
    },
    tidy: async (part, tools) => releaseFields(inCluster(tools).cluster, part, tools.owner),
    release: async (part, tools) => releaseFields(inCluster(tools).cluster, part),
    byHand: ({ resource, name, namespace, replicas }) =>
        `kubectl scale ${resource.toLowerCase()} ${name} -n ${namespace} --replicas=${replicas}`,
};

/** How many pods it is to have. Kubernetes' own kinds say so themselves; of others only their scale subresource knows which field that is. */
export async function replicasOf(cluster: Cluster, place: ObjectPlace, object: KubernetesObject): Promise<number> {
    const isOwn = isOwnKind(place);
    const replicas = (isOwn ? object : await cluster.get(`${pathOf(place)}/scale`))?.spec?.["replicas"];
    if (typeof replicas === "number") return replicas;
    // A scale subresource leaves a 0 out.
    return isOwn ? 1 : 0;
}

/**
 * By server-side apply, so that the count is ours: an apply of another manager (Pulumi's) is refused while it is. An ordinary patch to 0 would
 * make it nobody's, since a scale subresource leaves a 0 out. Of custom resources nothing else is served: theirs is nobody's meanwhile.
 */
async function scaleToZero(part: WorkloadPart, tools: GateTools): Promise<void> {
    const { namespace, name } = part;
    const body = { apiVersion: "autoscaling/v1", kind: "Scale", metadata: { namespace, name }, spec: { replicas: 0 } };
    for (let i = 0; i < tries; i++) {
        const type = isOwnKind(part) ? "apply-patch" : "merge-patch";
        const scaled = await inCluster(tools).cluster.patch(`${pathOf(part)}/scale`, type, body);
        if (scaled === undefined) throw gone(part);
        if (scaled !== "conflict") return;
        await pauseBefore(i);
    }
    throw busy(part);
}

/** Whether its controller may still work by what it was before; one that does not say what it has seen is not waited for. */
function isUnseen({ metadata, status }: KubernetesObject): boolean {
    const { generation } = metadata as { readonly generation?: number };
    const seen = status?.["observedGeneration"];
    return typeof seen === "number" && generation !== undefined && seen < generation;
}

/** Pods of a workload that may still work: also those that are told to end and have not. */
async function podsOf(part: WorkloadPart, tools: GateTools): Promise<readonly KubernetesObject[]> {
    const { cluster } = inCluster(tools);
    const labelSelector = part.podSelector;
    const pods = await cluster.list(podsPath(part.namespace), {
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

function scaledBy(part: WorkloadPart, object: KubernetesObject, replicas: number): string {
    return `${placeText(part)} was scaled to ${replicas} by ${setBy(object, "replicas", "scale")}`;
}

function gone(part: WorkloadPart): FailedError {
    return new FailedError({
        what: `${placeText(part)} is gone, or has no scale subresource.`,
        next: "See whether it is meant; then run the same command again, which looks anew.",
    });
}
