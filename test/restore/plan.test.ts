import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import type { Declaration } from "../../core/declaration";
import { defaultPolicy } from "../../core/declaration";
import { buildRestorePlan } from "../../core/run/restore/restore";
import type { RestorePlan } from "../../core/run/restore/restore-plan";
import { renderRestore } from "../../core/run/restore/restore-text";
import { startTestServer, type TestServer } from "../support/postgres";
import { snapshotsOf, withStore } from "./fixture";
import { SmallWorld } from "./small-world";

describe("what a restore is planned to do", function () {
    this.timeout(60_000);
    let server: TestServer;
    let world: SmallWorld;

    before(async () => {
        server = await startTestServer();
        world = await SmallWorld.make(server);
    });
    after(async () => {
        world.end();
        await server.stop();
    });
    beforeEach(async () => world.reset());

    async function plan(
        more: Partial<Declaration> = {},
        emergency = true,
        snapshot = world.snapshot.name,
    ): Promise<RestorePlan> {
        const question = { projectDir: world.project.dir, snapshot, emergency, declaredVersionCounts: false };
        return buildRestorePlan(withStore(world.project, "latest", { ...world.traffic(), ...more }), question);
    }

    it("names rows then and now, what is undone, and what is kept", async () => {
        const p = await plan();
        assert.deepEqual([p.from, p.to, p.undone, p.redone], ["002", "001", ["002"], []]);
        const tables = new Map(p.tables.map((t) => [t.table, [t.then, t.now]]));
        assert.deepEqual(tables.get("a"), [200, 152]);
        assert.deepEqual(tables.get("c"), [null, 2]);
        assert.deepEqual(tables.get("b"), [0, null]);
        assert.deepEqual(p.lost, { rows: 2, exact: true });
        const text = renderRestore(p).join("\n");
        assert.match(text, /002 → 001 {2}RESTORE of the whole database/);
        assert.match(text, /^ {4}a +then +200 +now 152 +48 come back$/m);
        assert.match(text, /^ {4}c +then +– +now +2 +2 LOST, with the table$/m);
    });

    it("an approval is for once: after another run, or without the emergency snapshot, it is another plan", async () => {
        const { digest } = await plan();
        assert.equal((await plan()).digest, digest);
        const policy = { ...defaultPolicy, approval: "data-loss" as const, approvedPlan: digest };
        assert.deepEqual((await plan({ policy })).refusals, []);
        assert.notEqual((await plan({}, false)).digest, digest);
        await world.restore({ policy });
        await world.project.migrate("002", withStore(world.project, "002"));
        await world.project.query("INSERT INTO c SELECT generate_series(1, 500)");
        const again = await plan({ policy });
        assert.notEqual(again.digest, digest);
        assert.equal(again.refusals[0]?.code, "approval");
    });

    it("other sets in the database, and what keepData has kept, are named", async () => {
        const { digest } = await plan();
        const other = { set: "other", history: { mirror: "none" as const } };
        await world.project
            .migrate("001", { ...other, migrations: { dir: "others", format: "numbered" } })
            .catch(() => undefined);
        writeFileSync(`${world.project.dir}/migrations/003_more.sql`, "CREATE TABLE more (id int PRIMARY KEY)");
        writeFileSync(`${world.project.dir}/migrations/rollback/003_down.sql`, "DROP TABLE more");
        try {
            await world.project.migrate("003");
            await world.project.query("INSERT INTO more VALUES (1), (2), (3)");
            await world.project.migrate("002", { keepData: true });
            await world.project.query(
                "INSERT INTO schemaward.migrations (set_name, version, name, format, up_file, up_checksum, origin, applied_by, duration_ms) VALUES ('other', '007', 'm', 'numbered', 'f', 'c', 'applied', 'x', 1)",
            );
            const p = await plan();
            assert(
                p.warnings.some((w) => w.startsWith("the set other, at 007, goes back with it")),
                p.warnings.join("\n"),
            );
            assert(p.warnings.some((w) => w.startsWith("what keepData has kept goes with it")));
            assert.equal(p.tables.find((t) => t.table === "schemaward.kept_1")?.now, 3);
            assert.equal(p.lost.rows, 5);
            assert.notEqual(p.digest, digest);
        } finally {
            rmSync(`${world.project.dir}/migrations/003_more.sql`);
            rmSync(`${world.project.dir}/migrations/rollback/003_down.sql`);
        }
    });

    it("an index that is invalid when the snapshot is taken, which no dump has, is no difference", async () => {
        await world.project.query("CREATE TABLE dup (id int); INSERT INTO dup VALUES (1), (1)");
        await world.project.query("CREATE UNIQUE INDEX CONCURRENTLY dup_id ON dup (id)").catch(() => undefined);
        assert.deepEqual(
            await world.project.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'dup_id'::regclass"),
            [["false"]],
        );
        await world.project.migrate("001", withStore(world.project, "001"));
        const [newest] = await snapshotsOf(world.project);
        assert.notEqual(newest?.name, world.snapshot.name);
        await world.restore({}, { snapshot: newest?.name ?? "" });
        assert.deepEqual(await world.project.query("SELECT count(*) FROM dup"), [["2"]]);
    });

    it("a store that cannot be written is known before traffic is stopped, of a run and of a restore", async () => {
        const broken = {
            snapshot: { store: `file:${world.project.dir}/migrations/001_m1.sql`, required: true },
            ...world.traffic(),
        };
        await assert.rejects(
            world.project.migrate("001", broken),
            /nothing is begun[^]*State: Nothing was touched: traffic flows/,
        );
        assert(!world.project.events.some((event) => event.type === "gate-stopping"));
        assert.equal(await world.mayConnect(), true);
    });
});
