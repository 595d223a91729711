import assert from "node:assert/strict";
import type { Declaration } from "../../core/declaration";
import { gateAnnotation } from "../../core/traffic/marks";
import { defaultTraffic, type TrafficSettings } from "../../core/traffic-settings";
import { withControlPlane } from "../support/control-plane";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";

describe("gate: a run with traffic stopped on a real control plane", function () {
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
        project = new TestProject(server, await server.create())
            .migration("001", "CREATE TABLE a (id int)", "DROP TABLE a")
            .migration("002", "CREATE TABLE b (id int)", "DROP TABLE b");
    });
    afterEach(() => {
        project.remove();
    });

    /** Both, `api` and `worker`, are stopped. */
    function declared(more: Partial<TrafficSettings> = {}): Partial<Declaration> {
        return {
            traffic: {
                ...defaultTraffic,
                workloads: [{ namespace, selector: "tier=backend" }],
                kubernetes: { kubeconfig: plane().kubernetes.kubeconfig("admin") },
                drainSeconds: 20,
                ...more,
            },
        };
    }

    async function annotations(name: string): Promise<Record<string, string>> {
        const url = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`;
        const { metadata } = (await plane().ask("GET", url)) as { metadata: { annotations?: Record<string, string> } };
        return metadata.annotations ?? {};
    }

    const kinds = async (): Promise<string[]> =>
        (await project.query("SELECT kind || coalesce(' ' || version, '') FROM schemaward.run_steps ORDER BY seq")).map(
            ([kind]) => kind ?? "",
        );

    it("going back stops workloads before the first script and lets them in after the last", async () => {
        await plane().deployment(namespace, "api", 2, { labels: { tier: "backend" } });
        await plane().deployment(namespace, "worker", 1, { labels: { tier: "backend" } });
        await plane().deployment(namespace, "other", 1);
        await project.migrate("002", declared());
        const seen: string[] = [];
        const report = async (text: string): Promise<void> => {
            seen.push(`${text}: ${await plane().replicas(namespace, "api")} ${(await plane().pods(namespace)).length}`);
        };
        const waiting: Promise<void>[] = [];
        const result = await project.migrate("001", declared(), {
            report: (event) => {
                project.events.push(event);
                if (event.type === "gate-stopped" || event.type === "step-start") waiting.push(report(event.type));
            },
        });
        await Promise.all(waiting);
        assert.deepEqual(result.heldFor, []);
        assert.deepEqual(await plane().replicas(namespace, "api"), 2);
        assert.deepEqual(await plane().replicas(namespace, "worker"), 1);
        assert.equal((await annotations("api"))[gateAnnotation], undefined);
        assert(seen.includes("gate-stopped: 0 1"), seen.join());
        assert.deepEqual((await kinds()).slice(-5), ["planned", "gated", "undone 002", "verified", "resumed"]);
        assert.deepEqual(await project.query("SELECT count(*) FROM schemaward.gates"), [["0"]]);
    });

    it("a plan that only adds leaves traffic on, and says so", async () => {
        await plane().deployment(namespace, "api", 1, { labels: { tier: "backend" } });
        const plan = await project.plan("002", declared());
        assert.deepEqual((await project.plan("002", declared(), "quick")).traffic?.why, []);
        assert.deepEqual(plan.refusals, []);
        assert.deepEqual(plan.traffic?.why, []);
        assert.equal(plan.traffic.stop, false);
        await project.migrate("002", declared());
        assert(!(await kinds()).includes("gated"));
    });

    it("a script that fails at once leaves everything as it was, traffic too", async () => {
        await plane().deployment(namespace, "api", 2, { labels: { tier: "backend" } });
        await project.migrate("002", declared());
        project.write({ "rollback/002_down.sql": "DROP TABLE nothing_there" });
        await assert.rejects(project.migrate("001", declared()), /would fail|cannot succeed|does not exist/);
        project.write({ "rollback/002_down.sql": "DO $$ BEGIN PERFORM 1 / (SELECT 0); END $$" });
        await assert.rejects(project.migrate("001", declared()), /division by zero[\s\S]*Traffic is let in again/);
        assert.equal(await plane().replicas(namespace, "api"), 2);
        assert.equal((await annotations("api"))[gateAnnotation], undefined);
    });

    it("nothing that the selector matches is a refusal, before anything is touched", async () => {
        await project.migrate("002");
        const plan = await project.plan("001", declared());
        assert.deepEqual(
            plan.refusals.map((r) => r.code),
            ["traffic-not-found"],
        );
    });

    it("waits for a matrix: workloads that do not accept the schema stay stopped until they carry another version", async () => {
        await plane().deployment(namespace, "api", 2, { labels: { tier: "backend" }, version: "1.3.0" });
        const policy: Declaration["policy"] = {
            approval: "never",
            outOfOrder: "refuse",
            changedDown: "show",
            compatibility: [
                { app: "1.3.x", from: "002", to: "latest" },
                { app: "1.2.x", from: "001", to: "001" },
            ],
        };
        await project.migrate("002", { ...declared(), app: "1.3.0", policy });
        const result = await project.migrate("001", { ...declared(), app: "1.2.9", policy });
        assert.deepEqual(result.heldFor, ["api carries 1.3.0, which does not accept the schema at 001"]);
        assert.equal(await plane().replicas(namespace, "api"), 0);
        const plan = await project.plan("001", { ...declared(), app: "1.2.9", policy });
        assert.deepEqual(plan.held?.parts, ["api×2"]);
        // As Pulumi does it: unforced, with the count that is declared.
        const url = `/apis/apps/v1/namespaces/${namespace}/deployments/api`;
        const container = { name: "api", image: "registry.example/api:1.2.9" };
        await plane().ask(
            "PATCH",
            url,
            {
                spec: {
                    template: {
                        metadata: { labels: { "app.kubernetes.io/version": "1.2.9" } },
                        spec: { containers: [container] },
                    },
                },
            },
            "application/strategic-merge-patch+json",
        );
        const { resumeTraffic } = await import("../../core/run/resume-traffic.js");
        const declaration = project.declaration("001", { ...declared(), app: "1.2.9", policy });
        await resumeTraffic(declaration, { projectDir: project.dir, report: () => undefined, waitMs: 0 });
        assert.equal(await plane().replicas(namespace, "api"), 2);
        assert.equal((await annotations("api"))[gateAnnotation], undefined);
    });
});
