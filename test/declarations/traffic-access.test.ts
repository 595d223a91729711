import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import type { Client } from "pg";
import { parseAllDocuments } from "yaml";
import { type AccessSubject, TrafficAccess, type TrafficAccessArgs } from "../../components/traffic-access";
import { BadInputError, RefusedError } from "../../core/errors";
import { type Cluster, openCluster, type Right } from "../../core/traffic/cluster";
import { cronJob } from "../../core/traffic/cron-job";
import { collectionPath, gateAnnotation, pathOf } from "../../core/traffic/marks";
import type { GatePart, GateTools, ObjectPlace, PartKind } from "../../core/traffic/part";
import { gateRights, type GateKind, planningRules, type PolicyRule, rbacRules } from "../../core/traffic/rbac";
import { scaledObject } from "../../core/traffic/scaled-object";
import { workload } from "../../core/traffic/workload";
import type { ApiAnswer } from "../../tools/local-kubernetes";
import { root } from "../../tools/pg-binaries";
import { withControlPlane } from "../support/control-plane";
import { eventually } from "../support/eventually";

/** An object as it is declared or written in a manifest. */
interface Written {
    readonly apiVersion: string;
    readonly kind: "Role" | "RoleBinding" | "ServiceAccount";
    readonly metadata: { readonly name: string; readonly namespace: string };
    readonly rules?: PolicyRule[];
    readonly subjects?: object[];
    readonly roleRef?: object;
}

const runner: AccessSubject = { user: "runner" };
const planner: AccessSubject = { user: "planner" };

/** What a component declares, by the name and type of each resource in Pulumi. */
async function declared(args: TrafficAccessArgs): Promise<ReadonlyMap<string, Written>> {
    const resources = new Map<string, Written>();
    await pulumi.runtime.setMocks(
        {
            call: () => ({}),
            newResource: ({ type, name, inputs }) => {
                if (type.startsWith("kubernetes:")) resources.set(`${type} ${name}`, inputs as Written);
                return { id: name, state: inputs as Record<string, unknown> };
            },
        },
        "physioflow",
        "prod",
    );
    new TrafficAccess("traffic", args);
    await pulumi.runtime.disconnect();
    return resources;
}

function ofKind(objects: Iterable<Written>, kind: Written["kind"]): Written[] {
    return [...objects].filter((object) => object.kind === kind);
}

function urlOf({ apiVersion, kind, metadata }: Written): string {
    const { name, namespace } = metadata;
    return pathOf({ apiVersion, resource: kind, plural: `${kind.toLowerCase()}s`, namespace, name });
}

/** The objects of docs/kubernetes/rbac.yaml, as a user edits it. */
function manifests(namespace: string): Written[] {
    const text = readFileSync(path.join(root, "docs", "kubernetes", "rbac.yaml"), "utf8");
    return parseAllDocuments(text.replaceAll("NAMESPACE", namespace)).map((d) => d.toJS() as Written);
}

/** `patch apps deployments/scale`, of rules and of rights alike. */
function words(rules: readonly PolicyRule[]): string[] {
    return rules
        .flatMap(({ apiGroups, resources, verbs }) =>
            apiGroups.flatMap((g) => resources.flatMap((r) => verbs.map((v) => `${v} ${g} ${r}`))),
        )
        .sort();
}

function wordsOf(rights: readonly Right[]): string[] {
    return rights.map(({ verb, group, resource }) => `${verb} ${group} ${resource}`).sort();
}

function without(rules: readonly PolicyRule[], { verb, group, resource }: Right): PolicyRule[] {
    return rules
        .flatMap(({ apiGroups, resources, verbs }) =>
            resources.map((r) => {
                const isIt = r === resource && apiGroups.includes(group);
                return { apiGroups, resources: [r], verbs: verbs.filter((v) => !isIt || v !== verb) };
            }),
        )
        .filter(({ verbs }) => verbs.length > 0);
}

/** What the server says to somebody who lacks a right. */
function refusal({ verb, group, resource, namespace }: Right): RegExp {
    return new RegExp(
        `cannot ${verb} resource "${resource}" in API group "${group.replaceAll(".", "\\.")}" in the namespace "${namespace}"`,
    );
}

/** One thing that traffic is stopped by, and everything that is done with it. */
interface Way {
    readonly place: ObjectPlace;
    readonly rights: readonly Right[];
    /** What is read to find it. */
    find(cluster: Cluster): Promise<void>;
    stop(cluster: Cluster): Promise<void>;
    flows(cluster: Cluster): Promise<string | undefined>;
    resume(cluster: Cluster): Promise<void>;
}

