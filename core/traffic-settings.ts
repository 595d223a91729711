/** Things of a namespace through which an application's work is done: by name, or all that labels select. */
export interface WorkloadChoice {
    readonly namespace: string;
    /** Labels, as Kubernetes writes them: `tier=backend`. Deployments, StatefulSets and CronJobs that carry them are meant. Either this or a name. */
    readonly selector?: string | undefined;
    readonly name?: string | undefined;
    /** Kind of the named one; default `Deployment`. Anything with a scale subresource, or `CronJob`. */
    readonly kind?: string | undefined;
    /** API group and version of a kind that is not Kubernetes' own: `argoproj.io/v1alpha1`. */
    readonly apiVersion?: string | undefined;
    /** Whether what it runs is not the application, so that its version says nothing of what accepts the schema. */
    readonly ignoreVersion?: boolean | undefined;
}

/** A Service that is led elsewhere while the schema changes. */
export interface ServiceChoice {
    readonly namespace: string;
    readonly name: string;
    /** Labels of the pods that answer meanwhile: another version's, or a maintenance page's. */
    readonly to: Readonly<Record<string, string>>;
}

/** A PgBouncer that is paused while the schema changes. */
export interface BouncerChoice {
    /** Environment variable that holds the URL of its admin console: `postgresql://admin:…@bouncer:6432/pgbouncer`. */
    readonly env: string;
    /** The database's name in the bouncer. */
    readonly database: string;
}

/** Sessions of the application's roles: kept out, and those that are there ended. */
export interface SessionSettings {
    readonly roles: readonly string[];
    /**
     * `revoke-connect` takes the roles' right to connect to this database, which its owner may; `connection-limit` sets their limit to 0 in
     * all of the server, which needs CREATEROLE.
     */
    readonly by: "revoke-connect" | "connection-limit";
    /** Roles and application names of sessions that do no harm while the schema changes: monitoring. */
    readonly ignore: readonly string[];
}

/** Something that has to answer well over HTTP when traffic is let in again. */
export interface SmokeCheck {
    readonly name: string;
    readonly url: string;
    /** Status that it has to answer with; default 200. */
    readonly status?: number | undefined;
    /** Text that the answer has to contain. */
    readonly contains?: string | undefined;
}

/** A login to Kubernetes, and how long it is waited for. */
export interface KubernetesSettings {
    readonly kubeconfig?: string | undefined;
    readonly context?: string | undefined;
    /** Seconds that one request may take with all its tries, before traffic is stopped; default 10. */
    readonly patienceSeconds?: number | undefined;
    /** The same when traffic is to come in again; default 60: outages mostly end within it. */
    readonly resumeSeconds?: number | undefined;
}

/** How traffic is stopped and let in again. Plain JSON without secrets. */
export interface TrafficSettings {
    /** Whether traffic is stopped for each run, for those whose plan has hazards, or never. */
    readonly stopTraffic: "always" | "when-unsafe" | "never";
    readonly strategy: "scale-to-zero" | "service-selector" | "pgbouncer" | "none";
    /** For `scale-to-zero`. */
    readonly workloads: readonly WorkloadChoice[];
    /** For `service-selector`. */
    readonly services: readonly ServiceChoice[];
    /** For `pgbouncer`. */
    readonly bouncers: readonly BouncerChoice[];
    /** Absent: no role is kept out of the database. */
    readonly sessions?: SessionSettings | undefined;
    /** Which cluster; absent: what kubectl would take (KUBECONFIG, ~/.kube/config, or the pod's own account). */
    readonly kubernetes?: KubernetesSettings | undefined;
    /** Seconds for traffic to end: for pods to be gone, for a bouncer to pause. */
    readonly drainSeconds: number;
    /** Whether workloads that Argo CD or Flux owns may be scaled: their self-heal would undo it. */
    readonly gitops: "refuse" | "allow";
    /** Asked when traffic is let in again. */
    readonly smoke: readonly SmokeCheck[];
    /** Seconds for all of them to answer well. */
    readonly smokeSeconds: number;
    /**
     * What becomes of a run that fails after a script has taken effect. `hold`: traffic stays stopped, for a person to look. `roll-back`: by down
     * scripts. `restore`: from the run's own snapshot, where traffic was stopped all the time; else as `hold`.
     */
    readonly onFailure: "hold" | "roll-back" | "restore";
}

export const defaultTraffic: TrafficSettings = {
    stopTraffic: "when-unsafe",
    strategy: "scale-to-zero",
    workloads: [],
    services: [],
    bouncers: [],
    drainSeconds: 120,
    gitops: "refuse",
    smoke: [],
    smokeSeconds: 60,
    onFailure: "hold",
};
