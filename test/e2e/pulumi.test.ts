import assert from "node:assert/strict";
import { once } from "node:events";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "../../tools/pg-binaries";
import type { CommandResult } from "../support/command";
import { fails, startCommand, succeeds } from "../support/command";
import { eventually } from "../support/eventually";
import { anyBinaries, startTestServer, type TestServer } from "../support/postgres";
import { skip } from "../support/skip";
import { type Engine, engines, PulumiProject } from "../support/pulumi";

/** The whole way a user goes, on the stand-in and, where `pulumi` is found, on the real CLI: one suite for both. */
for (const engine of engines()) {
    describe(`end to end on ${engine.name}`, function () {
        this.timeout(120_000);
        let server: TestServer;
        let project: PulumiProject;

        before(async () => {
            console.log(`      this is ${engine.name}`);
            server = await startTestServer();
        });
        after(async () => server.stop());
        beforeEach(async () => {
            project = new PulumiProject(server, await server.create());
            project
                .migration(
                    "001",
                    "CREATE TABLE a (id int);\nINSERT INTO a SELECT generate_series(1, 1234);",
                    "DROP TABLE a",
                )
                .migration("002", "CREATE TABLE b (id int)", "DROP TABLE b")
                .migration("003", "BEGIN;\nCREATE TABLE c (id int);\nCOMMIT;", "BEGIN;\nDROP TABLE c;\nCOMMIT;");
            await project.init(engine);
        });
        afterEach(() => {
            project.remove();
        });

        const preview = async (...args: string[]): Promise<CommandResult> => project.preview(engine, ...args);
        const up = async (...args: string[]): Promise<CommandResult> => project.up(engine, ...args);

        async function tables(): Promise<string[]> {
            const rows = await project.query(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1",
            );
            return rows.map(([name]) => name ?? "");
        }

        /** Where the state has the database, as the provider has read it. */
        async function storedVersion(): Promise<string | undefined> {
            const { stdout } = await project.pulumi(engine, "stack", "export");
            interface Stored {
                readonly type: string;
                readonly outputs?: { readonly at?: string };
            }
            const { deployment } = JSON.parse(stdout) as { deployment: { resources: Stored[] } };
            return deployment.resources.find((r) => r.type.startsWith("pulumi-nodejs:dynamic"))?.outputs?.at;
        }

        it("a program that waits for something that never comes has failed, whatever was done", async () => {
            project.put(
                "index.ts",
                `import * as pulumi from "@pulumi/pulumi";
                import { PostgresSchema } from "schemaward";
                import { settings } from "schemaward/settings";
                const schema = new PostgresSchema("app", settings());
                const never = new Promise<pulumi.Resource>(() => undefined);
                new pulumi.ComponentResource("a:b:C", "late", {}, { dependsOn: pulumi.output(never) });
                export const at = schema.at;`,
            );
            const out = await fails(up());
            assert.match(out, /promises? (?:was|were) still active/);
            assert.match(out, /Program exited with non-zero exit code: 1/);
        });

        it("forward, nothing more to do, back, forward", async () => {
            const plan = await succeeds(preview());
            assert.match(plan, /^ {4}dev\/app {2}0 → 003 {2}FORWARD, 3 up scripts +plan [0-9a-f]{8}$/m);
            assert.match(plan, /^ {4}resource app-version$/m);
            assert.match(plan, /\+ 3 to create/);
            assert.deepEqual(
                await project.query("SELECT to_regnamespace('schemaward')"),
                [[null]],
                "preview only reads",
            );

            const first = await succeeds(up());
            assert.match(first, /\[3\/3\] ↑ 003 m3 done in/);
            assert.deepEqual(await tables(), ["a", "b", "c"]);
            await succeeds(preview("--expect-no-changes"));
            assert.match(await succeeds(up()), /3 unchanged/);
            assert.deepEqual(await project.query("SELECT count(*) FROM schemaward.runs"), [["1"]]);

            project.set({ version: "001" });
            const back = await succeeds(preview());
            assert.match(back, /dev\/app {2}003 → 001 {2}BACK, 2 down scripts/);
            assert.match(back, /1 ↓ 003 m3 +rollback\/003_down\.sql/);
            assert.match(back, /~ 1 to update/);
            assert.deepEqual(await tables(), ["a", "b", "c"]);
            await succeeds(up());
            assert.deepEqual(await tables(), ["a"]);
            await succeeds(preview("--expect-no-changes"));

            project.set({ version: "latest" });
            await succeeds(up());
            assert.deepEqual(await project.applied(), ["001", "002", "003"]);
            await succeeds(preview("--expect-no-changes"));
        });

        it("the plan stands in preview --diff and --json, line by line", async () => {
            assert.match(await succeeds(preview("--diff")), /\[0\]: "dev\/app {2}0 → 003 {2}FORWARD/);
            const { stdout } = await preview("--json");
            const { steps } = JSON.parse(stdout) as { steps: { newState?: { inputs?: { plan?: string[] } } }[] };
            const lines = steps.flatMap((s) => s.newState?.inputs?.plan ?? []);
            assert.equal(lines.filter((l) => /^\d ↑ /.test(l)).length, 3);
        });

        it("a program's types are checked where Pulumi checks them", async () => {
            project.env = { ...project.env, PULUMI_NODEJS_TRANSPILE_ONLY: "false" };
            await succeeds(preview());
        });

        it("back over 026, which changes the history table itself, and forward again", async () => {
            rmSync(path.join(project.dir, "migrations"), { recursive: true });
            cpSync(path.join(root, "examples/physioflow/db/migrations"), path.join(project.dir, "migrations"), {
                recursive: true,
            });
            const history = async (): Promise<string[]> =>
                (
                    await project.query(
                        "SELECT concat_ws(',', migration_name, to_jsonb(h) ->> 'version') FROM schema_migrations h ORDER BY id",
                    )
                ).map(([row]) => row ?? "");
            const lastAt027 = ["025_reporting_views,025", "026_version_column,026", "027_feature_flags,027"];
            project.set({ version: "027" });
            await succeeds(up());
            assert.deepEqual((await history()).slice(24), lastAt027);
            project.set({ version: "025" });
            assert.match(
                await succeeds(preview()),
                /027 → 025 {2}BACK, 2 down scripts[^]*schema_migrations\.version[^\n]*the ledger keeps them/,
            );
            await succeeds(up());
            assert.equal((await history()).length, 25);
            assert.equal((await history()).at(-1), "025_reporting_views");
            assert.equal(await storedVersion(), "025");
            await succeeds(preview("--expect-no-changes"));
            project.set({ version: "027" });
            await succeeds(up());
            assert.deepEqual((await history()).slice(24), lastAt027);
            assert.equal((await project.applied()).length, 27);
            await succeeds(preview("--expect-no-changes"));
        });

        it("what loses data is refused after the plan was shown, until this plan is approved, within its bound", async () => {
            project.set({ policy: { approval: "data-loss", maxRowsLost: 1000 } });
            await succeeds(up());
            project.set({ version: "0" });
            for (const running of [preview(), up()]) {
                const text = await fails(running);
                assert.match(text, /table a 1,234 rows .* LOST/);
                assert.match(text, /This plan needs approval: it loses data/);
                assert.match(text, /1234 rows and values would be lost; allowed are 1000/);
            }
            const digest = /approvedPlan: "([0-9a-f]{8})"/.exec(await fails(preview()))?.[1] ?? "";
            project.set({ policy: { approval: "data-loss", maxRowsLost: 1000, approvedPlan: digest } });
            assert.doesNotMatch(await fails(up()), /needs approval/);
            project.set({ policy: { approval: "data-loss", maxRowsLost: 2000, approvedPlan: digest } });
            assert.match(await succeeds(preview()), /Approved {2}✔ this plan, ≤ 2,000 rows/);
            // The plan that was approved is the one that is carried out: another one is not.
            project.write({ "rollback/002_down.sql": "DROP TABLE b CASCADE" });
            assert.match(
                await fails(up()),
                /This plan needs approval: it loses data \(approved is another one, [0-9a-f]{8}\)/,
            );
            assert.deepEqual(await tables(), ["a", "b", "c"]);
            project.write({ "rollback/002_down.sql": "DROP TABLE b" });
            await succeeds(up());
            assert.deepEqual(await tables(), []);
        });

        it("a script that fails in the middle, forward: everything before stays, the next up goes on", async () => {
            project.migration("002", "CREATE TABLE b (id int);\nINSERT INTO b VALUES ('x');", "DROP TABLE b");
            // Rows are not on the shadow, so that only the run finds out.
            const text = await fails(up());
            assert.match(text, /002_m2\.sql:2: 002 failed going forward: invalid input syntax for type integer: "x"/);
            assert.match(text, /SQLSTATE 22P02/);
            assert.match(
                text,
                /State: Done and staying: 001 applied\. 002 was rolled back whole\. The database is at 001\./,
            );
            assert.deepEqual(await tables(), ["a"]);
            project.migration("002", "CREATE TABLE b (id int)", "DROP TABLE b");
            assert.match(
                await succeeds(preview()),
                /Last run {2}0 → 003 by .*, failed after 001 applied: 002 failed going forward: invalid input syntax for type integer: "x"; this plan finishes it/,
            );
            await succeeds(up());
            assert.deepEqual(await project.applied(), ["001", "002", "003"]);
            await succeeds(preview("--expect-no-changes"));
        });

        it("a script that fails in the middle, back: likewise", async () => {
            project.write({ "rollback/002_down.sql": "DROP TABLE b;\nSELECT 1/count(*) FROM a WHERE id < 0;" });
            await succeeds(up());
            project.set({ version: "001" });
            assert.match(await fails(up()), /rollback\/002_down\.sql:2: 002 failed going back: division by zero/);
            assert.deepEqual(await tables(), ["a", "b"]);
            assert.match(await succeeds(preview()), /002 → 001 {2}BACK, 1 down script/);
            project.write({ "rollback/002_down.sql": "DROP TABLE b" });
            await succeeds(up());
            assert.deepEqual(await tables(), ["a"]);
            await succeeds(preview("--expect-no-changes"));
        });

        it("a verify query that says no: up fails, the next preview says so, and up is green once it says yes", async () => {
            project.set({ verify: [{ name: "somebody is there", sql: "SELECT count(*) > 0 FROM b" }] });
            assert.match(await succeeds(preview()), /^ {4}Verify {4}somebody is there$/m);
            assert.match(await fails(up()), /Verification failed: somebody is there: it does not yield true/);
            assert.deepEqual(await tables(), ["a", "b", "c"]);
            assert.match(
                await succeeds(preview()),
                /nothing to do but to verify\n +Last run {2}0 → 003 by .*, failed after 001 applied, 002 applied, 003 applied: Verification failed/,
            );
            await fails(up());
            await project.query("INSERT INTO b VALUES (1)");
            await succeeds(up());
            await succeeds(preview("--expect-no-changes"));
        });

        it("an application that does not accept where it leads is refused, after the plan was shown", async () => {
            const compatibility = [
                { app: "1.3.x", from: "003", to: "latest" },
                { app: "1.2.x", from: "001", to: "002" },
            ];
            project.set({ app: "1.2.9", policy: { compatibility } });
            for (const output of [await fails(preview()), await fails(up())]) {
                assert.match(output, /^ {4}App {7}1\.2\.9 accepts 001–002 ✘$/m);
                assert.match(output, /App 1\.2\.9 accepts the schema at 001–002, and this leads to 003/);
            }
            assert.deepEqual(await tables(), []);
            project.set({ app: "1.3.0", policy: { compatibility } });
            await succeeds(up());
            assert.deepEqual(await tables(), ["a", "b", "c"]);
        });

        it("a script that cannot succeed is refused by the plan", async () => {
            project.migration("002", "CREATE TABLE b (id int);\nALTER TABLE nowhere ADD COLUMN x int;", "DROP TABLE b");
            const text = await fails(preview());
            assert.match(text, /WOULD FAIL line 2: relation "nowhere" does not exist \(42P01\)/);
            assert.match(text, /002_m2\.sql:2 cannot succeed/);
            await fails(up());
            assert.deepEqual(await tables(), []);
        });

        it("drift shows in the next preview: of the version, and of the schema", async () => {
            await succeeds(up());
            const cli = startCommand(
                "cli/main.js",
                ["migrate", "--dir", "migrations", "--set", "app", "--to", "1", "--yes"],
                {
                    cwd: project.dir,
                    env: project.env,
                },
            );
            assert.equal((await cli.done).code, 0);
            const drifted = await succeeds(preview());
            assert.match(drifted, /001 → 003 {2}FORWARD, 2 up scripts/);
            assert.match(drifted, /~ 1 to update/);
            await fails(preview("--expect-no-changes"));
            await succeeds(up());
            await project.query("ALTER TABLE b ADD COLUMN by_hand int; DROP TABLE c; CREATE TABLE c (id bigint)");
            const changed = await succeeds(preview());
            assert.match(changed, /Drift {5}the schema was changed by other hands since the last run:/);
            assert.match(changed, /added column b\.by_hand/);
            assert.match(changed, /changed column c\.id/);
            assert.match(changed, /warning: The schema was changed by other hands/);
        });

        it("an edited file is refused; a file that is gone goes back by the ledger's SQL", async () => {
            await succeeds(up());
            project.migration("003", "BEGIN;\nCREATE TABLE c (id bigint);\nCOMMIT;", "BEGIN;\nDROP TABLE c;\nCOMMIT;");
            assert.match(
                await fails(preview()),
                /003_m3\.sql:2: Version 003 was applied on .*, and its script has been edited since/,
            );
            project.write({ "003_m3.sql": null, "rollback/003_down.sql": null });
            const plan = await succeeds(preview());
            assert.match(plan, /1 ↓ 003 m3 +rollback\/003_down\.sql {2}\(from the ledger: not on disk\)/);
            assert.match(plan, /stored SQL:\s+BEGIN;\s+DROP TABLE c;/);
            await succeeds(up());
            assert.deepEqual(await tables(), ["a", "b"]);
        });

        it("a hole below the head is refused until it is allowed", async () => {
            project.write({ "002_m2.sql": null, "rollback/002_down.sql": null });
            await succeeds(up());
            project.migration("002", "CREATE TABLE late (id int)", "DROP TABLE late");
            assert.match(
                await fails(preview()),
                /002 lies below the head 003 and was never applied[^]*policy\.outOfOrder: allow/,
            );
            project.set({ policy: { approval: "never", outOfOrder: "allow" } });
            await succeeds(up());
            assert.deepEqual(await project.applied(), ["001", "003", "002"]);
        });

        it("two runs at once: the second is refused, naming the first", async () => {
            // On the shadow, where no rows are, it does not wait.
            project.migration("003", "SELECT pg_sleep(600) WHERE EXISTS (SELECT FROM a)", "SELECT 1");
            const { child, done } = startCommand(
                "cli/main.js",
                ["migrate", "--dir", "migrations", "--set", "app", "--yes"],
                {
                    cwd: project.dir,
                    env: project.env,
                },
            );
            await eventually(async () => (await project.sleeping(600)) === 1, "the first run");
            assert.match(await fails(up()), /Another run works on this database: schemaward run .*server process \d+/);
            child.kill("SIGINT");
            await done;
        });

        it("adopts a database that has only PhysioFlow's history", async () => {
            project.migration(
                "001",
                "CREATE TABLE schema_migrations (id serial, migration_name text)",
                "DROP TABLE schema_migrations",
            );
            await project.query(
                "CREATE TABLE schema_migrations (id serial, migration_name text); INSERT INTO schema_migrations (migration_name) VALUES ('001_m1'), ('002_m2'); CREATE TABLE b (id int)",
            );
            assert.match(await succeeds(preview()), /adopt 2 versions from public\.schema_migrations: 001 002/);
            assert.match(await succeeds(up()), /adopted 2 versions from public\.schema_migrations into the ledger/);
            assert.deepEqual(await project.applied(), ["001", "002", "003"]);
            assert.deepEqual(await project.query("SELECT migration_name FROM schema_migrations ORDER BY id"), [
                ["001_m1"],
                ["002_m2"],
                ["003_m3"],
            ]);
            await succeeds(preview("--expect-no-changes"));
        });

        it("destroy leaves data, tables and ledger alone; up after it adopts what is there", async () => {
            await succeeds(up());
            assert.match(await succeeds(project.pulumi(engine, "destroy", "--yes")), /nothing was dropped/);
            assert.deepEqual(await tables(), ["a", "b", "c"]);
            assert.deepEqual(await project.applied(), ["001", "002", "003"]);
            await succeeds(up());
            assert.deepEqual(await project.query("SELECT count(*) FROM schemaward.runs"), [["1"]]);
        });

        it("refresh reads where the database is, and with credentials that no longer work keeps the state", async () => {
            await succeeds(up());
            await startCommand(
                "cli/main.js",
                ["migrate", "--dir", "migrations", "--set", "app", "--to", "2", "--yes"],
                { cwd: project.dir, env: project.env },
            ).done;
            await succeeds(project.pulumi(engine, "refresh", "--yes"));
            const { stdout } = await project.pulumi(engine, "stack", "output", "--json");
            assert.equal(
                (JSON.parse(stdout) as { at?: string }).at,
                "003",
                "outputs are the program's, until the next up",
            );
            assert.equal(await storedVersion(), "002");
            const url = project.env["DATABASE_URL"] ?? "";
            project.env = { ...project.env, DATABASE_URL: url.replace(/:[^:@/]+@/, ":wrong@") };
            assert.match(
                await succeeds(project.pulumi(engine, "refresh", "--yes")),
                /not refreshed, the state is kept/,
            );
            assert.equal(await storedVersion(), "002");
        });

        it("nothing answers later on: no up is green over a database that nobody has seen", async () => {
            await succeeds(up());
            const url = project.env["DATABASE_URL"] ?? "";
            project.env = { ...project.env, DATABASE_URL: url.replace(/:\d+\//, ":1/") };
            assert.match(await succeeds(preview()), /warning: plan deferred: No connection to PostgreSQL/);
            await fails(preview("--expect-no-changes"));
            assert.match(await fails(up()), /No connection to PostgreSQL/);
            project.env = { ...project.env, DATABASE_URL: url };
            await succeeds(up());
            await succeeds(preview("--expect-no-changes"));
        });

        it("nothing answers: the plan is deferred, and says why; up fails and touches nothing", async () => {
            const url = project.env["DATABASE_URL"] ?? "";
            project.env = { ...project.env, DATABASE_URL: url.replace(/:\d+\//, ":1/") };
            assert.match(await succeeds(preview()), /warning: plan deferred: No connection to PostgreSQL/);
            assert.match(await fails(up()), /No connection to PostgreSQL/);
            project.env = { ...project.env, DATABASE_URL: undefined };
            assert.match(await fails(preview()), /The environment variable DATABASE_URL is not set/);
        });

        it("an input that only an up makes known: the plan is deferred, and says which; the up prints it", async () => {
            const file = path.join(project.dir, "index.ts");
            const late = `import * as pulumi from "@pulumi/pulumi";
                const provider = { create: async () => ({ id: "1", outs: { app: "1.2.3" } }) };
                class Late extends pulumi.dynamic.Resource {
                    declare readonly app: pulumi.Output<string>;
                    constructor() { super(provider, "late", { app: undefined }); }
                }
                `;
            const text = readFileSync(file, "utf8").replace("settings()", "{ ...settings(), app: new Late().app }");
            writeFileSync(file, late + text);
            const plan = await succeeds(preview());
            assert.match(plan, /plan deferred: app will be known only when another resource is made/);
            assert.doesNotMatch(plan, /0 → 003/);
            assert.match(await succeeds(up()), /dev\/app {2}0 → 003 {2}FORWARD/);
            assert.deepEqual(await tables(), ["a", "b", "c"]);
            await succeeds(preview("--expect-no-changes"));
        });

        it("a rotated password is no change", async () => {
            await succeeds(up());
            await project.query("CREATE ROLE rotated SUPERUSER LOGIN PASSWORD 'new-password'");
            project.env = {
                ...project.env,
                DATABASE_URL: server.url(project.database, { user: "rotated", password: "new-password" }),
            };
            await succeeds(preview("--expect-no-changes"));
            await project.query("DROP ROLE rotated");
        });

        it("another stack's database is refused until it is adopted by name", async () => {
            await succeeds(up());
            await project.query("UPDATE schemaward.sets SET stack = 'prod', environment = 'prod'");
            project.set({ version: "002" });
            assert.match(await fails(preview()), /This database's ledger belongs to app\/prod[^]*adopt: app\/prod/);
            project.set({ adopt: "app/prod" });
            await succeeds(up());
            assert.deepEqual(await project.query("SELECT stack, environment FROM schemaward.sets"), [["dev", "dev"]]);
        });

        it("kill -9 of the engine under a running up: cancel, then up, gets there", async () => {
            project.migration(
                "003",
                "CREATE TABLE c (id int);\nSELECT pg_sleep(600) WHERE EXISTS (SELECT FROM a);",
                "DROP TABLE c",
            );
            const { child } = project.start(engine, "up", "--yes", "--skip-preview");
            await eventually(async () => (await project.sleeping(600)) === 1, "the script");
            child.kill("SIGKILL");
            await once(child, "exit");
            // The provider's process goes with the engine, and the server ends what it was doing.
            await eventually(async () => (await project.sleeping(600)) === 0, "the end of the script");
            project.migration("003", "CREATE TABLE c (id int);", "DROP TABLE c");
            assert.match(await fails(up()), /locked|lock/);
            await succeeds(project.pulumi(engine, "cancel", "--yes"));
            await succeeds(up());
            assert.deepEqual(await project.applied(), ["001", "002", "003"]);
            await succeeds(preview("--expect-no-changes"));
        });

        describe("settings that are wrong name the key and what is allowed", () => {
            const cases: readonly [string, Record<string, unknown>, RegExp][] = [
                ["an unknown key", { colour: "blue" }, /app:colour is unknown; allowed here: .*version/],
                [
                    "an unknown key below",
                    { policy: { approvals: "never" } },
                    /app:policy\.approvals is unknown; allowed here: approval, approvedPlan/,
                ],
                ["a wrong type", { policy: { maxRowsLost: "many" } }, /app:policy\.maxRowsLost/],
                [
                    "a word that is not allowed",
                    { policy: { approval: "sometimes" } },
                    /app:policy\.approval must be one of: always, data-loss, never/,
                ],
                ["a version that does not exist", { version: "077" }, /Version "077" is unknown: .* holds 001 to 003/],
                ["a missing key", { connection: undefined }, /app:connection is missing/],
            ];
            for (const [what, values, message] of cases)
                it(what, async () => {
                    project.set(values);
                    assert.match(await fails(preview()), message);
                    assert.match(await fails(up()), message);
                    assert.deepEqual(await tables(), []);
                });

            function unquote(): void {
                const file = path.join(project.dir, "stacks/Pulumi.dev.yaml");
                project.setText(readFileSync(file, "utf8").replace("app:version: latest", "app:version: 003"));
            }

            it("an unquoted version", async () => {
                unquote();
                const output = await fails(preview());
                assert.match(
                    output,
                    /app:version must be a string of digits, "latest", or "0": write it in quotes, like "024"/,
                );
                assert.doesNotMatch(output, /^\s+at .*\.[jt]s:\d+/m);
            });

            it("an unquoted version that the CLI has put into quotes when it wrote the file anew", async () => {
                // Without its salt the file is written again by the real CLI, and 003 has become "3".
                project.set({});
                unquote();
                assert.match(
                    await fails(preview()),
                    /app:version must be a string|Version "3" is not spelled as in the set, where it is "003"/,
                );
            });
        });

        describe("bad input gets one error with file and line, and touches nothing", () => {
            const cases: readonly [string, (p: PulumiProject) => void, RegExp][] = [
                ["one version twice", (p) => p.write({ "2_again.sql": "SELECT 1" }), /Version 0*2 exists twice/],
                [
                    "not UTF-8",
                    (p) =>
                        writeFileSync(
                            path.join(p.dir, "migrations/002_m2.sql"),
                            Buffer.from("SELECT 1;\n-- caf\xe9", "latin1"),
                        ),
                    /002_m2\.sql:2: The file is not UTF-8/,
                ],
                [
                    "SQL that does not parse",
                    (p) => p.migration("002", "SELECT 1;\nCREATE TABEL b ();"),
                    /002_m2\.sql:2: PostgreSQL's parser says: syntax error at or near "TABEL"/,
                ],
                [
                    "a psql command",
                    (p) => p.migration("002", "\\i other.sql\n"),
                    /002_m2\.sql:1: `\\i other\.sql` is a psql meta-command/,
                ],
                [
                    "inline COPY data",
                    (p) => p.migration("002", "CREATE TABLE b (id int);\nCOPY b FROM stdin;\n1\n\\.\n"),
                    /002_m2\.sql:2: COPY … FROM STDIN/,
                ],
                [
                    "a path that leaves the folder",
                    (p) => {
                        writeFileSync(path.join(p.dir, "outside.sql"), "SELECT 1");
                        symlinkSync("../outside.sql", path.join(p.dir, "migrations/004_link.sql"));
                    },
                    /004_link\.sql: The path leaves the migration folder/,
                ],
            ];
            for (const [what, make, message] of cases)
                it(what, async () => {
                    make(project);
                    for (const running of [preview(), up()]) assert.match(await fails(running), message);
                    assert.deepEqual(await tables(), []);
                    assert.deepEqual(await project.query("SELECT to_regnamespace('schemaward')"), [[null]]);
                });
        });

        describe("a down script that a plan needs", () => {
            for (const [what, text, message] of [
                ["and that is missing", null, /rollback\/003_down\.sql:1: Going back over 003 needs its down script/],
                ["and that is empty", "-- to do\n", /rollback\/003_down\.sql:1: The down script of 003 is empty/],
            ] as const)
                it(`${what} is one error with file and line, and nothing is touched`, async () => {
                    project.write({ "rollback/003_down.sql": text });
                    await succeeds(up());
                    project.set({ version: "002" });
                    for (const running of [preview(), up()]) assert.match(await fails(running), message);
                    assert.deepEqual(await tables(), ["a", "b", "c"]);
                    assert.deepEqual(await project.applied(), ["001", "002", "003"]);
                });
        });

        describe("a snapshot before the scripts", function () {
            before(function () {
                if (!anyBinaries().hasDump) skip(this, "needs pg_dump");
            });

            it("is taken, verified, listed, and named in the outputs", async () => {
                project.set({ snapshot: { required: true, store: "file:./backups" }, app: "1.3.0" });
                const plan = await succeeds(preview());
                assert.match(plan, /^ {4}snapshot → 001 002 003 → verify$/m);
                assert.match(
                    plan,
                    /Snapshot {2}dev_pre-migration-v1\.3\.0_<UTC> {2}~.* before step 1, to file:\.\/backups/,
                );
                assert.match(
                    await succeeds(up()),
                    /snapshot dev_pre-migration-v1\.3\.0_\d{8}_\d{6} taken and verified/,
                );
                const files = readdirSync(path.join(project.dir, "backups")).sort();
                assert.match(
                    files.join(" "),
                    /^dev_pre-migration-v1\.3\.0_(\d{8}_\d{6})\.dump dev_pre-migration-v1\.3\.0_\1\.manifest\.json$/,
                );
                const { stdout } = await project.pulumi(engine, "stack", "output", "--json");
                assert.equal(`${(JSON.parse(stdout) as { lastSnapshot: string }).lastSnapshot}.dump`, files[0]);
            });

            it("demanded and not to be had: no migration", async () => {
                project.set({ snapshot: { required: true } });
                assert.match(
                    await fails(preview()),
                    /A snapshot is required, and there can be none: No store is declared/,
                );
                project.put("backups", "a file in the folder's place");
                project.set({ snapshot: { required: true, store: "file:./backups" } });
                await succeeds(preview());
                assert.match(
                    await fails(up()),
                    /The snapshot before the migration cannot be had, so no script was run/,
                );
                assert.deepEqual(await tables(), []);
                assert.deepEqual(await project.applied(), []);
                assert.match(
                    await succeeds(preview()),
                    /Last run {2}0 → 003 by .*, failed before anything was done: The snapshot before the migration cannot be had/,
                );
            });

            it("not demanded and not to be had: said so, and migrated", async () => {
                project.put("backups", "a file in the folder's place");
                project.set({ snapshot: { required: false, store: "file:./backups" } });
                assert.match(await succeeds(up()), /no snapshot \(it is not demanded\): /);
                assert.deepEqual(await tables(), ["a", "b", "c"]);
            });
        });

        it("the state holds no implementation: a stored provider calls schemaward/provider by name", async () => {
            await succeeds(up());
            const state = textBelow(path.join(project.dir, "state"));
            assert.match(
                state,
                /createRequire\(process\.cwd\(\) \+ \\"\/package\.json\\"\)\(\\"schemaward\/provider\\"\)/,
            );
        });
    });
}

describe("a stack that one engine has left", function () {
    // Eighteen commands, half of them the real CLI's.
    this.timeout(300_000);
    const [standIn, real] = engines();

    it("is continued by the other, both ways", async function () {
        if (standIn === undefined || real === undefined) skip(this, "needs the Pulumi CLI");
        const server = await startTestServer();
        const pairs: readonly (readonly [Engine, Engine])[] = [
            [standIn, real],
            [real, standIn],
        ];
        for (const [first, second] of pairs) {
            const project = new PulumiProject(server, await server.create());
            project
                .migration("001", "CREATE TABLE a (id int)", "DROP TABLE a")
                .migration("002", "CREATE TABLE b (id int)", "DROP TABLE b");
            await project.init(first);
            for (const [engine, version, expected] of [
                [first, "latest", ["001", "002"]],
                [second, "001", ["001"]],
                [first, "002", ["001", "002"]],
                [second, "0", []],
            ] as const) {
                project.set({ version });
                const { code, stdout, stderr } = await project.up(engine);
                assert.equal(code, 0, `${engine.name}: ${stdout}${stderr}`);
                assert.deepEqual(await project.applied(), expected);
                const quiet = await project.preview(engine === first ? second : first, "--expect-no-changes");
                assert.equal(quiet.code, 0, quiet.stdout + quiet.stderr);
            }
            const gone = await project.pulumi(first, "destroy", "--yes");
            assert.equal(gone.code, 0, gone.stdout + gone.stderr);
            project.remove();
        }
        await server.stop();
    });
});

function textBelow(folder: string): string {
    mkdirSync(folder, { recursive: true });
    return readdirSync(folder, { recursive: true })
        .map((name) => path.join(folder, String(name)))
        .filter((file) => statSync(file).isFile())
        .map((file) => readFileSync(file, "utf8"))
        .join("\n");
}
