import assert from "node:assert/strict";
import { gateAnnotation } from "../../core/traffic/marks";
import { fails, succeeds } from "../support/command";
import { withControlPlane } from "../support/control-plane";
import { eventually } from "../support/eventually";
import { startTestServer, type TestServer } from "../support/postgres";
import { engines, PulumiProject } from "../support/pulumi";

/**
 * A program with a schema and a Deployment in one `up`. The plugin of @pulumi/kubernetes cannot be had here: in its place stands a dynamic
 * resource that does to the real API server what it does, server-side apply, unforced.
 */
const program = `
import * as pulumi from "@pulumi/pulumi";
import { PostgresSchema } from "schemaward";
import { settings } from "schemaward/settings";

declare const require: any;
const provider: pulumi.dynamic.ResourceProvider = {
    create: async (inputs: any) => ({ id: "api", outs: await require("node:module").createRequire(process.cwd() + "/package.json")("./deploy.js")(inputs) }),
    update: async (_id: string, _olds: any, news: any) => ({ outs: await require("node:module").createRequire(process.cwd() + "/package.json")("./deploy.js")(news) }),
};
class Deployment extends pulumi.dynamic.Resource {
    constructor(name: string, args: any, options?: pulumi.CustomResourceOptions) {
        super(provider, name, args, options);
    }
}

const s = settings();
const schema = new PostgresSchema("app", s);
const api = new Deployment("api", { version: process.env.DEPLOY_VERSION ?? s.app, replicas: 2 }, { dependsOn: schema });
schema.resumeAfter([api]);
export const at = schema.at;
`;

const deploy = `
const https = require("node:https");
const { KUBE_SERVER, KUBE_CA, KUBE_TOKEN, KUBE_NAMESPACE, DEPLOY_FAILS } = process.env;
module.exports = ({ version, replicas }) => new Promise((resolve, reject) => {
    if (DEPLOY_FAILS === "1") return reject(new Error("the image cannot be pulled"));
    const labels = { app: "api", tier: "backend" };
    const body = {
        apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "api", namespace: KUBE_NAMESPACE, labels },
        spec: { replicas, selector: { matchLabels: { app: "api" } }, template: {
            metadata: { labels: { ...labels, "app.kubernetes.io/version": version } },
            spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "api", image: "registry.example/api:" + version }] } } },
    };
    const url = new URL("/apis/apps/v1/namespaces/" + KUBE_NAMESPACE + "/deployments/api?fieldManager=pulumi-kubernetes-5c1e9a04", KUBE_SERVER);
    const headers = { authorization: "Bearer " + KUBE_TOKEN, "content-type": "application/apply-patch+yaml" };
    const sent = https.request(url, { method: "PATCH", ca: KUBE_CA, headers }, (response) => {
        let text = "";
        response.on("data", (chunk) => (text += chunk)).on("end", () =>
            response.statusCode < 300 ? resolve({ version, replicas }) : reject(new Error(response.statusCode + " " + text)));
    });
    sent.on("error", reject);
    sent.end(JSON.stringify(body));
});
`;

