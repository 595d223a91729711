import assert from "node:assert/strict";
import { Client } from "pg";
import { FailedError, RefusedError } from "../../core/errors";
import { startStandby } from "../../tools/local-postgres";
import { findPgbouncer } from "../../tools/prepare";
import { startBouncer } from "../support/bouncer";
import { eventually } from "../support/eventually";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";
import { skip } from "../support/skip";

describe("locks", function () {
    this.timeout(60_000);
    let server: TestServer;
    let project: TestProject;

    before(async () => {
        server = await startTestServer(undefined, { wal_level: "replica", max_wal_senders: "3" });
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = new TestProject(server, await server.create());
        project
            .migration("001", "CREATE TABLE a (id int)", "DROP TABLE a")
            .migration("002", "ALTER TABLE a ADD COLUMN b int", "ALTER TABLE a DROP COLUMN b");
    });
    afterEach(() => {
        project.remove();
    });

    async function withHolder<T>(sql: string, work: (holder: Client) => Promise<T>): Promise<T> {
        return server.withClient(project.database, async (holder) => {
            await holder.query(sql);
            return work(holder);
        });
    }

    it("one run at a time on a database: the second is refused, naming the first", async () => {
        project.migration("002", "SELECT pg_sleep(600)", "SELECT 1");
        const stop = new AbortController();
        const first = project.migrate("latest", {}, { signal: stop.signal });
        first.catch(() => undefined);
        await eventually(() => project.events.some((e) => e.type === "step-start" && e.version === "002"));
        await assert.rejects(project.migrate("latest"), (error) => {
            assert(error instanceof RefusedError);
            assert.match(
                error.message,
                new RegExp(
                    `Another run works on this database: schemaward run .*@.*:${process.pid}, server process \\d+, since 20`,
                ),
            );
            assert.match(error.message, /State: Nothing was touched by this run/);
            return true;
        });
        stop.abort();
        await assert.rejects(first, /002 was interrupted going forward[^]*Done and staying: 001 applied/);
        assert.deepEqual(await project.applied(), ["001"]);
    });

    it("the second may wait for the first", async () => {
        project.migration("002", "SELECT pg_sleep(0.7)", "SELECT 1");
        const first = project.migrate("latest");
        await eventually(() => project.events.some((e) => e.type === "step-start" && e.version === "002"));
        const second = await project.migrate("latest", {}, { waitMs: 20_000 });
        assert.equal((await first).changed, true);
        assert.equal(second.changed, false);
        assert(project.events.some((e) => e.type === "waiting-for-lock"));
        assert.deepEqual(await project.applied(), ["001", "002"]);
    });

    it("runs on two databases of one server do not wait for each other", async () => {
        const other = new TestProject(server, await server.create());
        other.migration("001", "SELECT pg_sleep(0.5)", "SELECT 1");
        await Promise.all([other.migrate("latest"), project.migrate("latest")]);
        other.remove();
    });

    it("a long reader: no migration within the budget, a clean failure that names it", async () => {
        await project.migrate("1");
        await withHolder("BEGIN; SELECT * FROM a", async () => {
            const started = Date.now();
            const run = { ...project.declaration("2").run, lockTimeoutMs: 200, lockBudgetMs: 2_000 };
            await assert.rejects(project.migrate("2", { run }), (error) => {
                assert(error instanceof FailedError);
                assert.match(error.message, /canceling statement due to lock timeout/);
                assert.match(error.message, /SQLSTATE 55P03/);
                assert.match(error.message, /Held by: pid \d+ \(schemaward test, owner, idle in transaction since/);
                assert.match(error.message, /Next: End what holds the lock/);
                return true;
            });
            assert(Date.now() - started < 6_000);
            assert(project.events.some((e) => e.type === "retry"));
        });
        assert.deepEqual(await project.applied(), ["001"]);
    });

    it("writers behind the migration's request wait no longer than its lock timeout", async () => {
        await project.migrate("1");
        await withHolder("BEGIN; SELECT * FROM a", async (holder) => {
            const run = { ...project.declaration("2").run, lockTimeoutMs: 300, lockBudgetMs: 3_000 };
            const running = project.migrate("2", { run });
            running.catch(() => undefined);
            await eventually(() => project.events.some((e) => e.type === "step-start"));
            let longest = 0;
            for (let i = 0; i < 15; i++) {
                const started = Date.now();
                await project.query("INSERT INTO a VALUES (1)");
                longest = Math.max(longest, Date.now() - started);
            }
            assert(longest < 1_500, `${longest} ms`);
            await holder.query("ROLLBACK");
            await running.catch(() => undefined);
        });
    });

    it("a server that ends idle sessions does not end the run's, while a person reads", async () => {
        await project.query(`ALTER DATABASE ${project.database} SET idle_session_timeout = '300ms'`);
        const idle = `SELECT bool_and(clock_timestamp() - state_change > '1 s') FROM pg_stat_activity
                       WHERE datname = current_database() AND application_name LIKE 'schemaward run%' HAVING count(*) = 2`;
        const confirm = async (): Promise<boolean> => {
            await eventually(async () => (await project.query(idle))[0]?.[0] === "true");
            return true;
        };
        assert.equal((await project.migrate("latest", {}, { confirm })).version, "002");
    });

    it("goes on as soon as the lock is free", async () => {
        await project.migrate("1");
        await withHolder("BEGIN; SELECT * FROM a", async (holder) => {
            const running = project.migrate("2");
            await eventually(() => project.events.some((e) => e.type === "retry"));
            await holder.query("COMMIT");
            assert.equal((await running).version, "002");
        });
        assert(project.events.some((e) => e.type === "blocked" && e.by.includes("schemaward test")));
    });

    it("a deadlock's victim is run again, whole", async () => {
        project
            .migration("002", "CREATE TABLE log (n int); CREATE TABLE b (id int)", "DROP TABLE log, b")
            .migration(
                "003",
                "INSERT INTO log VALUES (1);\nLOCK TABLE a;\nSELECT pg_sleep(0.5);\nLOCK TABLE b;",
                "SELECT 1",
            );
        await project.migrate("2");
        await withHolder("SET deadlock_timeout = '10s'; BEGIN; LOCK TABLE b", async (holder) => {
            const run = { ...project.declaration("3").run, lockTimeoutMs: 20_000 };
            const running = project.migrate("3", { run });
            await eventually(
                async () =>
                    (
                        await project.query("SELECT count(*) FROM pg_locks WHERE relation = 'a'::regclass AND granted")
                    )[0]?.[0] === "1",
            );
            await holder.query("LOCK TABLE a");
            await holder.query("COMMIT");
            await running;
        });
        assert(project.events.some((e) => e.type === "retry" && e.why.includes("deadlock")));
        assert.deepEqual(await project.query("SELECT count(*) FROM log"), [["1"]]);
    });

    it("a role that may open one connection only: a clean failure, and no session is left", async () => {
        await server.withClient("postgres", (c) =>
            c.query("CREATE ROLE narrow LOGIN PASSWORD 'secret' CONNECTION LIMIT 1"),
        );
        const url = new URL(server.url(project.database));
        url.username = "narrow";
        url.password = "secret";
        await assert.rejects(
            project.migrate("latest", { connection: { url: url.toString() } }),
            /No connection to PostgreSQL at .*too many connections for role "narrow"/,
        );
        await eventually(async () => {
            const open = await server.withClient("postgres", (c) =>
                c.query("SELECT FROM pg_stat_activity WHERE usename = 'narrow'"),
            );
            return open.rows.length === 0;
        });
    });

    it("a standby is refused", async function () {
        const standby = await startStandby(server);
        if (standby === undefined) skip(this, "needs pg_basebackup");
        try {
            await assert.rejects(
                project.migrate("latest", { connection: { url: standby.url("postgres") } }),
                /This server is a standby[^]*Point the connection at the primary/,
            );
        } finally {
            await standby.stop();
        }
    });

    it("a transaction pooler is refused, a session pooler is not", async function () {
        const bouncer = findPgbouncer();
        if (bouncer === undefined) skip(this, "needs PgBouncer");
        for (const mode of ["transaction", "session"] as const) {
            const { url, stop } = await startBouncer(bouncer, server, mode);
            const running = project.migrate("latest", { connection: { url: url(project.database) } });
            if (mode === "session") await running;
            else await assert.rejects(running, /goes through a transaction pooler/);
            await stop();
        }
    });

    it("a transaction pooler is refused, also where its sessions come in turn, so that each connection seems to keep its own", async function () {
        const bouncer = findPgbouncer();
        if (bouncer === undefined) skip(this, "needs PgBouncer");
        const { url, stop } = await startBouncer(
            bouncer,
            server,
            "transaction",
            "server_round_robin = 1\ndefault_pool_size = 2\n",
        );
        try {
            const others = await Promise.all(
                [1, 2].map(async () => {
                    const client = new Client({ connectionString: url(project.database) });
                    await client.connect();
                    await client.query("BEGIN");
                    return client;
                }),
            );
            for (const client of others) await client.query("COMMIT");
            await assert.rejects(
                project.migrate("latest", { connection: { url: url(project.database) } }),
                /goes through a transaction pooler/,
            );
            for (const client of others) await client.end();
        } finally {
            await stop();
        }
    });

    it("a pooler that drops start-up parameters: the run's limits hold all the same", async function () {
        const bouncer = findPgbouncer();
        if (bouncer === undefined) skip(this, "needs PgBouncer");
        const names = [
            "lock_timeout",
            "statement_timeout",
            "idle_in_transaction_session_timeout",
            "client_connection_check_interval",
        ];
        await project.query(
            `ALTER DATABASE ${project.database} SET idle_in_transaction_session_timeout = '7min'; SELECT 1`,
        );
        const seen = (table: string) =>
            `CREATE TABLE ${table} AS SELECT ${names.map((n) => `current_setting('${n}') AS ${n}`).join(", ")}`;
        project
            .migration("001", seen("first"), "DROP TABLE first")
            .migration("002", `SET lock_timeout = 0; RESET ALL; CREATE TABLE a (id int)`, "SELECT 1")
            .migration("003", `-- schemaward: no-transaction\n${seen("second")};\nANALYZE;`, "SELECT 1");
        const { url, stop } = await startBouncer(bouncer, server, "session");
        try {
            const connection = { url: url(project.database) };
            const run = { ...project.declaration("1").run, lockTimeoutMs: 321, statementTimeoutMs: 54_000 };
            await project.migrate("latest", { connection, run });
            for (const table of ["first", "second"])
                assert.deepEqual(await project.query(`SELECT * FROM ${table}`), [["321ms", "54s", "0", "2s"]], table);
            project.migration("004", "ALTER TABLE a ADD COLUMN b int", "SELECT 1");
            await withHolder("BEGIN; SELECT * FROM a", async () => {
                const brief = { ...run, lockBudgetMs: 500 };
                await assert.rejects(
                    project.migrate("latest", { connection, run: brief }),
                    /canceling statement due to lock timeout/,
                );
            });
        } finally {
            await stop();
        }
    });
});
