import assert from "node:assert/strict";
import type { Client } from "pg";
import { allAnswered, firstFailure } from "../../core/plan/first-failure";
import { openDatabase } from "../../core/connection";
import { startTestServer, type TestServer } from "../support/postgres";

describe("the first failure of questions asked at the same time", function () {
    this.timeout(30_000);
    let server: TestServer;
    let client: Client;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        const url = server.url(await server.create());
        client = await openDatabase({ url }).connect("test", { pipeline: true });
    });
    afterEach(async () => {
        await client.end().catch(() => undefined);
    });

    /** Asks all at once, as a client with `pipeline` does. */
    function ask(...questions: readonly string[]): Promise<unknown>[] {
        return questions.map((text) => {
            const answer = client.query(text);
            answer.catch(() => undefined);
            return answer;
        });
    }

    it("is the one that ended the transaction, wherever it was asked", async () => {
        await client.query("BEGIN");
        const asked = ask("SELECT 1", "SELECT 1 / 0", "SELECT 2", "SELECT nothing");
        await assert.rejects(allAnswered(asked), { code: "22012" });
        const [, , later] = asked;
        await assert.rejects(allAnswered([later ?? Promise.resolve()]), { code: "25P02" });
        const told = await later?.catch((error: unknown) => firstFailure(error, asked));
        assert.equal((told as { code?: string }).code, "22012");
    });

    it("is the server's reason when it ends the session, not that the connection broke", async () => {
        const asked = ask("SELECT 1", "SELECT pg_terminate_backend(pg_backend_pid())", "SELECT 2", "SELECT 3");
        await assert.rejects(allAnswered([...asked].reverse()), { code: "57P01" });
        const told = await asked[3]?.catch((error: unknown) => firstFailure(error, asked));
        assert.equal((told as { code?: string }).code, "57P01");
    });

    it("stays what it is where it follows from nothing", async () => {
        const asked = ask("SELECT 1", "SELECT nothing", "SELECT 1 / 0");
        await assert.rejects(allAnswered(asked), { code: "42703" });
        const error = new Error("of our own");
        assert.equal(await firstFailure(error, asked), error);
    });
});
