import type { Client } from "pg";
import type { TrafficSettings } from "../traffic-settings";
import { findBouncer } from "./bouncer";
import type { Cluster } from "./cluster";
import { findServices } from "./find-services";
import { findWorkloads } from "./find-workloads";
import type { Found } from "./found";
import { findSessions } from "./sessions";

/**
 * Finds what traffic comes through, by the strategy that is declared. Only reads.
 * @param client to the database, for its roles
 * @param cluster opened where the strategy needs one
 * @throws ClusterSilent, RefusedError for a right that is missing, BadInputError for what is not there
 */
export async function findParts(
    settings: TrafficSettings,
    client: Client,
    cluster: () => Promise<Cluster>,
): Promise<Found> {
    const [found, roles] = await Promise.all([
        byStrategy(settings, cluster),
        settings.sessions === undefined ? [] : findSessions(client, settings.sessions),
    ]);
    return { ...found, parts: [...found.parts, ...roles] };
}

/**
 * Finds only which versions of the application would start; undefined where nobody can say. Only reads.
 * @throws as `findParts` does
 */
export async function findApps(settings: TrafficSettings, cluster: () => Promise<Cluster>): Promise<Found["apps"]> {
    const { strategy } = settings;
    return strategy === "scale-to-zero" || strategy === "service-selector"
        ? (await byStrategy(settings, cluster)).apps
        : undefined;
}

async function byStrategy(settings: TrafficSettings, cluster: () => Promise<Cluster>): Promise<Found> {
    switch (settings.strategy) {
        case "scale-to-zero":
            return findWorkloads(await cluster(), settings);
        case "service-selector":
            return findServices(await cluster(), settings);
        case "pgbouncer":
            return { parts: await Promise.all(settings.bouncers.map(findBouncer)), apps: undefined, refusals: [] };
        case "none":
            return { parts: [], apps: undefined, refusals: [] };
    }
}
