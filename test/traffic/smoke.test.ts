import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { smokeChecks } from "../../core/traffic/smoke";
import { freePort } from "../../tools/local-postgres";

describe("smoke checks", function () {
    this.timeout(20_000);
    const servers: Server[] = [];

    afterEach(async () => {
        for (const server of servers.splice(0)) {
            server.close();
            server.closeAllConnections();
            await once(server, "close");
        }
    });

    async function serve(listener: RequestListener): Promise<string> {
        const server = createServer(listener).listen(0, "127.0.0.1");
        servers.push(server);
        await once(server, "listening");
        return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    }

    it("an answer that becomes well in time is well", async () => {
        let asked = 0;
        const url = await serve((_, response) => response.writeHead(++asked < 3 ? 503 : 200).end("no"));
        assert.deepEqual(await smokeChecks([{ name: "api", url }], 10), []);
        assert.equal(asked, 3);
    });

    it("one that does not is told with its last answer, and the others are not", async () => {
        let asked = 0;
        const bad = await serve((_, response) => response.writeHead(++asked < 2 ? 500 : 503).end("secret-body"));
        const good = await serve((_, response) => response.end());
        const failures = await smokeChecks(
            [
                { name: "good", url: good },
                { name: "api", url: bad },
            ],
            1.2,
        );
        assert.deepEqual(failures, [{ name: "api", url: bad, why: "answered 503" }]);
        assert(asked >= 3, `${asked}`);
    });

    it("a redirect is an answer, and not followed", async () => {
        let followed = 0;
        const target = await serve((_, response) => {
            followed++;
            response.end();
        });
        const url = await serve((_, response) => response.writeHead(302, { location: target }).end());
        const failures = await smokeChecks([{ name: "api", url }], 0);
        assert.deepEqual(
            failures.map((f) => f.why),
            ["answered 302"],
        );
        assert.deepEqual(await smokeChecks([{ name: "api", url, status: 302 }], 0), []);
        assert.equal(followed, 0);
    });

    it("a text has to be there, in the first MB; nothing else of the body is shown", async () => {
        const url = await serve((_, response) => {
            response.write("secret-body grü");
            setTimeout(() => response.end('n {"status":"ok"}'), 20);
        });
        assert.deepEqual(await smokeChecks([{ name: "api", url, contains: 'grün {"status":"ok"' }], 0.5), []);
        const [failure] = await smokeChecks([{ name: "api", url, contains: '"ready"' }], 0.5);
        assert.equal(failure?.why, 'does not contain "\\"ready\\""');

        let sent = 0;
        const endless = await serve((_, response) => {
            const chunk = Buffer.alloc(64 * 1024, "x");
            const more = (): void => {
                while (!response.destroyed && response.write(chunk)) sent += chunk.length;
            };
            response.on("drain", more);
            more();
        });
        const [long] = await smokeChecks([{ name: "api", url: endless, contains: "ok" }], 1);
        assert.equal(long?.why, 'does not contain "ok" in its first MB');
        assert(sent < 50 * 1024 * 1024, `${sent} bytes`);
    });

    it("nobody there, and no answer", async () => {
        const nobody = `http://127.0.0.1:${await freePort()}/`;
        const slow = await serve(() => undefined);
        const started = performance.now();
        const failures = await smokeChecks(
            [
                { name: "a", url: nobody },
                { name: "b", url: slow },
            ],
            1,
        );
        assert.deepEqual(
            failures.map((f) => f.why),
            ["ECONNREFUSED", "no answer within 1 s"],
        );
        assert(performance.now() - started < 3000);
    });

    it("what is cut short by the end does not hide the answer before it", async () => {
        let asked = 0;
        const url = await serve((_, response) => {
            if (asked++ === 0) response.writeHead(500).end();
        });
        const [failure] = await smokeChecks([{ name: "api", url }], 1);
        assert.equal(failure?.why, "answered 500");
    });

    it("userinfo logs in, and neither it nor the query is shown", async () => {
        const seen: unknown[] = [];
        const plain = new URL(
            await serve((request, response) => {
                seen.push(request.headers.authorization, request.url);
                response.writeHead(500).end();
            }),
        );
        const url = `http://me:s3cret%21@${plain.host}/health?token=hidden#part`;
        const failures = await smokeChecks([{ name: "api", url }], 0);
        assert.deepEqual(failures, [{ name: "api", url: `http://${plain.host}/health`, why: "answered 500" }]);
        assert.deepEqual(seen, [`Basic ${Buffer.from("me:s3cret!").toString("base64")}`, "/health?token=hidden"]);
        const wrong = await smokeChecks(
            [
                { name: "a", url: "no url s3cret" },
                { name: "b", url: "ftp://me:s3cret@host/" },
                { name: "c", url: `http://me:s3cret@127.0.0.1:${await freePort()}/?s3cret` },
                { name: "d", url: "http://me:s3cret@[::1]:1/%zz?s3cret" },
            ],
            0,
        );
        assert.equal(wrong.length, 4);
        assert(!JSON.stringify(wrong).includes("s3cret"), JSON.stringify(wrong));
    });

    it("is given up at once", async () => {
        const url = await serve(() => undefined);
        const giving = new AbortController();
        const waiting = smokeChecks(
            [
                { name: "api", url },
                { name: "b", url: `http://127.0.0.1:${await freePort()}/` },
            ],
            30,
            giving.signal,
        );
        setTimeout(() => {
            giving.abort(new Error("given up"));
        }, 100);
        const started = performance.now();
        await assert.rejects(waiting, /given up/);
        assert(performance.now() - started < 1000);
    });
});
