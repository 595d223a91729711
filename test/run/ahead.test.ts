import assert from "node:assert/strict";
import { FailedError } from "../../core/errors";
import { eventually } from "../support/eventually";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";
import { migrateWithLostAnswers } from "./lost-answers";

describe("steps sent ahead of their turn", function () {
    this.timeout(30_000);
    let server: TestServer;
    let project: TestProject;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = new TestProject(server, await server.create());
        project.migration("001", "CREATE TABLE a (id int)", "DROP TABLE a");
    });
    afterEach(() => {
        project.remove();
    });

    /** 003 and 004 follow a 002 that takes long enough for 003 to be on its way before that ends. */
    function withSlowSecond(sql: string): void {
        project
            .migration("002", `CREATE TABLE b (id int);\nSELECT pg_sleep(0.3);\n${sql}`, "DROP TABLE b")
            .migration("003", "CREATE TABLE c (id int)", "DROP TABLE c")
            .migration("004", "CREATE TABLE d (id int)", "DROP TABLE d");
    }

    async function assertStoppedAt001(error: RegExp): Promise<void> {
        await assert.rejects(project.migrate("latest"), (thrown) => {
            assert(thrown instanceof FailedError, String(thrown));
            assert.match(thrown.message, error);
            assert.match(thrown.message, /002 was rolled back whole\. The database is at 001\./);
            return true;
        });
        assert.deepEqual(await project.applied(), ["001"]);
        assert.deepEqual(await project.query("SELECT to_regclass('b'), to_regclass('c'), to_regclass('d')"), [
            [null, null, null],
        ]);
        assert.deepEqual(await project.query("SELECT version FROM schemaward.run_steps WHERE version IS NOT NULL"), [
            ["001"],
        ]);
    }

    it("do nothing when the step before fails in a statement", async () => {
        withSlowSecond("SELECT 1 / 0");
        await assertStoppedAt001(/^002_m2\.sql:3: 002 failed going forward: division by zero/);
    });

    it("do nothing when the step before fails in its COMMIT, which leaves the session outside of a transaction", async () => {
        await project.migrate("1");
        await project.query("CREATE TABLE late (id int)");
        await project.query(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not at COMMIT'; END $$",
        );
        await project.query(
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()",
        );
        // Works behind our own look at deferred constraints: when the ledger's row is written.
        await project.query(
            `CREATE FUNCTION put_off() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF NEW.version = '003' THEN SET CONSTRAINTS ALL DEFERRED; INSERT INTO late VALUES (1); END IF; RETURN NULL; END $$`,
        );
        await project.query(
            "CREATE TRIGGER put_off AFTER INSERT ON schemaward.migrations FOR EACH ROW EXECUTE FUNCTION put_off()",
        );
        // A run's first step is never followed closely: the history table has to be looked at first.
        project
            .migration("002", "CREATE TABLE b (id int)", "DROP TABLE b")
            .migration("003", "CREATE TABLE c (id int);\nSELECT pg_sleep(0.3)", "DROP TABLE c")
            .migration("004", "CREATE TABLE d (id int)", "DROP TABLE d");
        await assert.rejects(project.migrate("latest"), /003 failed going forward: not at COMMIT/);
        assert.deepEqual(await project.applied(), ["001", "002"]);
        assert.deepEqual(await project.query("SELECT to_regclass('c'), to_regclass('d')"), [[null, null]]);
    });

    it("do nothing when a down script before them fails", async () => {
        project
            .migration("002", "CREATE TABLE b (id int)", "SELECT pg_sleep(0.3);\nDROP TABLE b, nowhere")
            .migration("003", "CREATE TABLE c (id int)", "DROP TABLE c");
        await project.migrate("latest");
        await assert.rejects(project.migrate("0"), /002 failed going back: table "nowhere" does not exist/);
        assert.deepEqual(await project.applied(), ["001", "002"]);
        assert.deepEqual(await project.query("SELECT to_regclass('a') IS NOT NULL"), [["true"]]);
    });

    it("wait for a step that is tried again, and for one that takes our statements away", async () => {
        await project.migrate("1");
        withSlowSecond("ALTER TABLE a ADD COLUMN n int;\nDEALLOCATE ALL");
        await server.withClient(project.database, async (holder) => {
            await holder.query("BEGIN; SELECT * FROM a");
            const running = project.migrate("latest");
            await eventually(() => project.events.some((e) => e.type === "retry"));
            await holder.query("COMMIT");
            assert.equal((await running).version, "004");
        });
        assert.deepEqual(await project.applied(), ["001", "002", "003", "004"]);
        assert.deepEqual(
            await project.query("SELECT version FROM schemaward.run_steps WHERE version IS NOT NULL ORDER BY 1"),
            [["001"], ["002"], ["003"], ["004"]],
        );
    });

    it("are told of in order, each with its own notices", async () => {
        withSlowSecond("DO $$ BEGIN RAISE NOTICE 'second'; END $$");
        project.migration("003", "DO $$ BEGIN RAISE NOTICE 'third'; END $$", "SELECT 1");
        await project.migrate("latest");
        const told = project.events.flatMap((e) =>
            e.type === "notice"
                ? [`${e.version} ${e.text}`]
                : e.type === "step-start" || e.type === "step-done"
                  ? [`${e.version} ${e.type}`]
                  : [],
        );
        assert.deepEqual(told, [
            ...["001 step-start", "001 step-done"],
            ...["002 step-start", "002 second", "002 step-done"],
            ...["003 step-start", "003 third", "003 step-done"],
            ...["004 step-start", "004 step-done"],
        ]);
    });

    it("are not run once more when the connection broke after they took effect", async () => {
        withSlowSecond("");
        assert.equal(
            (await migrateWithLostAnswers(project, "CREATE TABLE b", { until: (applied) => applied.includes("003") }))
                .version,
            "004",
        );
        assert.deepEqual(await project.applied(), ["001", "002", "003", "004"]);
        assert.deepEqual(
            project.events.flatMap((e) => (e.type === "step-done" ? e.version : [])),
            ["001", "002", "003", "004"],
        );
    });

    it("are not begun after an interruption", async () => {
        withSlowSecond("SELECT pg_sleep(600)");
        const stop = new AbortController();
        const running = project.migrate("latest", {}, { signal: stop.signal });
        running.catch(() => undefined);
        await eventually(async () => (await project.sleeping(600)) === 1);
        stop.abort();
        await assert.rejects(running, /002 was interrupted going forward/);
        assert.deepEqual(await project.applied(), ["001"]);
        assert.deepEqual(await project.query("SELECT to_regclass('c')"), [[null]]);
    });
});
