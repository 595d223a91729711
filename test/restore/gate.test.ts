import assert from "node:assert/strict";
import { Client } from "pg";
import { failureOf } from "../support/backend";
import { eventually } from "../support/eventually";
import { anyBinaries, startTestServer, type TestServer } from "../support/postgres";
import { HeldTools } from "./held-tools";
import { SmallWorld } from "./small-world";

describe("traffic while a database is restored", function () {
    this.timeout(60_000);
    let server: TestServer;
    let world: SmallWorld;
    let tools: HeldTools;
    let app: Application;

    before(async () => {
        server = await startTestServer();
        world = await SmallWorld.make(server);
        tools = new HeldTools(anyBinaries());
    });
    after(async () => {
        tools.remove();
        world.end();
        await server.stop();
    });
    beforeEach(async () => {
        tools.say("go");
        await world.reset();
        app = new Application(world);
        await eventually(() => app.written.length > 3, "the application writes");
    });
    afterEach(async () => app.stop());

    it("nobody of the application gets in meanwhile; then into the restored database, not into the one that is kept", async () => {
        tools.say("hold");
        const restoring = world.restore();
        await tools.held();
        const { refused } = app;
        await eventually(() => app.refused > refused + 5, "the application is refused");
        const last = app.written.at(-1) ?? 0;
        tools.say("go");
        const { emergency, ...restored } = await restoring;
        const kept = restored.kept ?? assert.fail("nothing is kept");
        await eventually(() => (app.written.at(-1) ?? 0) > last, "the application writes again");
        assert.equal(await world.mayConnect(), true);
        assert.equal(await world.mayConnect(kept), false);

        // All that was ever said to be written is either in what was put away, or in what is there now.
        await app.stop();
        const { rows } = await server.withClient(kept, async (c) =>
            c.query<{ id: number }>("SELECT id FROM a WHERE id > 1000000"),
        );
        const before = rows.map(({ id }) => id);
        const after = (await world.project.query("SELECT id FROM a WHERE id > 1000000")).map(([id]) => Number(id));
        for (const id of app.written) assert(before.includes(id) || after.includes(id), String(id));
        assert(before.includes(last) && !after.includes(last));
        // And the emergency snapshot has what was written right before.
        await server.withClient("postgres", async (c) => c.query(`DROP DATABASE ${kept}`));
        await world.restore({}, { snapshot: emergency ?? "", emergency: false });
        const again = (await world.project.query("SELECT id FROM a WHERE id > 1000000")).map(([id]) => Number(id));
        assert.deepEqual(again.sort(), before.sort());
    });

    it("a failing restore lets it in again", async () => {
        tools.say("kill");
        assert.match(await failureOf(world.restore()), /Traffic is let in again/);
        const count = app.written.length;
        await eventually(() => app.written.length > count, "the application writes again");
    });

    it("a session that is not the application's is ended at the swap; one that is there when all is copied is told", async () => {
        const psql = new Client({ connectionString: server.url(world.database), application_name: "psql" });
        const ended = new Promise<Error>((resolve) => psql.on("error", resolve));
        await psql.connect();
        try {
            assert.match(
                await failureOf(world.restore()),
                /another session is in the database, pid \d+ \(psql[\s\S]*Traffic is let in again/,
            );
            await psql.query("SELECT 1");
            const { traffic } = world.traffic();
            assert(traffic?.sessions);
            await world.restore({ traffic: { ...traffic, sessions: { ...traffic.sessions, ignore: ["psql"] } } });
            assert.match(String(await ended), /terminat/);
        } finally {
            await psql.end().catch(() => undefined);
        }
    });

    it("with traffic that is not stopped, who writes is ended at the swap, and goes on in the restored database", async () => {
        await world.restore({ traffic: undefined as never });
        const last = app.written.at(-1) ?? 0;
        await eventually(() => (app.written.at(-1) ?? 0) > last + 5, "the application writes again");
        await app.stop();
        const [[rows] = []] = await world.project.query("SELECT count(*) FROM a WHERE id <= 1000");
        assert.equal(rows, "200");
    });

    it("with two restores one after the other the second has a snapshot of its own, also where the first holds traffic", async () => {
        await app.stop();
        // As it is when an application was waited for.
        const first = await world.restore();
        await world.project.query(
            `INSERT INTO schemaward.gates (set_name, run_id, parts, who, host, held_for)
             SELECT 'app', id, '[]', 'w', 'h', 'an application' FROM schemaward.runs ORDER BY started_at DESC LIMIT 1`,
        );
        await world.project.query("INSERT INTO a VALUES (4711)");
        const second = await world.restore();
        assert.notEqual(second.emergency, first.emergency);
        await world.restore({}, { snapshot: second.emergency ?? "" });
        assert.deepEqual(await world.project.query("SELECT id FROM a WHERE id = 4711"), [["4711"]]);
    });
});

/** Writes one row after the other, and connects again whenever it is thrown out. */
class Application {
    /** What the server has said is written. */
    readonly written: number[] = [];
    refused = 0;
    private going = true;
    private readonly working: Promise<void>;

    constructor(private readonly world: SmallWorld) {
        this.working = this.work();
    }

    private async work(): Promise<void> {
        let client: Client | undefined;
        for (let id = 1_000_001; this.going; id++) {
            try {
                client ??= await this.world.login();
                await client.query("INSERT INTO a VALUES ($1)", [id]);
                this.written.push(id);
            } catch {
                this.refused++;
                await client?.end().catch(() => undefined);
                client = undefined;
            }
        }
        await client?.end().catch(() => undefined);
    }

    async stop(): Promise<void> {
        this.going = false;
        await this.working;
    }
}