function wayOf<P extends GatePart & ObjectPlace>(kind: PartKind<P>, part: P): Way {
    const tools = (cluster: Cluster): GateTools => ({
        cluster,
        // No part in Kubernetes asks the database.
        client: undefined as unknown as Client,
        owner: "7000000000000000001/clinic/main",
        runId: "1",
        say: () => undefined,
    });
    return {
        place: part,
        rights: kind.rights(part),
        find: async (cluster) => {
            assert.ok(await cluster.list(collectionPath(part)));
            if (part.kind === "workload") assert.ok(await cluster.get(`${pathOf(part)}/scale`));
        },
        stop: async (cluster) => {
            await kind.prepare?.(part, tools(cluster));
            await kind.stop(part, tools(cluster));
            await kind.insist?.(part, tools(cluster));
        },
        flows: (cluster) => kind.flows(part, tools(cluster)),
        resume: async (cluster) => {
            await kind.release?.(part, tools(cluster));
            await kind.resume(part, tools(cluster));
            await kind.tidy?.(part, tools(cluster));
        },
    };
}

function workloadWay(apiVersion: string, resource: string, namespace: string, name: string, replicas: number): Way {
    const plural = `${resource.toLowerCase()}s`;
    const podSelector = `app=${name}`;
    return wayOf(workload, {
        ...{ kind: "workload", apiVersion, resource, plural, namespace, name, replicas, podSelector },
    });
}

const keda = { group: "keda.sh", version: "v1alpha1", kind: "ScaledObject", plural: "scaledobjects" };
const argo = { group: "argoproj.io", version: "v1alpha1", kind: "Rollout", plural: "rollouts" };

/** As little of a custom kind as the server takes. */
function customKind({ group, version, kind, plural }: typeof keda, subresources?: object): object {
    const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
    return {
        apiVersion: "apiextensions.k8s.io/v1",
        kind: "CustomResourceDefinition",
        metadata: { name: `${plural}.${group}` },
        spec: {
            group,
            scope: "Namespaced",
            names: { kind, plural, singular: kind.toLowerCase() },
            versions: [{ name: version, served: true, storage: true, schema, ...subresources }],
        },
    };
}

