import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { type CommandResult, startCommand } from "../support/command";
import { canary, startTestServer, type TestServer } from "../support/postgres";
import { engines, PulumiProject } from "../support/pulumi";
import { skip } from "../support/skip";

/** The password of a role that a migration makes. */
const inScript = "scr1pt-c4nary-9f27";
const secrets = [canary, encodeURIComponent(canary), inScript];

/** Looks at all processes' arguments, and at files that come into the temporary folder, until it is stopped. */
class Hunt {
    private readonly before = new Set(readdirSync(os.tmpdir()));
    private readonly seen: string[] = [];
    private looks = 0;
    private readonly timer = setInterval(() => {
        this.look();
    }, 15);

    constructor(private readonly own: string) {}

    private look(): void {
        this.looks++;
        for (const pid of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry)))
            this.check(`/proc/${pid}/cmdline`, () => readFileSync(`/proc/${pid}/cmdline`, "utf8"));
        for (const name of readdirSync(os.tmpdir()))
            if (!this.before.has(name) && !this.own.includes(name)) this.checkBelow(path.join(os.tmpdir(), name));
    }

    /** Small files only: what is written in passing, not a server's data. */
    private checkBelow(file: string): void {
        const facts = statSync(file, { throwIfNoEntry: false });
        if (facts?.isFile() === true && facts.size < 1_000_000) this.check(file, () => readFileSync(file, "latin1"));
        if (facts?.isDirectory() === true && !path.basename(file).startsWith("schemaward-pg-"))
            for (const name of readdirSync(file)) this.checkBelow(path.join(file, name));
    }

    private check(where: string, read: () => string): void {
        let text = "";
        try {
            text = read();
        } catch {
            return;
        }
        for (const secret of secrets) if (text.includes(secret)) this.seen.push(`${where}: ${text.slice(0, 200)}`);
    }

    end(): void {
        clearInterval(this.timer);
    }

    judge(): void {
        assert(this.looks > 20, `only ${this.looks} looks`);
        assert.deepEqual(this.seen, []);
    }
}

/** Paths of all files in a folder, but for those of some of its entries: what a link there leads to may be large. */
function filesOf(folder: string, except: readonly string[]): string[] {
    const entries = readdirSync(folder, { withFileTypes: true }).filter(({ name }) => !except.includes(name));
    return entries.flatMap((entry) => {
        if (!entry.isDirectory()) return entry.name;
        return filesOf(path.join(folder, entry.name), []).map((file) => path.join(entry.name, file));
    });
}

for (const engine of engines())
    describe(`no secret anywhere, on ${engine.name}`, function () {
        this.timeout(240_000);
        let server: TestServer;
        let project: PulumiProject;
        let hunt: Hunt | undefined;

        before(async function () {
            if (process.platform !== "linux") skip(this, "needs Linux: looks into /proc");
            server = await startTestServer();
            project = new PulumiProject(server, await server.create());
        });
        after(async () => {
            hunt?.end();
            project.remove();
            await server.stop();
        });

        function clean(what: string, text: string): void {
            for (const secret of secrets) {
                const at = text.indexOf(secret);
                assert.equal(at, -1, `${what}: …${text.slice(Math.max(0, at - 200), at + 60)}…`);
            }
        }

        async function run(what: string, running: Promise<CommandResult>): Promise<CommandResult> {
            const result = await running;
            clean(what, result.stdout + result.stderr);
            return result;
        }

        it("state, plan, log, error, manifest, process list, temporary files, ledger", async () => {
            project
                .migration(
                    "001",
                    "CREATE TABLE a (id int);\nINSERT INTO a SELECT generate_series(1, 2000);",
                    "DROP TABLE a",
                )
                .migration("002", `CREATE ROLE canary_role LOGIN PASSWORD '${inScript}'`, "DROP ROLE canary_role")
                .migration("003", "CREATE TABLE b AS SELECT id FROM a, pg_sleep(0.5)", "DROP TABLE b")
                .migration("004", `ALTER ROLE nobody_there PASSWORD '${inScript}'`, "SELECT 1");
            project.set({
                snapshot: { required: server.binaries.hasDump, store: "file:./backups" },
                app: "1.3.0",
                incidents: { dir: "incidents" },
            });
            await project.init(engine);
            hunt = new Hunt(project.dir);
            const pulumi = async (...args: string[]): Promise<CommandResult> =>
                run(args.join(" "), project.pulumi(engine, ...args));
            const command = async (...args: string[]): Promise<CommandResult> =>
                run(args.join(" "), startCommand("cli/main.js", args, { cwd: project.dir, env: project.env }).done);

            for (const args of [["preview"], ["preview", "--diff"], ["preview", "--json"]])
                assert.equal((await pulumi(...args)).code, 0);
            const failed = await pulumi("up", "--yes", "--skip-preview");
            assert.notEqual(failed.code, 0);
            assert.match(failed.stdout, /004_m4\.sql:1: 004 failed going forward: role "nobody_there" does not exist/);
            assert.match(failed.stdout, /\[redacted\]/);
            project.write({ "004_m4.sql": null, "rollback/004_down.sql": null });
            assert.equal((await pulumi("up", "--yes", "--skip-preview")).code, 0);
            for (const args of [
                ["stack", "export"],
                ["stack", "output"],
                ["stack", "output", "--json", "--show-secrets"],
            ])
                assert.equal((await pulumi(...args)).code, 0);
            for (const args of [
                ["status"],
                ["plan"],
                ["plan", "--to", "0"],
                ["migrate", "--yes", "--to", "1"],
                ["incident"],
                ["resume", "--yes"],
                ["validate"],
            ]) {
                for (const json of [[], ["--json"]]) {
                    const { code, stdout, stderr } = await command(...args, "--stack", "dev", ...json);
                    assert.equal(code, 0, stdout + stderr);
                }
            }
            // A wrong password, and a server that is not there.
            const url = project.env["DATABASE_URL"] ?? "";
            for (const [wrong, isUrl] of [
                [url.replace("//owner", "//nobody"), true],
                [url.replace(/:\d+\//, ":1/"), true],
                [`${url}?sslmode=require`, true],
                [`x${url}`, false],
            ] as const) {
                project.env = { ...project.env, DATABASE_URL: wrong };
                // Where nothing answers the plan is deferred; what is no URL is an error.
                assert.equal((await pulumi("preview")).code === 0, isUrl);
                assert.notEqual((await pulumi("up", "--yes", "--skip-preview")).code, 0);
                assert.equal((await command("status", "--stack", "dev")).code, isUrl ? 1 : 3);
            }
            project.env = { ...project.env, DATABASE_URL: url };
            project.set({ version: "0" });
            assert.equal((await pulumi("up", "--yes")).code, 0);
            hunt.end();
            hunt.judge();

            const rows = await project.query(
                `SELECT (SELECT json_agg(r)::text FROM schemaward.runs r), (SELECT json_agg(m)::text FROM schemaward.migrations m),
                        (SELECT json_agg(s)::text FROM schemaward.sets s), (SELECT json_agg(s)::text FROM schemaward.run_steps s)`,
            );
            clean("the ledger", JSON.stringify(rows));
            assert(readdirSync(path.join(project.dir, "incidents")).length > 0);
            for (const file of filesOf(project.dir, ["node_modules", "migrations"]))
                clean(file, readFileSync(path.join(project.dir, file), "latin1"));
        });
    });
