import type { Client } from "pg";
import type { Cluster, Right } from "./cluster";

/** Something through which traffic comes, and what it takes to let it in again. Plain JSON: it is kept in the ledger, without secrets. */
export type GatePart = WorkloadPart | CronJobPart | ScaledObjectPart | ServicePart | BouncerPart | SessionsPart;

/** A kind's place in the API: `/apis/apps/v1/namespaces/NAMESPACE/deployments/NAME`. */
export interface ObjectPlace {
    /** `apps/v1` */
    readonly apiVersion: string;
    /** `Deployment` */
    readonly resource: string;
    /** `deployments` */
    readonly plural: string;
    readonly namespace: string;
    readonly name: string;
}

export interface WorkloadPart extends ObjectPlace {
    readonly kind: "workload";
    /** As found before it was touched. What its annotation says, written when it is touched, comes first. */
    readonly replicas: number;
    /** Labels that select its pods, as its scale subresource says. */
    readonly podSelector: string;
}

export interface CronJobPart extends ObjectPlace {
    readonly kind: "cron-job";
    readonly suspended: boolean;
}

/** KEDA's, which would scale a workload up again. */
export interface ScaledObjectPart extends ObjectPlace {
    readonly kind: "scaled-object";
    /** Its own values of KEDA's two annotations. */
    readonly paused: string | null;
    readonly pausedReplicas: string | null;
}

export interface ServicePart extends ObjectPlace {
    readonly kind: "service";
    readonly selector: Readonly<Record<string, string>>;
    readonly to: Readonly<Record<string, string>>;
}

export interface BouncerPart {
    readonly kind: "bouncer";
    readonly env: string;
    readonly database: string;
    /** Whether somebody had paused it before: then it stays so. */
    readonly paused: boolean;
}

export interface SessionsPart {
    readonly kind: "sessions";
    readonly role: string;
    /** The database it is kept out of, for `byHand`. */
    readonly database: string;
    readonly by: "revoke-connect" | "connection-limit";
    /** Its limit before, for `connection-limit`; -1: none. */
    readonly limit: number | null;
    /** Whether it had CONNECT by a grant of its own, for `revoke-connect`, and could pass it on. */
    readonly granted: boolean;
    readonly grantable: boolean;
}

/** What parts are stopped and let in again with. */
export interface GateTools {
    /** Absent where no part needs one. */
    readonly cluster: Cluster | undefined;
    /** Session of a run, or of whoever has its lock; of the role that logs in. Not in a transaction. */
    readonly client: Client;
    /** Who stops: `SYSTEM/DATABASE/SET`. What another owner has stopped is not touched. */
    readonly owner: string;
    readonly runId: string;
    /** Milliseconds for traffic to end, for a kind that itself waits for it in `stop`. Absent: its own default. */
    readonly drainMs?: number | undefined;
    /** Tells people something besides. */
    readonly say: (text: string) => void;
}

/** How parts of one kind are stopped, looked at, and let in again. Everything may be done twice, also by another process. */
export interface PartKind<P extends GatePart> {
    /** For people, short: `api×3`. */
    text(part: P): string;
    /** The same thing next time: `physioflow-prod/Deployment/api`. Without counts; part of the plan's digest. */
    key(part: P): string;
    /** Rights in Kubernetes that stopping and resuming take. */
    rights(part: P): readonly Right[];
    /**
     * Remembers in the thing itself what it is like, where that is a change of its own: of all parts before the first is stopped.
     * @throws RefusedError where another owner has stopped it, FailedError where it is gone
     */
    prepare?(part: P, tools: GateTools): Promise<void>;
    /**
     * Stops it, and remembers what it was like with it where `prepare` does not. Returns when that is asked for, not when traffic has ended.
     * @throws RefusedError where another owner has stopped it, FailedError where it cannot be done
     */
    stop(part: P, tools: GateTools): Promise<void>;
    /** Why traffic may still come through, for people: `2 pods of api are still there`; undefined: none does. Changes nothing that a person set. */
    flows(part: P, tools: GateTools): Promise<string | undefined>;
    /** While traffic ends: does again what others have undone meanwhile. */
    insist?(part: P, tools: GateTools): Promise<void>;
    /** Puts it back as it was. What a person has changed since is left as it is. */
    resume(part: P, tools: GateTools): Promise<void>;
    /** Takes away what is left in it of ours, where `resume` does not: once all parts let traffic in. */
    tidy?(part: P, tools: GateTools): Promise<void>;
    /** Lets others (Pulumi) change what `stop` has changed, while it stays stopped. */
    release?(part: P, tools: GateTools): Promise<void>;
    /** The command by which a person does what `resume` does. */
    byHand(part: P): string;
}

/** Tools with a cluster, for parts that are in one. */
export function inCluster(tools: GateTools): GateTools & { readonly cluster: Cluster } {
    const { cluster } = tools;
    if (cluster === undefined) throw new Error("A part in Kubernetes was given no cluster.");
    return { ...tools, cluster };
}
