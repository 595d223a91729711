import assert from "node:assert/strict";
import type { KubernetesObject } from "../../core/traffic/cluster";
import { releaseFields } from "../../core/traffic/marks";
import { openCluster } from "../../core/traffic/cluster";
import type { TrafficSettings } from "../../core/traffic-settings";
import type { ApiAnswer } from "../../tools/local-kubernetes";
import { deploymentNamed, withControlPlane } from "../support/control-plane";
import { eventually } from "../support/eventually";
import { findGate, objectAt, type TestObject, urlOf } from "../support/gate-parts";
import { startTestServer } from "../support/postgres";
import { TestProject } from "../support/project";
import { defaultTraffic } from "../../core/traffic-settings";

/** As Pulumi's Kubernetes provider calls itself, with its own ending for each resource. */
const pulumi = "pulumi-kubernetes-5c1e9a04";

describe("field managers: beside Pulumi's server-side apply, on a real control plane", function () {
    this.timeout(60_000);
    const plane = withControlPlane();
    let namespace: string;

    beforeEach(async () => {
        namespace = await plane().namespace();
    });

    const chosen = (): Partial<TrafficSettings> => ({ workloads: [{ namespace, selector: "tier=backend" }] });
    const deployment = (): string => urlOf("apps/v1", namespace, "deployments", "api");
    const cronJob = (): string => urlOf("batch/v1", namespace, "cronjobs", "nightly");
    const read = async (url: string): Promise<TestObject> => objectAt(plane(), url);

    /** Unforced, as a `pulumi up` does it. */
    async function apply(url: string, object: object): Promise<ApiAnswer> {
        const query = `fieldManager=${pulumi}&force=false`;
        return plane().kubernetes.request("admin", "PATCH", `${url}?${query}`, object, "application/apply-patch+yaml");
    }

    async function applied(url: string, object: object): Promise<void> {
        const { status, body } = await apply(url, object);
        assert(status < 300, `${status} ${JSON.stringify(body)}`);
    }

    async function conflicts(url: string, object: object, field: string): Promise<void> {
        const { status, body } = await apply(url, object);
        assert.equal(status, 409, JSON.stringify(body));
        assert.match(String(body["message"]), new RegExp(`conflict with "schemaward".*: ${field}`));
    }

    const api = (replicas: number, version = "1.3.0"): object =>
        deploymentNamed("api", replicas, { version, labels: { tier: "backend" } });
    const nightly = (suspend: boolean, schedule = "0 0 1 1 *"): object => ({
        apiVersion: "batch/v1",
        kind: "CronJob",
        metadata: { name: "nightly", labels: { tier: "backend" } },
        spec: {
            suspend,
            schedule,
            jobTemplate: {
                spec: {
                    template: {
                        spec: {
                            restartPolicy: "Never",
                            containers: [{ name: "job", image: "registry.example/job:1.3.0" }],
                        },
                    },
                },
            },
        },
    });

    /** Nothing of ours is left in it, and Pulumi owns what it declares. */
    async function isClean(url: string, field: string): Promise<void> {
        const { metadata } = await read(url);
        assert.doesNotMatch(JSON.stringify(metadata), /schemaward/);
        const fields = metadata as unknown as KubernetesObject["metadata"];
        const own = fields.managedFields?.find(({ manager }) => manager === pulumi);
        assert(JSON.stringify(own).includes(`"f:${field}":{}`), JSON.stringify(own));
    }

    it("a Deployment: in conflict while it is stopped, free when released, with any count afterwards", async () => {
        await applied(deployment(), api(3));
        const gate = await findGate(plane(), chosen());
        await gate.stop();
        await conflicts(deployment(), api(3), ".spec.replicas");
        assert.equal((await read(deployment())).spec["replicas"], 0);
        await gate.release();
        assert(!(await read(deployment())).metadata.managedFields?.some(({ manager }) => manager === "schemaward"));
        assert.equal((await read(deployment())).spec["replicas"], 0);
        await applied(deployment(), api(3, "1.2.9"));
        const after = await read(deployment());
        assert.equal(after.spec["replicas"], 3);
        assert.match(JSON.stringify(after.spec["template"]), /api:1\.2\.9/);
        await gate.resume();
        await applied(deployment(), api(5, "1.2.9"));
        assert.equal((await read(deployment())).spec["replicas"], 5);
        await isClean(deployment(), "replicas");
    });

    it("a Deployment that is let in again without having been released", async () => {
        await applied(deployment(), api(3));
        const gate = await findGate(plane(), chosen());
        await gate.stop();
        await gate.resume();
        assert.equal((await read(deployment())).spec["replicas"], 3);
        assert.doesNotMatch(JSON.stringify((await read(deployment())).metadata), /schemaward/);
        await applied(deployment(), api(5));
        assert.equal((await read(deployment())).spec["replicas"], 5);
        await isClean(deployment(), "replicas");
    });

    it("a Deployment whose count Pulumi does not declare keeps it through an apply", async () => {
        const { spec, ...rest } = api(3) as { spec: Record<string, unknown> };
        const { replicas: _, ...others } = spec;
        const uncounted = { ...rest, spec: others };
        await applied(deployment(), uncounted);
        const body = { spec: { replicas: 2 } };
        const scale = `${deployment()}/scale?fieldManager=kubectl`;
        await plane().ask("PATCH", scale, body, "application/merge-patch+json");
        const gate = await findGate(plane(), chosen());
        await gate.stop();
        await gate.release();
        await applied(deployment(), uncounted);
        assert.equal((await read(deployment())).spec["replicas"], 0);
        await gate.resume();
        await applied(deployment(), uncounted);
        assert.equal((await read(deployment())).spec["replicas"], 2);
        assert.doesNotMatch(JSON.stringify((await read(deployment())).metadata), /schemaward/);
    });

    it("a CronJob's suspend", async () => {
        await applied(cronJob(), nightly(false));
        const gate = await findGate(plane(), chosen());
        await gate.stop();
        await conflicts(cronJob(), nightly(false), ".spec.suspend");
        assert.equal((await read(cronJob())).spec["suspend"], true);
        await gate.release();
        assert.equal((await read(cronJob())).spec["suspend"], true);
        await applied(cronJob(), nightly(false, "0 1 1 1 *"));
        assert.equal((await read(cronJob())).spec["suspend"], false);
        await gate.resume();
        await applied(cronJob(), nightly(true, "0 1 1 1 *"));
        await isClean(cronJob(), "suspend");

        await applied(cronJob(), nightly(false));
        await gate.stop();
        await gate.resume();
        assert.equal((await read(cronJob())).spec["suspend"], false);
        await applied(cronJob(), nightly(true));
        await isClean(cronJob(), "suspend");
    });

    it("an object of which nobody else is a manager", async () => {
        const url = urlOf("v1", namespace, "configmaps", "only");
        const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "only" }, data: { a: "1" } };
        await plane().ask("POST", `${urlOf("v1", namespace, "configmaps")}?fieldManager=schemaward`, object);
        const cluster = await openCluster({ kubeconfig: plane().kubernetes.kubeconfig("admin") });
        const place = { apiVersion: "v1", resource: "ConfigMap", plural: "configmaps", namespace, name: "only" };
        await releaseFields(cluster, place);
        cluster.close();
        assert.doesNotMatch(JSON.stringify((await read(url)).metadata), /schemaward/);
    });

    it("a run: an apply in its midst is refused, one after it is not", async () => {
        const server = await startTestServer();
        const project = new TestProject(server, await server.create())
            .migration("001", "CREATE TABLE a (id int)", "DROP TABLE a")
            .migration("002", "CREATE TABLE b (id int)", "LOCK TABLE a; DROP TABLE b");
        try {
            await project.migrate("002");
            await applied(deployment(), api(3));
            await server.withClient(project.database, async (client) => {
                await client.query("BEGIN; LOCK TABLE a");
                const kubernetes = { kubeconfig: plane().kubernetes.kubeconfig("admin") };
                const traffic = { ...defaultTraffic, ...chosen(), kubernetes, drainSeconds: 20 };
                const running = project.migrate("001", { traffic });
                running.catch(() => undefined);
                await eventually(() => project.events.some(({ type }) => type === "blocked"), "the script waits");
                await conflicts(deployment(), api(3, "1.2.9"), ".spec.replicas");
                await client.query("COMMIT");
                await running;
            });
            assert.deepEqual(await project.applied(), ["001"]);
            await applied(deployment(), api(4, "1.2.9"));
            await isClean(deployment(), "replicas");
        } finally {
            project.remove();
            await server.stop();
        }
    });
});
