import type { Cluster, KubernetesObject } from "./cluster";
import { collectionPath, isOwnKind, pathOf, podsPath } from "./marks";
import type { GatePart, WorkloadPart } from "./part";

/** From so many on, the workloads of one kind and namespace are looked at in one request, and their pods in another. */
const many = 8;

/**
 * A login for one look at all parts: a hundred workloads are not asked for one by one, a hundred times over while their pods end. Each object is
 * told of once as it was found; who asks again, or changes something, reaches the server. Objects are listed before any pods: what a controller
 * has made before it saw a change is among those.
 */
export async function lookTogether(cluster: Cluster, parts: readonly GatePart[]): Promise<Cluster> {
    const groups = [...groupsOf(parts)].filter(([, group]) => group.length >= many);
    if (groups.length === 0) return cluster;
    const found = new Map<string, KubernetesObject | undefined>();
    await Promise.all(
        groups.map(async ([collection, group]) => {
            const objects = new Map((await cluster.list(collection))?.map((object) => [object.metadata.name, object]));
            for (const part of group) found.set(pathOf(part), objects.get(part.name));
        }),
    );
    const selectors = new Map<string, Map<string, Labels>>();
    for (const part of groups.flatMap(([, group]) => group)) {
        const labels = labelsIn(part.podSelector);
        const pods = podsPath(part.namespace);
        if (labels !== undefined)
            selectors.set(pods, (selectors.get(pods) ?? new Map<string, Labels>()).set(part.podSelector, labels));
    }
    const lists = new Map<string, ReturnType<Cluster["list"]>>();
    return {
        ...cluster,
        get patience() {
            return cluster.patience;
        },
        set patience(ms: number) {
            cluster.patience = ms;
        },
        get: async (path) => {
            if (!found.has(path)) return cluster.get(path);
            const object = found.get(path);
            found.delete(path);
            return object;
        },
        list: async (path, query = {}) => {
            const { labelSelector = "", ...rest } = query;
            const labels = selectors.get(path)?.get(labelSelector);
            if (labels === undefined) return cluster.list(path, query);
            const key = JSON.stringify([path, rest]);
            const all = lists.get(key) ?? cluster.list(path, rest);
            lists.set(key, all);
            return (await all)?.filter(({ metadata }) =>
                labels.every(([label, value]) => metadata.labels?.[label] === value),
            );
        },
    };
}

type Labels = readonly (readonly [label: string, value: string])[];

/** Workloads of Kubernetes' own kinds, by where they are listed. */
function groupsOf(parts: readonly GatePart[]): Map<string, WorkloadPart[]> {
    const groups = new Map<string, WorkloadPart[]>();
    for (const part of parts) {
        if (part.kind !== "workload" || !isOwnKind(part)) continue;
        const collection = collectionPath(part);
        groups.set(collection, [...(groups.get(collection) ?? []), part]);
    }
    return groups;
}

/** Of a selector that only names labels and their values, those; undefined: it says more, which the server is left to understand. */
function labelsIn(selector: string): Labels | undefined {
    const terms = selector.split(",").map((term) => /^([^=!() ]+)=([^=!() ]*)$/.exec(term));
    if (terms.some((term) => term === null)) return undefined;
    return terms.map((term) => [term?.[1] ?? "", term?.[2] ?? ""] as const);
}
