import assert from "node:assert/strict";
import { FailedError, RefusedError } from "../../core/errors";
import { PlanRefused } from "../../core/run/not-begun";
import { eachMajor, startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";

for (const binaries of eachMajor()) {
    describe(`running migrations on PostgreSQL ${binaries.version}`, function () {
        this.timeout(30_000);
        let server: TestServer;
        let project: TestProject;

        before(async () => {
            server = await startTestServer(binaries);
        });
        after(async () => server.stop());
        beforeEach(async () => {
            project = new TestProject(server, await server.create());
        });
        afterEach(() => {
            project.remove();
        });

        async function failure(running: Promise<unknown>): Promise<FailedError> {
            try {
                await running;
            } catch (error) {
                assert(error instanceof FailedError, String(error));
                return error;
            }
            throw new Error("it went through");
        }

        function twoTables(): TestProject {
            return project
                .migration("001", "CREATE TABLE a (id int PRIMARY KEY)", "DROP TABLE a")
                .migration(
                    "002",
                    "BEGIN;\nCREATE TABLE b (id int REFERENCES a);\nCOMMIT;",
                    "BEGIN; DROP TABLE b; COMMIT;",
                );
        }

        it("goes forward, back and forward, and writes both scripts into the ledger", async () => {
            twoTables();
            assert.deepEqual(
                [(await project.migrate("latest")).version, (await project.migrate("001")).version],
                ["002", "001"],
            );
            assert.deepEqual(await project.query("SELECT to_regclass('a'), to_regclass('b')"), [["a", null]]);
            const result = await project.migrate("2");
            assert.equal(result.changed, true);
            assert.deepEqual(await project.applied(), ["001", "002"]);
            const rows = await project.query(
                "SELECT name, up_file, up_sql, down_file, down_sql, origin, length(up_checksum) FROM schemaward.migrations WHERE version = '002'",
            );
            assert.deepEqual(rows, [
                [
                    "m2",
                    "002_m2.sql",
                    "BEGIN;\nCREATE TABLE b (id int REFERENCES a);\nCOMMIT;",
                    "rollback/002_down.sql",
                    "BEGIN; DROP TABLE b; COMMIT;",
                    "applied",
                    "64",
                ],
            ]);
            assert.deepEqual(await project.query("SELECT status, count(*) FROM schemaward.runs GROUP BY 1"), [
                ["done", "3"],
            ]);
        });

        it("does nothing, and writes nothing, at the version", async () => {
            twoTables();
            await project.migrate("latest");
            const before = await project.query("SELECT xmin, s FROM schemaward.sets s");
            assert.equal((await project.migrate("latest")).changed, false);
            assert.deepEqual(await project.query("SELECT xmin, s FROM schemaward.sets s"), before);
        });

        it("keeps everything before a script that fails, and tells all about it", async () => {
            twoTables().migration(
                "003",
                "-- third\nCREATE TABLE c (id int);\n\nINSERT INTO c SELECT 'ä' || x\n  FROM generate_series(1, 3) x,\n  nowhere;\n",
                "DROP TABLE c",
            );
            const error = await failure(project.migrate("latest"));
            assert.match(
                error.message,
                /^003_m3\.sql:6: 003 failed going forward: relation "nowhere" does not exist$/m,
            );
            assert.match(error.message, /^ {2}\| INSERT INTO c SELECT/m);
            assert.match(error.message, /^ {2}SQLSTATE 42P01$/m);
            assert.match(
                error.message,
                /^State: Done and staying: 001 applied, 002 applied\. 003 was rolled back whole\. The database is at 002\.$/m,
            );
            assert.match(error.message, /^Next: Correct 003_m3\.sql and run the same command again/m);
            assert.deepEqual(await project.applied(), ["001", "002"]);
            assert.deepEqual(await project.query("SELECT to_regclass('c')"), [[null]]);
            assert.deepEqual(
                await project.query(
                    "SELECT status, error LIKE '%nowhere%' FROM schemaward.runs ORDER BY started_at DESC LIMIT 1",
                ),
                [["failed", "true"]],
            );
            project.migration("003", "CREATE TABLE c (id int)", "DROP TABLE c");
            assert.equal((await project.migrate("latest")).version, "003");
        });

        it("keeps everything undone before a down script that fails", async () => {
            twoTables()
                .migration("003", "CREATE TABLE c (id int)", "DROP TABLE c;\nDROP TABLE nowhere;")
                .migration("004", "CREATE TABLE d (id int)", "DROP TABLE d");
            await project.migrate("latest");
            const error = await failure(project.migrate("1"));
            assert.match(
                error.message,
                /^rollback\/003_down\.sql:2: 003 failed going back: table "nowhere" does not exist$/m,
            );
            assert.match(
                error.message,
                /Done and staying: 004 undone\. 003 was rolled back whole\. The database is at 003\./,
            );
            assert.deepEqual(await project.applied(), ["001", "002", "003"]);
            assert.deepEqual(await project.query("SELECT to_regclass('c'), to_regclass('d')"), [["c", null]]);
        });

        it("gives detail and hint of the server's error", async () => {
            project.migration(
                "001",
                "CREATE TABLE t (id int PRIMARY KEY);\nINSERT INTO t VALUES (1);\nINSERT INTO t\nVALUES (2), (1);",
                "DROP TABLE t",
            );
            const error = await failure(project.migrate("latest"));
            assert.match(error.message, /^001_m1\.sql:3: /);
            assert.match(error.message, /SQLSTATE 23505/);
            assert.match(error.message, /Detail: Key \(id\)=\(1\) already exists\./);
            project.migration("001", "SELECT lengthh('x')", "SELECT 1");
            assert.match((await failure(project.migrate("latest"))).message, /Hint: .*function/);
        });

        it("tells a deferred constraint that fails at the end from a statement", async () => {
            project.migration(
                "001",
                "CREATE TABLE p (id int PRIMARY KEY);\nCREATE TABLE c (p int REFERENCES p DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO c VALUES (7);",
                "DROP TABLE c, p",
            );
            const error = await failure(project.migrate("latest"));
            assert.match(error.message, /violates foreign key constraint/);
            assert.match(error.message, /while checking deferred constraints at the script's end/);
        });

        it("is not poisoned by what a script leaves in the session", async () => {
            project
                .migration(
                    "001",
                    "CREATE ROLE poison; CREATE SCHEMA other; CREATE TABLE t (id int)",
                    "DROP TABLE t; DROP SCHEMA other; DROP ROLE poison",
                )
                .migration(
                    "002",
                    "SELECT set_config('search_path', '', false);\nSET ROLE poison;\nDO $$ BEGIN SET standard_conforming_strings = off; END $$;\nSET statement_timeout = 1;\nSET lock_timeout = 1;",
                    "SELECT 1",
                )
                .migration(
                    "003",
                    'INSERT INTO t SELECT 1 FROM pg_sleep(0.05);\nCREATE TABLE "it\'s" ("a\\b" text DEFAULT \'x\\y\')',
                    'DROP TABLE "it\'s"',
                )
                .migration(
                    "004",
                    "SET SESSION AUTHORIZATION poison; SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
                    "SELECT 1",
                )
                .migration("005", "SET search_path = other; CREATE TABLE u (id int)", "DROP TABLE other.u")
                .migration("006", "CREATE TABLE v (id int)", "DROP TABLE v")
                .migration("007", "-- schemaward: no-transaction\nDISCARD ALL;\nSELECT 1;", "DEALLOCATE ALL; SELECT 1")
                .migration("008", "DEALLOCATE ALL; CREATE TABLE w (id int)", "DROP TABLE w");
            await project.migrate("latest");
            assert.deepEqual(
                await project.query(
                    "SELECT to_regclass('public.it''s'), to_regclass('other.u'), to_regclass('public.v'), to_regclass('w')",
                ),
                [['"it\'s"', "other.u", "v", "w"]],
            );
            assert.equal((await project.applied()).length, 8);
            await project.migrate("0");
            assert.deepEqual(await project.applied(), []);
        });

        it("runs scripts as the role, under the search_path, and writes the ledger as who logs in", async () => {
            await server.withClient(project.database, async (client) =>
                client.query(`CREATE ROLE "Odd ""owner" ; CREATE SCHEMA "S 1" AUTHORIZATION "Odd ""owner"`),
            );
            const declared = {
                connection: { url: server.url(project.database), role: 'Odd "owner' },
                run: { ...project.declaration("1").run, searchPath: ["S 1", "public"] },
            };
            project
                .migration(
                    "001",
                    "CREATE TABLE schema_migrations (version text, name text)",
                    "DROP TABLE schema_migrations",
                )
                .migration("002", "CREATE TABLE t (id int)", "DROP TABLE t");
            await project.migrate("latest", declared);
            assert.deepEqual(
                await project.query(
                    "SELECT c.oid::regclass, pg_get_userbyid(relowner) FROM pg_class c WHERE relname IN ('t', 'schema_migrations', 'migrations') AND relkind = 'r' ORDER BY relname",
                ),
                [
                    ["schemaward.migrations", "owner"],
                    ['"S 1".schema_migrations', 'Odd "owner'],
                    ['"S 1".t', 'Odd "owner'],
                ],
            );
            assert.deepEqual(await project.query('SELECT version, name FROM "S 1".schema_migrations ORDER BY 1'), [
                ["001", "001_m1"],
                ["002", "002_m2"],
            ]);
            await project.migrate("0", declared);
            await server.withClient(project.database, async (client) =>
                client.query(`DROP OWNED BY "Odd ""owner"; DROP ROLE "Odd ""owner"`),
            );
        });

        it("honours an isolation level that a script asks for", async () => {
            project.migration(
                "001",
                "BEGIN ISOLATION LEVEL SERIALIZABLE;\nCREATE TABLE t AS SELECT current_setting('transaction_isolation') AS level;\nCOMMIT;",
                "DROP TABLE t",
            );
            await project.migrate("latest");
            assert.deepEqual(await project.query("SELECT level FROM t"), [["serializable"]]);
        });

        it("passes a script's notices on", async () => {
            project.migration("001", "DO $$ BEGIN RAISE NOTICE 'forty-%', 2; END $$", "SELECT 1");
            await project.migrate("latest");
            assert(project.events.some((e) => e.type === "notice" && e.text === "forty-2"));
        });

        it("stops before a refused plan, with the plan", async () => {
            twoTables();
            await project.migrate("latest");
            await project.query("INSERT INTO a VALUES (1)");
            await assert.rejects(
                project.migrate(
                    "0",
                    { policy: { ...project.declaration("0").policy, approval: "data-loss" } },
                    { observe: "full" },
                ),
                (error) => {
                    assert(error instanceof PlanRefused);
                    assert.equal(error.plan.lost.rows, 1);
                    assert.match(error.message, /policy\.approvedPlan: "[0-9a-f]{8}"/);
                    return true;
                },
            );
            assert.deepEqual(await project.applied(), ["001", "002"]);
        });

        it("asks, and takes no for an answer", async () => {
            twoTables();
            await assert.rejects(
                project.migrate("latest", {}, { confirm: async () => Promise.resolve(false) }),
                RefusedError,
            );
            assert.deepEqual(await project.query("SELECT to_regclass('a'), to_regnamespace('schemaward')"), [
                [null, null],
            ]);
        });

        it("counts anew what is lost, after a person has read the plan", async () => {
            twoTables();
            await project.migrate("latest");
            const careful = { policy: { ...project.declaration("0").policy, approval: "data-loss" as const } };
            const write = async (): Promise<boolean> => {
                await project.query("INSERT INTO a VALUES (1)");
                return true;
            };
            const refused = (error: unknown): boolean => {
                assert(error instanceof PlanRefused);
                assert.equal(error.plan.lost.rows, 1);
                return true;
            };
            assert.equal((await project.plan("0", careful)).lost.rows, 0);
            await assert.rejects(project.migrate("0", careful, { observe: "full", confirm: write }), refused);
            assert.deepEqual(await project.applied(), ["001", "002"]);

            assert.deepEqual(await project.query("SELECT count(*) FROM a"), [["1"]]);
        });

        it("has no temporary table any more of the script before, as psql has none of the file before", async () => {
            const several =
                "VACUUM t;\nCREATE TEMP TABLE tmp AS SELECT 3 AS n;\nVACUUM t;\nINSERT INTO t SELECT n FROM tmp;";
            project
                .migration("001", "CREATE TABLE t (n int)", "DROP TABLE t")
                .migration("002", "CREATE TEMP TABLE t AS SELECT 1 AS n; CREATE TEMP TABLE tmp (n int)", "SELECT 1")
                .migration("003", "CREATE TEMP TABLE tmp AS SELECT 2 AS n; INSERT INTO t SELECT n FROM tmp", "SELECT 1")
                .migration("004", several, "SELECT 1")
                .migration(
                    "005",
                    "BEGIN ISOLATION LEVEL SERIALIZABLE; CREATE TEMP TABLE tmp AS SELECT 5 AS n; INSERT INTO t SELECT n FROM tmp; COMMIT",
                    "SELECT 1",
                )
                .migration("006", "ALTER TABLE t ADD COLUMN more int", "ALTER TABLE t DROP COLUMN more");
            await project.migrate("latest", {}, { observe: "full" });
            assert.deepEqual(await project.query("SELECT n, more FROM public.t ORDER BY 1"), [
                ["2", null],
                ["3", null],
                ["5", null],
            ]);
        });

        it("stores neither a script with a password nor one over 8 MB, and hides passwords in errors", async () => {
            project
                .migration(
                    "001",
                    "CREATE ROLE secretive PASSWORD /* of old */ 'hunter2-hunter2'; DO $$ BEGIN RAISE NOTICE 'made with PASSWORD %', quote_literal('hunter2-hunter2'); END $$",
                    "DROP ROLE secretive",
                )
                .migration("002", `SELECT 1; -- ${"x".repeat(8 * 1024 * 1024)}`, "SELECT 1");
            await project.migrate("latest");
            assert.deepEqual(
                await project.query("SELECT version, up_sql IS NULL, down_sql FROM schemaward.migrations ORDER BY seq"),
                [
                    ["001", "true", "DROP ROLE secretive"],
                    ["002", "true", "SELECT 1"],
                ],
            );
            assert.deepEqual(
                project.events.flatMap((e) => (e.type === "notice" ? [e.text] : [])),
                ["made with PASSWORD '[redacted]'"],
            );
            project.migration("003", "ALTER ROLE nobody_there PASSWORD 'hunter2-hunter2'", "SELECT 1");
            const error = await failure(project.migrate("latest"));
            assert.match(error.message, /nobody_there/);
            assert.doesNotMatch(error.message, /hunter2/);
            assert.doesNotMatch(
                JSON.stringify(await project.query("SELECT runs::text FROM schemaward.runs")),
                /hunter2/,
            );
            await project.migrate("0");
        });

        it("refuses a script that changes what backslashes mean, before anything runs", async () => {
            project
                .migration("001", "CREATE TABLE a (x text)", "DROP TABLE a")
                .migration(
                    "002",
                    "SET standard_conforming_strings = off;\nINSERT INTO a VALUES ('a\\\\b');",
                    "DELETE FROM a",
                );
            await assert.rejects(
                project.migrate("latest"),
                /002_m2\.sql:1: The script sets standard_conforming_strings/,
            );
            assert.deepEqual(await project.query("SELECT to_regclass('a')"), [[null]]);
            project.migration("002", "SET standard_conforming_strings = on;\nINSERT INTO a VALUES (E'a\\\\b');");
            await project.migrate("latest");
            assert.deepEqual(await project.query("SELECT x FROM a"), [["a\\b"]]);
        });

        it("runs a file whose lines end in a lone CR, and undoes by one", async () => {
            project.migration(
                "001",
                "-- old Mac\rCREATE TABLE a (id int);\rCREATE TABLE b (id int);\r",
                "-- back\rDROP TABLE b;\rDROP TABLE a;\r",
            );
            await project.migrate("latest");
            assert.deepEqual(await project.query("SELECT to_regclass('a'), to_regclass('b')"), [["a", "b"]]);
            await project.migrate("0");
            assert.deepEqual(await project.query("SELECT to_regclass('a'), to_regclass('b')"), [[null, null]]);
            project.migration("001", "-- one\rSELECT 1;\rSELECT * FROM nowhere;");
            assert.match(
                (await failure(project.migrate("latest"))).message,
                /^001_m1\.sql:3: .*\n {2}\| SELECT \* FROM nowhere/m,
            );
        });

        it("records an empty script, and one of comments, as a version", async () => {
            project.migration("001", "-- nothing yet\n", "SELECT 1").migration("002", "", "SELECT 1");
            await project.migrate("latest");
            assert.deepEqual(await project.applied(), ["001", "002"]);
        });
    });
}