describe("declarations: rights to stop traffic, on a real API server", function () {
    this.timeout(90_000);

    const plane = withControlPlane(["runner", "planner"]);
    const clusters: Cluster[] = [];

    before("the kinds of KEDA and Argo", async () => {
        const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        const scale = { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" };
        await plane().ask("POST", definitions, customKind(keda));
        await plane().ask("POST", definitions, customKind(argo, { subresources: { scale } }));
        const admin = await loginAs("admin");
        // Of a kind that is not served yet the server knows nothing.
        for (const { group, version, plural } of [keda, argo])
            await eventually(
                async () => (await admin.list(`/apis/${group}/${version}/${plural}`)) !== undefined,
                plural,
            );
    });

    afterEach("close", () => {
        for (const cluster of clusters.splice(0)) cluster.close();
    });

    async function open(kubeconfig: string): Promise<Cluster> {
        const cluster = await openCluster({ kubeconfig });
        clusters.push(cluster);
        return cluster;
    }

    const loginAs = (user: string): Promise<Cluster> => open(plane().kubernetes.kubeconfig(user));

    /** Logs in as a ServiceAccount, as a pod of it does. */
    async function loginAsAccount(namespace: string, name: string): Promise<Cluster> {
        const { kubernetes } = plane();
        const { status } = (await plane().ask("POST", `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, {
            apiVersion: "authentication.k8s.io/v1",
            kind: "TokenRequest",
            spec: {},
        })) as { status: { token: string } };
        const file = path.join(kubernetes.home, `${namespace}-${name}.kubeconfig`);
        const own = readFileSync(kubernetes.kubeconfig("runner"), "utf8");
        await writeFile(file, own.replace(kubernetes.token("runner"), status.token), { mode: 0o600 });
        return open(file);
    }

    /** Server-side apply as Pulumi does it, unforced, but strict: a field that the server does not know is an error. */
    function apply(object: Written): Promise<ApiAnswer> {
        const url = `${urlOf(object)}?fieldManager=pulumi-kubernetes-5c1e9a04&fieldValidation=Strict`;
        return plane().kubernetes.request("admin", "PATCH", url, object, "application/apply-patch+yaml");
    }

    async function applyAll(objects: Iterable<Written>): Promise<void> {
        for (const object of objects) {
            const { status, body } = await apply(object);
            assert.ok(status < 300, `${object.kind} ${object.metadata.name}: ${JSON.stringify(body)}`);
        }
    }

    /** Waits until the API server's own view of the rights is as new as what was applied. */
    async function settled(cluster: Cluster, rights: readonly Right[], missing: readonly Right[]): Promise<void> {
        const wanted = wordsOf(missing).join();
        await eventually(async () => wordsOf(await cluster.missing(rights)).join() === wanted, `missing: ${wanted}`);
    }

    /** Makes one of each kind in a namespace, and waits for their pods. */
    async function application(namespace: string): Promise<readonly Way[]> {
        await plane().deployment(namespace, "api", 2);
        const pod = (app: string) => ({
            metadata: { labels: { app } },
            spec: {
                terminationGracePeriodSeconds: 1,
                restartPolicy: app === "report" ? "Never" : "Always",
                containers: [{ name: app, image: `registry.example/${app}:1.3.0` }],
            },
        });
        const create = (apiVersion: string, kind: string, name: string, spec: object): Promise<unknown> =>
            plane().ask("POST", collectionPath({ apiVersion, plural: `${kind.toLowerCase()}s`, namespace }), {
                ...{ apiVersion, kind, metadata: { name }, spec },
            });
        await create("apps/v1", "StatefulSet", "queue", {
            ...{ replicas: 1, serviceName: "queue", selector: { matchLabels: { app: "queue" } } },
            template: pod("queue"),
        });
        await create("batch/v1", "CronJob", "report", {
            schedule: "0 3 * * *",
            jobTemplate: { spec: { template: pod("report") } },
        });
        await create("keda.sh/v1alpha1", "ScaledObject", "api", {
            scaleTargetRef: { name: "api" },
            minReplicaCount: 1,
        });
        await eventually(async () => (await plane().pods(namespace)).length === 3, "3 pods", 30);
        const job = { kind: "cron-job", apiVersion: "batch/v1", resource: "CronJob", plural: "cronjobs" } as const;
        const scaled = { kind: "scaled-object", apiVersion: "keda.sh/v1alpha1", resource: keda.kind } as const;
        return [
            wayOf(scaledObject, {
                ...{ ...scaled, plural: keda.plural, namespace, name: "api", paused: null, pausedReplicas: null },
            }),
            workloadWay("apps/v1", "Deployment", namespace, "api", 2),
            workloadWay("apps/v1", "StatefulSet", namespace, "queue", 1),
            wayOf(cronJob, { ...job, namespace, name: "report", suspended: false }),
        ];
    }

    /** What is set in them where they are stopped and let in again. */
    async function settingsOf(ways: readonly Way[]): Promise<unknown[]> {
        const objects = await Promise.all(ways.map(({ place }) => plane().ask("GET", pathOf(place))));
        return objects.map((object) => {
            const { metadata, spec } = object as {
                metadata: { annotations?: Record<string, string> };
                spec: { replicas?: number; suspend?: boolean };
            };
            return {
                marked: metadata.annotations?.[gateAnnotation] !== undefined,
                set:
                    spec.replicas ??
                    spec.suspend ??
                    metadata.annotations?.["autoscaling.keda.sh/paused-replicas"] ??
                    "not paused",
            };
        });
    }

    const running = ["not paused", 2, 1, false].map((set) => ({ marked: false, set }));
    const stopped = ["0", 0, 0, true].map((set) => ({ marked: true, set }));

    /** Stops an application until no traffic comes through, and lets it in again. */
    async function stopAndResume(cluster: Cluster, namespace: string, ways: readonly Way[]): Promise<void> {
        for (const way of ways) await way.find(cluster);
        for (const way of ways) await way.stop(cluster);
        assert.deepEqual(await settingsOf(ways), stopped);
        for (const way of ways)
            await eventually(async () => (await way.flows(cluster)) === undefined, `${way.place.name} is stopped`, 30);
        assert.deepEqual(await plane().pods(namespace), []);
        for (const way of ways) await way.resume(cluster);
        assert.deepEqual(await settingsOf(ways), running);
        await eventually(async () => (await plane().pods(namespace)).length === 3, "3 pods again", 30);
    }

    it("what is declared is what the server keeps, in each namespace", async () => {
        const [one, two] = [await plane().namespace(), await plane().namespace()];
        const resources = await declared({
            namespaces: [one, two, one],
            subjects: [runner, { group: "deployers" }, { serviceAccount: "ci", namespace: "tools" }],
            serviceAccount: { namespace: two, name: "schemaward" },
            planner: [planner],
        });
        const [role, binding] = ["kubernetes:rbac.authorization.k8s.io/v1:Role", "RoleBinding"];
        assert.deepEqual(
            [...resources.keys()].sort(),
            [
                "kubernetes:core/v1:ServiceAccount traffic-account",
                ...[one, two].flatMap((namespace) =>
                    ["runner", "planner"].flatMap((who) => [
                        `${role} traffic-${who}-${namespace}`,
                        `${role.replace(/Role$/, binding)} traffic-${who}-${namespace}`,
                    ]),
                ),
            ].sort(),
        );
        const apiGroup = "rbac.authorization.k8s.io";
        const runners = [
            { apiGroup, kind: "User", name: "runner" },
            { apiGroup, kind: "Group", name: "deployers" },
            { kind: "ServiceAccount", name: "ci", namespace: "tools" },
            { kind: "ServiceAccount", name: "schemaward", namespace: two },
        ];
        const planners = [{ apiGroup, kind: "User", name: "planner" }];
        await applyAll(resources.values());
        for (const object of resources.values()) {
            const kept = (await plane().ask("GET", urlOf(object))) as unknown as Written;
            const { rules, subjects, roleRef } = kept;
            assert.deepEqual([rules, subjects, roleRef], [object.rules, object.subjects, object.roleRef]);
            if (object.kind === "RoleBinding") {
                const runs = object.metadata.name === "traffic-runner";
                assert.deepEqual(subjects, runs ? runners : planners);
                assert.deepEqual(roleRef, { apiGroup, kind: "Role", name: object.metadata.name });
            }
        }
    });

    it("just these rights stop a Deployment, a StatefulSet, a CronJob and a ScaledObject, and let them in again", async () => {
        const namespace = await plane().namespace();
        const ways = await application(namespace);
        const cluster = await loginAs("runner");
        const rights = ways.flatMap((way) => way.rights);
        assert.deepEqual(await cluster.missing(rights), rights);
        await applyAll((await declared({ namespaces: [namespace], subjects: [runner] })).values());
        await settled(cluster, rights, []);
        await stopAndResume(cluster, namespace, ways);
    });

    /** What a user may do in a namespace, and may not in one in which they were given nothing. */
    async function grantedTo(user: string, namespace: string): Promise<readonly string[]> {
        const all = async (where: string): Promise<PolicyRule[]> => {
            const review = {
                ...{ apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectRulesReview" },
                spec: { namespace: where },
            };
            const url = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
            const { body } = await plane().kubernetes.request(user, "POST", url, review);
            return (body as unknown as { status: { resourceRules: PolicyRule[] } }).status.resourceRules;
        };
        const everywhere = words(await all(await plane().namespace()));
        // To ask about oneself is everybody's right.
        for (const word of everywhere) assert.match(word, /^create authentication|^create authorization.* selfsubject/);
        return words(await all(namespace)).filter((word) => !everywhere.includes(word));
    }

    it("nothing besides: no secrets, nothing made or deleted, no other namespace", async () => {
        const namespace = await plane().namespace();
        const other = await plane().namespace();
        const ways = await application(namespace);
        await applyAll((await declared({ namespaces: [namespace], subjects: [runner], planner: [planner] })).values());
        const rights = ways.flatMap((way) => way.rights);
        await settled(await loginAs("runner"), rights, []);
        assert.deepEqual(await grantedTo("runner", namespace), [...new Set(wordsOf(rights))]);
        assert.deepEqual(
            await grantedTo("planner", namespace),
            [...new Set(wordsOf(rights))].filter((word) => !word.startsWith("patch ")),
        );
        const [core, apps] = [`/api/v1/namespaces/${namespace}`, `/apis/apps/v1/namespaces/${namespace}`];
        const whole = await plane().ask("GET", `${apps}/deployments/api`);
        for (const user of ["runner", "planner"])
            for (const [method, url, body] of [
                ["GET", `${core}/secrets`],
                ["GET", `${core}/configmaps`],
                ["POST", `${core}/pods`, { apiVersion: "v1", kind: "Pod", metadata: { name: "mine" } }],
                ["POST", `${core}/pods/any/exec?command=sh`, {}],
                ["DELETE", `${core}/pods`],
                ["DELETE", `${apps}/deployments/api`],
                ["PUT", `${apps}/deployments/api`, whole],
                ["POST", `${apps}/deployments`, whole],
                ["POST", `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles`, {}],
                ["GET", `/apis/apps/v1/namespaces/${other}/deployments`],
                ["GET", "/apis/apps/v1/deployments"],
                ["GET", "/api/v1/nodes"],
            ] as const) {
                const { status } = await plane().kubernetes.request(user, method, url, body);
                assert.equal(status, 403, `${user}: ${method} ${url}`);
            }
    });

    it("without any one of them, that one is missing, and what needs it is refused, and only that", async () => {
        const namespace = await plane().namespace();
        const ways = await application(namespace);
        const objects = [...(await declared({ namespaces: [namespace], subjects: [runner] })).values()];
        const [role] = ofKind(objects, "Role");
        assert.ok(role?.rules);
        await applyAll(objects);
        const cluster = await loginAs("runner");
        const rights = gateRights(namespace);
        await settled(cluster, rights, []);
        const everything = async (way: Way): Promise<void> => {
            await way.find(cluster);
            await way.stop(cluster);
            await way.flows(cluster);
            await way.resume(cluster);
        };
        assert.equal(rights.length, 18);
        for (const right of rights) {
            await applyAll([{ ...role, rules: without(role.rules, right) }]);
            await settled(cluster, rights, [right]);
            assert.deepEqual(await cluster.missing(rights), [right]);
            const outcomes = await Promise.allSettled(ways.map(everything));
            for (const [i, outcome] of outcomes.entries()) {
                const needed = wordsOf(ways[i]?.rights ?? []).includes(wordsOf([right]).join());
                const what = `${ways[i]?.place.resource ?? ""} without ${wordsOf([right]).join()}`;
                const why: unknown = outcome.status === "rejected" ? outcome.reason : undefined;
                if (needed) {
                    assert.ok(why instanceof RefusedError, `${what}: ${String(why)}`);
                    assert.match(why.message, refusal(right), what);
                } else assert.equal(why, undefined, what);
            }
            await applyAll([role]);
            await settled(cluster, rights, []);
            for (const way of ways) await way.resume(cluster);
            assert.deepEqual(await settingsOf(ways), running, wordsOf([right]).join());
        }
    });

    it("who only previews finds everything and stops nothing", async () => {
        const namespace = await plane().namespace();
        const ways = await application(namespace);
        await applyAll((await declared({ namespaces: [namespace], planner: [planner] })).values());
        const cluster = await loginAs("planner");
        const rights = gateRights(namespace);
        const patches = rights.filter(({ verb }) => verb === "patch");
        await settled(cluster, rights, patches);
        for (const way of ways) {
            await way.find(cluster);
            assert.notEqual(await way.flows(cluster), undefined);
            await assert.rejects(way.stop(cluster), /cannot patch resource/);
        }
        assert.deepEqual(await settingsOf(ways), running);
        assert.equal((await (await loginAs("runner")).missing(rights)).length, rights.length);
    });

    it("a ServiceAccount that is made may do the same, also from another namespace", async () => {
        const [namespace, home] = [await plane().namespace(), await plane().namespace()];
        const ways = await application(namespace);
        const serviceAccount = { namespace: home, name: "schemaward" };
        await applyAll((await declared({ namespaces: [namespace], serviceAccount })).values());
        const cluster = await loginAsAccount(home, "schemaward");
        await settled(cluster, gateRights(namespace), []);
        await stopAndResume(cluster, namespace, ways);
        assert.equal((await cluster.missing(gateRights(home))).length, 18);
    });

    it("docs/kubernetes/rbac.yaml does the same", async () => {
        const namespace = await plane().namespace();
        const ways = await application(namespace);
        const objects = manifests(namespace);
        await applyAll(objects);
        const rights = gateRights(namespace);
        const cluster = await loginAsAccount(namespace, "schemaward");
        await settled(cluster, rights, []);
        await stopAndResume(cluster, namespace, ways);
        const previews = await loginAsAccount(namespace, "schemaward-planner");
        const patches = rights.filter(({ verb }) => verb === "patch");
        assert.deepEqual(await previews.missing(rights), patches);
        const component = await declared({ namespaces: [namespace], subjects: [runner], planner: [planner] });
        const rulesOf = (from: Iterable<Written>, name: string) =>
            ofKind(from, "Role").find(({ metadata }) => metadata.name === name)?.rules;
        for (const [mine, its] of [
            ["schemaward", "traffic-runner"],
            ["schemaward-planner", "traffic-planner"],
        ] as const) {
            assert.ok(rulesOf(objects, mine));
            assert.deepEqual(rulesOf(objects, mine), rulesOf(component.values(), its));
        }
    });

    it("docs/kubernetes/rbac.yaml with a namespace forgotten is refused", async () => {
        for (const object of manifests("NAMESPACE")) assert.ok((await apply(object)).status >= 400);
    });

    it("another kind with a scale subresource is stopped by rights to that kind only", async () => {
        const namespace = await plane().namespace();
        const kinds: GateKind[] = ["rollouts.argoproj.io"];
        const apiVersion = `${argo.group}/${argo.version}`;
        await plane().ask("POST", collectionPath({ apiVersion, plural: argo.plural, namespace }), {
            ...{ apiVersion, kind: argo.kind, metadata: { name: "web" }, spec: { replicas: 4 } },
        });
        await applyAll((await declared({ namespaces: [namespace], kinds, subjects: [runner] })).values());
        const cluster = await loginAs("runner");
        const way = workloadWay(apiVersion, argo.kind, namespace, "web", 4);
        await settled(cluster, way.rights, []);
        assert.deepEqual(gateRights(namespace, kinds), way.rights);
        await way.find(cluster);
        await way.stop(cluster);
        assert.deepEqual(await settingsOf([way]), [{ marked: true, set: 0 }]);
        assert.equal(await way.flows(cluster), undefined);
        await way.resume(cluster);
        assert.deepEqual(await settingsOf([way]), [{ marked: false, set: 4 }]);
        assert.deepEqual(await grantedTo("runner", namespace), wordsOf(way.rights));
    });

    it("a Service is led elsewhere by rights to Services only", async () => {
        const namespace = await plane().namespace();
        const services = `/api/v1/namespaces/${namespace}/services`;
        await plane().ask("POST", services, {
            ...{ apiVersion: "v1", kind: "Service", metadata: { name: "api" } },
            spec: { selector: { app: "api" }, ports: [{ port: 80 }] },
        });
        await applyAll((await declared({ namespaces: [namespace], kinds: ["services"], subjects: [runner] })).values());
        const cluster = await loginAs("runner");
        const rights = gateRights(namespace, ["services"]);
        await settled(cluster, rights, []);
        assert.ok(await cluster.get(`${services}/api`));
        const spec = { selector: { app: "maintenance" } };
        assert.ok(await cluster.patch(`${services}/api`, "merge-patch", { spec }));
        assert.ok(await cluster.list(`/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`));
        assert.ok(await cluster.list(`/api/v1/namespaces/${namespace}/pods`));
        assert.deepEqual(await grantedTo("runner", namespace), wordsOf(rights));
    });
});

describe("declarations: rights to stop traffic", () => {
    const every: GateKind[] = [
        ...(["deployments", "statefulsets", "cronjobs", "scaledobjects", "services"] as const),
        "rollouts.argoproj.io",
    ];

    it("no wildcard, no secrets, nothing but get, list and patch; a plan only reads", () => {
        for (const kinds of [undefined, every, ...every.map((kind) => [kind])]) {
            for (const word of words(rbacRules(kinds))) assert.match(word, /^(get|list|patch) [a-z0-9.]* [a-z/]+$/);
            for (const word of words(planningRules(kinds))) assert.match(word, /^(get|list) [a-z0-9.]* [a-z/]+$/);
            assert.doesNotMatch(JSON.stringify(rbacRules(kinds)), /secret|\*/);
            const unique = new Set(words(rbacRules(kinds)));
            assert.equal(unique.size, words(rbacRules(kinds)).length, "none twice");
        }
        assert.deepEqual(words(rbacRules(every)), wordsOf(gateRights("any", every)));
        assert.deepEqual(rbacRules([...every, ...every]), rbacRules(every));
    });

    it("a kind that would be a right to something else is refused", () => {
        for (const kind of ["*.apps", "*.*", "deployments.*", "secrets", "pods/exec.apps", "toString", ""])
            assert.throws(() => rbacRules([kind as GateKind]), BadInputError, kind);
    });

    it("a component that gives nobody a right, or names a wrong kind, is refused without a stack trace", async () => {
        for (const [args, text] of [
            [{ namespaces: ["any"] }, /gives rights to nobody/],
            [{ namespaces: ["any"], subjects: [runner], kinds: ["pods" as GateKind] }, /"pods" is no kind/],
        ] as const)
            await assert.rejects(
                declared(args),
                (error) => pulumi.RunError.isInstance(error) && text.test(error.message),
            );
    });
});
