import type { Client } from "pg";
import type { Declaration } from "../declaration";
import { FailedError } from "../errors";
import { judgeResume, judgeTraffic } from "../policy/stop-traffic";
import { type Cluster, openCluster } from "../traffic/cluster";
import { findParts } from "../traffic/find";
import type { Found } from "../traffic/found";
import type { GatePart } from "../traffic/part";
import { partKey, partText } from "../traffic/parts";
import type { TrafficSettings } from "../traffic-settings";
import type { Decision, Refusal } from "./decide";
import { hazardsOf } from "./hazards";
import type { Plan, PlanStep } from "./plan";

/** What a plan says of traffic, and what stops it. */
export interface TrafficPlan {
    readonly traffic: Plan["traffic"];
    readonly refusals: readonly Refusal[];
    readonly parts: readonly GatePart[];
}

/** What it is decided by. */
export interface TrafficSources {
    readonly client: Client;
    readonly declaration: Declaration;
    readonly decision: Pick<Decision, "from" | "to">;
    readonly planSteps: readonly PlanStep[];
    /** Heads of the schema on the way, the first and the last among them. */
    readonly passed: () => readonly (string | null)[];
    readonly compare: (a: string, b: string) => number;
}

/**
 * Looks at what traffic comes through and decides whether it is stopped for these steps.
 * @throws BadInputError for settings that the cluster shows to be wrong
 */
export async function planTraffic(sources: TrafficSources): Promise<TrafficPlan | undefined> {
    const { declaration, planSteps, passed, compare } = sources;
    const { traffic: settings, app, policy } = declaration;
    if (settings === undefined || planSteps.length === 0) return undefined;
    let found: Found;
    try {
        found = await lookAt(sources.client, settings);
    } catch (error) {
        // Fail closed: without knowing what would be stopped nothing is planned to be.
        if (!(error instanceof FailedError)) throw error;
        const why = error.parts.what;
        return {
            traffic: { stop: true, why: [], strategy: settings.strategy, parts: [], running: [], holdsFor: null },
            refusals: [
                { code: "traffic-unreachable", text: why, allow: error.parts.next ?? "an API server that answers" },
            ],
            parts: [],
        };
    }
    const verdict = judgeTraffic({
        stopTraffic: settings.stopTraffic,
        hazards: hazardsOf(planSteps),
        running: found.apps,
        app,
        passed: passed(),
        rows: policy.compatibility,
        compare,
    });
    return {
        traffic: {
            stop: verdict.stop,
            why: verdict.why,
            strategy: settings.strategy,
            parts: found.parts.map((part) => ({ key: partKey(part), text: partText(part) })),
            running: (found.apps ?? []).map(({ workload, version }) => ({ workload, version })),
            holdsFor: verdict.stop ? holdsFor(sources, found) : null,
        },
        // A database on which nothing was ever applied has no application yet.
        refusals: !verdict.stop
            ? verdict.refusals
            : found.refusals.filter((r) => r.code !== "traffic-not-found" || sources.decision.from !== null),
        parts: found.parts,
    };
}

/** What traffic would stay stopped for when the run has ended, going by what workloads carry now; null: nothing. */
function holdsFor({ declaration: { app, policy }, decision, compare }: TrafficSources, { apps }: Found): string | null {
    const waits = judgeResume({ apps, app, at: decision.to, rows: policy.compatibility, compare });
    return waits.length === 0 ? null : (app ?? "an app that accepts it");
}

async function lookAt(client: Client, settings: TrafficSettings): Promise<Found> {
    let cluster: Cluster | undefined;
    try {
        return await findParts(settings, client, async () => (cluster ??= await openCluster(settings.kubernetes)));
    } finally {
        cluster?.close();
    }
}
