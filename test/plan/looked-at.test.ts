import assert from "node:assert/strict";
import { renderPlan } from "../../core/plan/render-text";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";

const deletes = `CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM log; RETURN NULL; END $$;
    CREATE TRIGGER forget AFTER INSERT ON a FOR EACH STATEMENT EXECUTE FUNCTION forget();`;

describe("how thoroughly effects are looked for", function () {
    this.timeout(60_000);
    let server: TestServer;
    let project: TestProject;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = new TestProject(server, await server.create());
        project.migration("001", "CREATE TABLE a (id int); CREATE TABLE log (id int); INSERT INTO log VALUES (1);");
    });
    afterEach(() => {
        project.remove();
    });

    async function methods(mode: "lossless" | "quick" | "full"): Promise<string[]> {
        return (await project.plan("latest", {}, mode)).steps.map((s) => s.method);
    }

    it("what is of a kind that loses nothing is not looked at by a run that asks for no more", async () => {
        project.migration("002", "INSERT INTO a VALUES (1); ALTER TABLE a ADD COLUMN b int; CREATE INDEX ON a (b)");
        const plan = await project.plan("latest", {}, "lossless");
        assert.deepEqual(
            plan.steps.map((s) => s.method),
            ["skipped", "skipped"],
        );
        assert.equal(plan.lost.unknown, false);
        assert.equal(
            renderPlan(plan).find((line) => line.startsWith("CASCADE victims")),
            "CASCADE victims: none      opaque SQL: none      effects not listed: every statement is of a kind that loses nothing",
        );
        assert.deepEqual(await methods("full"), ["observed", "observed"]);
    });

    it("a trigger that the plan turns on is looked at before rows set it off", async () => {
        project.migration(
            "001",
            `CREATE TABLE a (id int); CREATE TABLE log (id int); ${deletes} ALTER TABLE a DISABLE TRIGGER forget`,
        );
        project.migration("002", "ALTER TABLE a ENABLE TRIGGER forget; INSERT INTO a VALUES (1)");
        await project.migrate("001");
        const plan = await project.plan("latest", {}, "lossless");
        assert.equal(plan.steps[0]?.method, "observed");
        assert(plan.lost.unknown || plan.lost.rows > 0 || plan.steps[0].opaque.length > 0);
    });

    for (const [what, script] of [
        ["a DELETE", "DELETE FROM log"],
        ["a DELETE within WITH", "WITH gone AS (DELETE FROM log RETURNING id) INSERT INTO a SELECT id FROM gone"],
        [
            "an INSERT that updates",
            "CREATE UNIQUE INDEX u ON a (id); INSERT INTO a VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 2",
        ],
        [
            "a function of one's own",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'DELETE FROM log RETURNING 1'; SELECT f()",
        ],
        ["a DO block", "DO $$ BEGIN DELETE FROM log; END $$"],
        ["a DROP", "DROP TABLE log"],
        ["a change of type", "ALTER TABLE log ALTER id TYPE smallint"],
    ] as const)
        it(`${what} is looked at, and what it takes is told`, async () => {
            await project.migrate("001");
            await project.query("INSERT INTO a VALUES (1)");
            project.migration("002", script);
            for (const mode of ["lossless", "quick"] as const) {
                const plan = await project.plan("latest", {}, mode);
                assert.notEqual(plan.steps[0]?.method, "skipped");
                assert(plan.lost.unknown || plan.lost.rows + plan.lost.values > 0, mode);
            }
        });

    it("an INSERT that a trigger answers with a DELETE is looked at: the trigger of the database, and that of the plan", async () => {
        project.migration("002", deletes).migration("003", "INSERT INTO a VALUES (1)");
        const whole = await project.plan("latest", {}, "lossless");
        assert.deepEqual(
            whole.steps.map((s) => s.method),
            ["observed", "observed", "observed"],
        );
        await project.migrate("002");
        for (const mode of ["lossless", "quick", "full"] as const) {
            const plan = await project.plan("latest", {}, mode);
            assert.notEqual(plan.steps[0]?.method, "skipped");
            assert.equal(plan.lost.unknown, true, mode);
            assert.match(plan.steps[0]?.opaque[0]?.why ?? "", /trigger .*forget.* with DELETE/);
        }
        await project.query("ALTER TABLE a DISABLE TRIGGER forget");
        assert.equal((await project.plan("latest", {}, "lossless")).steps[0]?.method, "skipped");
    });

    const operator = `CREATE FUNCTION wiping(int, int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN DELETE FROM log; RETURN true; END $$;
        CREATE OPERATOR === (FUNCTION = wiping, LEFTARG = int, RIGHTARG = int);`;
    for (const script of ["SELECT 1 === 2", "ALTER TABLE a ADD COLUMN c boolean DEFAULT (1 === 2)"])
        it(`code behind an operator is looked at, that of the database and that of the plan: ${script}`, async () => {
            await project.migrate("001");
            project.migration("002", operator + script);
            for (const mode of ["lossless", "quick", "full"] as const)
                assert.equal((await project.plan("latest", {}, mode)).lost.unknown, true, mode);
            await project.query(operator);
            project.migration("002", script);
            for (const mode of ["lossless", "quick", "full"] as const)
                assert.equal((await project.plan("latest", {}, mode)).lost.unknown, true, mode);
        });

    it("an update of an extension with tables of its own may take their rows", async () => {
        await project.migrate("001");
        await project.query(`CREATE EXTENSION hstore VERSION '1.4'`);
        project.migration("002", "ALTER EXTENSION hstore UPDATE");
        assert.equal((await project.plan("latest")).lost.unknown, false);
        await project.query("CREATE TABLE registry (id int); ALTER EXTENSION hstore ADD TABLE registry");
        assert.equal((await project.plan("latest")).lost.unknown, true);
    });

    it("a rule is looked at, too", async () => {
        await project.migrate("001");
        await project.query("CREATE RULE forget AS ON INSERT TO a DO ALSO DELETE FROM log");
        project.migration("002", "INSERT INTO a VALUES (1)");
        for (const mode of ["lossless", "quick", "full"] as const)
            assert.equal((await project.plan("latest", {}, mode)).lost.unknown, true, mode);
    });

    it("an event trigger makes everything be looked at", async () => {
        await project.migrate("001");
        await project.query(`CREATE FUNCTION forget_all() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM log; END $$;
            CREATE EVENT TRIGGER forget_all ON ddl_command_end EXECUTE FUNCTION forget_all()`);
        project.migration("002", "CREATE TABLE c (id int)");
        for (const mode of ["lossless", "quick", "full"] as const) {
            const plan = await project.plan("latest", {}, mode);
            assert.notEqual(plan.steps[0]?.method, "skipped");
            assert.equal(plan.lost.unknown, true, mode);
        }
    });

    it("roles and notifications act outside, and lose no rows; code that cannot be seen may", async () => {
        await project.migrate("001");
        project.migration(
            "002",
            `CREATE ROLE nobody_yet;\nNOTIFY somebody;\nCREATE TABLE c (id int);
            DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'one_more') THEN CREATE ROLE one_more; END IF; END $$;`,
        );
        const plan = await project.plan("latest");
        assert.equal(plan.steps[0]?.opaque.length, 3);
        assert.equal(plan.lost.unknown, false);
        project.migration("003", "DO $$ BEGIN EXECUTE 'DELETE FROM log'; END $$; CREATE ROLE nobody_either;");
        assert.equal((await project.plan("latest")).lost.unknown, true);
    });

    it("a table without a row takes no bytes along, one with a row takes all that it has on disk", async () => {
        project.migration("002", "CREATE INDEX ON a (id)", "DROP TABLE a, log");
        await project.migrate("latest");
        const plan = await project.plan("001");
        const told = plan.steps.flatMap(({ losses }) => losses.map(({ object, rows, bytes }) => [object, rows, bytes]));
        assert.deepEqual(told, [
            ["a", 0, 0],
            ["log", 1, 8192],
        ]);
        assert.equal(plan.lost.bytes, 8192);
    });

    it("more than 100 steps are observed unless the database has nothing to lose or to lock", async () => {
        for (let i = 2; i <= 101; i++) project.migration(String(i).padStart(3, "0"), `CREATE TABLE t${i} (id int)`);
        const plan = await project.plan("latest");
        assert.equal(plan.steps.length, 101);
        assert(plan.steps.every((s) => s.method === "skipped" && (s.methodReason ?? "").includes("nothing to lose")));
        await project.query("CREATE TABLE precious (id int)");
        assert((await project.plan("latest")).steps.every((s) => s.method === "observed"));
    });
});
