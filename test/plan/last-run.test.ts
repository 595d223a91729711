import assert from "node:assert/strict";
import { once } from "node:events";
import { FailedError } from "../../core/errors";
import { lastRunText } from "../../core/plan/last-run-text";
import type { LastRun } from "../../core/plan/plan";
import { renderPlan } from "../../core/plan/render-text";
import { startRun } from "../run/start-run";
import { eventually } from "../support/eventually";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";
import { planOf, stepOf } from "./plan-fixture";

const run: LastRun = {
    id: "5d0e2f0c-0f6b-4c3c-9d2e-0d1d8a3a1a11",
    direction: "back",
    from: "027",
    to: "024",
    who: "ada",
    host: "deploy-1",
    startedAt: "2026-02-11T12:00:01.250Z",
    endedAt: null,
    outcome: "cut off",
    snapshot: null,
    error: null,
    done: [
        { version: "027", how: "undone" },
        { version: "026", how: "undone" },
    ],
};
const begun = "027 → 024 by ada on deploy-1, begun 2026-02-11 12:00:01Z";

describe("telling of the run before", () => {
    it("says how far it came, and how the plan stands to it", () => {
        assert.equal(lastRunText(run), `${begun}, was cut off after 027 undone, 026 undone`);
        assert.equal(
            lastRunText({ ...run, done: [] }, { to: "024" }),
            `${begun}, was cut off before anything was done; this plan finishes it`,
        );
        assert.equal(
            lastRunText({ ...run, outcome: "failed", error: "relation x\nis in use." }, { to: "027" }),
            `${begun}, failed after 027 undone, 026 undone: relation x; this plan undoes it`,
        );
        assert.match(lastRunText(run, { to: "025" }), /; this plan leads to 025 instead$/);
        assert.match(lastRunText(run, { to: null }), /; this plan leads to 0 instead$/);
        const many = Array.from({ length: 7 }, (_, i) => ({ version: `00${i + 1}`, how: "applied" as const }));
        assert.match(lastRunText({ ...run, done: many }), /after 7 steps up to 007 applied$/);
    });

    it("has a line of the plan, as long as none has ended well since", () => {
        const steps = [stepOf({ direction: "down", version: "025" })];
        assert(
            renderPlan(planOf({ from: "025", steps, lastRun: run })).some((l) => l.startsWith(`Last run  ${begun}`)),
        );
        assert.deepEqual(renderPlan(planOf({ direction: "none", from: "024", lastRun: run })), [
            "prod/physioflow  at 024, nothing to do but to verify",
            `Last run  ${begun}, was cut off after 027 undone, 026 undone; this plan finishes it`,
        ]);
        const working: LastRun = { ...run, outcome: "running", done: [] };
        assert.deepEqual(renderPlan(planOf({ direction: "none", from: "024", lastRun: working })), [
            "prod/physioflow  at 024, nothing to do",
            `Last run  ${begun}, is still at work (nothing done so far): this plan may be out of date when it ends`,
        ]);
    });
});

