import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import path from "node:path";
import { type Declaration, defaultPolicy } from "../../core/declaration";
import type { RunOptions } from "../../core/run/options";
import { failureOf } from "../support/backend";
import { startTestServer, type TestServer } from "../support/postgres";
import { withStore } from "./fixture";
import { SmallWorld } from "./small-world";

describe("onFailure: restore", function () {
    this.timeout(60_000);
    let server: TestServer;
    let world: SmallWorld;

    before(async () => {
        server = await startTestServer();
        world = await SmallWorld.make(server);
        world.project
            // Rows that a run adds are no loss when all of it is taken back.
            .migration(
                "003",
                "INSERT INTO a SELECT i FROM generate_series(5000, 5099) i; CREATE TABLE d (id int)",
                "DROP TABLE d",
            )
            .migration("005", "CREATE TABLE e (id int)", "DROP TABLE e");
    });
    after(async () => {
        world.end();
        await server.stop();
    });
    beforeEach(async () => {
        world.project.migration("004", "SELECT 1 / (SELECT 0)", "SELECT 1");
        await world.reset();
    });

    const policy = { ...defaultPolicy, approval: "never", maxRowsLost: 0 } as const;

    async function migrate(more: Partial<Declaration> = {}, options: Partial<RunOptions> = {}): Promise<unknown> {
        const declared = { ...world.traffic({ onFailure: "restore" }), policy, ...more };
        return world.project.migrate("005", withStore(world.project, "005", declared), options);
    }

    /** The database is as it was before the run, and traffic is in. */
    async function assertAsBefore(): Promise<void> {
        assert.equal(await world.dump(), world.changed);
        assert.deepEqual(await world.project.applied(), ["001", "002"]);
        assert.deepEqual(await world.project.query("SELECT * FROM schemaward.gates"), []);
        assert.equal(await world.mayConnect(), true);
        const plan = await world.project.plan("002", withStore(world.project, "002"), "quick");
        assert.deepEqual([plan.steps, plan.drift, plan.refusals], [[], [], []]);
    }

    it("a run that fails when something has taken effect: its snapshot is restored, and traffic is in", async () => {
        const text = await failureOf(migrate());
        assert.match(
            text,
            /004_m4\.sql[\s\S]*division by zero[\s\S]*The snapshot prod_pre-migration_\w+ was restored: the database is at 002 again, as before\. What the run has left is kept as small_\w+_before_/,
        );
        assert(!text.includes("STAYS STOPPED"), text);
        await assertAsBefore();
        const kept = (await world.databases()).filter((name) => name.includes("_before_"));
        assert.equal(kept.length, 1);
        const { rows } = await server.withClient(kept[0] ?? "", async (client) =>
            client.query("SELECT count(*)::int AS n FROM a WHERE id >= 5000"),
        );
        assert.deepEqual(rows, [{ n: 100 }]);
        // Both are in the ledger, and the next run goes on.
        assert.deepEqual(
            await world.project.query("SELECT direction, status FROM schemaward.runs ORDER BY started_at OFFSET 2"),
            [
                ["forward", "failed"],
                ["restore", "done"],
            ],
        );
        world.project.migration("004", "SELECT 1", "SELECT 1");
        await migrate();
        assert.deepEqual(await world.project.applied(), ["001", "002", "003", "004", "005"]);
        assert.equal(await world.mayConnect(), true);
    });

    it("nothing has taken effect: nothing is restored", async () => {
        world.project.write({ "003_m3.sql": "SELECT 1 / (SELECT 0)" });
        assert.match(await failureOf(migrate()), /Traffic is let in again/);
        world.project.write({
            "003_m3.sql": "INSERT INTO a SELECT i FROM generate_series(5000, 5099) i; CREATE TABLE d (id int)",
        });
        assert.deepEqual(await world.databases(), [world.database]);
        await assertAsBefore();
    });

    it("with traffic that is in, rows may have come: what is done stays, for a person to look", async () => {
        const text = await failureOf(migrate(world.traffic({ onFailure: "restore", stopTraffic: "never" })));
        assert.match(text, /division by zero[\s\S]*The database is at 003/);
        assert.deepEqual(await world.databases(), [world.database]);
        assert.deepEqual(await world.project.applied(), ["001", "002", "003"]);
        assert.equal(await world.mayConnect(), true);
    });

    it("it cannot be restored either: traffic stays stopped, and it is said how to go on, which works", async () => {
        const report: RunOptions["report"] = (event) => {
            if (event.type !== "step-done" || event.version !== "003") return;
            for (const name of world.dumps())
                if (name !== `${world.snapshot.name}.dump`) rmSync(path.join(world.store, name));
        };
        const text = await failureOf(migrate({}, { report }));
        assert.match(
            text,
            /division by zero[\s\S]*Restoring prod_pre-migration_\w+ failed as well: .*its archive is missing[\s\S]*TRAFFIC STAYS STOPPED/,
        );
        assert.match(text, /schemaward resume finishes what is left/);
        assert.deepEqual(await world.databases(), [world.database]);
        assert.deepEqual(await world.project.applied(), ["001", "002", "003"]);
        assert.equal(await world.mayConnect(), false);
        const { held } = await world.project.plan("005", withStore(world.project, "005", world.traffic()), "quick");
        assert(held !== null);

        world.project.migration("004", "SELECT 1", "SELECT 1");
        await migrate();
        assert.deepEqual(await world.project.applied(), ["001", "002", "003", "004", "005"]);
        assert.equal(await world.mayConnect(), true);
    });

    it("a person who interrupts wants to leave: nothing is restored, traffic stays stopped", async () => {
        const interrupted = new AbortController();
        const report: RunOptions["report"] = (event) => {
            if (event.type === "step-done" && event.version === "003") interrupted.abort();
        };
        assert.match(await failureOf(migrate({}, { report, signal: interrupted.signal })), /TRAFFIC STAYS STOPPED/);
        assert.deepEqual(await world.databases(), [world.database]);
        assert.equal(await world.mayConnect(), false);
    });
});
