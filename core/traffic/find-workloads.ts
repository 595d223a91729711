import { BadInputError } from "../errors";
import type { TrafficSettings, WorkloadChoice } from "../traffic-settings";
import type { Cluster, KubernetesObject } from "./cluster";
import { isSuspended } from "./cron-job";
import type { Found } from "./found";
import { collectionPath, isOwnKind, labelsText, pathOf, readMark } from "./marks";
import type { GatePart, ObjectPlace, ScaledObjectPart } from "./part";
import { runningApp } from "./running";
import { pausingOf } from "./scaled-object";
import { replicasOf } from "./workload";

/** Where a kind is served. */
type Kind = Pick<ObjectPlace, "apiVersion" | "resource" | "plural">;

const ownKinds: readonly Kind[] = [
    { apiVersion: "apps/v1", resource: "Deployment", plural: "deployments" },
    { apiVersion: "apps/v1", resource: "StatefulSet", plural: "statefulsets" },
    { apiVersion: "batch/v1", resource: "CronJob", plural: "cronjobs" },
    { apiVersion: "apps/v1", resource: "ReplicaSet", plural: "replicasets" },
];
/** A ReplicaSet is a Deployment's mostly, and then not to be scaled by itself. */
const selectedKinds = ownKinds.filter(({ resource }) => resource !== "ReplicaSet");

/**
 * Finds the workloads that are chosen, what would scale them up again, and which versions of the application they run. Only reads.
 * @throws ClusterSilent, RefusedError for a right that is missing, BadInputError for a kind that the cluster does not know
 */
export async function findWorkloads(cluster: Cluster, settings: TrafficSettings): Promise<Found> {
    const chosen = await Promise.all(settings.workloads.map(async (choice) => choose(cluster, choice)));
    const missing = settings.workloads.filter((_, i) => chosen[i]?.length === 0);
    const each = new Map<string, Chosen>();
    for (const one of chosen.flat()) {
        // Chosen twice, it is ignored where either choice says so.
        const ignoreVersion = one.ignoreVersion || each.get(pathOf(one.place))?.ignoreVersion === true;
        each.set(pathOf(one.place), { ...one, ignoreVersion });
    }
    const found = [...each.values()];
    const workloads = found.filter(({ place }) => place.resource !== "CronJob");
    const scaled = await findScaledObjects(cluster, workloads);
    const parts: GatePart[] = [];
    for (const { place, object } of found) {
        if (place.resource === "CronJob") parts.push({ kind: "cron-job", ...place, suspended: wasSuspended(object) });
        else
            parts.push({
                kind: "workload",
                ...place,
                replicas: await replicasBefore(cluster, place, object),
                podSelector: await podSelectorOf(cluster, place, object),
            });
    }
    return {
        parts: [...parts, ...scaled],
        apps: workloads
            .filter(({ ignoreVersion }) => !ignoreVersion)
            .map(({ place, object }) => runningApp(place.name, object)),
        refusals: [
            ...missing.map(nothingFound),
            ...(settings.gitops === "allow" ? [] : found.flatMap(({ place, object }) => ownedByOthers(place, object))),
        ],
    };
}

interface Chosen {
    readonly place: ObjectPlace;
    readonly object: KubernetesObject;
    readonly ignoreVersion: boolean;
}

async function choose(cluster: Cluster, choice: WorkloadChoice): Promise<Chosen[]> {
    const { namespace, selector, name, ignoreVersion = false } = choice;
    if (name !== undefined) {
        const place = { ...(await kindNamed(cluster, choice)), namespace, name };
        const object = await cluster.get(pathOf(place));
        return object === undefined ? [] : [{ place, object, ignoreVersion }];
    }
    const lists = await Promise.all(
        selectedKinds.map(async (kind) => {
            const query = { labelSelector: selector ?? "" };
            const objects = (await cluster.list(collectionPath({ ...kind, namespace }), query)) ?? [];
            return objects.map((object) => ({
                place: { ...kind, namespace, name: object.metadata.name },
                object,
                ignoreVersion,
            }));
        }),
    );
    return lists.flat();
}

