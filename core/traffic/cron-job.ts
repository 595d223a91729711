import { FailedError } from "../errors";
import type { KubernetesObject } from "./cluster";
import { collectionPath, keyOf, mark, pathOf, placeText, releaseFields, setBy, unmark } from "./marks";
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
        const isThere = await mark(
            inCluster(tools),
            part,
            (object, before) =>
                before !== undefined && isSuspended(object) ? before : { suspended: isSuspended(object) },
            (object) => (isSuspended(object) ? {} : { spec: { suspend: true } }),
        );
        if (!isThere)
            throw new FailedError({
                what: `${placeText(part)} is gone.`,
                next: "See whether it is meant; then run the same command again, which looks anew.",
            });
    },
    insist: async (part, tools) => {
        const { cluster, say } = inCluster(tools);
        const object = await cluster.get(pathOf(part));
        if (object === undefined || isSuspended(object)) return;
        say(`${resumedBy(part, object)}; it is suspended again`);
        await cluster.patch(pathOf(part), "merge-patch", { spec: { suspend: true } });
    },
    flows: async (part, tools) => {
        const { cluster } = inCluster(tools);
        const object = await cluster.get(pathOf(part));
        if (object === undefined) return undefined;
        if (!isSuspended(object)) return resumedBy(part, object);
        const jobs = { apiVersion: "batch/v1", plural: "jobs", namespace: part.namespace };
        const all = (await cluster.list(collectionPath(jobs))) ?? [];
        const active = all.filter((job) => isOwnedBy(job, object) && mayRun(job)).map((job) => job.metadata.name);
        return active.length === 0
            ? undefined
            : `of ${placeText(part)} ${active.join(", ")} still ${active.length === 1 ? "runs" : "run"}`;
    },
    resume: async (part, tools) => {
        await unmark(inCluster(tools), part, (object, was) => {
            const suspended = was === undefined ? part.suspended : was["suspended"] === true;
            return isSuspended(object) && !suspended ? { spec: { suspend: false } } : {};
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

/** A job works, or is going to: also before its first pod is there, between two tries, and while its pods end. */
function mayRun({ spec, status = {} }: KubernetesObject): boolean {
    const conditions = (status["conditions"] ?? []) as readonly { readonly type: string; readonly status: string }[];
    const hasPods = ["active", "terminating"].some((count) => Number(status[count] ?? 0) > 0);
    const hasEnded = conditions.some((c) => ["Complete", "Failed"].includes(c.type) && c.status === "True");
    return hasPods || (!hasEnded && spec?.["suspend"] !== true);
}

function resumedBy(part: CronJobPart, object: KubernetesObject): string {
    return `${placeText(part)} is no longer suspended, by ${setBy(object, "suspend")}`;
}

function isOwnedBy(job: KubernetesObject, owner: KubernetesObject): boolean {
    const owners = (job.metadata as { readonly ownerReferences?: readonly { readonly uid: string }[] }).ownerReferences;
    const { uid } = owner.metadata as { readonly uid?: string };
    return owners?.some((reference) => reference.uid === uid) === true;
}
