import assert from "node:assert/strict";
import { fails, succeeds } from "../support/command";
import { startTestServer, type TestServer } from "../support/postgres";
import { engines, PulumiProject } from "../support/pulumi";

for (const engine of engines())
    describe(`restoreFrom in a stack, on ${engine.name}`, function () {
        this.timeout(180_000);
        let server: TestServer;
        let project: PulumiProject;

        before(async () => {
            server = await startTestServer();
        });
        after(async () => server.stop());
        beforeEach(async () => {
            project = new PulumiProject(server, await server.create());
            project.migration(
                "001",
                "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1), (2)",
                "DROP TABLE a",
            );
            project.migration("002", "CREATE TABLE b (id int)", "DROP TABLE b");
            await project.init(engine);
        });
        afterEach(() => {
            project.remove();
        });

        it("is shown with what is lost, needs approval, is done once, and is no change any more", async () => {
            project.set({ version: "001", snapshot: { store: "file:./backups" } });
            await succeeds(project.up(engine));
            project.set({ version: "002" });
            await succeeds(project.up(engine));
            await project.query("INSERT INTO a VALUES (3), (4), (5); INSERT INTO b VALUES (1)");

            const policy = { approval: "data-loss" };
            project.set({ restoreFrom: "latest", policy });
            const wrong = await fails(project.preview(engine));
            assert.match(wrong, /The snapshot holds 001, and the declared version is 002/);
            project.set({ version: "001" });
            const shown = await fails(project.preview(engine));
            assert.match(shown, /002 → 001 {2}RESTORE of the whole database/);
            assert.match(shown, /a +then 2 +now 5 +3 LOST/);
            assert.match(shown, /b +then – +now 1 +1 LOST, with the table/);
            assert.match(shown, /This plan needs approval/);
            const [, approvedPlan = ""] = /policy\.approvedPlan: "([0-9a-f]{8})"/.exec(shown) ?? [];
            project.set({ policy: { ...policy, approvedPlan } });
            const up = await succeeds(project.up(engine));
            assert.match(up, /restore: is what the manifest says/);
            assert.deepEqual(await project.query("SELECT id FROM a ORDER BY id"), [["1"], ["2"]]);
            assert.deepEqual(await project.applied(), ["001"]);
            assert.match(await succeeds(project.pulumi(engine, "stack", "output")), /lastSnapshot +dev_pre-restore_/);
            await succeeds(project.preview(engine, "--expect-no-changes"));

            // It is still declared, and does nothing any more.
            project.set({ version: "002", policy: { approval: "never" } });
            await succeeds(project.up(engine));
            await project.query("INSERT INTO a VALUES (6)");
            await succeeds(project.preview(engine, "--expect-no-changes"));
            assert.deepEqual(await project.query("SELECT count(*) FROM a"), [["3"]]);
        });
    });
