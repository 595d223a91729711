import assert from "node:assert/strict";
import type { Declaration } from "../../core/declaration";
import { FailedError } from "../../core/errors";
import { gateAnnotation } from "../../core/traffic/marks";
import { defaultTraffic, type TrafficSettings } from "../../core/traffic-settings";
import { deploymentNamed, withControlPlane } from "../support/control-plane";
import { eventually } from "../support/eventually";
import { objectAt, scaleBy, urlOf } from "../support/gate-parts";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";

const backend = { labels: { tier: "backend" } };

describe("stubborn pods: traffic that does not end, or comes in again, on a real control plane", function () {
    this.timeout(60_000);
    const plane = withControlPlane();
    let server: TestServer;
    let project: TestProject;
    let namespace: string;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        namespace = await plane().namespace();
        const slow = "SELECT CASE WHEN (SELECT slow FROM a) THEN pg_sleep(600) END";
        project = new TestProject(server, await server.create())
            .migration("001", "CREATE TABLE a (slow boolean); INSERT INTO a VALUES (false)", "DROP TABLE a")
            .migration("002", "CREATE TABLE b (id int)", `DROP TABLE b;\n${slow}`)
            .migration("003", "CREATE TABLE c (id int)", "BEGIN;\nDROP TABLE c;\nCOMMIT");
        await project.migrate("003");
    });
    afterEach(async () => {
        project.remove();
        // Whatever holds them: what is left would be looked after by controllers for as long as the others are tested.
        for (const name of await plane().pods(namespace)) await letGo(name);
    });

    const urlNamed = (name: string): string => urlOf("apps/v1", namespace, "deployments", name);
    const podNamed = (name: string): string => urlOf("v1", namespace, "pods", name);

    function declared(more: Partial<TrafficSettings> = {}): Partial<Declaration> {
        return {
            traffic: {
                ...defaultTraffic,
                workloads: [{ namespace, selector: "tier=backend" }],
                kubernetes: { kubeconfig: plane().kubernetes.kubeconfig("admin") },
                drainSeconds: 30,
                ...more,
            },
        };
    }

    /** A Deployment whose pods are on a node that is not there: nobody ends them when they are told to. */
    async function stubborn(name: string, replicas: number, finalizers: readonly string[] = []): Promise<string[]> {
        const object = deploymentNamed(name, replicas, { ...backend, finalizers }) as {
            spec: { template: { spec: object } };
        };
        Object.assign(object.spec.template.spec, { nodeName: "nowhere", terminationGracePeriodSeconds: 30 });
        await plane().ask("POST", urlOf("apps/v1", namespace, "deployments"), object);
        const own = async (): Promise<string[]> =>
            (await plane().pods(namespace)).filter((pod) => pod.startsWith(`${name}-`));
        await eventually(async () => (await own()).length === replicas, `pods of ${name}`);
        return own();
    }

    async function isToldToEnd(pod: string): Promise<boolean> {
        const { metadata } = (await plane().ask("GET", podNamed(pod))) as { metadata: { deletionTimestamp?: string } };
        return metadata.deletionTimestamp !== undefined;
    }

    /** As its node does when it has ended. */
    async function letGo(pod: string): Promise<void> {
        const { kubernetes } = plane();
        const none = { metadata: { finalizers: null } };
        await kubernetes.request("admin", "PATCH", podNamed(pod), none, "application/merge-patch+json");
        await kubernetes.request("admin", "DELETE", `${podNamed(pod)}?gracePeriodSeconds=0`);
    }

    async function replicas(...names: readonly string[]): Promise<number[]> {
        return Promise.all(names.map(async (name) => plane().replicas(namespace, name)));
    }

    /** Nothing was migrated, and all is as it was. */
    async function assertUntouched(applied: readonly string[] = ["001", "002", "003"]): Promise<void> {
        assert.deepEqual(await project.applied(), applied);
        assert.deepEqual(await project.query("SELECT count(*) FROM schemaward.gates"), [["0"]]);
        for (const { metadata } of (
            (await plane().ask("GET", urlOf("apps/v1", namespace, "deployments"))) as unknown as {
                items: { metadata: { annotations?: Record<string, string> } }[];
            }
        ).items)
            assert.equal(metadata.annotations?.[gateAnnotation], undefined);
    }

    async function failureOf(running: Promise<unknown>): Promise<FailedError> {
        try {
            await running;
        } catch (error) {
            assert(error instanceof FailedError, String(error));
            return error;
        }
        assert.fail("It did not fail.");
    }

    it("a pod that ignores that it is told to end: the deadline passes, nothing is migrated, traffic is in again", async () => {
        const [pod = ""] = await stubborn("deaf", 1);
        await plane().deployment(namespace, "api", 2, backend);
        const { parts } = await failureOf(project.migrate("001", declared({ drainSeconds: 1.5 })));
        assert.equal(
            parts.what,
            `Traffic has not ended within 1.5 s: of deaf 1 pod is still there: ${pod} (told to end).`,
        );
        assert.match(parts.state ?? "", /Traffic is let in again/);
        assert.deepEqual(await replicas("deaf", "api"), [1, 2]);
        await assertUntouched();
    });

    it("a pod that a finalizer holds: the error names it", async () => {
        const [pod = ""] = await stubborn("held", 1, ["example.dev/drain"]);
        // Its node has ended it, and still it stays.
        const running = failureOf(project.migrate("001", declared({ drainSeconds: 1.5 })));
        await eventually(() => project.events.some(({ type }) => type === "gate-waiting"), "it waits");
        // Before it is, its ReplicaSet would make another one.
        await eventually(async () => isToldToEnd(pod), "it is told to end");
        await plane().ask("DELETE", `${podNamed(pod)}?gracePeriodSeconds=0`);
        const { parts } = await running;
        assert(
            parts.what.includes(`1 pod is still there: ${pod} (told to end, held by example.dev/drain)`),
            parts.what,
        );
        assert.deepEqual(await replicas("held"), [1]);
        await assertUntouched();
    });

    it("pods that go in time are waited for, and said so", async () => {
        const pods = await stubborn("slow", 2);
        const running = project.migrate("001", declared());
        running.catch(() => undefined);
        const waiting = (): string[] => project.events.flatMap((e) => (e.type === "gate-waiting" ? [e.why] : []));
        await eventually(() => waiting().length > 0, "it waits");
        assert.match(waiting()[0] ?? "", /^of slow 2 pods are still there: slow-.*, slow-/);
        const isWaitingFor = async (count: number): Promise<boolean> =>
            (await plane().pods(namespace)).length === count;
        await letGo(pods[0] ?? "");
        await eventually(async () => isWaitingFor(1), "one is gone");
        assert(!project.events.some(({ type }) => type === "gate-stopped"));
        assert.deepEqual(await project.applied(), ["001", "002", "003"]);
        await letGo(pods[1] ?? "");
        await running;
        assert.deepEqual(await project.applied(), ["001"]);
        assert.deepEqual(await replicas("slow"), [2]);
        await assertUntouched(["001"]);
    });

    it("somebody who scales up while pods end is told of, and it is done again", async () => {
        const [pod = ""] = await stubborn("slow", 1);
        const running = project.migrate("001", declared());
        running.catch(() => undefined);
        await eventually(() => project.events.some(({ type }) => type === "gate-waiting"), "it waits");
        await scaleBy(plane(), "kubectl-of-jo", urlNamed("slow"), 2);
        const notes = (): string[] => project.events.flatMap((e) => (e.type === "gate-note" ? [e.text] : []));
        await eventually(() => notes().length > 0, "it is told");
        assert.match(notes()[0] ?? "", /slow was scaled to 2 by kubectl-of-jo; it is scaled to 0 again/);
        await eventually(async () => (await replicas("slow"))[0] === 0, "0 again");
        await eventually(async () => {
            const pods = await plane().pods(namespace);
            await Promise.all(pods.map(letGo));
            return project.events.some(({ type }) => type === "gate-stopped");
        }, "traffic has ended");
        await running;
        assert.notEqual(pod, "");
        assert.deepEqual(await replicas("slow"), [1]);
        await assertUntouched(["001"]);
    });

    describe("somebody who scales up in the middle of a script", () => {
        beforeEach(async () => {
            await plane().deployment(namespace, "api", 2, backend);
            await plane().deployment(namespace, "worker", 1, backend);
            await project.query("UPDATE a SET slow = true");
        });

        async function scaledInTheMiddle(running: Promise<unknown>): Promise<FailedError> {
            running.catch(() => undefined);
            await eventually(async () => (await project.sleeping(600)) === 1, "the script runs");
            await scaleBy(plane(), "kubectl-of-jo", urlNamed("api"), 3);
            return failureOf(running);
        }

        it("it is interrupted and rolled back; where nothing has taken effect everything is let in", async () => {
            await project.migrate("002");
            const { parts } = await scaledInTheMiddle(project.migrate("001", declared()));
            assert.match(parts.what, /Traffic came through the gate: .*api was scaled to 3 by kubectl-of-jo/);
            assert.match((parts.detail ?? []).join(), /002 was interrupted going back/);
            assert.match(parts.state ?? "", /002 was rolled back whole.*Traffic is let in again/);
            assert.equal(await project.sleeping(600), 0);
            assert.deepEqual(await project.query("SELECT to_regclass('b')"), [["b"]]);
            assert.deepEqual(await replicas("api", "worker"), [3, 1]);
            await assertUntouched(["001", "002"]);
        });

        it("where something has taken effect it stays stopped, and one more run goes on from there", async () => {
            const { parts } = await scaledInTheMiddle(project.migrate("001", declared()));
            assert.match(parts.what, /api was scaled to 3 by kubectl-of-jo/);
            assert.match(
                parts.state ?? "",
                /003 undone.*002 was rolled back whole.*TRAFFIC STAYS STOPPED \(api×2 worker×1\)/,
            );
            assert.deepEqual(await project.applied(), ["001", "002"]);
            // What they have let in is theirs.
            assert.deepEqual(await replicas("api", "worker"), [3, 0]);
            const worker = await objectAt(plane(), urlNamed("worker"));
            assert(!worker.metadata.managedFields?.some(({ manager }) => manager === "schemaward"));
            await project.query("UPDATE a SET slow = false");
            await project.migrate("001", declared());
            assert.deepEqual(await project.applied(), ["001"]);
            assert.deepEqual(await replicas("api", "worker"), [3, 1]);
            await assertUntouched(["001"]);
        });
    });
});
