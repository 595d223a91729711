import assert from "node:assert/strict";
import type { Declaration } from "../../core/declaration";
import { RefusedError } from "../../core/errors";
import { pendingRestore } from "../../core/run/restore/declared";
import { failureOf } from "../support/backend";
import { anyBinaries, startTestServer, type TestServer } from "../support/postgres";
import { withStore } from "./fixture";
import { HeldTools } from "./held-tools";
import { SmallWorld } from "./small-world";

describe("restoreFrom, declared", function () {
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

    const declared = (version: string, restoreFrom: string): Declaration =>
        withStore(world.project, version, { ...world.traffic(), restoreFrom });
    const migrate = async (version: string, restoreFrom: string): Promise<boolean> =>
        (await world.project.migrate(version, declared(version, restoreFrom))).changed;

    for (const what of ["a name", "latest"] as const)
        it(`${what}: nothing is run before it is done, it is done once, and never again`, async () => {
            const wanted = what === "latest" ? what : world.snapshot.name;
            assert.equal(await pendingRestore(declared("001", wanted)), wanted);
            await assert.rejects(
                migrate("001", wanted),
                (error) => error instanceof RefusedError && error.message.includes("declared to be restored"),
            );
            await world.assertUntouched();

            await world.restore({ restoreFrom: wanted }, { snapshot: wanted, declaredVersionCounts: false });
            assert.equal(await pendingRestore(declared("001", wanted)), undefined);
            assert.equal(await migrate("001", wanted), false);
            await world.assertRestored();

            // It is still declared when the database goes on.
            assert.equal(await migrate("002", wanted), true);
            await world.project.query("INSERT INTO a VALUES (77777)");
            assert.equal(await pendingRestore(declared("002", wanted)), undefined);
            assert.equal(await migrate("002", wanted), false);
            assert.deepEqual(await world.project.query("SELECT id FROM a WHERE id = 77777"), [["77777"]]);
        });

    it("by the command, the latest of then is no latest that is declared later", async () => {
        await world.restore({}, { snapshot: "latest" });
        assert.equal(await pendingRestore(declared("001", "latest")), "latest");
        assert.equal(await pendingRestore(declared("001", world.snapshot.name)), undefined);
    });

    it("latest is never what a restore has put away", async () => {
        await world.restore();
        const { snapshot } = await world.restore({}, { snapshot: "latest" });
        assert.equal(snapshot, world.snapshot.name);
    });

    it("one that failed is still to be done", async () => {
        const tools = new HeldTools(anyBinaries());
        try {
            tools.say("kill");
            await failureOf(world.restore());
            assert.equal(await pendingRestore(declared("001", world.snapshot.name)), world.snapshot.name);
            assert.match(await failureOf(migrate("001", world.snapshot.name)), /was not yet/);
        } finally {
            tools.remove();
        }
        await world.assertUntouched(1);
    });

    it("another one is another restore", async () => {
        const { emergency } = await world.restore();
        assert.equal(await pendingRestore(declared("002", emergency ?? "")), emergency);
    });
});