for (const engine of engines())
    describe(`application and schema in one up, on ${engine.name}`, function () {
        this.timeout(180_000);
        const plane = withControlPlane();
        let server: TestServer;
        let project: PulumiProject;
        let namespace: string;

        before(async () => {
            server = await startTestServer();
        });
        after(async () => server.stop());
        beforeEach(async () => {
            const { kubernetes } = plane();
            namespace = await plane().namespace();
            project = new PulumiProject(server, await server.create());
            project
                .migration("001", "CREATE TABLE a (id int)", "DROP TABLE a")
                .migration("002", "CREATE TABLE b (id int)", "DROP TABLE b");
            project.put("index.ts", program);
            project.put("deploy.js", deploy);
            project.env = {
                ...project.env,
                KUBECONFIG: kubernetes.kubeconfig("admin"),
                KUBE_SERVER: kubernetes.server,
                KUBE_CA: kubernetes.ca,
                KUBE_TOKEN: kubernetes.token("admin"),
                KUBE_NAMESPACE: namespace,
            };
            project.set({
                version: "001",
                app: "1.2.9",
                traffic: { stopTraffic: "always", namespace, selector: "tier=backend", drainSeconds: 20 },
                policy: {
                    approval: "never",
                    compatibility: [
                        { app: "1.3.x", from: "002", to: "latest" },
                        { app: "1.2.x", from: "001", to: "001" },
                    ],
                },
            });
            await project.init(engine);
            await succeeds(project.up(engine));
        });
        afterEach(() => {
            project.remove();
        });

        interface Deployed {
            readonly metadata: {
                readonly annotations?: Record<string, string>;
                readonly managedFields: { readonly manager: string }[];
            };
            readonly spec: {
                readonly replicas: number;
                readonly template: { readonly spec: { readonly containers: { readonly image: string }[] } };
            };
        }

        async function deployed(): Promise<{ image: string; replicas: number; stopped: boolean; managers: string }> {
            const url = `/apis/apps/v1/namespaces/${namespace}/deployments/api`;
            const { metadata, spec } = (await plane().ask("GET", url)) as unknown as Deployed;
            return {
                image: spec.template.spec.containers[0]?.image.split(":")[1] ?? "",
                replicas: spec.replicas,
                stopped: metadata.annotations?.[gateAnnotation] !== undefined,
                managers: metadata.managedFields
                    .map((f) => f.manager)
                    .filter((m) => m !== "kube-controller-manager")
                    .join(),
            };
        }

        const running = (image: string): object => ({
            image,
            replicas: 2,
            stopped: false,
            managers: "pulumi-kubernetes-5c1e9a04",
        });

        it("forward the schema comes first, then the workloads; back, traffic waits for the old version", async () => {
            assert.deepEqual(await deployed(), running("1.2.9"));
            for (const [version, app, way] of [
                ["002", "1.3.0", "FORWARD"],
                ["001", "1.2.9", "BACK"],
            ] as const) {
                project.set({ version, app });
                const plan = await succeeds(project.preview(engine));
                assert.match(plan, new RegExp(`${way}[^]*gate api×2 → 002 → verify → hold for ${app}`));
                const out = await succeeds(project.up(engine));
                assert.match(out, /gate: no traffic any more/);
                assert.match(out, /TRAFFIC STAYS STOPPED/);
                assert.match(out, /gate: traffic is let in again: api×2/);
                assert.deepEqual(await deployed(), running(app));
                await succeeds(project.preview(engine, "--expect-no-changes"));
            }
            const journal = await project.query("SELECT kind FROM schemaward.run_steps ORDER BY seq");
            assert.deepEqual(journal.flat().slice(-6), ["planned", "gated", "undone", "verified", "held", "resumed"]);
        });

        it("a deployment that fails leaves traffic stopped, each preview warns, and the next up lets it in", async () => {
            project.set({ version: "002", app: "1.3.0" });
            project.env = { ...project.env, DEPLOY_FAILS: "1" };
            await fails(project.up(engine));
            assert.equal((await deployed()).replicas, 0);
            for (let i = 0; i < 2; i++)
                assert.match(
                    await succeeds(project.preview(engine)),
                    /TRAFFIC IS STOPPED[^\n]*api×2; waits until api carries 1\.2\.9, which does not accept the schema at 002/,
                );
            project.env = { ...project.env, DEPLOY_FAILS: "0" };
            const out = await succeeds(project.up(engine));
            assert.match(out, /gate: traffic is let in again: api×2/);
            assert.deepEqual(await deployed(), running("1.3.0"));
            await succeeds(project.preview(engine, "--expect-no-changes"));
        });

        it("Ctrl-C lets the schema's run end, and begins no deployment: traffic stays stopped until the next up", async () => {
            project.migration("002", "CREATE TABLE b (id int);\nSELECT pg_sleep(2) WHERE EXISTS (SELECT FROM a)");
            await project.query("INSERT INTO a VALUES (1)");
            project.set({ version: "002", app: "1.3.0" });
            const command = project.startInTerminal(engine, "up", "--yes", "--skip-preview");
            await eventually(() => command.output().includes("gate: no traffic any more"), "the gate", 30);
            command.ctrlC();
            assert.match(
                await fails(command.done),
                /\^C received; cancelling[^]*002 m2 done[^]*TRAFFIC STAYS STOPPED \(api×2\): api carries 1\.2\.9[^]*update canceled/,
            );
            assert.deepEqual(await deployed(), { ...running("1.2.9"), replicas: 0, stopped: true });
            assert.match(
                await succeeds(project.preview(engine)),
                /at 002, nothing to do[^]*TRAFFIC IS STOPPED[^\n]*api×2/,
            );
            await succeeds(project.up(engine));
            assert.deepEqual(await deployed(), running("1.3.0"));
        });

        it("an application that does not accept the schema is not let in, and the command that would is named", async () => {
            project.set({ version: "002", app: "1.3.0" });
            project.env = { ...project.env, DEPLOY_VERSION: "1.2.10" };
            const out = await fails(project.up(engine));
            assert.match(
                out,
                /Traffic is not let in again: api carries 1\.2\.10, which does not accept the schema at 002/,
            );
            assert.match(out, /schemaward resume --stack dev --ignore-versions/);
            const { DEPLOY_VERSION: _, ...env } = project.env;
            project.env = env;
            await succeeds(project.up(engine));
            assert.deepEqual(await deployed(), running("1.3.0"));
        });
    });
