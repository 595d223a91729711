import * as core from "@pulumi/kubernetes/core/v1";
import * as rbac from "@pulumi/kubernetes/rbac/v1";
import * as pulumi from "@pulumi/pulumi";
import { SchemawardError } from "../core/errors";
import {
    type AccessSubject,
    type GateKind,
    planningRules,
    type PolicyRule,
    rbacRules,
    roleBindingObject,
    roleObject,
    serviceAccountObject,
} from "../core/traffic/rbac";

export type { AccessSubject, GateKind } from "../core/traffic/rbac";

/** Who may stop an application's traffic in Kubernetes and let it in again, and who may only plan that. */
export interface TrafficAccessArgs {
    /** Namespaces in which traffic is stopped. They exist. */
    readonly namespaces: readonly string[];
    /**
     * What traffic is stopped by there: `deployments`, `statefulsets`, `cronjobs`, `scaledobjects` (KEDA's), `services`, or `PLURAL.GROUP` of
     * another kind with a scale subresource, such as `rollouts.argoproj.io`. Default: the first four, among which workloads that labels select
     * are looked for.
     */
    readonly kinds?: readonly GateKind[] | undefined;
    /** Users, groups and service accounts that run migrations: they find, stop and let in again. They exist. */
    readonly subjects?: readonly AccessSubject[] | undefined;
    /** A ServiceAccount that is made, for migrations that run in the cluster. It may do what `subjects` may. */
    readonly serviceAccount?: NewServiceAccount | undefined;
    /** Users, groups and service accounts that only preview: they read, and change nothing. They exist. */
    readonly planner?: readonly AccessSubject[] | undefined;
}

/** A ServiceAccount that is made. */
export interface NewServiceAccount {
    /** Where it lies: the namespace of the pods that run migrations. It exists, and need not be one in which traffic is stopped. */
    readonly namespace: string;
    /** What pods name in `serviceAccountName`. */
    readonly name: string;
}

/**
 * The least rights in Kubernetes that stopping traffic takes: in each namespace the Role `NAME-runner`, and `NAME-planner` where somebody only
 * previews, each with its RoleBinding. NAME is the component's own. Without a right to secrets, to create or delete anything, or to any
 * other namespace.
 *
 * `patch` on a Deployment is more than it needs: RBAC has no narrower right to annotate it, and with it a pod's template can be
 * changed. So whoever runs migrations is as trusted as whoever deploys there.
 *
 * The provider is @pulumi/kubernetes's. Its login must itself have these rights, or `bind` and `escalate`: Kubernetes lets nobody give away
 * more than they have. Let the PostgresSchema depend on this, so that the first run already may.
 */
export class TrafficAccess extends pulumi.ComponentResource {
    /** Name of the ServiceAccount that was made, for a pod's `serviceAccountName`; undefined where none was asked for. */
    readonly serviceAccountName: pulumi.Output<string> | undefined;

    constructor(name: string, args: TrafficAccessArgs, options?: pulumi.ComponentResourceOptions) {
        super("schemaward:index:TrafficAccess", name, {}, options);
        const { serviceAccount } = args;
        const own =
            serviceAccount === undefined
                ? []
                : [{ serviceAccount: serviceAccount.name, namespace: serviceAccount.namespace }];
        const runners = [...(args.subjects ?? []), ...own];
        const planners = args.planner ?? [];
        if (runners.length + planners.length === 0)
            throw new pulumi.RunError(
                `TrafficAccess ${name} gives rights to nobody: name subjects, a serviceAccount or a planner.`,
            );
        const runnerRules = rulesOrRunError(() => rbacRules(args.kinds));
        const plannerRules = rulesOrRunError(() => planningRules(args.kinds));

        if (serviceAccount !== undefined) {
            const account = serviceAccountObject(serviceAccount.namespace, serviceAccount.name);
            const made = new core.ServiceAccount(`${name}-account`, account, { parent: this });
            this.serviceAccountName = made.metadata.name;
        }
        for (const namespace of new Set(args.namespaces)) {
            this.give(namespace, `${name}-runner`, runnerRules, runners);
            this.give(namespace, `${name}-planner`, plannerRules, planners);
        }
        this.registerOutputs({ serviceAccountName: this.serviceAccountName });
    }

    private give(namespace: string, role: string, rules: PolicyRule[], subjects: readonly AccessSubject[]): void {
        if (subjects.length === 0) return;
        const made = new rbac.Role(`${role}-${namespace}`, roleObject(namespace, role, rules), { parent: this });
        const binding = roleBindingObject(namespace, role, subjects);
        new rbac.RoleBinding(`${role}-${namespace}`, binding, { parent: this, dependsOn: made });
    }
}

function rulesOrRunError(rules: () => PolicyRule[]): PolicyRule[] {
    try {
        return rules();
    } catch (error) {
        throw error instanceof SchemawardError ? new pulumi.RunError(error.message) : error;
    }
}
