import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { planSchema } from "../../core/plan/plan-schema";
import { hasCommand } from "../../tools/process";
import { type CommandResult, type RunningCommand, startCommand, startProcess } from "../support/command";
import { eventually } from "../support/eventually";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";
import { skip } from "../support/skip";
import { root } from "../../tools/pg-binaries";

describe("the schemaward command", function () {
    this.timeout(60_000);
    let server: TestServer;
    let project: TestProject;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = new TestProject(server, await server.create());
        project
            .migration(
                "001",
                "CREATE TABLE a (id int);\nINSERT INTO a SELECT generate_series(1, 1234);",
                "DROP TABLE a",
            )
            .migration("002", "CREATE TABLE b (id int)", "DROP TABLE b");
    });
    afterEach(() => {
        project.remove();
    });

    function start(...args: string[]): RunningCommand {
        return startCommand("cli/main.js", args, {
            cwd: project.dir,
            env: { DATABASE_URL: server.url(project.database) },
        });
    }

    async function run(...args: string[]): Promise<CommandResult> {
        return start(...args).done;
    }

    const dir = ["--dir", "migrations"];

    async function untouched(): Promise<void> {
        assert.deepEqual(
            await project.query(
                "SELECT count(*), to_regnamespace('schemaward') FROM pg_class WHERE relnamespace = 'public'::regnamespace",
            ),
            [["0", null]],
        );
    }

    it("status: where it is and what is pending", async () => {
        const before = await run("status", ...dir);
        assert.equal(before.code, 0, before.stderr);
        assert.equal(before.stdout, "default is at 0: 0 applied, 2 pending\npending 001 m1\npending 002 m2\n");
        await run("migrate", ...dir, "--to", "1", "--yes");
        const { code, json } = await run("status", ...dir, "--json");
        const status = json<{
            at: string;
            declared: string;
            applied: { version: string }[];
            pending: { version: string }[];
        }>();
        assert.equal(code, 0);
        assert.deepEqual(
            [status.at, status.declared, status.applied.map((a) => a.version), status.pending.map((p) => p.version)],
            ["001", "latest", ["001"], ["002"]],
        );
    });

    it("plan: changes nothing, and its JSON is of the published form", async () => {
        const text = await run("plan", ...dir, "--to", "latest");
        assert.equal(text.code, 0);
        assert.match(text.stdout, /^default {2}0 → 002 {2}FORWARD, 2 up scripts +plan [0-9a-f]{8}$/m);
        const { code, json } = await run("plan", ...dir, "--to", "2", "--json");
        assert.equal(code, 0);
        assert.equal(planSchema.parse(json()).to, "002");
        await untouched();
    });

    it("plan: what takes a while says how far it is; what does not, nothing", async () => {
        project.migration("003", "SELECT pg_sleep(2.1)", "SELECT 1").migration("004", "SELECT 1", "SELECT 1");
        const [long, document, short] = await Promise.all([
            run("plan", ...dir),
            run("plan", ...dir, "--json"),
            run("plan", ...dir, "--to", "2"),
        ]);
        assert.equal(long.stderr, "planning: 3 of 4 scripts looked at\n");
        assert.match(long.stdout, /^default {2}0 → 004 /);
        assert.equal(document.stderr, "");
        assert.equal(planSchema.parse(document.json()).to, "004");
        assert.equal(short.stderr, "");
    });

    it("plan: says nothing besides, also where the shadow cannot follow", async () => {
        project.migration("003", "DO $$ BEGIN ASSERT EXISTS (SELECT FROM a); END $$", "SELECT 1");
        const { code, stdout, stderr } = await run("plan", ...dir);
        assert.equal(code, 0);
        assert.match(stdout, /by parser/);
        assert.equal(stderr, "");
    });

    it("migrate: forward, nothing to do, back, all the way down", async () => {
        const first = await run("migrate", ...dir, "--yes");
        assert.equal(first.code, 0, first.stderr);
        assert.match(first.stdout, /done: at 002\n$/);
        assert.match(first.stderr, /^\[1\/2\] ↑ 001 m1 done in \d+ ms$/m);
        assert(!(first.stdout + first.stderr).includes("\u001b"), "no colours where there is no terminal");
        const again = await run("migrate", ...dir, "--yes", "--to", "latest");
        assert.deepEqual([again.code, again.stdout.split("\n").at(-2)], [0, "nothing to do: at 002"]);
        const back = await run("migrate", ...dir, "--yes", "--to", "1");
        assert.equal(back.code, 0, "an empty table is no loss");
        const refused = await run("migrate", ...dir, "--yes", "--to", "0");
        assert.equal(refused.code, 2);
        assert.match(refused.stdout, /table a 1,234 rows .* LOST/);
        assert.match(refused.stderr, /it loses data[^]*--allow-data-loss[^]*Nothing was touched/);
        const down = await run("migrate", ...dir, "--yes", "--to", "0", "--allow-data-loss", "--json");
        assert.equal(down.code, 0);
        const result = down.json<{ ok: boolean; changed: boolean; version: null; plan: { lost: { rows: number } } }>();
        assert.deepEqual([result.ok, result.changed, result.version, result.plan.lost.rows], [true, true, null, 1234]);
        assert.equal(down.stderr, "");
        assert.deepEqual(await project.query("SELECT to_regclass('a')"), [[null]]);
    });

    it("migrate: with nobody to ask it wants --yes", async () => {
        const { code, stderr } = await run("migrate", ...dir);
        assert.equal(code, 3);
        assert.match(stderr, /There is nobody to ask here[^]*Give --yes/);
        await untouched();
    });

    it("migrate: on a terminal it asks", async function () {
        if (!hasCommand("script", ["--version"])) skip(this, "needs util-linux's script, which makes a terminal");
        const command = `${process.execPath} ${path.join(root, "dist/cli/main.js")} migrate --dir migrations`;
        for (const [answer, code] of [
            ["no", 2],
            ["yes", 0],
        ] as const) {
            const typing = `while ! grep -qs 'Type yes' seen; do sleep 0.1; done; echo ${answer}`;
            const running = startProcess("sh", ["-c", `(${typing}) | script -qefc '${command}' seen`], {
                cwd: project.dir,
                env: { DATABASE_URL: server.url(project.database) },
            });
            const result = await running.done;
            assert.equal(result.code, code, running.output());
            if (answer === "no") await untouched();
        }
        assert.deepEqual(await project.applied(), ["001", "002"]);
    });

    it("migrate: a script that fails exits with 1, and says all in text and JSON", async () => {
        project.migration("002", "CREATE TABLE b (id int);\nSELECT nothing;", "DROP TABLE b");
        const text = await run("migrate", ...dir, "--yes");
        assert.equal(text.code, 1);
        assert.match(text.stderr, /^error: 002_m2\.sql:2: 002 failed going forward: column "nothing" does not exist$/m);
        assert.doesNotMatch(text.stderr, /\n\s+at /, "no stack trace");
        const { code, json } = await run("migrate", ...dir, "--yes", "--json");
        assert.equal(code, 1);
        const failed = json<{
            ok: boolean;
            exitCode: number;
            error: { where: { file: string; line: number }; detail: string[] };
        }>();
        assert.deepEqual([failed.ok, failed.exitCode, failed.error.where], [false, 1, { file: "002_m2.sql", line: 2 }]);
        assert(failed.error.detail.includes("SQLSTATE 42703"));
        assert.match(
            (await run("status", ...dir)).stdout,
            /^last run: 001 → 002 by .*, failed before anything was done: 002 failed going forward: column "nothing" does not exist$/m,
        );
        const status = (await run("status", ...dir, "--json")).json<{ lastRun: { outcome: string; to: string } }>();
        assert.deepEqual([status.lastRun.outcome, status.lastRun.to], ["failed", "002"]);
    });

    it("resume: goes on with a run that failed, or back to where it began, and only then", async () => {
        const nothing = await run("resume", ...dir, "--yes", "--json");
        assert.equal(nothing.code, 0, nothing.stderr);
        assert.deepEqual(nothing.json<{ ok: boolean; changed: boolean }>().changed, false);

        await run("migrate", ...dir, "--to", "1", "--yes");
        assert.match(
            (await run("resume", ...dir, "--yes")).stdout,
            /nothing to resume: the last run ended well, at 001/,
        );
        project
            .migration("002", "CREATE TABLE b (id int); CREATE TABLE lets (past int)", "DROP TABLE b; DROP TABLE lets")
            .migration("003", "SELECT 1 / count(*) FROM lets", "SELECT 1");
        assert.equal((await run("migrate", ...dir, "--yes")).code, 1);
        const alone = await run("resume", ...dir);
        assert.equal(alone.code, 3);
        assert.match(alone.stderr, /There is nobody to ask here/);

        const back = await run("resume", ...dir, "--undo", "--yes");
        assert.equal(back.code, 0, back.stderr);
        assert.match(
            back.stderr,
            /^last run: 001 → 003 by .*, failed after 002 applied: 003 failed going forward: division by zero$/m,
        );
        assert.deepEqual(await project.applied(), ["001"]);

        assert.equal((await run("migrate", ...dir, "--yes")).code, 1);
        await project.query("INSERT INTO lets VALUES (1)");
        const { code, json } = await run("resume", ...dir, "--yes", "--json");
        assert.equal(code, 0);
        assert.deepEqual(json<{ changed: boolean; version: string }>().version, "003");
        assert.deepEqual(await project.applied(), ["001", "002", "003"]);
    });

    it("resume: not while the run is at work, nor when it has ended well meanwhile", async () => {
        project.migration("002", "SELECT pg_sleep(3)", "SELECT 1");
        const first = start("migrate", ...dir, "--yes");
        await eventually(async () => (await project.sleeping(3)) === 1);
        const [refused, waited] = await Promise.all([
            run("resume", ...dir, "--yes"),
            run("resume", ...dir, "--yes", "--undo", "--wait", "30"),
        ]);
        assert.equal(refused.code, 2);
        assert.match(refused.stderr, /There is nothing to resume yet: 0 → 002 by .* is still at work/);
        assert.equal(waited.code, 2, waited.stdout);
        assert.match(waited.stderr, /has ended well by now/);
        assert.equal((await first.done).code, 0);
        assert.deepEqual(await project.applied(), ["001", "002"]);
    });

    for (const signal of ["SIGINT", "SIGTERM"] as const)
        it(`migrate: ${signal} rolls back what runs and ends`, async () => {
            project.migration("002", "CREATE TABLE b (id int);\nSELECT pg_sleep(600);", "DROP TABLE b");
            const { child, done } = start("migrate", ...dir, "--yes");
            await eventually(async () => (await project.sleeping(600)) === 1);
            child.kill(signal);
            const { code, stderr } = await done;
            assert.equal(code, 1);
            assert.match(stderr, /002 was interrupted going forward[^]*Run the same command again/);
            assert.deepEqual(await project.applied(), ["001"]);
        });

    it("migrate: waits for another run when told to", async () => {
        project.migration("002", "SELECT pg_sleep(1.5)", "SELECT 1");
        const first = start("migrate", ...dir, "--yes");
        await eventually(async () => (await project.sleeping(1.5)) === 1);
        const refused = await run("migrate", ...dir, "--yes");
        assert.equal(refused.code, 2);
        assert.match(refused.stderr, /Another run works on this database: schemaward run/);
        const waited = await run("migrate", ...dir, "--yes", "--wait", "20");
        assert.equal(waited.code, 0, waited.stderr);
        assert.equal((await first.done).code, 0);
    });

    it("plan: is refused where migrate would be, and says what allows it", async () => {
        await run("migrate", ...dir, "--yes");
        assert.equal((await run("plan", ...dir)).code, 0);
        await project.query("INSERT INTO a VALUES (1)");
        const { code, stdout } = await run("plan", ...dir, "--to", "0");
        assert.equal(code, 2);
        assert.match(stdout, /REFUSED +This plan needs approval: it loses data\.\n +Allow it with: --allow-data-loss/);
    });

    it("a set that nobody has named does not begin a second history", async () => {
        await run("migrate", ...dir, "--set", "app", "--yes");
        await project.query("INSERT INTO a VALUES (1)");
        for (const args of [
            ["plan", ...dir],
            ["migrate", ...dir, "--yes"],
            ["resolve", ...dir, "--applied", "002"],
        ]) {
            const { code, stdout, stderr } = await run(...args);
            assert.equal(code, 2, args.join(" "));
            assert.match(stdout + stderr, /has the history of the set app, and none of a set named default/);
            assert.match(stdout + stderr, /[Aa]llow it with: --set app, if that is meant; or --set default/);
        }
        assert.match((await run("status", ...dir)).stdout, /REFUSED This database has the history of the set app/);
        assert.deepEqual(await project.query("SELECT DISTINCT set_name FROM schemaward.migrations"), [["app"]]);
        assert.equal((await run("plan", ...dir, "--set", "app")).code, 0);
    });

    it("validate: does not call what is gone from the folder as on disk", async () => {
        await run("migrate", ...dir, "--yes");
        assert.match(
            (await run("validate", ...dir)).stdout,
            /, and 2 of the 2 applied ones are in the folder as they were/,
        );
        project.write({ "002_m2.sql": null, "rollback/002_down.sql": null });
        const { stdout } = await run("validate", ...dir);
        assert.match(stdout, /, and 1 of the 2 applied ones are in the folder/);
        assert.match(stdout, /warning: 002 is applied, and is no longer in the folder/);
    });

    it("validate: reads all scripts, with and without a database", async () => {
        project.write({ "003_m3.sql": "SELECT 1" });
        const alone = startCommand("cli/main.js", ["validate", "--dir", "migrations"], {
            cwd: project.dir,
            env: { DATABASE_URL: undefined },
        });
        const { code, stdout } = await alone.done;
        assert.equal(code, 0);
        assert.match(
            stdout,
            /^3 migrations are in order\nwarning: 003 has no rollback\/003_down\.sql: there is no way back over it\n$/,
        );
        project.write({ "004_m4.sql": "SELEC 1", "rollback/004_down.sql": "\\d" });
        const wrong = await run("validate", ...dir);
        assert.equal(wrong.code, 3);
        assert.match(
            wrong.stderr,
            /004_m4\.sql:1: PostgreSQL's parser says[^]*rollback\/004_down\.sql:1: `\\d` is a psql meta-command/,
        );
        const { ok } = (await run("validate", ...dir, "--json")).json<{ ok: boolean }>();
        assert.equal(ok, false);
    });

    it("validate: holds scripts to the rules that a plan holds them to", async () => {
        project.write({
            "003_m3.sql": "SET standard_conforming_strings = off",
            "rollback/003_down.sql": "-- to do\n",
            "004_m4.sql": "SELECT pg_advisory_unlock_all()",
            "rollback/004_down.sql": "DELETE FROM schema_migrations WHERE version = 4",
            "verify/004_verify.sql": "SELECT true;\nSELECT true",
        });
        const { code, stderr } = await run("validate", ...dir);
        assert.equal(code, 3);
        assert.match(
            stderr,
            /003_m3\.sql:1: The script sets standard_conforming_strings[^]*003_down\.sql:1: The down script of 003 is empty[^]*004_m4\.sql:1: The script releases advisory[^]*004_down\.sql:1: The down script of 004 does nothing but write its row[^]*004_verify\.sql:2: The verify query holds more than one/,
        );
    });

    it("new: makes forward, rollback and verify query of the next version", async () => {
        const { code, json } = await run("new", "add_feature_flags", ...dir, "--json");
        assert.equal(code, 0);
        const made = json<{ version: string; files: string[] }>();
        assert.deepEqual(made, {
            ok: true,
            version: "003",
            files: [
                "migrations/003_add_feature_flags.sql",
                "migrations/rollback/003_down.sql",
                "migrations/verify/003_verify.sql",
            ],
        });
        assert.match(
            readFileSync(path.join(project.dir, made.files[0] ?? ""), "utf8"),
            /^-- Migration: 003_add_feature_flags\.sql\n/,
        );
        for (const name of ["../evil", "a b", ""]) assert.equal((await run("new", name, ...dir)).code, 3, name);
        assert.equal((await run("new", "x", "--dir", "fresh/db")).code, 0);
        assert(existsSync(path.join(project.dir, "fresh/db/001_x.sql")));
    });

    it("resolve: records what was run by hand", async () => {
        await run("migrate", ...dir, "--yes");
        await project.query("DROP TABLE b");
        const { code, stdout } = await run("resolve", ...dir, "--rolled-back", "002");
        assert.deepEqual([code, stdout], [0, "002 is now recorded as rolled-back\n"]);
        await project.query("CREATE TABLE b (id int)");
        assert.equal(
            (await run("resolve", ...dir, "--applied", "2", "--json")).json<{ version: string }>().version,
            "002",
        );
        assert.equal((await run("resolve", ...dir)).code, 3);
        assert.equal((await run("resolve", ...dir, "--applied", "9")).code, 3);
        assert.equal((await run("status", ...dir, "--json")).json<{ at: string }>().at, "002");
    });

    it("says what it does not know: command, option, version, format, database", async () => {
        for (const args of [
            ["nonsense"],
            ["plan", ...dir, "--nonsense"],
            ["plan", ...dir, "--to", "x"],
            ["plan", ...dir, "--to", "77"],
            ["plan", ...dir, "--format", "nonsense"],
            ["plan", "--dir", "nowhere"],
            ["plan", ...dir, "--stack", "dev"],
            ["plan", "--role", "owner", "--stack", "dev"],
            ["migrate", ...dir, "--yes", "--wait", "soon"],
            [],
        ])
            assert.equal((await run(...args)).code, 3, args.join(" "));
        const gone = await run("plan", "--url", "postgresql://nobody:secret@127.0.0.1:1/x", ...dir);
        assert.equal(gone.code, 1);
        assert.match(gone.stderr, /No connection to PostgreSQL at 127\.0\.0\.1:1\/x/);
        assert.doesNotMatch(gone.stderr, /secret/);
        assert.equal((await run("--help")).code, 0);
        const version = await run("--version");
        assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
        assert.equal(version.code, 0);
        assert.equal((await run("plan", "--help")).code, 0);
    });

    describe("bad input gets one error with file, line and what to do, and touches nothing", () => {
        const cases: readonly [string, (p: TestProject) => void, RegExp, string?][] = [
            [
                "one version twice",
                (p) => p.write({ "2_again.sql": "SELECT 1" }),
                /Version 0*2 exists twice: 002_m2\.sql and 2_again\.sql|exists twice/,
            ],
            [
                "not UTF-8",
                (p) =>
                    writeFileSync(
                        path.join(p.dir, "migrations/002_m2.sql"),
                        Buffer.from("SELECT 1;\n-- caf\xe9", "latin1"),
                    ),
                /^error: 002_m2\.sql:2: The file is not UTF-8/,
            ],
            [
                "SQL that does not parse",
                (p) => p.migration("002", "SELECT 1;\n\nCREATE TABEL b ();"),
                /^error: 002_m2\.sql:3: PostgreSQL's parser says: syntax error at or near "TABEL"/,
            ],
            [
                "a psql command",
                (p) => p.migration("002", "SELECT 1;\n\\i other.sql\n"),
                /^error: 002_m2\.sql:2: `\\i other\.sql` is a psql meta-command/,
            ],
            [
                "inline COPY data",
                (p) => p.migration("002", "CREATE TABLE b (id int);\nCOPY b FROM stdin;\n1\n\\.\n"),
                /^error: 002_m2\.sql:2: COPY … FROM STDIN has its data in the script/,
            ],
            [
                "a path that leaves the folder",
                (p) => {
                    writeFileSync(path.join(p.dir, "outside.sql"), "SELECT 1");
                    symlinkSync("../outside.sql", path.join(p.dir, "migrations/003_link.sql"));
                },
                /^error: 003_link\.sql: The path leaves the migration folder/,
            ],
            [
                "a name without a version",
                (p) => p.write({ "feature.sql": "SELECT 1" }),
                /^error: feature\.sql: The name does not follow NNN_name\.sql/,
            ],
            [
                "a BEGIN without COMMIT",
                (p) => p.migration("002", "BEGIN;\nCREATE TABLE b (id int);"),
                /^error: 002_m2\.sql:1: A BEGIN without COMMIT/,
            ],
        ];
        for (const [what, make, message] of cases)
            it(what, async () => {
                make(project);
                for (const command of [["plan"], ["migrate", "--yes"]]) {
                    const { code, stderr, stdout } = await run(...command, ...dir);
                    assert.equal(code, 3, stdout + stderr);
                    assert.match(stderr, message);
                    assert.match(stderr, /State: Nothing was touched\.\nNext: ./);
                }
                await untouched();
            });

        it("a missing or empty down script, when a plan needs it", async () => {
            await run("migrate", ...dir, "--yes");
            for (const [content, message] of [
                ["-- to do\n", /^error: rollback\/002_down\.sql:1: The down script of 002 is empty/],
                [null, /^error: rollback\/002_down\.sql:1: Going back over 002 needs its down script/],
            ] as const) {
                project.write({ "rollback/002_down.sql": content });
                // As if it had never been there: the ledger keeps none either.
                await project.query(
                    "UPDATE schemaward.migrations SET down_sql = NULL, down_checksum = NULL WHERE version = '002'",
                );
                const { code, stderr } = await run("migrate", ...dir, "--yes", "--to", "1");
                assert.equal(code, 3);
                assert.match(stderr, message);
                assert.equal((await run("migrate", ...dir, "--yes")).code, 0, "going forward needs none");
            }
            assert.deepEqual(await project.applied(), ["001", "002"]);
        });

        it("a file that was edited after it was applied", async () => {
            await run("migrate", ...dir, "--yes");
            project.migration(
                "001",
                "CREATE TABLE a (id int);\nINSERT INTO a SELECT generate_series(1, 99);",
                "DROP TABLE a",
            );
            const { code, stderr } = await run("migrate", ...dir, "--yes", "--to", "1");
            assert.equal(code, 3);
            assert.match(
                stderr,
                /^error: 001_m1\.sql:2: Version 001 was applied on .*, and its script has been edited since/,
            );
            assert.deepEqual(await project.applied(), ["001", "002"]);
        });
    });

    describe("with --stack", () => {
        function stack(text: string): void {
            writeFileSync(
                path.join(project.dir, "Pulumi.yaml"),
                "name: app\nruntime: nodejs\nstackConfigDir: stacks\n",
            );
            mkdirSync(path.join(project.dir, "stacks"), { recursive: true });
            writeFileSync(path.join(project.dir, "stacks/Pulumi.dev.yaml"), text);
        }
        const good = `config:
  app:version: "002"
  app:app: 1.2.9
  app:connection: { env: DATABASE_URL }
  app:migrations: { dir: migrations }
  app:snapshot: { required: false }
`;

        it("the stack's file says database, version and policy", async () => {
            stack(good);
            const { code, stdout, stderr } = await run("migrate", "--stack", "dev", "--yes");
            assert.equal(code, 0, stderr);
            assert.match(stdout, /^dev\/app {2}0 → 002 {2}FORWARD/m);
            assert.match(stdout, /^Run {7}pulumi up {3}\| {3}schemaward migrate --stack dev --to 002$/m);
            const refused = await run("migrate", "--stack", "dev", "--yes", "--to", "0");
            assert.equal(refused.code, 2);
            const digest = /policy\.approvedPlan: "([0-9a-f]{8})"/.exec(refused.stderr)?.[1] ?? "";
            stack(`${good}  app:policy: { approvedPlan: "${digest}", maxRowsLost: 1000 }\n`);
            assert.match(
                (await run("migrate", "--stack", "dev", "--yes", "--to", "0")).stderr,
                /1234 rows and values would be lost; allowed are 1000/,
            );
            stack(`${good}  app:policy: { approvedPlan: "${digest}", maxRowsLost: 2000 }\n`);
            assert.equal((await run("migrate", "--stack", "dev", "--yes", "--to", "0")).code, 0);
        });

        it("a snapshot is demanded, and without a store there is no migration", async () => {
            stack(good.replace("  app:snapshot: { required: false }\n", ""));
            const { code, stderr } = await run("migrate", "--stack", "dev", "--yes");
            assert.equal(code, 2);
            assert.match(
                stderr,
                /A snapshot is required, and there can be none: No store is declared to keep it in[^]*snapshot\.store: file:DIR/,
            );
            await untouched();
        });

        it("a version that is not a string is refused, with the key", async () => {
            stack(good.replace('"002"', "002"));
            const { code, stderr } = await run("plan", "--stack", "dev");
            assert.equal(code, 3);
            assert.match(
                stderr,
                /Pulumi\.dev\.yaml: A setting is wrong: app:version must be a string of digits.*write it in quotes/,
            );
        });

        it("an unknown stack is told which there are", async () => {
            stack(good);
            const { code, stderr } = await run("plan", "--stack", "prod");
            assert.equal(code, 3);
            assert.match(stderr, /There is no stack "prod"; there is: dev\./);
        });
    });
});
