import assert from "node:assert/strict";
import { once } from "node:events";
import { FailedError } from "../../core/errors";
import { PlanRefused } from "../../core/run/not-begun";
import { eventually } from "../support/eventually";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";
import { startRun } from "./start-run";

describe("scripts of several transactions", function () {
    this.timeout(60_000);
    let server: TestServer;
    let project: TestProject;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = new TestProject(server, await server.create());
        project.migration(
            "001",
            "CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 100)",
            "DROP TABLE t",
        );
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

    async function refusals(version: string): Promise<string[]> {
        try {
            await project.migrate(version);
        } catch (error) {
            assert(error instanceof PlanRefused, String(error));
            return error.plan.refusals.map((r) => r.code);
        }
        return [];
    }

    const isValid = async (index: string): Promise<(string | null)[][]> =>
        project.query(`SELECT indisvalid FROM pg_index WHERE indexrelid = '${index}'::regclass`);
    /** Adds a partitioned table p and an index t_old to the first migration. */
    async function partitioned(): Promise<void> {
        project.migration(
            "001",
            "CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 100); CREATE INDEX t_old ON t (id);\nCREATE TABLE p (id int) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);",
            "DROP TABLE t, p",
        );
        await project.migrate("1");
    }

    const progress = async (): Promise<(string | null)[][]> =>
        project.query("SELECT version, direction, unit, finished FROM schemaward.progress ORDER BY unit");

    it("an index is built concurrently, and undone so", async () => {
        project.migration(
            "002",
            "CREATE INDEX CONCURRENTLY t_id ON t (id);\nALTER TABLE t ADD COLUMN n int;",
            "ALTER TABLE t DROP COLUMN n;\nDROP INDEX CONCURRENTLY t_id;",
        );
        const plan = await project.plan("latest");
        assert.equal(plan.steps[1]?.transactions, 2);
        assert.match(plan.steps[1].transactionsReason ?? "", /line 1: CREATE INDEX CONCURRENTLY/);
        await project.migrate("latest");
        assert.deepEqual(await project.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 't_id'::regclass"), [
            ["true"],
        ]);
        await project.migrate("1");
        assert.deepEqual(await project.query("SELECT to_regclass('t_id')"), [[null]]);
        assert.deepEqual(await progress(), []);
    });

    it("a concurrent index waits for old transactions beyond the lock timeout, naming them", async () => {
        project.migration("002", "CREATE INDEX CONCURRENTLY t_id ON t (id)", "DROP INDEX t_id");
        await project.migrate("1");
        await server.withClient(project.database, async (holder) => {
            await holder.query("BEGIN; UPDATE t SET id = id WHERE id = 1");
            const run = { ...project.declaration("2").run, lockTimeoutMs: 50 };
            const running = project.migrate("2", { run });
            await eventually(() => project.events.some((e) => e.type === "blocked"));
            await new Promise((resolve) => setTimeout(resolve, 300));
            await holder.query("COMMIT");
            await running;
        });
        assert.deepEqual(await project.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 't_id'::regclass"), [
            ["true"],
        ]);
    });

    for (const [what, sql, holds] of [
        ["DROP INDEX", "DROP INDEX CONCURRENTLY t_old", "UPDATE t SET id = id WHERE id = 1"],
        ["REINDEX", "REINDEX INDEX CONCURRENTLY t_old", "UPDATE t SET id = id WHERE id = 1"],
        ["DETACH PARTITION", "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY", "SELECT * FROM p"],
    ] as const)
        it(`${what} CONCURRENTLY waits for old transactions beyond the lock timeout, too`, async () => {
            await partitioned();
            project.migration("002", sql, "SELECT 1");
            await server.withClient(project.database, async (holder) => {
                await holder.query(`BEGIN; ${holds}`);
                const run = { ...project.declaration("2").run, lockTimeoutMs: 50 };
                const running = project.migrate("2", { run });
                await Promise.race([running, eventually(() => project.events.some((e) => e.type === "blocked"))]);
                await new Promise((resolve) => setTimeout(resolve, 300));
                await holder.query("COMMIT");
                await running;
            });
            assert.deepEqual(await project.applied(), ["001", "002"]);
        });

    it("its deadline ends it, leaves no invalid index, and names who was in the way", async () => {
        project.migration("002", "CREATE INDEX CONCURRENTLY t_id ON t (id)", "DROP INDEX t_id");
        await project.migrate("1");
        await server.withClient(project.database, async (holder) => {
            await holder.query("BEGIN; UPDATE t SET id = id WHERE id = 1");
            const run = { ...project.declaration("2").run, indexDeadlineMs: 700 };
            const running = failure(project.migrate("2", { run }));
            // The drop of the leftover waits for the holder, too.
            await eventually(
                async () =>
                    (
                        await project.query(
                            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DROP INDEX CONCURRENTLY%' AND state = 'active'",
                        )
                    )[0]?.[0] === "1",
            );
            await holder.query("COMMIT");
            const error = await running;
            assert.match(error.message, /002 was ended at its deadline, going forward/);
            assert.match(error.message, /Held by: pid \d+ \(schemaward test/);
        });
        assert.deepEqual(await project.query("SELECT to_regclass('t_id')"), [[null]]);
        assert.deepEqual(await progress(), []);
        assert.equal((await project.migrate("2")).version, "002");
    });

    it("its deadline ends the drop of what it left, too; that is told, and put right by the next run", async () => {
        project.migration("002", "CREATE INDEX CONCURRENTLY t_id ON t (id)", "DROP INDEX t_id");
        await project.migrate("1");
        await server.withClient(project.database, async (holder) => {
            await holder.query("BEGIN; UPDATE t SET id = id WHERE id = 1");
            const run = { ...project.declaration("2").run, indexDeadlineMs: 500 };
            const error = await failure(project.migrate("2", { run }));
            assert.match(error.message, /the index public\.t_id is there, but INVALID/);
            assert.match(error.message, /it drops the index and builds it anew/);
            assert.doesNotMatch(error.message, /rolled back whole/);
            await holder.query("COMMIT");
        });
        assert.deepEqual(await isValid("t_id"), [["false"]]);
        assert.deepEqual(await progress(), [["002", "up", "0", "false"]]);
        await project.migrate("2");
        assert.deepEqual(await isValid("t_id"), [["true"]]);
    });

    it("a unique index that cannot be: no invalid one stays, earlier transactions do", async () => {
        project.migration(
            "002",
            "ALTER TABLE t ADD COLUMN n int DEFAULT 7;\nCREATE UNIQUE INDEX CONCURRENTLY t_n ON t (n);",
            "DROP INDEX t_n; ALTER TABLE t DROP COLUMN n",
        );
        const error = await failure(project.migrate("latest"));
        assert.match(error.message, /^002_m2\.sql:2: 002 failed going forward: could not create unique index "t_n"/m);
        assert.match(
            error.message,
            /Of 002, 1 of 2 transactions are done and stay \(the ledger knows which\); the failed one was rolled back/,
        );
        assert.deepEqual(await project.query("SELECT to_regclass('t_n')"), [[null]]);
        assert.deepEqual(await progress(), [["002", "up", "0", "true"]]);
        assert.deepEqual(await project.applied(), ["001"]);

        // Not with what is half done left lying there.
        assert.deepEqual(await refusals("1"), ["unfinished"]);
        assert.deepEqual(await refusals("0"), ["unfinished"]);
        assert.equal((await project.plan("2")).unfinished?.goesOn, true);

        // Edited where it was not done: it goes on; the first statement is not run again.
        project.migration(
            "002",
            "ALTER TABLE t ADD COLUMN n int DEFAULT 7;\nCREATE INDEX CONCURRENTLY t_n ON t (n);",
            "DROP INDEX t_n; ALTER TABLE t DROP COLUMN n",
        );
        await project.migrate("latest");
        assert.deepEqual(await project.applied(), ["001", "002"]);
        assert.deepEqual(await progress(), []);
    });

    it("edited where it is done already: refused, until a person has settled it", async () => {
        project.migration(
            "002",
            "ALTER TABLE t ADD COLUMN n int;\nCREATE INDEX CONCURRENTLY t_n ON t (nowhere);",
            "ALTER TABLE t DROP COLUMN n",
        );
        await failure(project.migrate("latest"));
        project.migration(
            "002",
            "ALTER TABLE t ADD COLUMN m int;\nCREATE INDEX CONCURRENTLY t_m ON t (m);",
            "ALTER TABLE t DROP COLUMN m",
        );
        assert.deepEqual(await refusals("2"), ["unfinished-edited"]);
        assert.deepEqual(await progress(), [["002", "up", "0", "true"]]);
    });

    it("what is not finished goes on before anything else, and is forgotten only by its own name", async () => {
        project.migration(
            "003",
            "ALTER TABLE t ADD COLUMN n int DEFAULT 7;\nCREATE INDEX CONCURRENTLY t_n ON t (nowhere);",
            "ALTER TABLE t DROP COLUMN n",
        );
        await failure(project.migrate("latest"));
        // A branch brings one that comes before it.
        project.migration(
            "002",
            "UPDATE t SET id = id + 1000;\nCREATE INDEX CONCURRENTLY t_id ON t (id);",
            "UPDATE t SET id = id - 1000",
        );
        assert.deepEqual(await refusals("3"), ["unfinished"]);
        assert.deepEqual(await refusals("2"), ["unfinished"]);
        await project.resolve("001", "applied");
        assert.deepEqual(await progress(), [["003", "up", "0", "true"]]);
        await project.query("ALTER TABLE t DROP COLUMN n");
        await project.resolve("3", "rolled-back");
        assert.deepEqual(await progress(), []);
        project.migration("003", "ALTER TABLE t ADD COLUMN n int", "ALTER TABLE t DROP COLUMN n");
        await project.migrate("latest");
        assert.deepEqual(await project.applied(), ["001", "002", "003"]);
        assert.deepEqual(await project.query("SELECT min(id), max(id) FROM t"), [["1001", "1100"]]);
    });

    it("own BEGIN…COMMIT blocks are committed one by one, each with its note", async () => {
        project.migration(
            "002",
            "BEGIN;\nINSERT INTO t VALUES (1001);\nCOMMIT;\nBEGIN;\nINSERT INTO t VALUES (1002);\nINSERT INTO nowhere VALUES (1);\nCOMMIT;",
            "DELETE FROM t WHERE id > 1000",
        );
        const error = await failure(project.migrate("latest"));
        assert.match(error.message, /^002_m2\.sql:6: /m);
        assert.deepEqual(await project.query("SELECT id FROM t WHERE id > 1000"), [["1001"]]);
        await project.query("CREATE TABLE nowhere (id int)");
        await project.migrate("latest");
        assert.deepEqual(await project.query("SELECT id FROM t WHERE id > 1000 ORDER BY 1"), [["1001"], ["1002"]]);
    });

    it("a procedure that commits is told to ask for it, and runs when it does", async () => {
        const create =
            "CREATE TABLE u (n int);\nCREATE PROCEDURE fill() LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1..3 LOOP INSERT INTO u VALUES (i); COMMIT; END LOOP; END $$;\n";
        project.migration("002", `${create}CALL fill();`, "DROP PROCEDURE fill; DROP TABLE u");
        const error = await failure(project.migrate("latest"));
        assert.match(error.message, /SQLSTATE 2D000/);
        assert.match(error.message, /add the line "-- schemaward: no-transaction" to it/);
        assert.deepEqual(await project.query("SELECT to_regclass('u')"), [[null]]);
        project.migration(
            "002",
            `-- schemaward: no-transaction\n${create}CALL fill();`,
            "DROP PROCEDURE fill; DROP TABLE u",
        );
        await project.migrate("latest");
        assert.deepEqual(await project.query("SELECT count(*) FROM u"), [["3"]]);
        await project.migrate("1");
    });

    it("a DO block that commits runs outside of a transaction", async () => {
        project.migration(
            "002",
            "CREATE TABLE u (n int);\nDO $$ BEGIN FOR i IN 1..3 LOOP INSERT INTO u VALUES (i); COMMIT; END LOOP; END $$;",
            "DROP TABLE u",
        );
        await project.migrate("latest");
        assert.deepEqual(await project.query("SELECT count(*) FROM u"), [["3"]]);
    });

    it("a new enum value is committed before its use", async () => {
        project
            .migration(
                "002",
                "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE m (x mood)",
                "DROP TABLE m; DROP TYPE mood",
            )
            .migration("003", "ALTER TYPE mood ADD VALUE 'happy';\nINSERT INTO m VALUES ('happy');", "DELETE FROM m");
        await project.migrate("latest");
        assert.deepEqual(await project.query("SELECT x FROM m"), [["happy"]]);
    });

    it("VACUUM and DISCARD ALL run, and the lock is held on", async () => {
        project.migration(
            "002",
            "VACUUM t;\nDISCARD ALL;\nINSERT INTO t VALUES (1001);",
            "DELETE FROM t WHERE id = 1001",
        );
        await project.migrate("latest");
        assert.deepEqual(await project.applied(), ["001", "002"]);
    });

    it("a DO block that fails after its COMMITs: what stays is said, and it can be corrected and run again", async () => {
        project.migration(
            "002",
            "DO $$ BEGIN FOR i IN 1..3 LOOP INSERT INTO t VALUES (1000 + i); COMMIT; IF i = 2 THEN RAISE 'two'; END IF; END LOOP; END $$",
            "DELETE FROM t WHERE id > 1000",
        );
        const error = await failure(project.migrate("latest"));
        assert.match(
            error.message,
            /State: Done and staying: 001 applied\. Line 1 ran outside a transaction and may have taken effect in part/,
        );
        assert.doesNotMatch(error.message, /002 was rolled back whole/);
        assert.match(error.message, /Next: See what of line 1 is in the database/);
        assert.deepEqual(await refusals("2"), ["unfinished-unknown"]);
        assert.deepEqual(await project.query("SELECT count(*) FROM t WHERE id > 1000"), [["2"]]);
        assert.deepEqual(await progress(), [["002", "up", "0", "false"]]);
        assert.equal((await project.plan("2")).unfinished?.goesOn, true);
        assert.deepEqual(await refusals("1"), ["unfinished"]);
        project.migration(
            "002",
            "DO $$ BEGIN DELETE FROM t WHERE id > 1000; INSERT INTO t VALUES (1001); COMMIT; END $$",
        );
        project.events.length = 0;
        await project.migrate("latest");
        assert(
            project.events.some((e) => e.type === "notice" && e.text.startsWith("line 1 was begun by an earlier run")),
        );
        assert.deepEqual(await project.query("SELECT id FROM t WHERE id > 1000"), [["1001"]]);
        assert.deepEqual(await progress(), []);
    });

    it("a procedure that fails after its COMMITs can be settled by hand", async () => {
        project.migration(
            "002",
            "-- schemaward: no-transaction\nCREATE PROCEDURE half() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t VALUES (1001); COMMIT; RAISE 'no'; END $$;\nCALL half();",
            "SELECT 1",
        );
        const error = await failure(project.migrate("latest"));
        assert.match(
            error.message,
            /Of 002, 1 of 2 transactions are done and stay \(the ledger knows which\)\. Line 3 ran outside/,
        );
        await project.query("DELETE FROM t WHERE id > 1000; DROP PROCEDURE half");
        await project.resolve("002", "rolled-back");
        assert.deepEqual(await progress(), []);
        assert.deepEqual(await project.applied(), ["001"]);
    });

    for (const [what, sql, holds, state, next] of [
        [
            "DROP INDEX",
            "DROP INDEX CONCURRENTLY t_old",
            "UPDATE t SET id = id WHERE id = 1",
            /the index "?t_old"? is there, but INVALID/,
            /Next: Run the same command again: it drops the index/,
        ],
        [
            "DETACH PARTITION",
            "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY",
            "SELECT * FROM p",
            /the partition "?p1"? of "?p"? is being detached/,
            /Next: Run the same command again: it finishes this with ALTER TABLE "?p"? DETACH PARTITION "?p1"? FINALIZE/,
        ],
    ] as const)
        it(`${what} CONCURRENTLY that was ended half-way is told, and finished by the next run`, async () => {
            await partitioned();
            project.migration("002", sql, "SELECT 1");
            await server.withClient(project.database, async (holder) => {
                await holder.query(`BEGIN; ${holds}`);
                const run = { ...project.declaration("2").run, indexDeadlineMs: 500 };
                const error = await failure(project.migrate("2", { run }));
                await holder.query("COMMIT");
                assert.match(error.message, state);
                assert.match(error.message, next);
                assert.doesNotMatch(error.message, /No script has taken effect|rolled back whole/);
            });
            assert.deepEqual(await progress(), [["002", "up", "0", "false"]]);
            assert.equal((await project.plan("2")).unfinished?.goesOn, true);
            await project.migrate("2");
            assert.deepEqual(await project.applied(), ["001", "002"]);
            assert.deepEqual(await progress(), []);
            assert.deepEqual(
                await project.query("SELECT to_regclass('t_old') IS NOT NULL, (SELECT count(*) FROM pg_inherits)"),
                [what === "DROP INDEX" ? ["false", "1"] : ["true", "0"]],
            );
        });

    it("what is whole or not at all outside a transaction leaves no note when it fails", async () => {
        project.migration("002", "DROP INDEX CONCURRENTLY nowhere", "SELECT 1");
        const error = await failure(project.migrate("latest"));
        assert.match(error.message, /002 was rolled back whole/);
        assert.deepEqual(await progress(), []);
    });

    for (const [name, written] of [
        ["t_id", "t_id"],
        ['"user"', 'IF NOT EXISTS "user"'],
    ] as const)
        it(`kill -9 while an index is built (${name}): the next run drops what it left and builds it anew`, async () => {
            await killWhileBuilding(`CREATE INDEX CONCURRENTLY ${written} ON t (id)`, name);
            assert.deepEqual(await isValid(name), [["false"]]);
            assert.deepEqual(await progress(), [["002", "up", "0", "false"]]);
            await project.migrate("2", {}, { waitMs: 10_000 });
            assert.deepEqual(await isValid(name), [["true"]]);
            assert.deepEqual(await project.applied(), ["001", "002"]);
        });

    it("kill -9 right after an index without a name was built: it is not built a second time", async () => {
        await killWhileBuilding("CREATE INDEX CONCURRENTLY ON t (id DESC, (id + 1)) WHERE id > 0", "t_id_expr_idx");
        // As if it had come to the end of its statement.
        await project.query("REINDEX INDEX t_id_expr_idx");
        await project.migrate("2", {}, { waitMs: 10_000 });
        assert.deepEqual(await project.query("SELECT indexname FROM pg_indexes WHERE tablename = 't' ORDER BY 1"), [
            ["t_id_expr_idx"],
        ]);
        assert.deepEqual(await project.applied(), ["001", "002"]);
    });

    /** Leaves the index invalid, and the ledger with a note that it was begun. */
    async function killWhileBuilding(create: string, name: string): Promise<void> {
        project.migration("002", `${create};\nALTER TABLE t ADD COLUMN n int;`, `DROP INDEX ${name}`);
        await project.migrate("1");
        await server.withClient(project.database, async (holder) => {
            await holder.query("BEGIN; UPDATE t SET id = id WHERE id = 1");
            const child = startRun(project, "2");
            await eventually(async () => (await project.query(`SELECT to_regclass('${name}')`))[0]?.[0] === name);
            child.kill("SIGKILL");
            await once(child, "exit");
            // The server ends the statement of a dead client, and leaves the index invalid.
            const building =
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%' AND state = 'active'";
            await eventually(async () => (await project.query(building))[0]?.[0] === "0");
            await holder.query("COMMIT");
        });
    }

    it("an invalid index that is somebody else's is left alone and told", async () => {
        await project.migrate("1");
        await project.query("INSERT INTO t VALUES (1)");
        await project.query("CREATE UNIQUE INDEX CONCURRENTLY t_id ON t (id)").catch(() => undefined);
        project.migration("002", "CREATE INDEX CONCURRENTLY IF NOT EXISTS t_id ON t (id)", "DROP INDEX t_id");
        const error = await failure(project.migrate("2"));
        assert.match(error.message, /The index t_id on t is invalid, and this run did not build it/);
        assert.deepEqual(await project.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 't_id'::regclass"), [
            ["false"],
        ]);
    });
});
