import assert from "node:assert/strict";
import { failureOf } from "../support/backend";
import { needs } from "../support/capability";
import { anyBinaries, startTestServer, type TestServer } from "../support/postgres";
import { SmallDisk, smallDisk } from "../support/small-disk";
import { HeldTools } from "./held-tools";
import { SmallWorld } from "./small-world";

describe("a server whose disk gets full while a database is restored", function () {
    this.timeout(60_000);
    needs(smallDisk);
    let disk: SmallDisk;
    let server: TestServer;
    let world: SmallWorld;
    let tools: HeldTools;

    before(async () => {
        disk = new SmallDisk();
        server = await startTestServer(anyBinaries(), {}, disk.folder);
        world = await SmallWorld.make(
            server,
            "CREATE TABLE bulk AS SELECT i, repeat(md5(i::text), 30) FROM generate_series(1, 40000) i",
        );
        tools = new HeldTools(anyBinaries());
    });
    after(async () => {
        tools.remove();
        world.end();
        await server.stop();
        disk.remove();
    });
    beforeEach(async () => {
        disk.makeRoom();
        tools.say("go");
        await world.reset();
    });

    it("seen before anything is touched, where the server is on this machine", async () => {
        disk.leave(24);
        const text = await failureOf(world.restore());
        assert.match(
            text,
            /not enough room: the restored database takes about \d+ bytes beside the one that is there, and 2\d+ are free/,
        );
        disk.makeRoom();
        await world.assertUntouched();
    });

    it("full while pg_restore is at it: all is as it was, traffic is in, and with room it is done", async () => {
        tools.say("hold");
        const failing = failureOf(world.restore());
        await tools.held();
        disk.leave(24);
        tools.say("go");
        const text = await failing;
        assert.match(text, /pg_restore failed[\s\S]*No space left/);
        assert.match(text, /is as it was\. Traffic is let in again\.\nNext: Make room on the server's disk/);
        disk.makeRoom();
        await world.assertUntouched(1);
        await world.restore();
        await world.assertRestored();
    });
});