describe("the run before, in a database", function () {
    this.timeout(60_000);
    let server: TestServer;
    let project: TestProject;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = new TestProject(server, await server.create());
        project
            .migration("001", "CREATE TABLE a (id int)", "DROP TABLE a")
            .migration("002", "CREATE TABLE b (id int)", "DROP TABLE b")
            .migration("003", "CREATE TABLE c (id int)", "DROP TABLE c");
    });
    afterEach(() => {
        project.remove();
    });

    it("is not told when it ended well", async () => {
        await project.migrate("002");
        assert.equal((await project.plan("003")).lastRun, null);
        assert.equal((await project.plan("002")).lastRun, null);
    });

    it("is told as at work while it is, as cut off when it was killed, and no more once another has ended well", async () => {
        project.migration("003", "CREATE TABLE c (id int);\nSELECT pg_sleep(600)", "DROP TABLE c");
        const child = startRun(project, "latest");
        await eventually(async () => (await project.sleeping(600)) === 1, "the script");
        const during = (await project.plan("003", {}, "quick")).lastRun;
        assert.deepEqual([during?.outcome, during?.from, during?.to], ["running", null, "003"]);

        child.kill("SIGKILL");
        await once(child, "exit");
        await eventually(async () => (await project.sleeping(600)) === 0, "the end of the script");
        project.migration("003", "CREATE TABLE c (id int)", "DROP TABLE c");
        const done = [
            { version: "001", how: "applied" },
            { version: "002", how: "applied" },
        ];
        const plan = await project.plan("003");
        assert.deepEqual([plan.lastRun?.outcome, plan.lastRun?.done], ["cut off", done]);
        assert.match(
            renderPlan(plan).find((line) => line.startsWith("Last run")) ?? "",
            /^Last run {2}0 → 003 by \S+ on \S+, begun \S+ \S+Z, was cut off after 001 applied, 002 applied; this plan finishes it$/,
        );
        assert.match(renderPlan(await project.plan("0")).join("\n"), /; this plan undoes it$/m);

        // Under the run's own lock it is not taken for one that is at work.
        const result = await project.migrate("latest");
        assert.equal(result.plan.lastRun?.outcome, "cut off");
        assert.equal((await project.plan("0")).lastRun, null);
    });

    it("is told with its error when it failed going back, and what it did undo", async () => {
        await project.migrate("latest");
        project.migration("002", "CREATE TABLE b (id int)", "DROP TABLE b;\nSELECT 1 / 0");
        await assert.rejects(project.migrate("0"), FailedError);
        project.migration("002", "CREATE TABLE b (id int)", "DROP TABLE b");
        const { lastRun } = await project.plan("0");
        assert.deepEqual(
            [lastRun?.outcome, lastRun?.error, lastRun?.done],
            ["failed", "002 failed going back: division by zero", [{ version: "003", how: "undone" }]],
        );
        assert.notEqual(lastRun?.endedAt, null);
        await project.migrate("0");
        assert.equal((await project.plan("latest")).lastRun, null);
    });

    it("was approved: what is left of it needs no second approval, as long as it is the same", async () => {
        project
            .migration(
                "001",
                "CREATE TABLE a (id int); INSERT INTO a VALUES (1); CREATE TABLE lets (past int)",
                "SELECT 1 / count(*) FROM lets WHERE past = 1; DROP TABLE a; DROP TABLE lets",
            )
            .migration(
                "002",
                "CREATE TABLE b (id int); INSERT INTO b VALUES (1)",
                "SELECT 1 / count(*) FROM lets WHERE past = 2; DROP TABLE b",
            )
            .migration("003", "CREATE TABLE c (id int); INSERT INTO c VALUES (1)", "DROP TABLE c");
        await project.migrate("latest");
        const careful = { ...project.declaration("0").policy, approval: "data-loss" as const };
        const { digest } = await project.plan("0", { policy: careful });
        const policy = { ...careful, approvedPlan: digest };
        const back = async (): Promise<unknown> => project.migrate("0", { policy }, { observe: "full" });

        await assert.rejects(back(), /002 failed going back: division by zero/);
        const rest = await project.plan("0", { policy });
        assert.notEqual(rest.digest, digest);
        assert.deepEqual([rest.approval.needed, rest.approval.given, rest.approval.restOf], [true, true, [digest]]);
        assert(renderPlan(rest).includes(`Approved  ✔ this plan, the rest of ${digest}`));
        assert.deepEqual(rest.refusals, []);
        const refusals = async (to: string): Promise<string[]> =>
            (await project.plan(to, { policy })).refusals.map((r) => r.code);
        assert.deepEqual(await refusals("001"), ["approval"], "elsewhere is not the rest of it");

        await project.query("INSERT INTO lets VALUES (2)");
        await assert.rejects(back(), /001 failed going back: division by zero/);
        const last = await project.plan("0", { policy });
        assert.deepEqual(last.approval.restOf, [rest.digest, digest], "the rest of a rest");
        assert.deepEqual(last.refusals, []);

        const down = "SELECT 1 / count(*) FROM lets WHERE past = 1; DROP TABLE a; DROP TABLE lets";
        project.write({ "rollback/001_down.sql": `${down} -- edited` });
        assert.deepEqual(await refusals("0"), ["approval"], "an edited script is another plan");
        project.write({ "rollback/001_down.sql": down });

        await project.query("INSERT INTO lets VALUES (1)");
        await back();
        assert.deepEqual(await project.applied(), []);
    });

    it("is that of the same set", async () => {
        project.migration("003", "SELECT 1 / 0", "SELECT 1");
        await assert.rejects(project.migrate("latest"), FailedError);
        project.write({
            "../other/001_x.sql": "CREATE TABLE x (id int)",
            "../other/rollback/001_down.sql": "DROP TABLE x",
        });
        const other = {
            set: "other",
            migrations: { dir: "other", format: "numbered" },
            history: { mirror: "none" },
        } as const;
        await project.migrate("latest", other);
        assert.equal((await project.plan("0", other)).lastRun, null);
        assert.equal((await project.plan("001")).lastRun?.outcome, "failed");
    });
});
