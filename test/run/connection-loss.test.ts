import assert from "node:assert/strict";
import { once } from "node:events";
import { FailedError } from "../../core/errors";
import { runLocks } from "../../core/run-locks";
import { eventually } from "../support/eventually";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";
import { Proxy, type ProxyHooks } from "../support/proxy";
import { migrateWithLostAnswers } from "./lost-answers";
import { startRun } from "./start-run";

describe("losing the connection", function () {
    this.timeout(60_000);
    let server: TestServer;
    let project: TestProject;
    let proxy: Proxy | undefined;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = new TestProject(server, await server.create());
        project
            .migration("001", "CREATE TABLE a (id int); INSERT INTO a VALUES (1)", "DROP TABLE a")
            .migration("002", "CREATE TABLE b (id int); INSERT INTO b VALUES (1), (2)", "DROP TABLE b")
            .migration("003", "CREATE TABLE c (id int)", "DROP TABLE c");
    });
    afterEach(async () => {
        await proxy?.stop();
        proxy = undefined;
        project.remove();
    });

    async function migrateThrough(hooks: ProxyHooks, version: string): Promise<unknown> {
        proxy = await Proxy.start(server.port, hooks);
        const url = proxy.through(server.url(project.database));
        return project.migrate(version, { connection: { url } });
    }

    let isCut = false;

    /** Cuts once, at the first message that fits. */
    function once_(fits: (text: string) => boolean): (chunk: Buffer) => boolean {
        isCut = false;
        return (chunk) => {
            if (isCut || !fits(chunk.toString("latin1"))) return true;
            isCut = true;
            return false;
        };
    }

    it("a COMMIT took effect, its answer was lost: the ledger says so, and the run goes on", async () => {
        let sent = false;
        await migrateThrough(
            {
                toServer: (chunk) => {
                    sent ||= chunk.includes("CREATE TABLE b");
                    return true;
                },
                toClient: once_((text) => sent && text.includes("COMMIT\0")),
            },
            "latest",
        );
        assert(isCut);
        assert.deepEqual(await project.applied(), ["001", "002", "003"]);
        assert.deepEqual(await project.query("SELECT count(*) FROM b"), [["2"]]);
    });

    it("a message never reached the server: nothing of it happened, and the error says where things are", async () => {
        await assert.rejects(
            migrateThrough({ toServer: once_((text) => text.includes("CREATE TABLE b")) }, "latest"),
            (error) => {
                assert(error instanceof FailedError);
                assert.match(error.message, /^002_m2\.sql: The connection broke while 002 was going forward/);
                assert.match(
                    error.message,
                    /Done and staying: 001 applied\. 002 was rolled back whole\. The database is at 001\./,
                );
                return true;
            },
        );
        assert.deepEqual(await project.applied(), ["001"]);
        await project.migrate("latest");
        assert.deepEqual(await project.query("SELECT count(*) FROM b"), [["2"]]);
    });

    it("the answer to a down script's COMMIT was lost: likewise", async () => {
        await project.migrate("latest");
        let sent = false;
        await migrateThrough(
            {
                toServer: (chunk) => {
                    sent ||= chunk.includes("DROP TABLE b");
                    return true;
                },
                toClient: once_((text) => sent && text.includes("COMMIT\0")),
            },
            "1",
        );
        assert(isCut);
        assert.deepEqual(await project.applied(), ["001"]);
    });

    it("somebody else has worked meanwhile: nothing more is run", async () => {
        // Of several transactions, so that it is not on its way already.
        const back = "UPDATE b SET n = n - 10; VACUUM b";
        project.migration("002", "CREATE TABLE b (n int); INSERT INTO b VALUES (100)", back);
        await project.migrate("latest");
        const other = `INSERT INTO schemaward.runs (id, set_name, direction, digest, plan, who, host, pid, status)
                       VALUES (gen_random_uuid(), 'app', 'back', '', '{}', '', '', 0, 'done');`;
        const down = "UPDATE b SET n = n - 10; DELETE FROM schemaward.migrations WHERE version = '002'";
        for (const meanwhile of [down, other]) {
            const applied = (await project.applied()).length;
            await assert.rejects(
                migrateWithLostAnswers(project, "DROP TABLE c", {
                    to: "1",
                    until: (versions) => !versions.includes("003"),
                    meanwhile: async () => project.query(meanwhile),
                }),
                /somebody else has worked on this database before it was there again/,
                `${applied} applied, ${meanwhile}`,
            );
            await project.query("UPDATE b SET n = 100");
            await project.resolve("002", "applied");
            assert.deepEqual(await project.query("SELECT n FROM b"), [["100"]]);
            await project.migrate("latest");
        }
    });

    const beginnings: Readonly<Record<string, string>> = {
        "on an empty database": "",
        "while a history is adopted":
            "CREATE TABLE t001 (id int); INSERT INTO t001 VALUES (1); CREATE TABLE schema_migrations (version text); INSERT INTO schema_migrations VALUES ('001');",
    };
    for (const [when, beginning] of Object.entries(beginnings))
        it(`the connection is cut at every message in turn, ${when}: one re-run always gets there`, async () => {
            for (let cutAt = 1; ; cutAt++) {
                const database = await server.create("cut");
                const target = new TestProject(server, database);
                for (const v of ["001", "002", "003"])
                    target.migration(
                        v,
                        `CREATE TABLE t${v} (id int); INSERT INTO t${v} VALUES (1)`,
                        `DROP TABLE t${v}`,
                    );
                await target.query(`${beginning} SELECT 1`);
                let messages = 0;
                const cutting = await Proxy.start(server.port, { toServer: () => ++messages !== cutAt });
                const through = { connection: { url: cutting.through(server.url(database)) } };
                const failure = await target.migrate("latest", through).then(
                    () => undefined,
                    (error: unknown) => error,
                );
                assert(failure === undefined || failure instanceof FailedError, String(failure));
                await cutting.stop();
                await target.migrate("latest", {}, { waitMs: 10_000 });
                assert.deepEqual(await target.applied(), ["001", "002", "003"], `cut at ${cutAt}`);
                assert.deepEqual(
                    await target.query("SELECT (SELECT count(*) FROM t001) + (SELECT count(*) FROM t003)"),
                    [["2"]],
                );
                assert.deepEqual(
                    await target.query(
                        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
                    ),
                    [["0"]],
                );
                target.remove();
                if (failure === undefined && messages < cutAt) break;
            }
        });

    async function endSession(application: string): Promise<void> {
        await server.withClient("postgres", async (client) => {
            await eventually(async () => {
                const { rows } = await client.query(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE 'schemaward run %' AND " +
                        application,
                    [project.database],
                );
                return rows.length > 0;
            });
        });
    }

    it("the worker's session is ended by an administrator: rolled back whole, said so", async () => {
        project.migration("002", "CREATE TABLE b (id int);\nSELECT pg_sleep(30)", "DROP TABLE b");
        const running = assert.rejects(project.migrate("latest"), (error) => {
            assert(error instanceof FailedError);
            assert.match(error.message, /The connection broke while 002 was going forward/);
            return true;
        });
        await endSession("query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()");
        await running;
        assert.deepEqual(await project.applied(), ["001"]);
        assert.deepEqual(await project.query("SELECT to_regclass('b')"), [[null]]);
    });

    it("the guard's session is ended, and with it the lock: nothing is committed any more", async () => {
        project.migration("002", "CREATE TABLE b (id int);\nSELECT pg_sleep(1)", "DROP TABLE b");
        const running = assert.rejects(project.migrate("latest"), (error) => {
            assert(error instanceof FailedError, String(error));
            assert.match(error.message, /The run has lost its lock on the database/);
            assert.match(error.message, /002 was rolled back whole/);
            return true;
        });
        await eventually(async () => (await project.sleeping(1)) === 1);
        await project.query(
            `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'
               AND (classid::bigint << 32 | objid::bigint) = 8318822943420493165`,
        );
        await running;
        assert.deepEqual(await project.applied(), ["001"]);
        assert.deepEqual(await project.query("SELECT to_regclass('b')"), [[null]]);
    });

    it("the lock is lost after a statement outside a transaction: what it did is said to stay", async () => {
        const held = `EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()
            AND (classid::bigint << 32 | objid::bigint) = ${runLocks.worker})`;
        await project.query(`CREATE TABLE done (id int);
            CREATE PROCEDURE let_go() LANGUAGE plpgsql AS $$ BEGIN
                INSERT INTO done VALUES (1);
                PERFORM pg_advisory_unlock_all();
                WHILE NOT ${held} LOOP PERFORM pg_sleep(0.02); END LOOP;
            END $$`);
        project.migration("002", "-- schemaward: no-transaction\nCALL let_go();", "SELECT 1");
        const running = assert.rejects(project.migrate("002"), (error) => {
            assert(error instanceof FailedError, String(error));
            assert.match(error.message, /The run has lost its lock on the database/);
            assert.match(error.message, /Line 2 ran outside a transaction and has taken effect, which stays/);
            assert.doesNotMatch(error.message, /rolled back whole/);
            return true;
        });
        const calls =
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%CALL let_go%' AND pid <> pg_backend_pid()";
        await eventually(async () => (await project.query(calls))[0]?.[0] === "1");
        await server.withClient(project.database, async (other) => {
            await other.query(`SELECT pg_advisory_lock(${runLocks.worker})`);
            await running;
        });
        assert.deepEqual(await project.applied(), ["001"]);
        assert.deepEqual(await project.query("SELECT * FROM done"), [["1"]]);
    });

    it("kill -9 of the process in the middle of a script: the server ends it, the next run goes through", async () => {
        project.migration("002", "CREATE TABLE b (id int);\nSELECT pg_sleep(600)", "DROP TABLE b");
        const child = startRun(project, "latest");
        await eventually(async () => (await project.sleeping(600)) === 1);
        child.kill("SIGKILL");
        await once(child, "exit");
        project.migration("002", "CREATE TABLE b (id int)", "DROP TABLE b");
        // client_connection_check_interval: the dead process's statement is ended by the server, not waited for.
        await project.migrate("latest", {}, { waitMs: 10_000 });
        assert.deepEqual(await project.applied(), ["001", "002", "003"]);
    });

    it("the server crashes in the middle and comes back: one re-run gets there", async () => {
        project.migration("002", "CREATE TABLE b (id int);\nSELECT pg_sleep(600)", "DROP TABLE b");
        const running = assert.rejects(project.migrate("latest"), FailedError);
        await eventually(async () => (await project.sleeping(600)) === 1);
        await server.kill();
        await running;
        await server.restart();
        project.migration("002", "CREATE TABLE b (id int)", "DROP TABLE b");
        await project.migrate("latest");
        assert.deepEqual(await project.applied(), ["001", "002", "003"]);
    });
});
