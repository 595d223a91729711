import assert from "node:assert/strict";
import { BadInputError, FailedError } from "../../core/errors";
import { renderPlan } from "../../core/plan/render-text";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";

describe("verify queries", function () {
    this.timeout(60_000);
    let server: TestServer;
    let project: TestProject;

    before(async () => {
        server = await startTestServer();
        await server.withClient("postgres", (c) => c.query("CREATE ROLE verify_owner"));
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = new TestProject(server, await server.create());
        for (const n of [1, 2, 3])
            project.migration(`00${n}`, `CREATE TABLE t${n} (id int, x text)`, `DROP TABLE t${n}`);
    });
    afterEach(() => {
        project.remove();
    });

    function verify(sql: string): void {
        project.write({ "verify/002_verify.sql": sql });
    }

    async function failure(): Promise<string> {
        let message = "";
        await assert.rejects(project.migrate("latest"), (error) => {
            assert(error instanceof FailedError, String(error));
            message = error.message;
            return true;
        });
        return message;
    }

    it("let a migration take effect that did what it is for, and stand in the plan", async () => {
        verify(
            "-- has it?\nSELECT count(*) = 2 AS ok FROM pg_attribute WHERE attrelid = 't2'::regclass AND attnum > 0 -- yes",
        );
        const plan = await project.plan("latest");
        assert.deepEqual(
            plan.steps.map((s) => s.verifiedBy),
            [undefined, "verify/002_verify.sql", undefined],
        );
        assert(renderPlan(plan).includes("    takes effect if verify/002_verify.sql yields true"));
        await project.migrate("latest");
        assert.deepEqual(await project.applied(), ["001", "002", "003"]);
        // Going back asks nothing.
        await project.migrate("0");
        assert.deepEqual(await project.applied(), []);
    });

    const no: Readonly<Record<string, string>> = {
        false: "SELECT count(*) > 0 FROM t2",
        NULL: "SELECT max(id) > 0 FROM t2",
        "no row": "SELECT true FROM t2",
        "VALUES (false)": "VALUES (false);",
    };
    for (const [what, sql] of Object.entries(no))
        it(`roll it back whole where they yield ${what}: what came before stays, nothing comes after`, async () => {
            verify(`-- 1\n\n${sql}`);
            const message = await failure();
            assert.match(
                message,
                /^verify\/002_verify\.sql:3: 002 failed going forward: its verify query does not yield true$/m,
            );
            assert.match(message, /^ {2}\| (?:SELECT|VALUES)/m);
            assert.match(message, /002 was rolled back whole\. The database is at 001\./);
            assert.match(message, /Correct 002_m2\.sql or verify\/002_verify\.sql and run the same command again/);
            assert.deepEqual(await project.applied(), ["001"]);
            assert.deepEqual(await project.query("SELECT to_regclass('t2'), to_regclass('t3')"), [[null, null]]);

            verify("SELECT true");
            await project.migrate("latest");
            assert.deepEqual(await project.applied(), ["001", "002", "003"]);
        });

    it("that fail are named, with the server's words", async () => {
        verify("SELECT ok FROM nowhere");
        const message = await failure();
        assert.match(
            message,
            /^verify\/002_verify\.sql:1: 002 failed going forward: relation "nowhere" does not exist$/m,
        );
        assert.match(message, /SQLSTATE 42P01/);
        assert.match(message, /while verifying/);
        verify("SELECT true FROM generate_series(1, 2)");
        assert.match(await failure(), /more than one row/);
        verify("SELECT true, true");
        assert.match(await failure(), /must return only one column/);
    });

    it("write nothing, and leave no setting behind", async () => {
        project.migration(
            "002",
            `CREATE TABLE t2 (id int, x text);
             CREATE FUNCTION writes() RETURNS boolean LANGUAGE sql AS $$ INSERT INTO t2 VALUES (1); SELECT true $$;
             CREATE FUNCTION sets() RETURNS boolean LANGUAGE sql AS $$ SELECT set_config('my.own', 'x', false) = 'x' $$`,
            "DROP FUNCTION sets; DROP FUNCTION writes; DROP TABLE t2",
        );
        project.migration("003", "CREATE TABLE t3 AS SELECT current_setting('my.own', true) AS x", "DROP TABLE t3");
        verify("SELECT writes()");
        assert.match(await failure(), /cannot execute INSERT in a read-only transaction/);
        verify("SELECT sets()");
        await project.migrate("latest");
        assert.deepEqual(await project.query("SELECT coalesce(x, '') FROM t3"), [[""]]);
    });

    it("are asked as the script's role, under its search_path", async () => {
        await project.query("CREATE SCHEMA own AUTHORIZATION verify_owner; SELECT 1");
        verify("SELECT current_user = 'verify_owner' AND to_regclass('t2') = 'own.t2'::regclass");
        await project.migrate("latest", {
            connection: { url: server.url(project.database), role: "verify_owner" },
            run: { ...project.declaration("0").run, searchPath: ["own"] },
            history: { mirror: "none" },
        });
        assert.deepEqual(await project.applied(), ["001", "002", "003"]);
    });

    it("of a script of several transactions are asked at its end, and again by the run that goes on", async () => {
        project.migration(
            "002",
            "CREATE TABLE t2 (id int, x text);\nCREATE INDEX CONCURRENTLY t2_x ON t2 (x)",
            "DROP TABLE t2",
        );
        verify("SELECT count(*) = 1 FROM t1");
        const message = await failure();
        assert.match(message, /its verify query does not yield true/);
        assert.match(message, /Of 002, 2 of 2 transactions are done and stay/);
        assert.deepEqual(await project.applied(), ["001"]);
        assert.match(await failure(), /its verify query does not yield true/);

        await project.query("INSERT INTO t1 VALUES (1)");
        await project.migrate("latest");
        assert.deepEqual(await project.applied(), ["001", "002", "003"]);
        assert.deepEqual(await project.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 't2_x'::regclass"), [
            ["true"],
        ]);
    });

    const bad: readonly [what: string, sql: string, message: RegExp][] = [
        ["empty", "-- later\n", /verify\/002_verify\.sql:1: The verify query is empty/],
        [
            "two statements",
            "SELECT true;\nSELECT true",
            /002_verify\.sql:2: The verify query holds more than one statement/,
        ],
        ["no query", "DELETE FROM t1", /002_verify\.sql:1: The verify query holds a DeleteStmt, which is no query/],
        ["SELECT INTO", "SELECT 1 INTO x", /002_verify\.sql:1: The verify query makes a table or locks rows/],
        ["FOR UPDATE", "SELECT true FROM t1 FOR UPDATE", /makes a table or locks rows/],
        ["what does not parse", "\nSELEC true", /002_verify\.sql:2: PostgreSQL's parser says/],
    ];
    for (const [what, sql, message] of bad)
        it(`that cannot be used are refused before anything runs: ${what}`, async () => {
            verify(sql);
            for (const asked of [project.plan("latest"), project.migrate("latest")])
                await assert.rejects(asked, (error) => {
                    assert(error instanceof BadInputError, String(error));
                    assert.match(error.message, message);
                    assert.match(error.message, /^State: Nothing was touched\.$/m);
                    return true;
                });
            assert.deepEqual(await project.query("SELECT to_regclass('t1')"), [[null]]);
        });

    it("whose file has another name are refused, not passed over", async () => {
        project.write({ "verify/two.sql": "SELECT true" });
        await assert.rejects(project.plan("latest"), /verify\/two\.sql: The name does not follow NNN_verify\.sql/);
    });
});
