import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { stackFileText } from "../../tools/user-project";
import { Backend } from "../support/backend";
import { type CommandResult, startCommand } from "../support/command";
import { withControlPlane } from "../support/control-plane";
import { startTestServer, type TestServer } from "../support/postgres";

describe("schemaward, the command as it is installed, with traffic on a real control plane", function () {
    this.timeout(60_000);
    const plane = withControlPlane();
    let server: TestServer;
    let backend: Backend;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        backend = await Backend.start(plane(), server, undefined, "0");
    });
    afterEach(() => {
        backend.project.remove();
    });

    function declare(app: string): void {
        const settings = {
            version: "003",
            app,
            migrations: { dir: "migrations", format: "numbered" },
            connection: { env: "DATABASE_URL" },
            snapshot: { required: false },
            policy: {
                approval: "never",
                compatibility: [
                    { app: "1.3.x", from: "003", to: "latest" },
                    { app: "1.2.x", from: "001", to: "002" },
                ],
            },
            traffic: {
                ...{ namespace: backend.namespace, selector: "tier=backend", drainSeconds: 20 },
                kubernetes: { kubeconfig: plane().kubernetes.kubeconfig("admin") },
            },
        };
        const { dir } = backend.project;
        writeFileSync(path.join(dir, "Pulumi.yaml"), "name: clinic\nruntime: nodejs\n");
        writeFileSync(path.join(dir, "Pulumi.dev.yaml"), stackFileText("clinic", settings));
    }

    async function run(...args: string[]): Promise<CommandResult> {
        const { dir, database } = backend.project;
        const env = { DATABASE_URL: server.url(database) };
        return startCommand("cli/main.js", [...args, "--stack", "dev"], { cwd: dir, env }).done;
    }

    it("plans, stops, holds, says so, and lets in what may come", async () => {
        declare("1.3.0");
        const forward = await run("migrate", "--yes");
        assert.equal(forward.code, 0, forward.stdout + forward.stderr);
        declare("1.2.9");
        const back = await run("migrate", "--to", "002", "--yes", "--json");
        assert.equal(back.code, 0, back.stdout + back.stderr);
        assert.deepEqual(back.json<{ heldFor: string[] }>().heldFor, [
            "api carries 1.3.0, which does not accept the schema at 002",
            "worker carries 1.3.0, which does not accept the schema at 002",
        ]);
        await backend.assertTrafficIsStopped();
        const held = await run("status");
        assert.match(held.stdout, /stopped/, held.stderr);
        const refused = await run("resume", "--yes");
        assert.match(refused.stdout + refused.stderr, /1\.3\.0, which does not accept the schema at 002/);
        await backend.assertTrafficIsStopped();
        const resumed = await run("resume", "--yes", "--ignore-versions");
        assert.equal(resumed.code, 0, resumed.stdout + resumed.stderr);
        await backend.assertTrafficIsIn();
        assert.equal(await backend.tables(), "ab");
    });
});
