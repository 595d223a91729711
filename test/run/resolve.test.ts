import assert from "node:assert/strict";
import { RefusedError } from "../../core/errors";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";

describe("correcting the history by hand", function () {
    this.timeout(60_000);
    let server: TestServer;
    let project: TestProject;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = new TestProject(server, await server.create());
        for (const n of ["1", "2", "3", "4"])
            project.migration(`00${n}`, `CREATE TABLE t${n} (id int)`, `DROP TABLE t${n}`);
    });
    afterEach(() => {
        project.remove();
    });

    async function wayBack(): Promise<string[]> {
        return (await project.plan("0")).steps.map((step) => step.version);
    }

    it("an edited script is taken over, and the way back keeps its order", async () => {
        await project.migrate("latest");
        project.migration("002", "-- a comment\nCREATE TABLE t2 (id int)", "DROP TABLE t2");
        await assert.rejects(project.plan("latest"), /resolve --applied 002/);
        assert.deepEqual(await project.resolve("2", "applied"), { version: "002", changed: true });
        assert.deepEqual((await project.plan("latest")).refusals, []);
        assert.deepEqual(await wayBack(), ["004", "003", "002", "001"]);
        assert.deepEqual(await project.query("SELECT origin FROM schemaward.migrations WHERE version = '002'"), [
            ["resolved"],
        ]);
    });

    it("a history that is adopted on the way keeps its order", async () => {
        await project.query(
            "CREATE TABLE schema_migrations (version text PRIMARY KEY); INSERT INTO schema_migrations VALUES ('001'), ('002'), ('003'); CREATE TABLE t1 (id int); CREATE TABLE t2 (id int); CREATE TABLE t3 (id int)",
        );
        await project.resolve("002", "applied");
        assert.deepEqual(await project.applied(), ["001", "002", "003"]);
        assert.deepEqual(await wayBack(), ["003", "002", "001"]);
    });

    it("rolled back: gone from the ledger and the history table", async () => {
        await project.query("CREATE TABLE schema_migrations (version text PRIMARY KEY)");
        await project.migrate("latest");
        await project.resolve("004", "rolled-back");
        assert.deepEqual(await project.applied(), ["001", "002", "003"]);
        assert.deepEqual(await project.query("SELECT count(*) FROM schema_migrations"), [["3"]]);
        await assert.rejects(project.resolve("004", "rolled-back"), /the ledger does not have it as applied/);
    });

    it("another stack's history is refused until it is adopted by name", async () => {
        const of = (stack: string): { declarer: { project: string; stack: string; environment: string } } => ({
            declarer: { project: "physioflow", stack, environment: stack },
        });
        await project.migrate("latest", of("prod"));
        await assert.rejects(project.resolve("004", "rolled-back", of("staging")), (error) => {
            assert(error instanceof RefusedError);
            assert.match(error.message, /belongs to physioflow\/prod/);
            assert.match(error.message, /adopt: physioflow\/prod/);
            return true;
        });
        assert.deepEqual(await project.applied(), ["001", "002", "003", "004"]);
        await project.resolve("004", "rolled-back", { ...of("staging"), adopt: "physioflow/prod" });
        assert.deepEqual(await project.applied(), ["001", "002", "003"]);
    });
});
