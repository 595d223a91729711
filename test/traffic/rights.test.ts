import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { FailedError, RefusedError } from "../../core/errors";
import { openCluster, type Right } from "../../core/traffic/cluster";
import { gateRights, roleBindingObject, roleObject } from "../../core/traffic/rbac";
import type { TrafficSettings } from "../../core/traffic-settings";
import { Backend, failureOf } from "../support/backend";
import { withControlPlane } from "../support/control-plane";
import { eventually } from "../support/eventually";
import { startTestServer, type TestServer } from "../support/postgres";

describe("rights in Kubernetes: each that is lacking is named before anything is touched, and one may be taken away in the middle", function () {
    this.timeout(60_000);
    const plane = withControlPlane(["runner"]);
    let server: TestServer;
    let backend: Backend;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());

    /** A backend of which `runner` may do what stopping it takes; with a CronJob beside the workloads. */
    async function start(): Promise<void> {
        backend = await Backend.start(plane(), server);
        const { namespace } = backend;
        const labels = { tier: "backend" };
        const job = {
            spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "a", image: "a:1" }] } } },
        };
        await plane().ask("POST", `/apis/batch/v1/namespaces/${namespace}/cronjobs`, {
            ...{ apiVersion: "batch/v1", kind: "CronJob", metadata: { name: "report", labels } },
            spec: { schedule: "0 0 1 1 *", jobTemplate: job },
        });
        const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
        await plane().ask("POST", `${rbac}/roles`, roleObject(namespace, "traffic", rules([])));
        await plane().ask(
            "POST",
            `${rbac}/rolebindings`,
            roleBindingObject(namespace, "traffic", [{ user: "runner" }]),
        );
        await lack();
    }

    const all = (): readonly Right[] => gateRights(backend.namespace);

    function rules(rights: readonly Right[]) {
        return rights.map(({ verb, group, resource }) => ({
            ...{ apiGroups: [group], resources: [resource], verbs: [verb] },
        }));
    }

    /** Takes these away from `runner`, gives it all others, and waits until that is in force. */
    async function lack(...lacking: readonly Right[]): Promise<void> {
        const { namespace } = backend;
        const role = roleObject(
            namespace,
            "traffic",
            rules(all().filter((right) => !lacking.some((one) => isDeepStrictEqual(one, right)))),
        );
        await plane().ask("PUT", `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles/traffic`, role);
        const cluster = await openCluster(asRunner().kubernetes);
        try {
            await eventually(async () => {
                const missing = new Set(await cluster.missing(all()));
                return missing.size === lacking.length;
            }, "the Role in force");
        } finally {
            cluster.close();
        }
    }

    function asRunner(): Partial<TrafficSettings> {
        return { kubernetes: { kubeconfig: plane().kubernetes.kubeconfig("runner") } };
    }

    function right(verb: Right["verb"], resource: string): Right {
        const found = all().find((one) => one.verb === verb && one.resource === resource);
        assert(found, `${verb} ${resource}`);
        return found;
    }

    describe("lacking from the start", () => {
        before(start);
        after(() => {
            backend.project.remove();
        });

        for (const [verb, resource] of [
            ["get", "deployments"],
            ["list", "deployments"],
            ["patch", "deployments"],
            ["get", "deployments/scale"],
            ["patch", "deployments/scale"],
            ["list", "pods"],
            ["list", "statefulsets"],
            ["get", "cronjobs"],
            ["list", "cronjobs"],
            ["patch", "cronjobs"],
            ["list", "jobs"],
        ] as const)
            it(`${verb} ${resource}`, async () => {
                await lack(right(verb, resource));
                const run = backend.project.migrate("001", backend.declared(asRunner()));
                await assert.rejects(run, RefusedError);
                const text = await failureOf(run);
                const [kind = "", sub] = resource.split("/");
                assert.match(
                    text,
                    new RegExp(
                        `${verb} ${resource}( \\(\\S+\\))? in namespace ${backend.namespace}|cannot ${verb} resource "${kind}${sub === undefined ? "" : `/${sub}`}"`,
                    ),
                );
                assert(!text.includes(plane().kubernetes.token("runner")));
                assert.equal(await backend.runs(), 1);
                assert.deepEqual(await backend.gates(), []);
                assert.equal(await backend.tables(), "abc");
                await backend.assertUntouched();
            });

        it("several: all are named at once", async () => {
            await lack(right("patch", "deployments"), right("patch", "deployments/scale"), right("patch", "cronjobs"));
            const text = await failureOf(backend.project.migrate("001", backend.declared(asRunner())));
            for (const name of ["patch deployments (apps)", "patch deployments/scale (apps)", "patch cronjobs (batch)"])
                assert(text.includes(`${name} in namespace ${backend.namespace}`), text);
            assert.match(text, /State: Nothing was touched/);
        });

        it("none: the run stops traffic and lets it in again", async () => {
            await lack();
            await backend.project.migrate("002", backend.declared(asRunner()));
            assert.deepEqual(await backend.journal(), ["planned", "gated", "undone 003", "verified", "resumed"]);
            await backend.assertTrafficIsIn();
        });
    });

    describe("taken away in the middle", () => {
        beforeEach(start);
        afterEach(() => {
            backend.project.remove();
        });

        for (const [verb, resource] of [
            ["patch", "deployments"],
            ["patch", "deployments/scale"],
            ["list", "pods"],
        ] as const)
            it(`before traffic is stopped (${verb} ${resource}): no script is run, and traffic is in`, async () => {
                const confirm = async (): Promise<boolean> => {
                    await lack(right(verb, resource));
                    return true;
                };
                const text = await failureOf(backend.project.migrate("001", backend.declared(asRunner()), { confirm }));
                assert.match(
                    text,
                    /Kubernetes refuses [\s\S]*cannot (patch|list) resource[\s\S]*Traffic is let in again/,
                );
                assert.equal(await backend.tables(), "abc");
                await backend.assertTrafficIsIn();
            });

        it("while scripts run: they stay, and the text names the right and the commands; given again, traffic comes in", async () => {
            const declared = backend.declared(asRunner());
            const text = await server.withClient(backend.project.database, async (client) => {
                await client.query("BEGIN; LOCK TABLE c IN ROW EXCLUSIVE MODE");
                const run = backend.project.migrate("001", declared);
                run.catch(() => undefined);
                await eventually(() => backend.project.events.some((e) => e.type === "step-start"), "the first script");
                await lack(right("patch", "deployments/scale"));
                await client.query("COMMIT");
                await assert.rejects(run, FailedError);
                return failureOf(run);
            });
            assert.match(text, /could not be let in again: .*cannot patch resource "deployments\/scale"/);
            assert.match(text, /The schema is as it has to be. TRAFFIC STAYS STOPPED/);
            assert.equal(await backend.tables(), "a");
            await backend.assertTrafficIsStopped();
            assert.notEqual((await backend.project.plan("001", declared, "quick")).held, null);
            await lack();
            await backend.resume("001", asRunner());
            await backend.assertTrafficIsIn();
        });

        it("while scripts run, the right to look: a matrix does not make a refusal of what was done", async () => {
            const declared = { ...backend.declared(asRunner()), app: "1.3.0" };
            const text = await server.withClient(backend.project.database, async (client) => {
                await client.query("BEGIN; LOCK TABLE c IN ROW EXCLUSIVE MODE");
                const run = backend.project.migrate("001", declared);
                run.catch(() => undefined);
                await eventually(() => backend.project.events.some((e) => e.type === "step-start"), "the first script");
                await lack(right("list", "deployments"));
                await client.query("COMMIT");
                // Not refused: the scripts have taken effect.
                await assert.rejects(run, FailedError);
                return failureOf(run);
            });
            assert.match(text, /cannot list resource "deployments"[\s\S]*TRAFFIC STAYS STOPPED/);
            await backend.assertTrafficIsStopped();
        });
    });
});
