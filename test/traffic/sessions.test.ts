import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Client, Pool } from "pg";
import { openDatabase } from "../../core/connection";
import { runLocks } from "../../core/run-locks";
import { BadInputError, FailedError, RefusedError, type SchemawardError } from "../../core/errors";
import type { GateTools, SessionsPart } from "../../core/traffic/part";
import { findSessions, sessions, strangers } from "../../core/traffic/sessions";
import type { SessionSettings } from "../../core/traffic-settings";
import { root } from "../../tools/pg-binaries";
import { eventually } from "../support/eventually";
import { eachMajor, startTestServer, type TestServer } from "../support/postgres";

/** SQL blocks of docs/permissions.md: the roles, then what each way of keeping roles out needs. */
const [rolesSql = "", revokeSql = "", limitSql = ""] = [
    ...readFileSync(path.join(root, "docs", "permissions.md"), "utf8").matchAll(/```sql\n(.*?)```/gs),
].map(([, sql = ""]) => sql);

const password = "secret";
const ways = ["revoke-connect", "connection-limit"] as const;

for (const binaries of eachMajor())
    describe(`sessions of roles that are kept out, PostgreSQL ${binaries.major}`, function () {
        this.timeout(60_000);
        let server: TestServer;
        let database: string;
        let said: string[];
        const open: { end(): Promise<void> }[] = [];

        before(async () => {
            server = await startTestServer(binaries);
            await sql("postgres", "CREATE DATABASE clinic");
            await sql("clinic", rolesSql, "CREATE ROLE clinic_app LOGIN");
            await sql("postgres", "DROP DATABASE clinic");
        });
        after(async () => server.stop());
        beforeEach(async () => {
            said = [];
            // The docs' own statements name it.
            database = "clinic";
            await sql("postgres", "CREATE DATABASE clinic");
            await sql(
                "postgres",
                ...["clinic_app", "clinic_migrator"].map((role) => `ALTER ROLE ${role} PASSWORD '${password}'`),
                "GRANT CONNECT ON DATABASE clinic TO clinic_migrator, clinic_planner",
            );
        });
        afterEach(async () => {
            await Promise.all(open.splice(0).map((it) => it.end().catch(() => undefined)));
            await sql(
                "postgres",
                "DROP DATABASE clinic WITH (FORCE)",
                "ALTER ROLE clinic_migrator NOCREATEROLE",
                "REVOKE clinic_app, pg_signal_backend, pg_read_all_stats FROM clinic_migrator",
                "ALTER ROLE clinic_app NOSUPERUSER CONNECTION LIMIT -1",
            );
        });

        async function sql(where: string, ...statements: string[]): Promise<unknown[][]> {
            return server
                .withClient(where, async (client) => {
                    let rows: unknown[][] = [];
                    for (const statement of statements)
                        ({ rows } = await client.query<unknown[]>({ text: statement, rowMode: "array" }));
                    return rows;
                })
                .catch((error: unknown) => {
                    throw new Error(`${statements.join("; ")}: ${String(error)}`);
                });
        }

        const url = (role: string): string => server.url(database, { user: role, password });

        async function login(role: string, application = "schemaward run test"): Promise<Client> {
            const client = new Client({
                connectionString: role === "owner" ? server.url(database) : url(role),
                application_name: application,
            });
            client.on("error", () => undefined);
            await client.connect();
            open.push(client);
            return client;
        }

        const toolsOf = (client: Client): GateTools => ({
            cluster: undefined,
            client,
            owner: "1/clinic/app",
            runId: "run",
            say: (text) => said.push(text),
        });

        const settings = (by: SessionSettings["by"], ...roles: string[]): SessionSettings => ({
            roles,
            by,
            ignore: [],
        });

        async function find(client: Client, by: SessionSettings["by"], role = "clinic_app"): Promise<SessionsPart> {
            const [part] = await findSessions(client, settings(by, role));
            assert(part);
            return part;
        }

        /** A role that has what the docs say it needs for a way of keeping out. */
        async function prepare(by: SessionSettings["by"]): Promise<void> {
            await sql("postgres", by === "revoke-connect" ? revokeSql : limitSql);
        }

        /** A pool of the application that is always at work. */
        function application(role = "clinic_app"): { served: number; failed: number; stop: () => void } {
            const pool = new Pool({ connectionString: url(role), application_name: "api", max: 3 });
            pool.on("error", () => undefined);
            const state = { served: 0, failed: 0, stop: () => (going = false) };
            let going = true;
            const work = async (): Promise<void> => {
                while (going) {
                    await pool.query("SELECT 1").then(
                        () => state.served++,
                        () => state.failed++,
                    );
                    await pause(2);
                }
            };
            const workers = [work(), work(), work()];
            open.push({
                end: async () => {
                    going = false;
                    await Promise.all(workers);
                    await pool.end();
                },
            });
            return state;
        }

        const aclText = async (): Promise<string> =>
            String((await sql("postgres", `SELECT datacl FROM pg_database WHERE datname = '${database}'`))[0]?.[0]);
        const limitOf = async (role = "clinic_app"): Promise<unknown> =>
            (await sql("postgres", `SELECT rolconnlimit FROM pg_roles WHERE rolname = '${role}'`))[0]?.[0];
        const mayLogIn = async (role = "clinic_app"): Promise<boolean> =>
            login(role, "late").then(
                async (client) => client.end().then(() => true),
                () => false,
            );

        async function refused(
            work: Promise<unknown>,
            kind: abstract new (...args: never[]) => SchemawardError,
            ...texts: string[]
        ): Promise<void> {
            const error: unknown = await work.then(
                () => undefined,
                (e: unknown) => e,
            );
            assert(error instanceof kind, String(error));
            for (const text of texts) assert(error.message.includes(text), `${text} is not in:\n${error.message}`);
        }

        for (const by of ways) {
            it(`${by}, with the docs' rights: a pool that reconnects is kept out, and comes back`, async () => {
                await prepare(by);
                const app = application();
                await eventually(() => app.served > 20);
                const client = await login("clinic_migrator");
                const part = await find(client, by);
                const before = await aclText();
                await sessions.stop(part, toolsOf(client));
                await eventually(async () => (await sessions.flows(part, toolsOf(client))) === undefined);
                const { served, failed } = app;
                await eventually(() => app.failed > failed + 20);
                assert.equal(app.served, served);
                assert.equal(await sessions.flows(part, toolsOf(client)), undefined);

                await sessions.resume(part, toolsOf(client));
                await eventually(() => app.served > served + 20);
                assert.equal((await aclText()).split(",").sort().join(), before.split(",").sort().join());
                assert.deepEqual(said, []);
            });

            it(`${by}: done twice, resumed twice, by another client from the part's JSON alone`, async () => {
                await prepare(by);
                await sql("postgres", "ALTER ROLE clinic_app CONNECTION LIMIT 7");
                if (by === "revoke-connect")
                    await sql("postgres", "GRANT CONNECT ON DATABASE clinic TO clinic_app WITH GRANT OPTION");
                const before = [await aclText(), await limitOf()];
                // As a run's own: a question is sent before the last one is answered.
                const first = await openDatabase({ url: url("clinic_migrator") }).connect("run", { pipeline: true });
                const part = await find(first, by);
                await sessions.stop(part, toolsOf(first));
                await sessions.stop(part, toolsOf(first));
                assert.equal(await mayLogIn(), false);
                await first.end();

                const text = JSON.stringify(part);
                const second = await login("clinic_migrator");
                const again = JSON.parse(text) as SessionsPart;
                await sessions.resume(again, toolsOf(second));
                const after = [await aclText(), await limitOf()];
                await sessions.resume(again, toolsOf(second));
                assert.deepEqual([await aclText(), await limitOf()], after);
                assert.deepEqual([sorted(after[0]), after[1]], [sorted(before[0]), before[1]]);
                assert.equal(await mayLogIn(), true);
            });

            it(`${by}: what others have let in again is kept out again`, async () => {
                await prepare(by);
                const client = await login("clinic_migrator");
                const part = await find(client, by);
                await sessions.stop(part, toolsOf(client));
                await sql(
                    "postgres",
                    by === "revoke-connect"
                        ? "GRANT CONNECT ON DATABASE clinic TO clinic_app"
                        : "ALTER ROLE clinic_app CONNECTION LIMIT 5",
                );
                const app = application();
                await eventually(() => app.served > 3);
                assert.match(
                    (await sessions.flows(part, toolsOf(client))) ?? "",
                    /^clinic_app was given .* meanwhile$/,
                );
                await sessions.insist?.(part, toolsOf(client));
                await eventually(async () => (await sessions.flows(part, toolsOf(client))) === undefined);
                assert.match(said.join(), /^clinic_app was given .* meanwhile; it is kept out again$/);
                const { served } = app;
                await pause(100);
                assert.equal(app.served, served);
                await sessions.resume(part, toolsOf(client));
                await eventually(() => app.served > served);
            });

            it(`${by}: a superuser is refused, when found and when stopped`, async () => {
                await prepare(by);
                const client = await login("clinic_migrator");
                const part = await find(client, by);
                await sql("postgres", "ALTER ROLE clinic_app SUPERUSER");
                const before = [await aclText(), await limitOf()];
                await refused(find(client, by), RefusedError, "clinic_app is a superuser");
                await refused(
                    sessions.stop(part, toolsOf(client)),
                    RefusedError,
                    "clinic_app is a superuser",
                    "NOSUPERUSER",
                );
                assert.deepEqual([await aclText(), await limitOf()], before);

                await sql("postgres", "ALTER ROLE clinic_app NOSUPERUSER");
                await sessions.stop(part, toolsOf(client));
                await sql("postgres", "ALTER ROLE clinic_app SUPERUSER");
                assert.match((await sessions.flows(part, toolsOf(client))) ?? "", /^clinic_app was made a superuser/);
                await refused(
                    Promise.resolve(sessions.insist?.(part, toolsOf(client))),
                    RefusedError,
                    "clinic_app is a superuser",
                );
                assert.deepEqual(said, []);
            });

            it(`${by}: without the right to end sessions nothing is changed`, async () => {
                await prepare(by);
                await sql("postgres", "REVOKE pg_signal_backend, clinic_app FROM clinic_migrator");
                const client = await login("clinic_migrator");
                const part = await find(client, by);
                await refused(
                    sessions.stop(part, toolsOf(client)),
                    RefusedError,
                    'GRANT pg_signal_backend TO "clinic_migrator"',
                    "may connect as before",
                );
                assert.equal(await mayLogIn(), true);
            });

            it(`${by}: a role whose name needs quoting, and the command by hand`, async () => {
                const role = `o'Brien "x"; $`;
                await sql(
                    "postgres",
                    `CREATE ROLE "o'Brien ""x""; $" LOGIN CONNECTION LIMIT 3 PASSWORD '${password}'`,
                    `GRANT CONNECT ON DATABASE clinic TO "o'Brien ""x""; $"`,
                    "REVOKE CONNECT ON DATABASE clinic FROM PUBLIC",
                );
                const before = await aclText();
                const app = await login(role, "api");
                const client = await login("owner");
                const part = await find(client, by, role);
                await sessions.stop(part, toolsOf(client));
                await assert.rejects(app.query("SELECT 1"));
                assert.equal(await mayLogIn(role), false);
                await sessions.resume(part, toolsOf(client));
                assert.equal(await mayLogIn(role), true);
                assert.equal(sorted(await aclText()), sorted(before));
                assert.equal(await limitOf("o''Brien \"x\"; $"), 3);
                assert.equal(
                    sessions.byHand(part),
                    `psql -d clinic -c '${
                        by === "revoke-connect"
                            ? `GRANT CONNECT ON DATABASE "clinic" TO "o'\\''Brien ""x""; $"`
                            : `ALTER ROLE "o'\\''Brien ""x""; $" CONNECTION LIMIT 3`
                    }'`,
                );
                await sql("clinic", `DROP OWNED BY "o'Brien ""x""; $"`, `DROP ROLE "o'Brien ""x""; $"`);
                await sessions.resume(part, toolsOf(client));
                assert.deepEqual(said, [`the role ${role} is gone, so it is not let in again`]);
                await refused(sessions.stop(part, toolsOf(client)), FailedError, "is gone");
            });
        }

        it("what is found: grants, options and limits as they are; roles that are not there, or ours", async () => {
            const client = await login("owner");
            await sql("postgres", "ALTER ROLE clinic_app CONNECTION LIMIT 4");
            const part = { kind: "sessions", role: "clinic_app", database } as const;
            const none = { granted: false, grantable: false };
            assert.deepEqual(await find(client, "connection-limit"), {
                ...part,
                by: "connection-limit",
                limit: 4,
                ...none,
            });
            const revoke = { ...part, by: "revoke-connect", limit: null } as const;
            assert.deepEqual(await find(client, "revoke-connect"), { ...revoke, ...none });
            await sql("postgres", "GRANT CONNECT ON DATABASE clinic TO clinic_app");
            assert.deepEqual(await find(client, "revoke-connect"), { ...revoke, granted: true, grantable: false });
            await sql("postgres", "GRANT CONNECT ON DATABASE clinic TO clinic_app WITH GRANT OPTION");
            assert.deepEqual(await find(client, "revoke-connect"), { ...revoke, granted: true, grantable: true });
            await refused(
                findSessions(client, settings("revoke-connect", "clinic_app", "nobody_a", "nobody_b")),
                BadInputError,
                "There are no roles nobody_a, nobody_b",
            );
            await refused(find(client, "revoke-connect", "owner"), BadInputError, "shut itself out");
            const several = await findSessions(client, settings("revoke-connect", "clinic_planner", "clinic_app"));
            assert.deepEqual(
                several.map((part) => sessions.text(part)),
                ["clinic_planner's sessions", "clinic_app's sessions"],
            );
            assert.deepEqual(
                several.map((part) => sessions.key(part)),
                ["sessions/clinic_planner/revoke-connect", "sessions/clinic_app/revoke-connect"],
            );
        });

        it("a role that may connect through PUBLIC is refused by revoke-connect, and nothing is changed", async () => {
            const client = await login("owner");
            for (const granted of [false, true]) {
                if (granted) await sql("postgres", "GRANT CONNECT ON DATABASE clinic TO clinic_app");
                const app = await login("clinic_app", "api");
                const before = await aclText();
                await refused(
                    sessions.stop(await find(client, "revoke-connect"), toolsOf(client)),
                    RefusedError,
                    'REVOKE CONNECT ON DATABASE "clinic" FROM PUBLIC',
                    "publicAccess: revoke",
                    "connection-limit",
                    ...(granted ? [] : ['GRANT CONNECT ON DATABASE "clinic" TO "clinic_app"']),
                );
                assert.equal(await aclText(), before);
                await app.query("SELECT 1");
            }
        });

        it("a role that nobody has touched rights of: the database's list of rights stays unwritten", async () => {
            await sql("postgres", "DROP DATABASE clinic", "CREATE DATABASE clinic");
            const client = await login("owner");
            await refused(sessions.stop(await find(client, "revoke-connect"), toolsOf(client)), RefusedError, "PUBLIC");
            assert.equal(await aclText(), "null");
        });

        it("a role that may connect as a member of another is refused, naming that one", async () => {
            await prepare("revoke-connect");
            await sql(
                "postgres",
                "CREATE ROLE staff",
                "GRANT CONNECT ON DATABASE clinic TO staff",
                "GRANT staff TO clinic_app",
            );
            const before = await aclText();
            const client = await login("clinic_migrator");
            await refused(
                sessions.stop(await find(client, "revoke-connect"), toolsOf(client)),
                RefusedError,
                'as a member of staff: REVOKE CONNECT ON DATABASE "clinic" FROM "staff"',
            );
            assert.equal(await aclText(), before);
            assert.equal(await mayLogIn(), true);
            await sql("clinic", "DROP OWNED BY staff", "DROP ROLE staff");
        });

        it("whoever is not the grantor is refused, although PostgreSQL only warns", async () => {
            await prepare("revoke-connect");
            await sql("postgres", "ALTER DATABASE clinic OWNER TO owner");
            const before = await aclText();
            const client = await login("clinic_migrator");
            await refused(
                sessions.stop(await find(client, "revoke-connect"), toolsOf(client)),
                RefusedError,
                "clinic_migrator may not take CONNECT on clinic from clinic_app",
                'GRANT "owner" TO "clinic_migrator"',
            );
            assert.equal(await aclText(), before);
            assert.equal(await mayLogIn(), true);
        });

        it("what another role has granted besides is named, and the grants stay as they were", async () => {
            await prepare("revoke-connect");
            await sql(
                "clinic",
                "CREATE ROLE helper",
                "GRANT CONNECT ON DATABASE clinic TO helper WITH GRANT OPTION",
                "SET ROLE helper",
                "GRANT CONNECT ON DATABASE clinic TO clinic_app",
            );
            const before = await aclText();
            const client = await login("clinic_migrator");
            await refused(
                sessions.stop(await find(client, "revoke-connect"), toolsOf(client)),
                RefusedError,
                "granted to it by helper, who alone takes it back",
            );
            assert.equal(await aclText(), before);
            await sql("clinic", "REVOKE CONNECT ON DATABASE clinic FROM helper CASCADE", "DROP ROLE helper");
        });

        it("a role that has passed its right on is refused", async () => {
            await prepare("revoke-connect");
            await sql(
                "clinic",
                "CREATE ROLE friend",
                "GRANT CONNECT ON DATABASE clinic TO clinic_app WITH GRANT OPTION",
            );
            await sql("clinic", "SET ROLE clinic_app", "GRANT CONNECT ON DATABASE clinic TO friend");
            const before = await aclText();
            const client = await login("clinic_migrator");
            await refused(
                sessions.stop(await find(client, "revoke-connect"), toolsOf(client)),
                RefusedError,
                "clinic_app has passed its CONNECT on clinic on to others",
            );
            assert.equal(await aclText(), before);
            await sql("clinic", "REVOKE CONNECT ON DATABASE clinic FROM clinic_app CASCADE", "DROP ROLE friend");
        });

        it("a role through which we ourselves connect is refused", async () => {
            await prepare("revoke-connect");
            await sql(
                "postgres",
                "GRANT CONNECT ON DATABASE clinic TO clinic_owner",
                "REVOKE CONNECT ON DATABASE clinic FROM clinic_migrator",
            );
            const client = await login("clinic_migrator");
            await refused(
                sessions.stop(await find(client, "revoke-connect", "clinic_owner"), toolsOf(client)),
                RefusedError,
                "clinic_migrator itself could not connect",
                'GRANT CONNECT ON DATABASE "clinic" TO "clinic_migrator"',
            );
            assert.equal(await mayLogIn("clinic_migrator"), true);
        });

        it("connection-limit without the right to alter the role is refused, naming it", async () => {
            await prepare("revoke-connect");
            const client = await login("clinic_migrator");
            const part = await find(client, "connection-limit");
            const refusal = sessions.stop(part, toolsOf(client));
            await refused(refusal, RefusedError, 'ALTER ROLE "clinic_migrator" CREATEROLE', "permission denied");
            assert.equal(await limitOf(), -1);
            // What it names is enough.
            const { next = "" } = ((await refusal.catch((e: unknown) => e)) as RefusedError).parts;
            const statements = next.split(" then run")[0] ?? "";
            await sql("postgres", ...statements.split(";").filter((text) => text.trim() !== ""));
            await sessions.stop(part, toolsOf(client));
            assert.equal(await limitOf(), 0);
            await sessions.resume(part, toolsOf(client));
            assert.equal(await limitOf(), -1);
        });

        it("a limit that somebody has set meanwhile stays; one that was 0 before stays 0", async () => {
            const client = await login("owner");
            const part = await find(client, "connection-limit");
            await sessions.stop(part, toolsOf(client));
            await sql("postgres", "ALTER ROLE clinic_app CONNECTION LIMIT 9");
            await sessions.resume(part, toolsOf(client));
            assert.equal(await limitOf(), 9);
            await sql("postgres", "ALTER ROLE clinic_app CONNECTION LIMIT 0");
            const closed = await find(client, "connection-limit");
            await sessions.stop(closed, toolsOf(client));
            await sessions.resume(closed, toolsOf(client));
            assert.equal(await limitOf(), 0);
        });

        it("a GRANT that only warned is no resume: the command by hand is told", async () => {
            await prepare("revoke-connect");
            const client = await login("clinic_migrator");
            const part = await find(client, "revoke-connect");
            await sessions.stop(part, toolsOf(client));
            await sql("postgres", "ALTER DATABASE clinic OWNER TO owner");
            await refused(sessions.resume(part, toolsOf(client)), FailedError, sessions.byHand(part), "still kept out");
        });

        it("what had no right before is given none", async () => {
            await sql("postgres", "REVOKE CONNECT ON DATABASE clinic FROM PUBLIC");
            const before = await aclText();
            const client = await login("clinic_migrator");
            await sql("postgres", "GRANT pg_signal_backend TO clinic_migrator");
            const part = await find(client, "revoke-connect");
            await sessions.stop(part, toolsOf(client));
            await sessions.resume(part, toolsOf(client));
            assert.equal(await aclText(), before);
            assert.equal(sessions.byHand(part), "echo 'clinic_app had no CONNECT'");
        });

        it("others grant on the same database at the same time: it is tried again", async () => {
            await prepare("revoke-connect");
            const client = await login("clinic_migrator");
            const part = await find(client, "revoke-connect");
            const other = await login("owner");
            const work = { going: true };
            const busy = (async () => {
                while (work.going) {
                    await other
                        .query(
                            "BEGIN; GRANT TEMPORARY ON DATABASE clinic TO clinic_planner; SELECT pg_sleep(0.005); COMMIT",
                        )
                        .catch(async () => other.query("ROLLBACK"));
                    await pause(5);
                }
            })();
            try {
                for (let i = 0; i < 20; i++) {
                    await sessions.stop(part, toolsOf(client));
                    await sessions.resume(part, toolsOf(client));
                }
            } finally {
                work.going = false;
                await busy;
            }
        });

        it("who does not commit a GRANT is not waited for without end", async () => {
            await prepare("revoke-connect");
            const client = await login("clinic_migrator");
            const part = await find(client, "revoke-connect");
            const other = await login("owner");
            await other.query("BEGIN; GRANT TEMPORARY ON DATABASE clinic TO clinic_planner");
            await refused(sessions.stop(part, toolsOf(client)), FailedError, "another session changes the same");
            await other.query("ROLLBACK");
            assert.equal(await mayLogIn(), true);
            await sessions.stop(part, toolsOf(client));
            assert.deepEqual((await client.query("SHOW lock_timeout")).rows, [{ lock_timeout: "0" }]);
        });

        it("ours are never ended: a session by name or by a run's lock, and one in another database", async () => {
            await prepare("revoke-connect");
            const [byName, byLock, ended] = [
                await login("clinic_app", "schemaward plan"),
                await login("clinic_app", "renamed"),
                await login("clinic_app", "api"),
            ];
            await byLock.query(`SELECT pg_advisory_lock(${runLocks.worker})`);
            await ended.query("SELECT pg_advisory_lock(1)");
            database = "postgres";
            const elsewhere = await login("clinic_app", "api");
            database = "clinic";
            const client = await login("clinic_migrator");
            const part = await find(client, "revoke-connect");
            assert.match(
                (await sessions.flows(part, toolsOf(client))) ?? "",
                /^clinic_app was given/,
                "before it is stopped",
            );
            await sessions.stop(part, toolsOf(client));
            for (const alive of [byName, byLock, elsewhere]) await alive.query("SELECT 1");
            await assert.rejects(ended.query("SELECT 1"));
            assert.equal(await sessions.flows(part, toolsOf(client)), undefined);
        });

        it("what is still there is told with pid, application and time", async () => {
            await prepare("revoke-connect");
            const client = await login("clinic_migrator");
            const part = await find(client, "revoke-connect");
            const app = await login("clinic_app", "api");
            const { rows } = await app.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
            await sql("postgres", "REVOKE CONNECT ON DATABASE clinic FROM clinic_app");
            const text = await sessions.flows(part, toolsOf(client));
            const start = `1 session of clinic_app is still there: pid ${rows[0]?.pid} (api, since `;
            assert(text?.startsWith(start) === true, text);
            assert.match(text.slice(start.length), /^\d\d:\d\d:\d\dZ\)$/);
            await sql("postgres", "REVOKE pg_read_all_stats FROM clinic_migrator");
            assert.equal(await sessions.flows(part, toolsOf(client)), `${start.replace(", since ", "")})`);
            await sessions.insist?.(part, toolsOf(client));
            assert.equal(await sessions.flows(part, toolsOf(client)), undefined);
        });

        it("strangers are found, and those that do no harm are not", async () => {
            const client = await login("clinic_migrator");
            await sql(
                "postgres",
                "CREATE ROLE dba LOGIN PASSWORD 'secret'",
                "CREATE ROLE metrics LOGIN PASSWORD 'secret'",
            );
            await login("clinic_app", "api");
            await login("metrics", "exporter");
            await login("clinic_planner_login", "x").catch(() => undefined);
            await login("owner", "grafana");
            await login("owner", "schemaward snapshot");
            const renamed = await login("owner", "renamed");
            await renamed.query(`SELECT pg_advisory_lock(${runLocks.guard})`);
            const dba = await login("dba", "psql");
            const { rows } = await dba.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
            const pid = rows[0]?.pid;
            const unnamed = await login("dba", "");
            await unnamed.query("SET application_name = ''");
            const found = async (): Promise<readonly string[]> =>
                strangers(client, ["clinic_app"], ["metrics", "grafana"]);

            const hidden = "what it does is hidden from clinic_migrator)";
            const [first, second, ...more] = await found();
            assert.deepEqual([first, more], [`pid ${pid} (psql, dba, ${hidden}`, []]);
            assert(second?.endsWith(` (dba, ${hidden}`), second);

            await sql("postgres", "GRANT pg_read_all_stats TO clinic_migrator");
            await dba.query("BEGIN");
            assert.match(
                (await found())[0] ?? "",
                new RegExp(`^pid ${pid} \\(psql, dba, idle in transaction since \\d\\d:\\d\\d:\\d\\dZ\\)$`),
            );
            assert.equal((await strangers(client, [], [])).length, 5);
            await Promise.all([dba.end(), unnamed.end()]);
            await eventually(async () => (await found()).length === 0);
            await Promise.all(open.splice(0).map((it) => it.end()));
            await sql("clinic", "DROP ROLE dba, metrics");
        });
    });

/** An ACL's text without the order of its entries: what is taken and given again stands last. */
function sorted(acl: unknown): string {
    return String(acl).replace(/[{}]/g, "").split(",").sort().join();
}
