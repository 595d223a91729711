import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { FailedError } from "../../core/errors";
import { renderPlan } from "../../core/plan/render-text";
import { PlanRefused } from "../../core/run/not-begun";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";

describe("a run with a snapshot", function () {
    this.timeout(60_000);
    let server: TestServer;
    let project: TestProject;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = new TestProject(server, await server.create());
        project.migration("001", "CREATE TABLE a (id int)", "DROP TABLE a");
        await project.migrate("latest");
    });
    afterEach(() => {
        project.remove();
    });

    it("stops after it, when by then more would be lost than was allowed", async () => {
        const careful = {
            snapshot: { store: `file:${path.join(project.dir, "backups")}`, required: true },
            policy: { ...project.declaration("0").policy, approval: "data-loss" as const },
        };
        assert.deepEqual((await project.plan("0", careful)).refusals, []);
        const confirm = async (): Promise<boolean> => {
            await project.query("INSERT INTO a VALUES (1)");
            return true;
        };
        await assert.rejects(project.migrate("0", careful, { observe: "full", confirm }), (error) => {
            assert(error instanceof PlanRefused);
            assert.equal(error.plan.lost.rows, 1);
            assert.match(error.message, /No script was run\. The snapshot \S+ stays/);
            return true;
        });
        assert(project.events.some((event) => event.type === "snapshot-done"));
        assert.deepEqual(await project.query("SELECT count(*) FROM a"), [["1"]]);
        assert.deepEqual(await project.applied(), ["001"]);
        const { lastRun } = await project.plan("0");
        assert.deepEqual([lastRun?.outcome, lastRun?.done], ["failed", []]);
        assert.match(lastRun?.snapshot ?? "", /pre-migration/);
    });

    it("that cannot have it is told by the next plan, and drift is still drift", async () => {
        await project.query("ALTER TABLE a ADD COLUMN byhand int; SELECT 1");
        writeFileSync(path.join(project.dir, "backups"), "a file in the folder's place");
        const careful = { snapshot: { store: `file:${path.join(project.dir, "backups")}`, required: true } };
        await assert.rejects(project.migrate("0", careful), FailedError);
        const plan = await project.plan("0");
        assert.deepEqual(plan.drift, [{ what: "added", kind: "column", name: "a.byhand" }]);
        assert.match(
            renderPlan(plan).find((line) => line.startsWith("Last run")) ?? "",
            /001 → 0 by .*, failed before anything was done: The snapshot before the migration cannot be had, so no script was run\..*; this plan finishes it$/,
        );
        await project.migrate("0");
        assert.equal((await project.plan("latest")).lastRun, null);
    });
});
