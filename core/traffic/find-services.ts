import type { TrafficSettings } from "../traffic-settings";
import type { Cluster, KubernetesObject } from "./cluster";
import type { Found } from "./found";
import { labelsText, pathOf, podsPath, readMark } from "./marks";
import type { ServicePart } from "./part";
import { type RunningApp, runningApp } from "./running";

/**
 * Finds the Services that are led elsewhere, and which versions of the application their pods run. Only reads.
 * @throws ClusterSilent, RefusedError for a right that is missing
 */
export async function findServices(cluster: Cluster, { services }: TrafficSettings): Promise<Found> {
    const found = await Promise.all(
        services.map(async ({ namespace, name, to }) => {
            const place = { apiVersion: "v1", resource: "Service", plural: "services", namespace, name };
            const object = await cluster.get(pathOf(place));
            if (object === undefined) return { namespace, name, part: undefined, apps: [] };
            const part: ServicePart = { kind: "service", ...place, selector: selectorOf(object), to };
            return { namespace, name, part, apps: await appsBehind(cluster, part) };
        }),
    );
    return {
        parts: found.flatMap(({ part }) => part ?? []),
        apps: found.flatMap(({ apps }) => apps),
        refusals: found
            .filter(({ part }) => part === undefined)
            .map(({ namespace, name }) => ({
                code: "traffic-not-found",
                text: `traffic.services: there is no Service ${name} in namespace ${namespace}, so it cannot be led elsewhere.`,
                allow: "traffic.services: what is there; or traffic.stopTraffic: never, for this once",
            })),
    };
}

/** What it selects when it is not led elsewhere. */
function selectorOf(object: KubernetesObject): Readonly<Record<string, string>> {
    const was = readMark(object)?.was["selector"];
    return (was ?? object.spec?.["selector"] ?? {}) as Readonly<Record<string, string>>;
}

async function appsBehind(cluster: Cluster, { namespace, name, selector }: ServicePart): Promise<RunningApp[]> {
    const labelSelector = labelsText(selector);
    if (labelSelector === "") return [];
    const pods = (await cluster.list(podsPath(namespace), { labelSelector })) ?? [];
    const apps = pods.map((pod) => runningApp(name, pod));
    // Pods of one version are one application.
    return [...new Map(apps.map((app) => [app.version, app])).values()];
}
