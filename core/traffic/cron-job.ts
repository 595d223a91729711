import { FailedError } from "../errors";
import type { KubernetesObject } from "./cluster";
import { collectionPath, keyOf, mark, pathOf, placeText, releaseFields, unmark } from "./marks";
import { type CronJobPart, inCluster, type PartKind } from "./part";

/** A CronJob: suspended, and its jobs that run are waited for. */
export const cronJob: PartKind<CronJobPart> = {
    text: ({ name, suspended }) => `${name}${suspended ? " (suspended)" : " (CronJob)"}`,
    key: keyOf,
    rights: ({ namespace }) => [
        ...(["get", "list", "patch"] as const).map((verb) => ({
            verb,
            group: "batch",
            resource: "cronjobs",
            namespace,
        })),
        { verb: "list", group: "batch", resource: "jobs", namespace },
    ],
    stop: async (part, tools) => {
        const marked = await mark(
            inCluster(tools),
            part,
            (object) => ({ suspended: isSuspended(object) }),
            (object) => (isSuspended(object) ? {} : { spec: { suspend: true } }),
        );
        if (marked === undefined)
            throw new FailedError({
                what: `${placeText(part)} is gone.`,
                next: "See whether it is meant; then run the same command again, which looks anew.",
            });
    },
    flows: async (part, tools) => {
        const { cluster } = inCluster(tools);
        const jobs = { apiVersion: "batch/v1", plural: "jobs", namespace: part.namespace };
        const [object, all] = await Promise.all([cluster.get(pathOf(part)), cluster.list(collectionPath(jobs))]);
        if (object === undefined) return undefined;
        if (!isSuspended(object)) return `${placeText(part)} is no longer suspended`;
        const active = (all ?? []).filter((job) => isOwnedBy(job, object) && Number(job.status?.["active"] ?? 0) > 0);
        return active.length === 0
            ? undefined
            : `of ${placeText(part)} ${active.map((job) => job.metadata.name).join(", ")} still runs`;
    },
    resume: async (part, tools) => {
        await unmark(inCluster(tools), part, (object, found) => {
            const was = found?.was["suspended"] ?? part.suspended;
            return isSuspended(object) && was !== true ? { spec: { suspend: false } } : {};
        });
        await releaseFields(inCluster(tools).cluster, part);
    },
    release: async (part, tools) => releaseFields(inCluster(tools).cluster, part),
    byHand: ({ name, namespace, suspended }) =>
        `kubectl patch cronjob ${name} -n ${namespace} -p '{"spec":{"suspend":${suspended}}}'`,
};

export function isSuspended({ spec }: KubernetesObject): boolean {
    return spec?.["suspend"] === true;
}

function isOwnedBy(job: KubernetesObject, owner: KubernetesObject): boolean {
    const owners = (job.metadata as { readonly ownerReferences?: readonly { readonly uid: string }[] }).ownerReferences;
    const { uid } = owner.metadata as { readonly uid?: string };
    return owners?.some((reference) => reference.uid === uid) === true;
}
