import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { Client } from "pg";
import { BadInputError, FailedError } from "../../core/errors";
import { findPgTool } from "../../core/pg-tools";
import { bouncer, findBouncer } from "../../core/traffic/bouncer";
import type { BouncerPart, GateTools } from "../../core/traffic/part";
import { findPgbouncer, pgbouncer } from "../../tools/prepare";
import { type Bouncer, startBouncer } from "../support/bouncer";
import { needs } from "../support/capability";
import { eventually } from "../support/eventually";
import { canary, startTestServer, type TestServer } from "../support/postgres";
import { Proxy } from "../support/proxy";
import { skip } from "../support/skip";

const env = "SCHEMAWARD_TEST_BOUNCER";

describe("traffic through PgBouncer", function () {
    this.timeout(60_000);
    needs(pgbouncer);
    let server: TestServer;
    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());

    let running: Bouncer | undefined;
    let part: BouncerPart;
    const clients: Client[] = [];
    const said: string[] = [];

    async function start(mode: "session" | "transaction", database?: string): Promise<void> {
        const found = findPgbouncer();
        assert(found);
        running = await startBouncer(found, server, mode, "admin_users = owner\n");
        part = { kind: "bouncer", env, database: database ?? (await server.create()), paused: false };
        process.env[env] = running.url("pgbouncer");
    }

    afterEach(async () => {
        Reflect.deleteProperty(process.env, env);
        await Promise.all(clients.splice(0).map(async (client) => client.end().catch(() => undefined)));
        await running?.stop();
        running = undefined;
        said.length = 0;
    });

    function tools(drainMs?: number): GateTools {
        return {
            cluster: undefined,
            client: undefined as never,
            owner: "1/shop/db",
            runId: "run-1",
            drainMs,
            say: (text) => said.push(text),
        };
    }

    /** Through the bouncer. @param database default the part's */
    async function connect(database = part.database): Promise<Client> {
        assert(running);
        const { hostname: host, port } = new URL(running.url("postgres"));
        const client = new Client({ host, port: Number(port), user: server.user, password: canary, database });
        client.on("error", () => undefined);
        clients.push(client);
        await client.connect();
        return client;
    }

    async function pidOf(client: Client): Promise<number> {
        const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
        return rows[0]?.pid ?? 0;
    }

    async function isPaused(): Promise<boolean> {
        const { rows } = await (await connect("pgbouncer")).query<{ name: string; paused: number }>("SHOW DATABASES");
        return rows.some(({ name, paused }) => name === part.database && paused === 1);
    }

    /** Whether something has come about within a moment. */
    async function settled(work: Promise<unknown>): Promise<boolean> {
        return Promise.race([work.then(() => true), pause(300).then(() => false)]);
    }

    async function failureOf(work: Promise<unknown>): Promise<FailedError> {
        const error: unknown = await work.then(
            () => undefined,
            (e: unknown) => e,
        );
        assert(error instanceof FailedError, String(error));
        assert(!error.message.includes(canary) && !error.message.includes(encodeURIComponent(canary)), error.message);
        return error;
    }

    it("clients wait while it is paused, and go on when it is resumed", async () => {
        await start("transaction");
        const client = await connect();
        const before = await pidOf(client);
        assert.equal(await bouncer.flows(part, tools()), `PgBouncer's database ${part.database} is not paused`);
        await bouncer.stop(part, tools());
        assert.equal(await bouncer.flows(part, tools()), undefined);
        const waiting = [pidOf(client), connect().then(pidOf)];
        assert(!(await settled(Promise.any(waiting))));
        await bouncer.resume(part, tools());
        for (const pid of await Promise.all(waiting)) assert.notEqual(pid, before);
        assert.deepEqual(said, []);
    });

    it("a name of any letters is one name", async () => {
        const database = `od"d 'Näme $X`;
        await server.withClient("postgres", async (client) => client.query(`CREATE DATABASE "od""d 'Näme $X"`));
        await start("transaction", database);
        await pidOf(await connect());
        await bouncer.stop(part, tools());
        assert(await isPaused());
        await bouncer.resume(part, tools());
        await pidOf(await connect());
    });

    for (const mode of ["transaction", "session"] as const)
        it(`a pause that does not come about is taken back, saying what is at work (pool_mode = ${mode})`, async () => {
            await start(mode);
            const client = await connect();
            if (mode === "transaction") await client.query("BEGIN");
            await client.query("SET application_name = 'report'");
            const pid = await pidOf(client);
            const started = Date.now();
            const error = await failureOf(bouncer.stop(part, tools(700)));
            assert(Date.now() - started < 5_000);
            assert.match(error.parts.what, /did not pause within 0.7 s: 1 server connection is still there/);
            assert.match(error.parts.detail?.join("\n") ?? "", new RegExp(`^owner.*, process ${pid} of the server`));
            assert.match(error.parts.state ?? "", /resumed/);
            assert(!(await isPaused()));
            assert.notEqual(await pidOf(await connect()), pid);
            assert.equal(await pidOf(client), pid);
        });

    it("is done when the last transaction ends", async () => {
        await start("transaction");
        const client = await connect();
        await client.query("BEGIN");
        const stopping = bouncer.stop(part, tools());
        await eventually(isPaused);
        assert.match((await bouncer.flows(part, tools())) ?? "", /1 server connection is still there/);
        assert(!(await settled(stopping)));
        await client.query("COMMIT");
        await stopping;
        assert.equal(await bouncer.flows(part, tools()), undefined);
    });

    it("everything may be done twice, also at the same time", async () => {
        await start("transaction");
        const client = await connect();
        await client.query("BEGIN");
        const stopping = Promise.all([bouncer.stop(part, tools()), bouncer.stop(part, tools())]);
        await eventually(isPaused);
        await client.query("COMMIT");
        await stopping;
        await bouncer.stop(part, tools());
        await Promise.all([bouncer.resume(part, tools()), bouncer.resume(part, tools())]);
        await bouncer.resume(part, tools());
        await pidOf(client);
    });

    it("of a process that was killed while it paused, the next one finishes the pause, or resumes", async () => {
        await start("transaction");
        const client = await connect();
        await client.query("BEGIN");
        const old = await pidOf(client);
        const killed = async (): Promise<void> => {
            const admin = await connect("pgbouncer");
            admin.query(`PAUSE "${part.database}"`).catch(() => undefined);
            await eventually(isPaused);
            (admin as unknown as { connection: { stream: { destroy: () => void } } }).connection.stream.destroy();
            await pause(500);
            assert(await isPaused());
        };
        await killed();
        await bouncer.resume(part, tools());
        await client.query("COMMIT");
        // Resumed after RECONNECT: the connection that was at work meanwhile is not used again.
        const young = await pidOf(client);
        assert.notEqual(young, old);
        await client.query("BEGIN");
        await killed();
        const stopping = bouncer.stop(part, tools());
        await client.query("COMMIT");
        await stopping;
        assert.equal(await bouncer.flows(part, tools()), undefined);
        await bouncer.resume(part, tools());
        await pidOf(client);
    });

    it("when the connection is lost while it pauses, it is resumed, or said to be paused perhaps", async () => {
        await start("transaction");
        assert(running);
        const direct = running.url("pgbouncer");
        const proxy = await Proxy.start(Number(new URL(direct).port));
        try {
            process.env[env] = proxy.through(direct);
            await (await connect()).query("BEGIN");
            const first = failureOf(bouncer.stop(part, tools()));
            await eventually(isPaused);
            proxy.cut();
            assert.match((await first).message, /could not be paused: Connection terminated[^]*State: It is resumed/);
            assert(!(await isPaused()));
            const second = failureOf(bouncer.stop(part, tools()));
            await eventually(isPaused);
            await proxy.stop();
            const { message } = await second;
            assert.match(message, /It may still be paused[^]*ECONNREFUSED/);
            assert(message.includes(`Next: Resume it by hand: ${bouncer.byHand(part)}`), message);
        } finally {
            proxy.cut();
        }
        process.env[env] = direct;
        await bouncer.resume(part, tools());
        await pidOf(await connect());
    });

    it("an answer to PAUSE alone is not believed: another console has resumed meanwhile", async () => {
        await start("transaction");
        const client = await connect();
        await client.query("BEGIN");
        const stopping = failureOf(bouncer.stop(part, tools()));
        await eventually(isPaused);
        const admin = await connect("pgbouncer");
        await admin.query(`RESUME "${part.database}"`);
        // With this database PgBouncer answers whoever waits.
        await pidOf(await connect("postgres"));
        await admin.query('PAUSE "postgres"');
        assert.match((await stopping).message, /could not be paused: .* is not paused/);
        await pidOf(client);
    });

    it("what a person has resumed is told, and stays resumed", async () => {
        await start("transaction");
        await bouncer.stop(part, tools());
        await (await connect("pgbouncer")).query(`RESUME "${part.database}"`);
        assert.match((await bouncer.flows(part, tools())) ?? "", /is not paused/);
        await bouncer.resume(part, tools());
        await pidOf(await connect());
    });

    it("what somebody had paused before stays paused", async () => {
        await start("transaction");
        const admin = await connect("pgbouncer");
        await admin.query(`PAUSE "${part.database}"`);
        const found = await findBouncer(part);
        assert.equal(found.paused, true);
        await bouncer.stop(found, tools());
        await bouncer.resume(found, tools());
        assert.equal((await findBouncer(part)).paused, true);
        await bouncer.resume(part, tools());
        assert.equal((await findBouncer(part)).paused, false);
    });

    it("a PgBouncer that is paused as a whole is no gate of ours", async () => {
        await start("transaction");
        const admin = await connect("pgbouncer");
        await admin.query("PAUSE");
        assert.match((await failureOf(bouncer.stop(part, tools()))).message, /Somebody has paused all of PgBouncer/);
        await admin.query("RESUME");
        assert(!(await isPaused()));
    });

    it("the command by hand resumes, without the URL", async function () {
        const psql = await findPgTool("psql", 14);
        if (psql === undefined) skip(this, "needs psql");
        await start("transaction");
        await bouncer.stop(part, tools());
        assert.equal(
            bouncer.byHand(part),
            `psql "$${env}" -c 'RECONNECT "${part.database}"' -c 'RESUME "${part.database}"'`,
        );
        const PATH = `${path.dirname(psql)}:${process.env["PATH"] ?? ""}`;
        await promisify(execFile)("sh", ["-c", bouncer.byHand(part)], { env: { ...process.env, PATH } });
        assert(!(await isPaused()));
        const odd = { ...part, database: `it's "x"` };
        await promisify(execFile)("sh", ["-c", bouncer.byHand(odd).replace("psql ", 'printf "%s\\n" ')], {
            env: { [env]: "URL", PATH },
        }).then(({ stdout }) => {
            assert.equal(stdout, `URL\n-c\nRECONNECT "it's ""x"""\n-c\nRESUME "it's ""x"""\n`);
        });
    });

    describe("what cannot be reached is said without a secret", () => {
        const all = ["stop", "flows", "resume"] as const;

        it("a wrong password", async () => {
            await start("transaction");
            const url = new URL(process.env[env] ?? "");
            url.password = "wr0ng-Sn4p";
            process.env[env] = url.toString();
            for (const what of all) {
                const { message } = await failureOf(bouncer[what](part, tools()));
                assert.match(message, /admin console does not let us in: .*(auth|password)/);
                assert(message.includes(env) && !message.includes("wr0ng"), message);
            }
        });

        it("a missing variable, and one that is no URL", async () => {
            await start("transaction");
            for (const [value, text] of [
                ["", /is not set, so PgBouncer's address is unknown/],
                [`bouncer password=${canary}`, /is no PostgreSQL URL/],
            ] as const) {
                process.env[env] = value;
                for (const what of all)
                    await assert.rejects(bouncer[what](part, tools()), (error) => {
                        assert(error instanceof BadInputError);
                        assert.match(error.message, text);
                        assert(error.message.includes(env) && !error.message.includes(canary), error.message);
                        return true;
                    });
            }
        });

        it("a PostgreSQL instead of PgBouncer's admin console", async () => {
            await start("transaction");
            for (const url of [server.url(part.database), running?.url(part.database) ?? ""]) {
                process.env[env] = url;
                for (const what of all)
                    assert.match(
                        (await failureOf(bouncer[what](part, tools()))).message,
                        /refuses [^]*ends in \/pgbouncer/,
                    );
            }
        });
    });
});
