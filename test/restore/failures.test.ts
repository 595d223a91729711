import assert from "node:assert/strict";
import { once } from "node:events";
import { FailedError } from "../../core/errors";
import { pendingRestore } from "../../core/run/restore/declared";
import type { RunEvent } from "../../core/run/events";
import { Proxy } from "../support/proxy";
import { anyBinaries, startTestServer, type TestServer } from "../support/postgres";
import { withStore } from "./fixture";
import { HeldTools } from "./held-tools";
import { SmallWorld } from "./small-world";
import { startRestore } from "./start-restore";

describe("a restore that is disturbed from outside", function () {
    this.timeout(60_000);
    let server: TestServer;
    let world: SmallWorld;
    let tools: HeldTools;

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
    });

    async function failureOf(work: Promise<unknown>): Promise<FailedError> {
        const error: unknown = await work.then(
            () => assert.fail("it did not fail"),
            (e: unknown) => e,
        );
        assert(error instanceof FailedError, String(error));
        return error;
    }

    it("pg_restore is killed: all is as it was, traffic is in, and the next one gets there", async () => {
        tools.say("kill");
        const { message, parts } = await failureOf(world.restore());
        assert.match(message, /pg_restore failed \(signal SIGKILL\)/);
        assert.match(parts.state ?? "", /is as it was\. Traffic is let in again\.$/);
        await world.assertUntouched(1);
        tools.say("go");
        await world.restore();
        await world.assertRestored();
    });

    it("PostgreSQL is killed: it says that traffic stays stopped, and the next one gets there", async () => {
        tools.say("hold");
        const failing = failureOf(world.restore());
        await tools.held();
        await server.kill();
        tools.say("go");
        const { message } = await failing;
        assert.match(message, /is as it was[\s\S]*TRAFFIC STAYS STOPPED/);
        await server.restart();
        assert.equal(await world.mayConnect(), false);
        await world.restore();
        await world.assertRestored();
    });

    it("SIGINT before the swap: all is as it was, and traffic is in", async () => {
        tools.say("hold");
        const child = startRestore(world);
        let text = "";
        child.stderr?.on("data", (piece: Buffer) => (text += piece.toString()));
        await tools.held();
        child.kill("SIGINT");
        const [code] = (await once(child, "exit")) as [number];
        assert.equal(code, 1);
        assert.match(
            text,
            /^Interrupted[\s\S]*is as it was\. Traffic is let in again\.[\s\S]*Next: Run the same command again/,
        );
        await world.assertUntouched(1);
    });

    for (const when of [
        "while the archive is read",
        "while traffic is stopped",
        "while the snapshot is taken",
    ] as const)
        it(`interrupted ${when}: all is as it was`, async () => {
            const interrupted = new AbortController();
            const of: Record<typeof when, RunEvent["type"]> = {
                "while the archive is read": "restore-step",
                "while traffic is stopped": "gate-stopping",
                "while the snapshot is taken": "gate-stopped",
            };
            const report = (event: RunEvent): void => {
                if (event.type === of[when]) interrupted.abort();
            };
            await failureOf(world.restore({}, { signal: interrupted.signal, report }));
            await world.assertUntouched();
        });

    it("a second interrupt that comes with the swap changes nothing: it is done, and traffic is in", async () => {
        const interrupted = new AbortController();
        const report = (event: RunEvent): void => {
            if (event.type === "restore-step" && event.text.startsWith("in its place")) interrupted.abort();
        };
        await world.restore({}, { signal: interrupted.signal, report });
        await world.assertRestored();
    });

    describe("the connection breaks when the databases are renamed", () => {
        let proxy: Proxy;
        beforeEach(async () => {
            proxy = await Proxy.start(server.port);
        });
        afterEach(async () => proxy.stop());

        const throughProxy = (): Promise<unknown> =>
            world.restore({ connection: { url: proxy.through(server.url(world.database)) } });

        it("after the server has done it: it is done, and goes on", async () => {
            let sent = false;
            let cut = 0;
            proxy.hooks.toServer = (chunk) => {
                sent ||= chunk.includes("RENAME TO");
                return true;
            };
            proxy.hooks.toClient = () => {
                if (!sent) return true;
                sent = false;
                cut++;
                return false;
            };
            await throughProxy();
            assert.equal(cut, 1);
            await world.assertRestored();
        });

        it("before the server has heard of it: all is as it was, and traffic is in", async () => {
            let cut = 0;
            proxy.hooks.toServer = (chunk) => {
                if (cut > 0 || !chunk.includes("RENAME TO")) return true;
                cut++;
                return false;
            };
            const { message } = await failureOf(throughProxy());
            assert.match(message, /could not be put in the place[\s\S]*is as it was\. Traffic is let in again\./);
            assert.equal(cut, 1);
            await world.assertUntouched(1);
        });

        it("and the server does not answer again: it is not said that nothing has happened", async () => {
            let gone = false;
            proxy.hooks.toServer = (chunk) => {
                gone ||= chunk.includes("RENAME TO");
                return !gone;
            };
            const { message } = await failureOf(throughProxy());
            assert.match(message, /not known whether[\s\S]*TRAFFIC STAYS STOPPED/);
            assert(!message.includes("as it was"), message);
            await world.restore();
            await world.assertRestored();
        });

        it("the session in the other database broke before: another is taken", async () => {
            tools.say("hold");
            const restoring = world.restore();
            await tools.held();
            await server.withClient("postgres", async (client) =>
                client.query(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres' AND application_name = 'schemaward restore'",
                ),
            );
            tools.say("go");
            await restoring;
            await world.assertRestored();
        });
    });

    it("declared in a stack, a killed one that left a database which nobody may connect to is still to be done", async () => {
        const child = startRestore(world, { fault: { at: `after ALTER DATABASE "$" ALLOW_CONNECTIONS false#1` } });
        await once(child, "exit");
        const declared = withStore(world.project, "001", { restoreFrom: world.snapshot.name });
        assert.equal(await pendingRestore(declared), world.snapshot.name);
        await world.restore({}, { waitMs: 20_000 });
        assert.equal(await pendingRestore(declared), undefined);
        await world.assertRestored();
    });
});
