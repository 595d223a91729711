import { BadInputError } from "../errors";
import type { Right } from "./cluster";
import { cronJob } from "./cron-job";
import { scaledObject } from "./scaled-object";
import { service } from "./service";
import { workload } from "./workload";

/**
 * What traffic is stopped by: a kind that schemaward knows, or `PLURAL.GROUP` of another one with a scale subresource:
 * `rollouts.argoproj.io`.
 */
export type GateKind = KnownKind | `${string}.${string}`;

type KnownKind = "deployments" | "statefulsets" | "cronjobs" | "scaledobjects" | "services";

/** For the strategy `scale-to-zero`. KEDA's are asked for with the workloads that it scales, also where there is no KEDA. */
export const defaultGateKinds: readonly GateKind[] = ["deployments", "statefulsets", "cronjobs", "scaledobjects"];

/** A rule of RBAC, as a Role has it. */
export interface PolicyRule {
    apiGroups: string[];
    resources: string[];
    verbs: string[];
}

/** Somebody who is there already. */
export type AccessSubject =
    | { readonly user: string }
    | { readonly group: string }
    | { readonly serviceAccount: string; readonly namespace: string };

/** RBAC knows no versions, and one name stands for all: what else a part holds is not asked for. */
const anyName = { resource: "", name: "any" } as const;

const rightsByKind: Readonly<Record<KnownKind, (namespace: string) => readonly Right[]>> = {
    deployments: (namespace) => scalableRights("apps", "deployments", namespace),
    statefulsets: (namespace) => scalableRights("apps", "statefulsets", namespace),
    cronjobs: (namespace) =>
        cronJob.rights({
            ...anyName,
            ...{ kind: "cron-job", apiVersion: "batch/v1", plural: "cronjobs", namespace, suspended: false },
        }),
    scaledobjects: (namespace) =>
        scaledObject.rights({
            ...anyName,
            ...{ kind: "scaled-object", apiVersion: "keda.sh/v1alpha1", plural: "scaledobjects", namespace },
            ...{ paused: null, pausedReplicas: null },
        }),
    services: (namespace) =>
        service.rights({
            ...anyName,
            ...{ kind: "service", apiVersion: "v1", plural: "services", namespace, selector: {}, to: {} },
        }),
};

function scalableRights(group: string, plural: string, namespace: string): readonly Right[] {
    return workload.rights({
        ...anyName,
        ...{ kind: "workload", apiVersion: `${group}/v1`, plural, namespace, replicas: 0, podSelector: "" },
    });
}

/**
 * Each right once that finding, stopping and resuming these kinds takes.
 * @throws BadInputError for a kind that is neither known nor `PLURAL.GROUP`
 */
export function gateRights(namespace: string, kinds: readonly GateKind[] = defaultGateKinds): readonly Right[] {
    const all = kinds.flatMap((kind) => rightsOf(kind, namespace));
    return [...new Map(all.map((right) => [JSON.stringify(right), right])).values()];
}

function rightsOf(kind: GateKind, namespace: string): readonly Right[] {
    if (Object.hasOwn(rightsByKind, kind)) return rightsByKind[kind as KnownKind](namespace);
    // Without a wildcard, which would be a right to everything.
    const [, plural, group] = /^([a-z][a-z0-9]*)\.([a-z0-9.-]+)$/.exec(kind) ?? [];
    if (plural === undefined || group === undefined)
        throw new BadInputError({
            what: `${JSON.stringify(kind)} is no kind that traffic is stopped by.`,
            next: `Name one of ${Object.keys(rightsByKind).join(", ")}, or PLURAL.GROUP of a kind with a scale subresource: rollouts.argoproj.io.`,
        });
    return scalableRights(group, plural, namespace);
}

/** What a Role has to allow in a namespace for traffic to be stopped there and let in again. @throws BadInputError as `gateRights` */
export function rbacRules(kinds?: readonly GateKind[]): PolicyRule[] {
    return rulesFor(gateRights("", kinds));
}

/** What a Role has to allow in a namespace for a plan: it reads, and changes nothing. @throws BadInputError as `gateRights` */
export function planningRules(kinds?: readonly GateKind[]): PolicyRule[] {
    return rulesFor(gateRights("", kinds).filter(({ verb }) => verb !== "patch"));
}

/** As few rules as say just these rights: what one group allows alike stands in one rule. */
function rulesFor(rights: readonly Right[]): PolicyRule[] {
    const resources = new Map<string, { apiGroup: string; resource: string; verbs: string[] }>();
    for (const { group: apiGroup, resource, verb } of rights) {
        const found = resources.get(`${apiGroup}/${resource}`);
        if (found === undefined) resources.set(`${apiGroup}/${resource}`, { apiGroup, resource, verbs: [verb] });
        else found.verbs.push(verb);
    }
    const rules = new Map<string, PolicyRule>();
    for (const { apiGroup, resource, verbs } of resources.values()) {
        const key = `${apiGroup} ${verbs.join()}`;
        const found = rules.get(key);
        if (found === undefined) rules.set(key, { apiGroups: [apiGroup], resources: [resource], verbs });
        else found.resources.push(resource);
    }
    return [...rules.values()];
}

const rbacGroup = "rbac.authorization.k8s.io";
const apiVersion = `${rbacGroup}/v1` as const;

/** A Role, as Kubernetes is told. */
export function roleObject(namespace: string, name: string, rules: PolicyRule[]) {
    return { apiVersion, kind: "Role", metadata: { name, namespace }, rules } as const;
}

/** Gives the Role of that name to some. */
export function roleBindingObject(namespace: string, role: string, subjects: readonly AccessSubject[]) {
    return {
        apiVersion,
        kind: "RoleBinding",
        metadata: { name: role, namespace },
        roleRef: { apiGroup: rbacGroup, kind: "Role", name: role },
        subjects: subjects.map(subjectObject),
    } as const;
}

/** An account of its own for whoever runs in the cluster. */
export function serviceAccountObject(namespace: string, name: string) {
    return { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } } as const;
}

function subjectObject(subject: AccessSubject) {
    if ("user" in subject) return { apiGroup: rbacGroup, kind: "User", name: subject.user };
    if ("group" in subject) return { apiGroup: rbacGroup, kind: "Group", name: subject.group };
    return { kind: "ServiceAccount", name: subject.serviceAccount, namespace: subject.namespace };
}
