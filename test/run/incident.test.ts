import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import type { Declaration } from "../../core/declaration";
import { FailedError } from "../../core/errors";
import { eventually } from "../support/eventually";
import { startCommand } from "../support/command";
import { anyBinaries, startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";
import { skip } from "../support/skip";
import { startRun } from "./start-run";

describe("the record of a rollback", function () {
    this.timeout(60_000);
    let server: TestServer;
    let project: TestProject;
    let declared: Partial<Declaration>;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = new TestProject(server, await server.create());
        project
            .migration("001", "CREATE TABLE a (id int)", "DROP TABLE a")
            .migration("002", `CREATE TABLE "b | *b*" AS SELECT generate_series(1, 1500)`, `DROP TABLE "b | *b*"`)
            .migration("003", "CREATE TABLE c AS SELECT 1 AS id", "DROP TABLE c");
        declared = { incidents: { dir: "incidents" } };
    });
    afterEach(() => {
        project.remove();
    });

    function records(): string[] {
        const dir = path.join(project.dir, "incidents");
        return existsSync(dir) ? readdirSync(dir).sort() : [];
    }

    function record(): string {
        const [file, more] = records();
        assert(file !== undefined && more === undefined, records().join());
        return readFileSync(path.join(project.dir, "incidents", file), "utf8");
    }

    it("says what was done when, what was lost, and what is left for people", async () => {
        await project.migrate("latest", declared);
        assert.deepEqual(records(), [], "going forward is no rollback");
        const verify = [{ name: "a is there", sql: "SELECT count(*) >= 0 FROM a" }];
        const { runId, plan } = await project.migrate("001", { ...declared, verify }, { observe: "full" });
        const [file] = records();
        assert.match(file ?? "", /^\d{8}_\d{6}_app_003-001_[0-9a-f]{8}\.md$/);
        const text = record();
        for (const line of [
            "# Rollback of `app`: 003 → 001",
            "It went well.",
            `| Run | \`${runId ?? ""}\` |`,
            `| Plan | \`${plan.digest}\`, needed no approval |`,
            "| Snapshot from before | none |",
            "| 003 | table dropped | c | 1 | 8.0 kB |",
            "- [ ] Stop incoming traffic (schemaward did not)",
            "- [ ] Create an emergency backup: there was none",
            "- [x] Rollback scripts run",
            "- [x] Database connectivity, ledger and history verified",
            "- [x] Smoke tests: a is there",
            "- [ ] Restore traffic",
            "- [ ] Document what went wrong",
        ])
            assert(text.split("\n").includes(line), `${line}\n\n${text}`);
        assert.match(
            text,
            /^- \[x\] \d\d:\d\d:\d\d planned\n- \[x\] [\d:]+ undone 003 m3 in \d+ ms\n- \[x\] [\d:]+ undone 002 m2 in \d+ ms\n- \[x\] [\d:]+ verified$/m,
        );
        // A name cannot make a column or emphasis of its own.
        assert.match(text, /^\| 002 \| table dropped \| "b \\\| \\\*b\\\*" \| 1,500 \| \S+ kB \|$/m);
        assert(project.events.some((event) => event.type === "incident" && event.file.endsWith(file ?? "?")));
    });

    it("names the snapshot and its store", async function () {
        if (!anyBinaries().hasDump) skip(this, "needs pg_dump");
        await project.migrate("latest");
        const store = `file:${path.join(project.dir, "backups")}`;
        const { snapshot } = await project.migrate("002", { ...declared, snapshot: { store, required: true } });
        const text = record();
        assert(text.includes(`| Snapshot from before | \`${snapshot ?? ""}\` |`), text);
        assert(text.includes(`| Store | \`${store}\` |`), text);
        assert(text.includes(`- [x] Emergency backup: \`${snapshot ?? ""}\``), text);
        assert.match(text, /planned\n- \[x\] [\d:]+ snapshotted\n- \[x\] [\d:]+ undone 003/);
    });

    it("of a run that failed says so, and what is left to do", async () => {
        await project.migrate("latest");
        project.write({ "rollback/002_down.sql": "SELECT 1 / 0" });
        await assert.rejects(project.migrate("0", declared, { observe: "full" }), FailedError);
        const text = record();
        assert.match(text, /^It \*\*failed\*\*: 002 failed going back: division by zero$/m);
        assert.match(
            text,
            /^- \[x\] [\d:]+ undone 003 m3 in \d+ ms\n- \[ \] 002 m2: rollback\/002\\_down\.sql\n- \[ \] 001 m1: rollback\/001\\_down\.sql$/m,
        );
        assert.match(text, /^- \[ \] Run the rest of the rollback scripts/m);
        assert.match(text, /^- \[ \] Database connectivity/m);
        assert.doesNotMatch(text, /\| 002 \| table dropped/, "what was not undone is not lost");
    });

    it("that cannot be written does not make the rollback fail", async () => {
        await project.migrate("latest");
        writeFileSync(path.join(project.dir, "incidents"), "a file in the folder's place");
        await project.migrate("002", declared);
        assert(project.events.some((event) => event.type === "incident-failed"));
    });

    it("is posted to a webhook; that it was not is told without its URL, and fails nothing", async () => {
        const bodies: string[] = [];
        let answer = 204;
        const hook = createServer((request, response) => {
            let body = "";
            request.on("data", (chunk: Buffer) => (body += chunk.toString()));
            request.on("end", () => {
                bodies.push(body);
                response.writeHead(answer, { location: "/elsewhere" }).end();
            });
        }).listen(0, "127.0.0.1");
        await once(hook, "listening");
        const { port } = hook.address() as AddressInfo;
        const variable = "SCHEMAWARD_TEST_WEBHOOK";
        process.env[variable] = `http://127.0.0.1:${port}/hunter2`;
        try {
            await project.migrate("latest");
            const back = async (to: string): Promise<string[]> => {
                project.events.length = 0;
                await project.migrate(to, { incidents: { webhook: { env: variable } } });
                return project.events.flatMap((event) => (event.type === "incident-failed" ? [event.why] : []));
            };
            assert.deepEqual(await back("002"), []);
            const [body = ""] = bodies;
            const posted = JSON.parse(body) as { text: string; markdown: string; run: { to: string } };
            assert.match(posted.text, /^Rollback of app, 003 → 002, by .*: done$/);
            assert.match(posted.markdown, /^# Rollback of `app`: 003 → 002$/m);
            assert.equal(posted.run.to, "002");

            answer = 500;
            assert.deepEqual(await back("001"), [`the webhook in ${variable} answered with 500`]);
            hook.close();
            hook.closeAllConnections();
            assert.deepEqual(await back("0"), [`the webhook in ${variable} cannot be reached (ECONNREFUSED)`]);
            await project.migrate("latest");
            delete process.env["SCHEMAWARD_TEST_WEBHOOK"];
            assert.deepEqual(await back("0"), [`the environment variable ${variable} is not set`]);
        } finally {
            hook.close();
            delete process.env["SCHEMAWARD_TEST_WEBHOOK"];
        }
        assert.deepEqual(await project.applied(), []);
    });

    it("is printed by the command from the ledger, also of a run that was killed", async () => {
        const run = async (...args: string[]): ReturnType<typeof startCommand>["done"] =>
            startCommand("cli/main.js", ["incident", "--dir", "migrations", "--set", "app", ...args], {
                cwd: project.dir,
                env: { DATABASE_URL: server.url(project.database) },
            }).done;
        const none = await run();
        assert.equal(none.code, 3);
        assert.match(none.stderr, /No run of the set app has gone back/);

        await project.migrate("latest");
        project.write({ "rollback/002_down.sql": "SELECT pg_sleep(600)" });
        const child = startRun(project, "0");
        await eventually(async () => (await project.sleeping(600)) === 1);
        child.kill("SIGKILL");
        await once(child, "exit");
        const { code, stdout } = await run();
        assert.equal(code, 0);
        assert.match(stdout, /^# Rollback of `app`: 003 → 0$/m);
        assert.match(stdout, /^It \*\*never wrote its end\*\*/m);
        assert.match(stdout, /undone 003 m3/);
        const { json } = await run("--json");
        const document = json<{ ok: boolean; run: { id: string; status: string }; markdown: string }>();
        assert.deepEqual([document.ok, document.run.status], [true, "running"]);
        assert.equal(`${document.markdown.trimEnd()}\n`, stdout);
        assert.equal((await run("--run", document.run.id)).stdout, stdout);
        assert.equal((await run("--run", "nothing")).code, 3);
    });
});
