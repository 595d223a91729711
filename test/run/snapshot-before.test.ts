import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Declaration, RetentionRules } from "../../core/declaration";
import { FailedError } from "../../core/errors";
import { renderPlan } from "../../core/plan/render-text";
import { describeEvent } from "../../core/run/describe-event";
import { PlanRefused } from "../../core/run/not-begun";
import { listSnapshots } from "../../core/snapshots/contents";
import type { SnapshotStore } from "../../core/snapshots/store";
import { openStore } from "../../core/snapshots/stores";
import { make } from "../snapshots/made";
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

    describe("and rules for those before it", () => {
        let store: SnapshotStore;
        const declarer = { project: "app", stack: "prod", environment: "prod" };
        const snapshots = async (): Promise<string[]> => (await listSnapshots(store)).map(({ name }) => name);

        function keeping(keep: number | RetentionRules): Partial<Declaration> {
            return { declarer, snapshot: { store: `file:${path.join(project.dir, "backups")}`, required: true, keep } };
        }

        beforeEach(async () => {
            store = openStore(`file:${path.join(project.dir, "backups")}`, "/");
            for (const day of [1, 2, 3])
                await make(store, `prod_old_2020010${String(day)}_000000`, `2020-01-0${String(day)}T00:00:00.000Z`, {
                    set: "app",
                });
            for (const second of [0, 1])
                await make(
                    store,
                    `dev_old_20200101_00000${String(second)}`,
                    `2020-01-01T00:00:0${String(second)}.000Z`,
                    {
                        ...{ set: "app", environment: "dev" },
                    },
                );
        });

        it("deletes the older ones of its environment when it has ended well", async () => {
            const { snapshot } = await project.migrate("0", keeping({ last: 2 }));
            assert.deepEqual(await snapshots(), [
                ...[snapshot, "prod_old_20200103_000000", "dev_old_20200101_000001", "dev_old_20200101_000000"],
            ]);
            const told = project.events.find((event) => event.type === "retention");
            assert(told !== undefined);
            assert.match(
                describeEvent(told) ?? "",
                /^snapshots: prod_old_20200101_000000, prod_old_20200102_000000 deleted, \d+ B freed; 2 kept$/,
            );
        });

        it("deletes none when it failed, and none when it took none", async () => {
            const before = await snapshots();
            project.migration("002", "SELECT 1/0", "SELECT 1");
            await assert.rejects(project.migrate("2", keeping(1)));
            assert.equal((await snapshots()).length, before.length + 1);
            project.write({ "002_m2.sql": "SELECT 1" });
            await project.migrate("1", keeping(1));
            assert.equal((await snapshots()).length, before.length + 1);
        });

        it("has ended well although they cannot be deleted", async () => {
            const backups = path.join(project.dir, "backups");
            const { changed, snapshot } = await project.migrate("0", keeping(1), {
                report: (event) => {
                    project.events.push(event);
                    if (event.type !== "verified") return;
                    renameSync(backups, `${backups}-elsewhere`);
                    writeFileSync(backups, "a file in the folder's place");
                },
            });
            assert(changed && snapshot !== null);
            const told = project.events.find((event) => event.type === "retention-failed");
            assert.match(
                told === undefined ? "" : (describeEvent(told) ?? ""),
                /could not list .*snapshot prune does it/,
            );
            assert.equal((await project.plan("latest")).lastRun, null);
        });
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