async function kindNamed(cluster: Cluster, { kind = "Deployment", apiVersion }: WorkloadChoice): Promise<Kind> {
    const own = ownKinds.find(({ resource }) => resource === kind);
    if (own !== undefined && (apiVersion === undefined || apiVersion === own.apiVersion)) return own;
    if (apiVersion === undefined)
        throw new BadInputError({
            what: `traffic.workloads: ${kind} is none of Kubernetes' own (${ownKinds.map((k) => k.resource).join(", ")}), and no apiVersion says whose it is.`,
            state: "Nothing was touched.",
            next: `Add apiVersion, like argoproj.io/v1alpha1, beside kind: ${kind}.`,
        });
    const known = (await cluster.get(
        apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`,
    )) as unknown as { readonly resources: readonly { readonly name: string; readonly kind: string }[] } | undefined;
    const served = known?.resources.find((r) => r.kind === kind && !r.name.includes("/"));
    const scalable = known?.resources.some((r) => r.name === `${served?.name ?? ""}/scale`) === true;
    if (served === undefined || !scalable)
        throw new BadInputError({
            what: `traffic.workloads: ${kind} of ${apiVersion} ${served === undefined ? "is not known to this cluster" : "has no scale subresource"}.`,
            where: { object: cluster.server },
            state: "Nothing was touched.",
            next: "See that kind and apiVersion are spelled as kubectl api-resources has them.",
        });
    return { apiVersion, resource: kind, plural: served.name };
}

/** How many it has, or had before it was stopped. */
async function replicasBefore(cluster: Cluster, place: ObjectPlace, object: KubernetesObject): Promise<number> {
    const now = await replicasOf(cluster, place, object);
    return now === 0 ? Number(readMark(object)?.was["replicas"] ?? 0) : now;
}

function wasSuspended(object: KubernetesObject): boolean {
    return isSuspended(object) && readMark(object)?.was["suspended"] !== false;
}

interface LabelSelector {
    readonly matchLabels?: Readonly<Record<string, string>>;
    readonly matchExpressions?: readonly {
        readonly key: string;
        readonly operator: string;
        readonly values?: readonly string[];
    }[];
}

/** By which labels the pods of a workload are found, as a query. */
async function podSelectorOf(cluster: Cluster, place: ObjectPlace, object: KubernetesObject): Promise<string> {
    if (isOwnKind(place)) return selectorText(object.spec?.["selector"] ?? {});
    const scale = await cluster.get(`${pathOf(place)}/scale`);
    const selector = scale?.status?.["selector"];
    if (typeof selector === "string" && selector !== "") return selector;
    throw new BadInputError({
        what: `${place.resource} ${place.namespace}/${place.name} does not say which pods are its own (its scale subresource has no selector).`,
        where: { object: "traffic.workloads" },
        state: "Nothing was touched.",
        next: "Leave it out of traffic.workloads, and stop it in another way.",
    });
}

function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
    const expressions = matchExpressions.map(({ key, operator, values = [] }) => {
        if (operator === "Exists") return key;
        if (operator === "DoesNotExist") return `!${key}`;
        return `${key} ${operator === "In" ? "in" : "notin"} (${values.join(",")})`;
    });
    return [labelsText(matchLabels), ...expressions].filter((text) => text !== "").join(",");
}

async function findScaledObjects(cluster: Cluster, workloads: readonly Chosen[]): Promise<ScaledObjectPart[]> {
    const apiVersion = "keda.sh/v1alpha1";
    // Whether KEDA is there at all, everybody may ask; its objects only who was given the right.
    if (workloads.length === 0 || (await cluster.get(`/apis/${apiVersion}`)) === undefined) return [];
    const namespaces = [...new Set(workloads.map(({ place }) => place.namespace))];
    const found = await Promise.all(
        namespaces.map(async (namespace) => {
            const kind = { apiVersion, resource: "ScaledObject", plural: "scaledobjects" };
            const objects = (await cluster.list(collectionPath({ ...kind, namespace }))) ?? [];
            return objects
                .filter((object) => {
                    const target = object.spec?.["scaleTargetRef"] as
                        { readonly kind?: string; readonly name?: string } | undefined;
                    return workloads.some(
                        ({ place }) =>
                            place.namespace === namespace &&
                            place.name === target?.name &&
                            place.resource === (target.kind ?? "Deployment"),
                    );
                })
                .map((object) => ({
                    kind: "scaled-object" as const,
                    ...{ ...kind, namespace, name: object.metadata.name },
                    ...pausingOf(object, readMark(object)?.was),
                }));
        }),
    );
    return found.flat();
}

/** A selector that matches nothing stops nothing: a green light that lies. */
function nothingFound({ namespace, name, kind, selector }: WorkloadChoice): Found["refusals"][number] {
    return {
        code: "traffic-not-found",
        text:
            name === undefined
                ? `traffic.workloads: nothing in namespace ${namespace} carries ${selector ?? ""}, so nothing would be stopped.`
                : `traffic.workloads: there is no ${kind ?? "Deployment"} ${name} in namespace ${namespace}, so it cannot be stopped.`,
        allow: "traffic.workloads: what is there; or traffic.stopTraffic: never, for this once",
    };
}

const argo = ["argocd.argoproj.io/tracking-id", "argocd.argoproj.io/instance"];
const flux = ["kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name"];

/** Who brings a workload back to what a repository says, and so would scale it up in the middle. */
function ownedByOthers(place: ObjectPlace, { metadata }: KubernetesObject): Found["refusals"] {
    const names = { ...metadata.annotations, ...metadata.labels };
    const managers = (metadata.managedFields ?? []).map((entry) => entry.manager ?? "");
    const sign = (keys: readonly string[], manager: RegExp): string | undefined =>
        keys.find((key) => names[key] !== undefined) ?? managers.find((name) => manager.test(name));
    const byArgo = sign(argo, /^argocd/);
    const byFlux = sign(flux, /^(?:kustomize|helm)-controller$/);
    const owner = byArgo !== undefined ? "Argo CD" : byFlux !== undefined ? "Flux" : undefined;
    if (owner === undefined) return [];
    return [
        {
            code: "traffic-gitops",
            text: `${place.resource} ${place.namespace}/${place.name} belongs to ${owner} (${byArgo ?? byFlux ?? ""}), whose self-heal would ${place.resource === "CronJob" ? "let it run" : "scale it up"} in the middle of the run.`,
            allow: `traffic.gitops: allow, once ${owner} is told to leave spec.${place.resource === "CronJob" ? "suspend" : "replicas"} alone or is suspended`,
        },
    ];
}
