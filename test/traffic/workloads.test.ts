import assert from "node:assert/strict";
import type { Declaration } from "../../core/declaration";
import { gateAnnotation } from "../../core/traffic/marks";
import { defaultTraffic, type TrafficSettings } from "../../core/traffic-settings";
import { deploymentNamed, withControlPlane } from "../support/control-plane";
import { eventually } from "../support/eventually";
import { findGate, makeKind, objectAt, scaleBy, type TestObject, urlOf } from "../support/gate-parts";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";

const mergePatch = "application/merge-patch+json";
const backend = { labels: { tier: "backend" } };

describe("workloads: all that can be stopped, on a real control plane", function () {
    this.timeout(60_000);
    const plane = withControlPlane();
    let namespace: string;

    beforeEach(async () => {
        namespace = await plane().namespace();
    });

    const deployment = (name: string): string => urlOf("apps/v1", namespace, "deployments", name);
    const chosen = (): Partial<TrafficSettings> => ({ workloads: [{ namespace, selector: "tier=backend" }] });
    const read = async (url: string): Promise<TestObject> => objectAt(plane(), url);
    const change = async (url: string, body: object): Promise<unknown> => plane().ask("PATCH", url, body, mergePatch);
    const scale = async (url: string, replicas: number): Promise<void> => scaleBy(plane(), "kubectl", url, replicas);

    async function replicasAt(...urls: readonly string[]): Promise<unknown[]> {
        return Promise.all(urls.map(async (url) => (await read(url)).spec["replicas"]));
    }

    async function markOf(url: string): Promise<unknown> {
        return (await read(url)).metadata.annotations?.[gateAnnotation];
    }

    describe("Kubernetes' own", () => {
        it("stops what a selector and what names choose, in several namespaces, and lets each in as it was", async () => {
            const other = await plane().namespace();
            const stateful = urlOf("apps/v1", namespace, "statefulsets", "store");
            const plain = urlOf("apps/v1", other, "replicasets", "plain");
            await plane().deployment(namespace, "api", 2, backend);
            await plane().deployment(namespace, "untouched", 1);
            await plane().deployment(other, "worker", 1);
            await plane().deployment(other, "elsewhere", 1, backend);
            const of = (name: string, kind: string, replicas: number): object => ({
                ...deploymentNamed(name, replicas, backend),
                kind,
            });
            const { spec, ...rest } = of("store", "StatefulSet", 2) as { spec: object };
            await plane().ask("POST", urlOf("apps/v1", namespace, "statefulsets"), {
                ...rest,
                spec: { ...spec, serviceName: "store" },
            });
            await plane().ask("POST", urlOf("apps/v1", other, "replicasets"), of("plain", "ReplicaSet", 3));
            await eventually(async () => (await plane().pods(namespace)).length === 5, "pods");
            await eventually(async () => (await plane().pods(other)).length === 5, "pods elsewhere");
            const gate = await findGate(plane(), {
                workloads: [
                    { namespace, selector: "tier=backend" },
                    { namespace: other, name: "worker" },
                    { namespace: other, name: "plain", kind: "ReplicaSet" },
                ],
            });
            await gate.stop();
            const all = [
                deployment("api"),
                stateful,
                urlOf("apps/v1", other, "deployments", "worker"),
                plain,
                deployment("untouched"),
                urlOf("apps/v1", other, "deployments", "elsewhere"),
            ];
            assert.deepEqual(await replicasAt(...all), [0, 0, 0, 0, 1, 1]);
            assert.match((await plane().pods(namespace)).join(), /^untouched-[^,]*$/);
            assert.match((await plane().pods(other)).join(), /^elsewhere-[^,]*$/);
            await gate.resume();
            assert.deepEqual(await replicasAt(...all), [2, 2, 1, 3, 1, 1]);
            for (const url of all) assert.equal(await markOf(url), undefined);
        });

        it("what was at 0 stays at 0", async () => {
            await plane().deployment(namespace, "api", 1, backend);
            await plane().deployment(namespace, "spare", 0, backend);
            const gate = await findGate(plane(), chosen());
            await gate.stop();
            await gate.resume();
            assert.deepEqual(await replicasAt(deployment("api"), deployment("spare")), [1, 0]);
            assert.equal(await markOf(deployment("spare")), undefined);
        });

        it("stopped twice, also by a run that finds it at 0, it comes back as it was first", async () => {
            await plane().deployment(namespace, "api", 2, backend);
            await (await findGate(plane(), chosen())).stop();
            const second = await findGate(plane(), chosen());
            assert.deepEqual(
                second.parts.map((part) => part.kind === "workload" && part.replicas),
                [2],
            );
            await second.stop();
            await second.stop();
            assert.match(String(await markOf(deployment("api"))), /"was":\{"replicas":2\}/);
            await second.resume();
            await second.resume();
            assert.deepEqual(await replicasAt(deployment("api")), [2]);
        });

        it("somebody's count meanwhile stays, also where it is stopped once more after that", async () => {
            await plane().deployment(namespace, "api", 2, backend);
            await plane().deployment(namespace, "worker", 2, backend);
            const gate = await findGate(plane(), chosen());
            await gate.stop();
            await scale(deployment("api"), 1);
            await gate.resume();
            assert.deepEqual(await replicasAt(deployment("api"), deployment("worker")), [1, 2]);
            assert.equal(await markOf(deployment("api")), undefined);

            await gate.stop();
            await scale(deployment("api"), 4);
            await gate.stop();
            await gate.resume();
            assert.deepEqual(await replicasAt(deployment("api"), deployment("worker")), [4, 2]);
        });

        it("one that is gone meanwhile is told of, and keeps the others from nothing", async () => {
            await plane().deployment(namespace, "api", 1, backend);
            await plane().deployment(namespace, "worker", 1, backend);
            const gate = await findGate(plane(), chosen());
            await gate.stop();
            await plane().ask("DELETE", deployment("worker"));
            await gate.resume();
            assert.deepEqual(await replicasAt(deployment("api")), [1]);
            assert.deepEqual(gate.notes, [`Deployment ${namespace}/worker is gone, so it is not scaled up`]);
        });

        it("where one cannot be stopped, none is still being stopped when that is told", async () => {
            await plane().deployment(namespace, "api", 1, backend);
            await plane().deployment(namespace, "slow", 1, backend);
            let isMissingTold = false;
            let isSlowDone = false;
            const gate = await findGate(plane(), chosen(), {
                wrap: (cluster) => ({
                    ...cluster,
                    patch: async (path, type, body) => {
                        if (!path.endsWith("/scale")) return cluster.patch(path, type, body);
                        if (path.endsWith("/api/scale")) {
                            isMissingTold = true;
                            return undefined;
                        }
                        await eventually(() => isMissingTold);
                        // Longer than the other one's failure takes to be told.
                        await cluster.get(path);
                        await cluster.get(path);
                        const patched = await cluster.patch(path, type, body);
                        isSlowDone = true;
                        return patched;
                    },
                }),
            });
            await assert.rejects(gate.stop(), /Deployment .*\/api is gone/);
            assert(isSlowDone);
            await gate.resume();
            assert.deepEqual(await replicasAt(deployment("slow")), [1]);
            assert.equal(await markOf(deployment("slow")), undefined);
        });

        it("a change that meets another one is tried again, both ways", async () => {
            await plane().deployment(namespace, "api", 2, backend);
            let conflicts = 0;
            const gate = await findGate(plane(), chosen(), {
                wrap: (cluster) => ({
                    ...cluster,
                    patch: async (path, type, body) => {
                        if (!path.endsWith("/scale") || conflicts++ % 2 === 1) return cluster.patch(path, type, body);
                        return "conflict";
                    },
                }),
            });
            await gate.stop();
            assert.deepEqual(gate.notes, []);
            await gate.resume();
            assert.equal(conflicts, 4);
            assert.deepEqual(await replicasAt(deployment("api")), [2]);
        });
    });

    describe("custom resources", () => {
        const kinds = [
            { singular: "Rollout", plural: "rollouts", scale: ".spec.replicas", field: "replicas" },
            { singular: "Pool", plural: "pools", scale: ".spec.size", field: "size" },
        ];
        before(async () => {
            for (const kind of kinds) await makeKind(plane(), { group: "example.dev", version: "v1", ...kind });
        });
        for (const { singular, plural, field } of kinds)
            it(`a ${singular}, whose scale subresource sets spec.${field}`, async () => {
                const url = urlOf("example.dev/v1", namespace, plural, "web");
                await plane().ask("POST", urlOf("example.dev/v1", namespace, plural), {
                    apiVersion: "example.dev/v1",
                    kind: singular,
                    metadata: { name: "web" },
                    spec: { [field]: 2 },
                });
                const status = { selector: "app=web", replicas: 2, observedGeneration: 1 };
                await change(`${url}/status`, { status });
                await plane().ask("POST", urlOf("v1", namespace, "pods"), {
                    metadata: { name: "web-1", labels: { app: "web" } },
                    spec: {
                        containers: [{ name: "web", image: "registry.example/web:1.3.0" }],
                        terminationGracePeriodSeconds: 1,
                    },
                });
                const gate = await findGate(plane(), {
                    workloads: [{ namespace, name: "web", kind: singular, apiVersion: "example.dev/v1" }],
                });
                assert.deepEqual(
                    gate.parts.map((part) => part.kind === "workload" && [part.replicas, part.podSelector]),
                    [[2, "app=web"]],
                );
                let isStopped = false;
                const stopping = gate.stop().then(() => (isStopped = true));
                stopping.catch(() => undefined);
                await eventually(() => gate.waits.some((why) => why === "of web 1 pod is still there: web-1"), "waits");
                assert.equal((await read(url)).spec[field], 0);
                await plane().ask("DELETE", urlOf("v1", namespace, "pods", "web-1"));
                // A controller that has not seen the 0 may still make another.
                await eventually(() => gate.waits.some((why) => why.includes("has not seen yet")), "waits for it");
                assert(!isStopped);
                await change(`${url}/status`, { status: { observedGeneration: 2 } });
                await stopping;
                await gate.stop();
                await gate.resume();
                const { spec, metadata } = await read(url);
                assert.equal(spec[field], 2);
                assert.equal(metadata.annotations?.[gateAnnotation], undefined);
            });

        it("a kind that is not there is told of", async () => {
            const workloads = [{ namespace, name: "web", kind: "Rollout", apiVersion: "example.dev/v2" }];
            await assert.rejects(findGate(plane(), { workloads }), /Rollout of example.dev\/v2 is not known/);
        });
    });

    describe("CronJobs", () => {
        const cronJob = (name: string): string => urlOf("batch/v1", namespace, "cronjobs", name);
        // On a node that is not there, so that its pods do not end by themselves.
        const template = {
            spec: {
                template: {
                    spec: {
                        nodeName: "nowhere",
                        restartPolicy: "Never",
                        containers: [{ name: "job", image: "registry.example/job:1.3.0" }],
                    },
                },
            },
        };

        async function makeCronJob(name: string, more: object = {}): Promise<void> {
            await plane().ask("POST", urlOf("batch/v1", namespace, "cronjobs"), {
                apiVersion: "batch/v1",
                kind: "CronJob",
                metadata: { name, labels: backend.labels },
                spec: { schedule: "0 0 1 1 *", jobTemplate: template, ...more },
            });
        }

        async function makeJob(name: string, owner: string, more: object = {}): Promise<void> {
            const { metadata } = await read(cronJob(owner));
            const reference = { apiVersion: "batch/v1", kind: "CronJob", name: owner, uid: metadata.uid };
            await plane().ask("POST", urlOf("batch/v1", namespace, "jobs"), {
                metadata: { name, ownerReferences: [{ ...reference, controller: true }] },
                spec: { ...template.spec, ...more },
            });
        }

        async function deleteJob(name: string): Promise<void> {
            const url = urlOf("batch/v1", namespace, "jobs", name);
            await plane().ask("DELETE", `${url}?propagationPolicy=Background`);
        }

        const suspended = async (name: string): Promise<unknown> => (await read(cronJob(name))).spec["suspend"];

        it("are suspended and go on; one that was suspended stays so", async () => {
            await makeCronJob("nightly");
            await makeCronJob("retired", { suspend: true });
            const gate = await findGate(plane(), chosen());
            await gate.stop();
            await gate.stop();
            assert.deepEqual([await suspended("nightly"), await suspended("retired")], [true, true]);
            const again = await findGate(plane(), chosen());
            assert.deepEqual(
                again.parts.map((part) => part.kind === "cron-job" && [part.name, part.suspended]),
                [
                    ["nightly", false],
                    ["retired", true],
                ],
            );
            await gate.resume();
            assert.deepEqual([await suspended("nightly"), await suspended("retired")], [false, true]);
            for (const name of ["nightly", "retired"]) assert.equal(await markOf(cronJob(name)), undefined);
        });

        it("one whose job runs is waited for", async () => {
            await makeCronJob("nightly");
            await makeJob("nightly-1", "nightly");
            await eventually(async () => (await plane().pods(namespace)).length === 1, "the job's pod");
            const [pod = ""] = await plane().pods(namespace);
            const gate = await findGate(plane(), chosen());
            const stopping = gate.stop();
            stopping.catch(() => undefined);
            await eventually(() => gate.waits.length > 0, "it waits");
            assert.deepEqual(gate.waits, [`of CronJob ${namespace}/nightly nightly-1 still runs`]);
            await change(`${urlOf("v1", namespace, "pods", pod)}/status`, { status: { phase: "Succeeded" } });
            await stopping;
            const job = await read(urlOf("batch/v1", namespace, "jobs", "nightly-1"));
            assert.equal(job.status?.["succeeded"], 1);
        });

        it("a job that has no pod yet, or none between two tries, is waited for as well; a suspended one is not", async () => {
            await makeCronJob("nightly");
            // As before its controller has seen it.
            await makeJob("nightly-1", "nightly", { managedBy: "example.dev/nobody" });
            await makeJob("nightly-2", "nightly", { suspend: true });
            const gate = await findGate(plane(), chosen());
            await assert.rejects(gate.stop(undefined, 0.3), /nightly nightly-1 still runs/);
            await deleteJob("nightly-1");
            await gate.stop();
        });

        it("one that somebody lets go on while jobs end is suspended again", async () => {
            await makeCronJob("nightly");
            await makeJob("nightly-1", "nightly", { managedBy: "example.dev/nobody" });
            const gate = await findGate(plane(), chosen());
            const stopping = gate.stop();
            stopping.catch(() => undefined);
            await eventually(() => gate.waits.length > 0, "it waits");
            await change(`${cronJob("nightly")}?fieldManager=kubectl-patch`, { spec: { suspend: false } });
            await eventually(async () => (await suspended("nightly")) === true, "suspended again");
            assert.match(
                gate.notes.join(),
                /nightly is no longer suspended, by kubectl-patch .*; it is suspended again/,
            );
            await deleteJob("nightly-1");
            await stopping;
            await gate.resume();
            assert.equal(await suspended("nightly"), false);
        });
    });

    describe("autoscalers", () => {
        it("a HorizontalPodAutoscaler leaves a stopped workload alone, works again afterwards, and is never edited", async () => {
            await plane().deployment(namespace, "api", 3, backend);
            const url = urlOf("autoscaling/v2", namespace, "horizontalpodautoscalers", "api");
            await plane().ask("POST", urlOf("autoscaling/v2", namespace, "horizontalpodautoscalers"), {
                metadata: { name: "api" },
                spec: {
                    scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "api" },
                    minReplicas: 2,
                    maxReplicas: 5,
                    metrics: [
                        {
                            type: "Resource",
                            resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } },
                        },
                    ],
                },
            });
            interface Condition {
                readonly type: string;
                readonly reason: string;
            }
            const reason = async (): Promise<string | undefined> => {
                const conditions = ((await read(url)).status?.["conditions"] ?? []) as Condition[];
                return conditions.find(({ type }) => type === "ScalingActive")?.reason;
            };
            await eventually(async () => (await reason()) !== undefined, "the autoscaler works");
            assert.notEqual(await reason(), "ScalingDisabled");
            const before = await read(url);
            const gate = await findGate(plane(), chosen());
            await gate.stop();
            await eventually(async () => (await reason()) === "ScalingDisabled", "the autoscaler has seen the 0");
            assert.deepEqual(await replicasAt(deployment("api")), [0]);
            assert.deepEqual(await plane().pods(namespace), []);
            await gate.resume();
            assert.deepEqual(await replicasAt(deployment("api")), [3]);
            await scale(deployment("api"), 1);
            await eventually(async () => (await replicasAt(deployment("api")))[0] === 2, "its minimum again");
            const { spec, metadata } = await read(url);
            assert.deepEqual(spec, before.spec);
            assert.deepEqual(metadata.annotations, before.metadata.annotations);
            assert(!metadata.managedFields?.some(({ manager }) => manager === "schemaward"));
        });

        describe("KEDA", () => {
            const scaledObject = (name: string): string => urlOf("keda.sh/v1alpha1", namespace, "scaledobjects", name);
            const paused = "autoscaling.keda.sh/paused";
            const pausedReplicas = "autoscaling.keda.sh/paused-replicas";
            const annotationsOf = async (name: string): Promise<Record<string, string>> => ({
                ...(await read(scaledObject(name))).metadata.annotations,
            });

            before(async () =>
                makeKind(plane(), {
                    group: "keda.sh",
                    version: "v1alpha1",
                    singular: "ScaledObject",
                    plural: "scaledobjects",
                }),
            );

            async function makeScaledObject(
                name: string,
                target: string,
                annotations: Record<string, string> = {},
            ): Promise<void> {
                await plane().ask("POST", urlOf("keda.sh/v1alpha1", namespace, "scaledobjects"), {
                    apiVersion: "keda.sh/v1alpha1",
                    kind: "ScaledObject",
                    metadata: { name, annotations },
                    spec: { scaleTargetRef: { name: target }, minReplicaCount: 2 },
                });
            }

            it("is paused at 0 and goes on; what it said of itself before, it says again", async () => {
                await plane().deployment(namespace, "api", 1, backend);
                await plane().deployment(namespace, "worker", 1, backend);
                await plane().deployment(namespace, "other", 1);
                await makeScaledObject("api", "api");
                await makeScaledObject("worker", "worker", { [paused]: "false", [pausedReplicas]: "4" });
                await makeScaledObject("other", "other");
                const gate = await findGate(plane(), chosen());
                const original = await annotationsOf("worker");
                await gate.stop();
                for (const name of ["api", "worker"]) {
                    const { [paused]: on, [pausedReplicas]: at } = await annotationsOf(name);
                    assert.deepEqual([on, at], ["true", "0"]);
                }
                assert.deepEqual(await annotationsOf("other"), {});
                const again = await findGate(plane(), chosen());
                assert.deepEqual(
                    again.parts.flatMap((p) => (p.kind === "scaled-object" ? [[p.paused, p.pausedReplicas]] : [])),
                    [
                        [null, null],
                        ["false", "4"],
                    ],
                );
                await again.stop();
                await again.resume();
                assert.deepEqual(await annotationsOf("api"), {});
                assert.deepEqual(await annotationsOf("worker"), original);
            });

            it("one that was paused at 0 by its owner stays so; what somebody sets meanwhile stays", async () => {
                await plane().deployment(namespace, "api", 1, backend);
                await plane().deployment(namespace, "worker", 1, backend);
                const own = { [paused]: "true", [pausedReplicas]: "0" };
                await makeScaledObject("api", "api", own);
                await makeScaledObject("worker", "worker");
                const gate = await findGate(plane(), chosen());
                await gate.stop();
                await change(scaledObject("worker"), { metadata: { annotations: { [pausedReplicas]: "2" } } });
                await gate.resume();
                assert.deepEqual(await annotationsOf("api"), own);
                assert.deepEqual(await annotationsOf("worker"), { [pausedReplicas]: "2" });
            });

            it("one that is let go on while pods end is paused again", async () => {
                await plane().deployment(namespace, "api", 1, backend);
                await makeScaledObject("api", "api");
                const gate = await findGate(plane(), chosen(), {
                    wrap: (cluster) => ({
                        ...cluster,
                        // The pods stay until it is paused again.
                        list: async (path, query) => {
                            const pods = await cluster.list(path, query);
                            if (!path.endsWith("/pods") || gate.notes.length > 0) return pods;
                            const held = { metadata: { name: "held", resourceVersion: "1" } };
                            return [...(pods ?? []), held];
                        },
                    }),
                });
                const stopping = gate.stop();
                stopping.catch(() => undefined);
                await eventually(() => gate.waits.length > 0, "it waits");
                await change(scaledObject("api"), { metadata: { annotations: { [paused]: null } } });
                await stopping;
                assert.match(gate.notes.join(), /api \(KEDA\) was no longer paused at 0; it is paused again/);
                assert.equal((await annotationsOf("api"))[paused], "true");
            });
        });
    });

    describe("in runs", () => {
        let server: TestServer;
        let project: TestProject;

        before(async () => {
            server = await startTestServer();
        });
        after(async () => server.stop());
        beforeEach(async () => {
            project = new TestProject(server, await server.create())
                .migration("001", "CREATE TABLE a (id int)", "DROP TABLE a")
                .migration("002", "CREATE TABLE b (id int)", "DROP TABLE b");
        });
        afterEach(() => {
            project.remove();
        });

        function declared(more: Partial<TrafficSettings> = {}): Partial<Declaration> {
            const kubernetes = { kubeconfig: plane().kubernetes.kubeconfig("admin") };
            return { traffic: { ...defaultTraffic, ...chosen(), kubernetes, drainSeconds: 20, ...more } };
        }

        it("what another database has stopped is refused, naming it, and nothing is changed by that", async () => {
            await plane().deployment(namespace, "api", 2, backend);
            await plane().deployment(namespace, "worker", 1, backend);
            await project.migrate("002");
            const workloads = [{ namespace, name: "api" }];
            const first = await findGate(plane(), { workloads }, { owner: "77/orders/app" });
            await first.stop();
            const before = await Promise.all([read(deployment("api")), read(deployment("worker"))]);
            await assert.rejects(
                project.migrate("001", declared()),
                new RegExp(`Deployment ${namespace}/api is stopped already by 77/orders/app, run 7c1e9a04`),
            );
            const after = await Promise.all([read(deployment("api")), read(deployment("worker"))]);
            assert.deepEqual(
                after.map(({ metadata }) => [metadata.generation, metadata.annotations]),
                before.map(({ metadata }) => [metadata.generation, metadata.annotations]),
            );
            assert.deepEqual(await project.applied(), ["001", "002"]);
            assert.deepEqual(await project.query("SELECT count(*) FROM schemaward.gates"), [["0"]]);
            await first.resume();
            assert.deepEqual(await replicasAt(deployment("api"), deployment("worker")), [2, 1]);
            await project.migrate("001", declared());
        });

        it("a plan that finds them stopped already knows what they were", async () => {
            await plane().deployment(namespace, "api", 2, backend);
            await project.migrate("002");
            await (await findGate(plane(), chosen())).stop();
            const { traffic } = await project.plan("001", declared());
            assert.deepEqual(traffic?.parts, [{ key: `${namespace}/Deployment/api`, text: "api×2" }]);
        });

        it("a run whose plan leaves traffic on does not mind who has let it in since it was held", async () => {
            await plane().deployment(namespace, "api", 2, { ...backend, version: "1.3.0" });
            const held = { ...declared(), app: "1.2.9" };
            await project.migrate("002", declared());
            const { heldFor } = await project.migrate("001", held);
            assert.equal(heldFor.length, 1);
            // What is deployed then, with its count.
            await change(deployment("api"), {
                spec: { replicas: 1, template: { metadata: { labels: { "app.kubernetes.io/version": "1.2.9" } } } },
            });
            const container = [{ op: "replace", path: "/spec/template/spec/containers/0/image", value: "api:1.2.9" }];
            await plane().ask("PATCH", deployment("api"), container, "application/json-patch+json");
            const { heldFor: now } = await project.migrate("002", held);
            assert.deepEqual(now, []);
            assert.deepEqual(await replicasAt(deployment("api")), [1]);
            assert.equal(await markOf(deployment("api")), undefined);
            assert.deepEqual(await project.query("SELECT count(*) FROM schemaward.gates"), [["0"]]);
        });

        for (const [what, script, hazards] of [
            ["a unique index", "CREATE UNIQUE INDEX u ON a (id)", ["002: adds index u"]],
            ["an index", "CREATE INDEX i ON a (id)", []],
            ["a column that has to be given", "ALTER TABLE a ADD x int NOT NULL", ["002: adds column a.x"]],
            ["a column with a default", "ALTER TABLE a ADD x int NOT NULL DEFAULT 1", []],
            ["a table with its constraints", "CREATE TABLE b (id int PRIMARY KEY CHECK (id > 0))", []],
            ["a constraint", "ALTER TABLE a ADD CHECK (id > 0)", ["002: adds constraint a.a_id_check"]],
        ] as const)
            it(`${what} that a plan adds ${hazards.length === 0 ? "leaves traffic on" : "stops it"}`, async () => {
                await plane().deployment(namespace, "api", 1, backend);
                await project.migrate("001");
                project.write({ "002_m2.sql": script });
                const { traffic } = await project.plan("002", declared());
                assert.deepEqual([traffic?.stop, traffic?.why], [hazards.length > 0, hazards]);
            });

        const signs: readonly [string, string, object][] = [
            [
                "Argo CD",
                "annotation",
                { annotations: { "argocd.argoproj.io/tracking-id": "shop:apps/Deployment:api" } },
            ],
            ["Argo CD", "label", { labels: { "argocd.argoproj.io/instance": "shop" } }],
            ["Flux", "label", { labels: { "kustomize.toolkit.fluxcd.io/name": "shop" } }],
            ["Flux", "Helm's label", { labels: { "helm.toolkit.fluxcd.io/name": "shop" } }],
        ];
        for (const [owner, sign, metadata] of signs)
            it(`what ${owner} owns, by its ${sign}, is refused unless that is allowed`, async () => {
                await plane().deployment(namespace, "api", 1, backend);
                await change(deployment("api"), { metadata });
                await project.migrate("002");
                const { refusals } = await project.plan("001", declared());
                assert.deepEqual(
                    refusals.map((r) => r.code),
                    ["traffic-gitops"],
                );
                assert.match(refusals[0]?.text ?? "", new RegExp(`/api belongs to ${owner} \\(`));
                assert.deepEqual((await project.plan("001", declared({ gitops: "allow" }))).refusals, []);
            });

        for (const [owner, manager] of [
            ["Argo CD", "argocd-controller"],
            ["Flux", "kustomize-controller"],
        ] as const)
            it(`what ${owner} owns, by its field manager, is refused unless that is allowed`, async () => {
                await plane().deployment(namespace, "api", 1, backend);
                await change(`${deployment("api")}?fieldManager=${manager}`, { spec: { minReadySeconds: 1 } });
                await project.migrate("002");
                await assert.rejects(
                    project.migrate("001", declared()),
                    new RegExp(`/api belongs to ${owner} \\(${manager}\\)`),
                );
                assert.deepEqual(await replicasAt(deployment("api")), [1]);
                await project.migrate("001", declared({ gitops: "allow" }));
            });

        it("nothing there to stop is a refusal, but not where nothing was ever applied", async () => {
            const always: Partial<TrafficSettings> = { stopTraffic: "always" };
            assert.deepEqual((await project.plan("001", declared(always))).refusals, []);
            await project.migrate("001", declared(always));
            const { refusals } = await project.plan("002", declared(always));
            assert.deepEqual(
                refusals.map((r) => r.code),
                ["traffic-not-found"],
            );
            assert.match(refusals[0]?.text ?? "", /carries tier=backend, so nothing would be stopped/);
            const named = await project.plan("002", declared({ ...always, workloads: [{ namespace, name: "api" }] }));
            assert.match(named.refusals[0]?.text ?? "", /there is no Deployment api in namespace/);
        });
    });
});
