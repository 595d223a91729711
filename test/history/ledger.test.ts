import assert from "node:assert/strict";
import { BadInputError, FailedError, RefusedError } from "../../core/errors";
import { PlanRefused } from "../../core/run/not-begun";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";

describe("the ledger", function () {
    this.timeout(30_000);
    let server: TestServer;
    let project: TestProject;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = new TestProject(server, await server.create());
        for (const v of ["001", "002", "003"]) project.migration(v, `CREATE TABLE t${v} (id int)`, `DROP TABLE t${v}`);
    });
    afterEach(() => {
        project.remove();
    });

    const declarer = (stack: string, environment = stack): { project: string; stack: string; environment: string } => ({
        project: "physioflow",
        stack,
        environment,
    });

    async function refusal(running: Promise<unknown>): Promise<{ code: string; allow: string }> {
        try {
            await running;
        } catch (error) {
            assert(error instanceof PlanRefused, String(error));
            const [first] = error.plan.refusals;
            assert(first !== undefined);
            return first;
        }
        throw new Error("it was not refused");
    }

    it("goes back by its own down SQL over a version that the disk no longer has", async () => {
        await project.migrate("latest");
        project.write({ "003_m3.sql": null, "rollback/003_down.sql": null });
        const plan = await project.plan("latest");
        assert.equal(plan.steps[0]?.storedSql, "DROP TABLE t003");
        assert.equal(plan.steps[0].script.source, "ledger");
        await project.migrate("latest");
        assert.deepEqual(await project.applied(), ["001", "002"]);
        assert.deepEqual(await project.query("SELECT to_regclass('t003')"), [[null]]);
    });

    it("undoes in the reverse order of applying, and fills a hole only when told to", async () => {
        project.write({ "002_m2.sql": null, "rollback/002_down.sql": null });
        await project.migrate("latest");
        project.migration("002", "CREATE TABLE late (id int)", "DROP TABLE late");
        assert.equal((await refusal(project.migrate("latest"))).code, "out-of-order");
        const allow = { policy: { ...project.declaration("3").policy, outOfOrder: "allow" as const } };
        await project.migrate("latest", allow);
        assert.deepEqual(await project.applied(), ["001", "003", "002"]);
        assert.deepEqual(
            (await project.plan("0")).steps.map((s) => s.version),
            ["002", "003", "001"],
        );
        // Back to 002: what was applied after it goes, it stays.
        await project.migrate("2");
        assert.deepEqual(await project.applied(), ["001", "002"]);
    });

    it("refuses an edited script, until the edit is accepted", async () => {
        await project.migrate("latest");
        project.migration("002", "-- a comment\nCREATE TABLE t002 (id int)", "DROP TABLE t002");
        await assert.rejects(project.migrate("latest"), (error) => {
            assert(error instanceof BadInputError);
            assert.match(
                error.message,
                /^002_m2\.sql:1: Version 002 was applied on \d{4}-\d\d-\d\d, and its script has been edited since/,
            );
            return true;
        });
        assert.deepEqual(await project.resolve("2", "applied"), {
            version: "002",
            changed: true,
        });
        assert.equal((await project.migrate("latest")).changed, false);
        assert.deepEqual(await project.query("SELECT up_sql FROM schemaward.migrations WHERE version = '002'"), [
            ["-- a comment\nCREATE TABLE t002 (id int)"],
        ]);
    });

    it("CR LF and a byte order mark are no edit", async () => {
        project.migration("003", "CREATE TABLE t003 (id int);\nSELECT 1;\n", "DROP TABLE t003");
        await project.migrate("latest");
        project.migration("003", "\uFEFFCREATE TABLE t003 (id int);\r\nSELECT 1;\r\n", "DROP TABLE t003");
        assert.equal((await project.migrate("latest")).changed, false);
    });

    it("shows a down script that is not the one stored at apply, and has it approved where the policy says so", async () => {
        await project.migrate("latest");
        project.write({ "rollback/003_down.sql": "DROP TABLE t003 CASCADE" });
        const plan = await project.plan("2");
        assert.equal(plan.steps[0]?.differsFromLedger, true);
        const policy = { ...project.declaration("2").policy, changedDown: "approve" as const };
        const { code, allow } = await refusal(project.migrate("2", { policy }, { observe: "full" }));
        assert.equal(code, "approval");
        await project.migrate(
            "2",
            { policy: { ...policy, approvedPlan: /"(\w+)"/.exec(allow)?.[1] ?? "" } },
            { observe: "full" },
        );
    });

    it("resolves what was run by hand, both ways, in the history table too", async () => {
        project.migration("001", "CREATE TABLE schema_migrations (version text)", "DROP TABLE schema_migrations");
        await project.migrate("1");
        await project.query("CREATE TABLE t002 (id int)");
        await project.resolve("002", "applied");
        assert.deepEqual(await project.query("SELECT version, origin FROM schemaward.migrations ORDER BY seq"), [
            ["001", "applied"],
            ["002", "resolved"],
        ]);
        assert.deepEqual(await project.query("SELECT version FROM schema_migrations ORDER BY 1"), [["001"], ["002"]]);
        assert.equal((await project.migrate("latest")).version, "003");
        await project.query("DROP TABLE t003");
        await project.resolve("3", "rolled-back");
        assert.deepEqual(await project.query("SELECT version FROM schema_migrations ORDER BY 1"), [["001"], ["002"]]);
        assert.deepEqual(await project.applied(), ["001", "002"]);
        await assert.rejects(project.resolve("9", "applied"), /Version 9 cannot be resolved: .* has no such migration/);
        await assert.rejects(project.resolve("003", "rolled-back"), /the ledger does not have it as applied/);
    });

    it("belongs to the stack that wrote it: another one, or a clone, is refused until adopted by name", async () => {
        await project.migrate("1", { declarer: declarer("prod") });
        const { code, allow } = await refusal(project.migrate("2", { declarer: declarer("staging") }));
        assert.deepEqual([code, allow.slice(0, 24)], ["other-owner", "adopt: physioflow/prod, "]);
        await refusal(project.migrate("2", { declarer: declarer("staging"), adopt: "physioflow/dev" }));
        await refusal(project.migrate("2", { declarer: declarer("prod", "other-environment") }));
        assert.deepEqual(await project.applied(), ["001"]);
        await project.migrate("2", { declarer: declarer("staging"), adopt: "physioflow/prod" });
        await project.migrate("3", { declarer: declarer("staging") });
        await refusal(project.migrate("2", { declarer: declarer("prod") }));
        // Flags alone declare no owner: neither do they ask for one, nor does what they have made belong to anybody.
        assert.equal((await project.migrate("2")).version, "002");
        const fresh = new TestProject(server, await server.create());
        fresh.migration("001", "SELECT 1", "SELECT 1").migration("002", "SELECT 1", "SELECT 1");
        await fresh.migrate("1");
        await fresh.migrate("2", { declarer: declarer("prod") });
        await refusal(fresh.migrate("1", { declarer: declarer("staging") }));
        fresh.remove();
    });

    it("holds several sets of one database, each with its own history", async () => {
        project.migration("001", "CREATE TABLE schema_migrations (version text)", "DROP TABLE schema_migrations");
        await project.migrate("latest");
        const other = new TestProject(server, project.database);
        other.migration("001", "CREATE TABLE other (id int)", "DROP TABLE other");
        assert.equal((await refusal(other.migrate("latest", { set: "second" }))).code, "history-shared");
        await other.migrate("latest", { set: "second", history: { mirror: "none" } });
        assert.deepEqual(await project.query("SELECT set_name, version FROM schemaward.migrations ORDER BY 1, 2"), [
            ["app", "001"],
            ["app", "002"],
            ["app", "003"],
            ["second", "001"],
        ]);
        await other.migrate("0", { set: "second", history: { mirror: "none" } });
        assert.deepEqual(await project.query("SELECT version FROM schema_migrations ORDER BY 1"), [
            ["001"],
            ["002"],
            ["003"],
        ]);
        other.remove();
    });

    it("of a second set is adopted, too, from a table of its own", async () => {
        await project.migrate("latest");
        await project.query(
            "CREATE SCHEMA reports; CREATE TABLE reports.schema_migrations (version text); INSERT INTO reports.schema_migrations VALUES ('001'); CREATE TABLE reports.one (id int)",
        );
        const second = new TestProject(server, project.database);
        second
            .migration("001", "CREATE TABLE one (id int)", "DROP TABLE one")
            .migration("002", "CREATE TABLE two (id int)", "DROP TABLE two");
        const own = { set: "second", run: { ...project.declaration("0").run, searchPath: ["reports"] } };
        const plan = await second.plan("latest", own);
        assert.deepEqual([plan.adopt?.table, plan.adopt?.versions], ["reports.schema_migrations", ["001"]]);
        await second.migrate("latest", own);
        assert.deepEqual(await project.query("SELECT version FROM reports.schema_migrations ORDER BY 1"), [
            ["001"],
            ["002"],
        ]);
        second.remove();
    });

    it("is written by its owner only", async () => {
        await project.migrate("latest");
        await server.withClient(project.database, async (client) => {
            await client.query("CREATE ROLE somebody; SET ROLE somebody");
            for (const sql of [
                "SELECT * FROM schemaward.migrations",
                "DELETE FROM schemaward.migrations",
                "CREATE TABLE schemaward.x (i int)",
            ])
                await assert.rejects(client.query(sql), /permission denied/);
            await client.query("RESET ROLE; DROP ROLE somebody");
        });
    });

    it("of a newer schemaward is not touched", async () => {
        await project.migrate("1");
        await project.query("UPDATE schemaward.sets SET format = 2");
        await assert.rejects(
            project.migrate("latest"),
            (error) => error instanceof RefusedError && error.message.includes("format 2"),
        );
    });

    it("that may not be read is told, with the right that is missing", async () => {
        await project.migrate("1");
        await server.withClient(project.database, async (client) =>
            client.query("CREATE ROLE planner LOGIN PASSWORD 'planner'; GRANT USAGE ON SCHEMA schemaward TO planner"),
        );
        const connection = { url: server.url(project.database, { user: "planner", password: "planner" }) };
        await assert.rejects(project.plan("latest", { connection }), (error) => {
            assert(error instanceof FailedError);
            assert.match(
                error.message,
                /The ledger may not be read by this role[^]*SELECT ON ALL TABLES IN SCHEMA schemaward/,
            );
            return true;
        });
        await project.query("DROP OWNED BY planner; DROP ROLE planner");
    });
});
