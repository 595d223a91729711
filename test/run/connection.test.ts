import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import path from "node:path";
import { type ConnectionReference, disconnect, openDatabase } from "../../core/connection";
import { BadInputError, FailedError } from "../../core/errors";
import { root } from "../../tools/pg-binaries";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";

describe("a connection", function () {
    this.timeout(30_000);
    let server: TestServer;
    let project: TestProject;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = new TestProject(server, await server.create());
    });
    afterEach(() => {
        project.remove();
    });

    /** A server that takes connections and says nothing. */
    async function withSilence(work: (connection: ConnectionReference) => Promise<void>): Promise<void> {
        const sockets: net.Socket[] = [];
        const silent = net.createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
        await once(silent, "listening");
        const { port } = silent.address() as net.AddressInfo;
        try {
            await work({ url: `postgresql://a:b@127.0.0.1:${port}/c?sslmode=disable` });
        } finally {
            for (const socket of sockets) socket.destroy();
            silent.close();
        }
    }

    it("is given up when nobody needs it any more", async () => {
        await withSilence(async (connection) => {
            const giveUp = new AbortController();
            const connecting = openDatabase(connection).connect("test", { signal: giveUp.signal });
            const outcome = assert.rejects(connecting, FailedError);
            giveUp.abort();
            await outcome;
        });
    });

    it("bad files are told at once, although the server does not answer", async () => {
        project.migration("001", "SELECT 1").write({ "no version.sql": "SELECT 1" });
        await withSilence(async (connection) => {
            const started = performance.now();
            await assert.rejects(project.plan("latest", { connection }), BadInputError);
            assert(performance.now() - started < 10_000);
        });
    });

    it("ends although its server has stopped answering", async () => {
        const client = await openDatabase({ url: server.url(project.database) }).connect("test", { pipeline: true });
        const lost = assert.rejects(client.query("SELECT pg_sleep(60)"), /terminated/);
        await disconnect(client);
        await lost;
    });

    it("its driver is loaded without an HTTP client, and leaves nothing behind", () => {
        const driver = path.join(root, "dist", "core", "driver.js");
        const script = `const { Client } = require(${JSON.stringify(driver)});
            const isPlain = !("navigator" in globalThis) || Number(process.versions.node.split(".")[0]) > 20;
            console.log(typeof Client, isPlain, process.moduleLoadList.some((m) => m.includes("undici")));`;
        assert.equal(
            execFileSync(process.execPath, ["-e", script], { encoding: "utf8" }).trim(),
            "function true false",
        );
    });
});
