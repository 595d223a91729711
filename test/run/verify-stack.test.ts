import assert from "node:assert/strict";
import type { Declaration, VerifyQuery } from "../../core/declaration";
import { BadInputError, FailedError } from "../../core/errors";
import { renderPlan } from "../../core/plan/render-text";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";

describe("a stack's verify queries", function () {
    this.timeout(60_000);
    let server: TestServer;
    let project: TestProject;

    before(async () => {
        server = await startTestServer();
        await server.withClient("postgres", (c) => c.query("CREATE ROLE stack_owner"));
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = new TestProject(server, await server.create());
        project
            .migration("001", "CREATE TABLE patients (id int PRIMARY KEY)", "DROP TABLE patients")
            .migration("002", "CREATE TABLE visits (patient int)", "DROP TABLE visits");
    });
    afterEach(() => {
        project.remove();
    });

    const related: VerifyQuery = {
        name: "visits have their patients",
        sql: "SELECT NOT EXISTS (SELECT FROM visits v WHERE NOT EXISTS (SELECT FROM patients p WHERE p.id = v.patient)); -- all of them",
    };
    const asking = (...verify: VerifyQuery[]): Partial<Declaration> => ({ verify });

    it("are asked when all scripts have taken effect, and stand in the plan", async () => {
        const declared = asking(
            { name: "there are patients", sql: "SELECT count(*) = 0 FROM patients -- none yet" },
            related,
        );
        const plan = await project.plan("latest", declared);
        assert.deepEqual(plan.verify, ["there are patients", "visits have their patients"]);
        assert(renderPlan(plan).includes("Verify    there are patients, visits have their patients"));
        assert.equal((await project.migrate("latest", declared)).changed, true);
    });

    it("that say no fail the run, whose effects stay; it is told until a run was verified, and only asked again", async () => {
        project.migration("002", "CREATE TABLE visits AS SELECT 7 AS patient", "DROP TABLE visits");
        const run = async (): Promise<unknown> => project.migrate("latest", asking(related));
        const no = (error: unknown): boolean => {
            assert(error instanceof FailedError, String(error));
            assert.match(
                error.message,
                /^verify: Verification failed: visits have their patients: it does not yield true\.\n {2}\| SELECT NOT EXISTS[^]*The scripts' effects stay; the database is at 002\.\nNext: Put right what is wrong/,
            );
            return true;
        };
        await assert.rejects(run(), no);
        assert.deepEqual(await project.applied(), ["001", "002"]);
        const plan = await project.plan("latest", asking(related));
        assert.equal(plan.steps.length, 0);
        assert.match(
            renderPlan(plan).join("\n"),
            /nothing to do but to verify\nLast run .* failed after 001 applied, 002 applied: Verification failed: visits have .*; this plan finishes it\nVerify {4}visits have their patients$/,
        );
        await assert.rejects(run(), no, "a second run is no green light");

        await project.query("INSERT INTO patients VALUES (7)");
        await run();
        assert.equal((await project.plan("latest", asking(related))).lastRun, null);
        assert.deepEqual(renderPlan(await project.plan("latest", asking(related))), ["app  at 002, nothing to do"]);
    });

    it("are asked, too, where there is nothing to do", async () => {
        await project.migrate("latest");
        assert.equal((await project.migrate("latest", asking(related))).changed, false);
        await project.query("INSERT INTO visits VALUES (7)");
        await assert.rejects(project.migrate("latest", asking(related)), /Verification failed/);
        assert.equal((await project.plan("latest")).lastRun, null, "no run was begun");
    });

    it("that cannot be answered fail it with the server's words, and write nothing", async () => {
        await project.migrate("latest");
        await project.query(
            "CREATE FUNCTION writes() RETURNS boolean LANGUAGE sql AS $$ INSERT INTO patients VALUES (1); SELECT true $$; SELECT 1",
        );
        const cases: readonly [string, RegExp][] = [
            ["SELECT ok FROM nowhere", /relation "nowhere" does not exist \(SQLSTATE 42P01\)/],
            ["SELECT 1", /must be type boolean/],
            ["SELECT true FROM generate_series(1, 2)", /more than one row/],
            ["SELECT NULL::boolean", /does not yield true/],
            ["SELECT writes()", /read-only transaction/],
        ];
        for (const [sql, message] of cases)
            await assert.rejects(project.migrate("latest", asking({ name: "x", sql })), (error) => {
                assert(error instanceof FailedError, String(error));
                assert.match(error.message, message);
                return true;
            });
        assert.deepEqual(await project.query("SELECT count(*) FROM patients"), [["0"]]);
    });

    it("that are no queries are refused before anything runs", async () => {
        for (const sql of ["DELETE FROM patients", "SELECT true; SELECT true", "", "SELEC true"])
            await assert.rejects(project.migrate("latest", asking({ name: "x", sql })), (error) => {
                assert(error instanceof BadInputError, String(error));
                assert.match(error.message, /^verify "x":1: /);
                return true;
            });
        assert.deepEqual(await project.query("SELECT to_regclass('patients')"), [[null]]);
    });

    it("are asked as the scripts' role, under its search_path", async () => {
        await project.query("CREATE SCHEMA own AUTHORIZATION stack_owner; SELECT 1");
        await project.migrate("latest", {
            connection: { url: server.url(project.database), role: "stack_owner" },
            run: { ...project.declaration("0").run, searchPath: ["own"] },
            history: { mirror: "none" },
            ...asking({ name: "role", sql: "SELECT current_user = 'stack_owner' AND count(*) = 0 FROM visits" }),
        });
        assert.deepEqual(await project.applied(), ["001", "002"]);
    });
});
