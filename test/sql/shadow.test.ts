import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { catalogHash, compareCatalogs, readCatalog } from "../../core/sql/catalog";
import { readCatalogStamp } from "../../core/sql/catalog-stamp";
import { observe } from "../../core/sql/observe";
import { openDatabase } from "../../core/connection";
import { dumpSchema } from "../../core/sql/shadow-dump";
import { openShadow } from "../../core/sql/shadow";
import { eventually } from "../support/eventually";
import { anyBinaries, eachMajor, startTestServer, type TestServer } from "../support/postgres";
import { Observed, stepsOf } from "./observing";
import { richSchema } from "./rich-schema";

const schema = `
CREATE TABLE t (id serial PRIMARY KEY, a integer);
INSERT INTO t (a) SELECT 1 FROM generate_series(1, 10);
CREATE MATERIALIZED VIEW held AS SELECT count(*) AS n FROM t;
CREATE UNIQUE INDEX held_key ON held (n);
CREATE FUNCTION sneaky() RETURNS void LANGUAGE plpgsql AS $$ DECLARE what text := 'CREATE RO'; BEGIN EXECUTE what || 'LE sneaky'; END $$;
`;

describe("a shadow", function () {
    this.timeout(60_000);
    let server: TestServer;
    let live: Observed;

    before(async () => {
        server = await startTestServer(anyBinaries());
        live = await Observed.make(server, schema);
    });

    after(async () => {
        for (const folder of folders) rmSync(folder, { recursive: true });
        await server.stop();
    });

    /** Everything of the server that is not in one database, and the state of the live one. */
    async function footprint(): Promise<unknown> {
        return server.withClient(live.name, async (client) => ({
            catalog: await readCatalogStamp(client),
            others: (
                await client.query({
                    rowMode: "array",
                    text: `SELECT 'database', datname::text, datdba::text, datacl::text, datconnlimit::text FROM pg_database
                        UNION ALL SELECT 'role', rolname, rolsuper::text, rolcanlogin::text, rolconfig::text FROM pg_roles
                        UNION ALL SELECT 'member', roleid::text, member::text, NULL, NULL FROM pg_auth_members
                        UNION ALL SELECT 'setting', setdatabase::text, setrole::text, setconfig::text, NULL FROM pg_db_role_setting
                        UNION ALL SELECT 'file', name, setting, NULL, NULL FROM pg_file_settings
                        UNION ALL SELECT 'rows', count(*)::text, sum(a)::text, NULL, NULL FROM t
                        UNION ALL SELECT 'sequence', last_value::text, NULL, NULL, NULL FROM t_id_seq
                        UNION ALL SELECT 'sessions', count(*)::text, NULL, NULL, NULL FROM pg_stat_activity
                            WHERE application_name LIKE 'schemaward%' ORDER BY 1, 2, 3`,
                })
            ).rows as unknown[],
        }));
    }

    async function shadows(): Promise<string[]> {
        return server.withClient("postgres", async (client) =>
            (
                await client.query<{ name: string }>(
                    "SELECT datname AS name FROM pg_database WHERE datname LIKE 'schemaward%' ORDER BY 1",
                )
            ).rows.map(({ name }) => name),
        );
    }

    describe("leaves nothing behind, on the server and in the live database, of", () => {
        const scripts: Readonly<Record<string, string>> = {
            "a script that works":
                "ALTER TABLE t ADD b integer; DROP MATERIALIZED VIEW held; UPDATE t SET a = 2; DELETE FROM t",
            "one that takes from a sequence": "SELECT nextval('t_id_seq'); SELECT setval('t_id_seq', 99)",
            "one that fails": "DROP TABLE t CASCADE; DROP TABLE missing",
            "one that fails outside of a transaction": "CREATE INDEX CONCURRENTLY i ON t (a); DROP TABLE missing",
            "one that opens a transaction and leaves it open by an error":
                "BEGIN; DROP TABLE t CASCADE; SELECT 1 / 0; COMMIT",
            "CREATE ROLE": "CREATE ROLE newcomer; GRANT SELECT ON t TO newcomer; GRANT newcomer TO owner",
            "CREATE ROLE in a DO block": "DO $$ BEGIN CREATE ROLE newcomer; END $$",
            "CREATE ROLE that no parser sees": "SELECT sneaky()",
            "the same in a DO block":
                "DO $$ DECLARE what text := 'CREATE RO'; BEGIN EXECUTE what || 'LE sneaky'; END $$",
            "the same outside of a transaction": "CREATE INDEX CONCURRENTLY i ON t (a); SELECT sneaky()",
            "CREATE DATABASE": "CREATE DATABASE another",
            "ALTER DATABASE and ROLE … SET":
                "ALTER DATABASE postgres SET work_mem = '1MB'; ALTER ROLE owner SET work_mem = '1MB'",
            "ALTER SYSTEM": "ALTER SYSTEM SET work_mem = '1MB'; SELECT pg_reload_conf()",
            "a comment on a database":
                "COMMENT ON DATABASE postgres IS 'x'; GRANT CONNECT ON DATABASE postgres TO pg_monitor",
        };
        for (const [what, script] of Object.entries(scripts)) {
            it(what, async () => {
                const before = await footprint();
                const [seen] = await live.see([script]);
                assert.ok(seen);
                assert.deepEqual(await footprint(), before);
            });
        }

        it("COPY to a file or program", async () => {
            const file = path.join(server.home, "leaked");
            await live.see([`COPY t TO '${file}'; COPY t TO PROGRAM 'cat > ${file}'`]);
            assert.ok(!existsSync(file));
        });
    });

    it("says why it undid a script that changed roles by a way that no parser sees", async () => {
        for (const script of ["SELECT sneaky()", "CREATE INDEX CONCURRENTLY i ON t (a); SELECT sneaky()"]) {
            const [seen] = await live.see([script]);
            assert.equal(seen?.method, "parsed");
            assert.match(seen.reason ?? "", /code in it changes roles or databases, outside this database/);
        }
    });

    describe("of a process that ends", () => {
        let child: ChildProcess;

        async function start(...work: string[]): Promise<string> {
            child = fork(path.join(__dirname, "shadow-process.js"), [server.url(live.name), schema, ...work]);
            const [name] = (await once(child, "message")) as [string];
            assert.deepEqual(await shadows(), [name]);
            return name;
        }

        for (const signal of ["SIGTERM", "SIGINT"] as const) {
            it(`by ${signal} is dropped before`, async () => {
                await start();
                child.kill(signal);
                const [code, by] = (await once(child, "exit")) as [number | null, string | null];
                assert.deepEqual({ code, by }, { code: null, by: signal });
                assert.deepEqual(await shadows(), []);
            });
        }

        it("in the middle of a statement is not waited for", async () => {
            const started = Date.now();
            await start("SET statement_timeout = 0; SELECT pg_sleep(600)");
            child.kill("SIGINT");
            await once(child, "exit");
            assert.deepEqual(await shadows(), []);
            assert(Date.now() - started < 20_000);
        });

        it("by SIGKILL is swept by a later one, not before an hour, and none but its like", async () => {
            const name = await start();
            child.kill("SIGKILL");
            await once(child, "exit");
            await eventually(async () =>
                server.withClient("postgres", async (client) => {
                    const { rowCount } = await client.query(`SELECT FROM pg_stat_activity WHERE datname = '${name}'`);
                    return rowCount === 0;
                }),
            );
            await live.seeOne("SELECT 1");
            assert.deepEqual(await shadows(), [name], "it might still be in use");

            const made = (secondsAgo: number, hex: string): string =>
                `schemaward_shadow_${Math.floor(Date.now() / 1000 - secondsAgo).toString(36)}_${hex}`;
            const kept = ["schemaward_shadow_of_mine", made(4000, "00"), "schemaward_shadows"];
            const [busy, foreign] = [made(4000, "0123456789ab"), made(4000, "ba9876543210")];
            await server.withClient("postgres", async (client) => {
                await client.query(`ALTER DATABASE ${name} RENAME TO ${made(3700, "00112233aabb")}`);
                await client.query("CREATE ROLE stranger");
                for (const other of [...kept, busy, foreign]) await client.query(`CREATE DATABASE ${other}`);
                await client.query(`ALTER DATABASE ${foreign} OWNER TO stranger`);
            });
            await server.withClient(busy, () => live.seeOne("SELECT 1"));
            assert.deepEqual(await shadows(), [...kept, busy, foreign].sort());
            await server.withClient("postgres", async (client) => {
                for (const other of [...kept, busy, foreign]) await client.query(`DROP DATABASE ${other}`);
                await client.query("DROP ROLE stranger");
            });
        });
    });

    it("is one of several at once", async () => {
        const seen = await Promise.all([1, 2, 3].map(() => live.seeOne("DROP TABLE t CASCADE")));
        for (const { method, dropped } of seen) {
            assert.equal(method, "observed");
            assert.ok(dropped.some(({ object }) => object.kind === "materialized view"));
        }
        assert.deepEqual(await shadows(), []);
    });

    it("holds no rows, filled materialized views, and the database's own settings", async () => {
        await server.withClient("postgres", (client) =>
            client.query(
                `ALTER DATABASE ${live.name} SET search_path = pg_catalog, public; ALTER DATABASE ${live.name} SET work_mem = '3MB'`,
            ),
        );
        await live.withShadow(async (shadow) => {
            assert.ok("client" in shadow);
            const { rows } = await shadow.client.query({
                rowMode: "array",
                text: "SELECT (SELECT count(*) FROM public.t)::int, (SELECT n FROM public.held)::int, current_setting('search_path'), current_setting('work_mem')",
            });
            assert.deepEqual(rows, [[0, 0, "pg_catalog, public", "3MB"]]);
        });
        await server.withClient("postgres", (client) => client.query(`ALTER DATABASE ${live.name} RESET ALL`));
        const seen = await live.seeOne("REFRESH MATERIALIZED VIEW CONCURRENTLY held");
        assert.equal(seen.method, "observed", seen.reason);
    });

    it("is of the connection's database, whatever libpq's variables name", async () => {
        const home = mkdtempSync(path.join(os.tmpdir(), "schemaward-service-"));
        folders.push(home);
        const file = path.join(home, "services");
        writeFileSync(file, "[elsewhere]\ndbname=postgres\n");
        const misleading = {
            PGSERVICE: "elsewhere",
            PGSERVICEFILE: file,
            PGHOSTADDR: "127.0.0.2",
            PGOPTIONS: "-c search_path=nowhere -c statement_timeout=1",
        };
        Object.assign(process.env, misleading);
        try {
            const dumped = await dumpSchema(server.database(live.name), anyBinaries().major);
            assert.ok("sql" in dumped, JSON.stringify(dumped));
            assert.match(dumped.sql, /CREATE TABLE public\.t /);
        } finally {
            for (const name of Object.keys(misleading)) Reflect.deleteProperty(process.env, name);
        }
    });

    describe("is not made, for a reason, and leaves nothing behind", () => {
        const login = (user: string): string => server.url(live.name, { user, password: "secret" });

        async function whyNot(url: string, options = {}): Promise<string> {
            const before = await footprint();
            const reason = await live.withShadow(
                (shadow) => {
                    assert.ok("reason" in shadow);
                    return Promise.resolve(shadow.reason);
                },
                { url, ...options },
            );
            assert.deepEqual(await footprint(), before);
            return reason;
        }

        before(() =>
            server.withClient("postgres", async (client) => {
                await client.query("CREATE ROLE plain LOGIN PASSWORD 'secret'");
                await client.query("CREATE ROLE maker LOGIN CREATEDB PASSWORD 'secret'");
                await client.query("CREATE ROLE single LOGIN CREATEDB PASSWORD 'secret' CONNECTION LIMIT 1");
            }),
        );

        it("for a role without CREATEDB", async () => {
            assert.equal(await whyNot(login("plain")), "role plain may not create a shadow database (no CREATEDB)");
        });

        it("for a role that has no connection left", async () => {
            assert.match(await whyNot(login("single")), /^no shadow database could be made: .*too many connections/);
        });

        it("for a role that may not make all of the schema", async () => {
            await server.withClient(live.name, (client) =>
                client.query(
                    `CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END';
                     CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION on_ddl()`,
                ),
            );
            try {
                assert.match(
                    await whyNot(login("maker")),
                    /permission denied|pg_dump failed|Must be superuser|applied scripts gives another schema/i,
                );
            } finally {
                await server.withClient(live.name, (client) => client.query("DROP FUNCTION on_ddl CASCADE"));
            }
        });

        it("where neither pg_dump nor the applied scripts give the live schema", async () => {
            await withBin(brokenDump(), async () => {
                const options = (sql: string): object => ({ applied: [{ version: "1", sql }] });
                assert.match(
                    await whyNot(server.url(live.name), options(schema.replace("a integer", "a bigint"))),
                    /^pg_dump failed \(pg_dump: error: broken\), and replaying the applied scripts gives another schema than the live one: column t\.a \(defined differently\)$/,
                );
                assert.match(
                    await whyNot(server.url(live.name), options("CREATE TABLE t ()")),
                    /gives another schema than the live one: .* and \d+ more$/,
                );
                assert.match(
                    await whyNot(server.url(live.name), options("DROP TABLE missing")),
                    /replaying 1 failed: table "missing" does not exist$/,
                );
                await live.withShadow((shadow) => {
                    assert.equal("method" in shadow && shadow.method, "replay");
                    return Promise.resolve();
                });
            });
        });
    });

    for (const binaries of eachMajor()) {
        it(`is the same schema as the live one, PostgreSQL ${binaries.version}`, async () => {
            const other = await startTestServer(binaries);
            try {
                const rich = await Observed.make(other, richSchema);
                const ways = [{ method: "replay", bin: brokenDump() }];
                if (binaries.hasDump) ways.push({ method: "dump", bin: binaries.dir });
                for (const { method, bin } of ways)
                    await withBin(bin, () =>
                        rich.withShadow(async (shadow, liveClient) => {
                            assert.ok("client" in shadow, "reason" in shadow ? shadow.reason : "");
                            assert.equal(shadow.method, method);
                            const [one, two] = [await readCatalog(liveClient), await readCatalog(shadow.client)];
                            assert.deepEqual(compareCatalogs(one, two), []);
                            assert.equal(catalogHash(one), catalogHash(two));
                        }),
                    );
            } finally {
                await other.stop();
            }
        });
    }

    it("survives losing its connection: the error says so, and nothing stays", async () => {
        const database = openDatabase({ url: server.url(live.name) });
        const client = await database.connect("test");
        const shadow = await openShadow(database, client, { applied: [{ version: "1", sql: schema }] });
        assert.ok("client" in shadow);
        try {
            await server.withClient("postgres", (admin) =>
                admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${shadow.name}'`),
            );
            await assert.rejects(observe(shadow, await stepsOf(["DROP TABLE t"]), { searchPath: [] }));
        } finally {
            await shadow.close();
            await client.end();
        }
        assert.deepEqual(await shadows(), []);
    });
});

const folders: string[] = [];

/** A folder with a pg_dump that fits every server and fails. */
function brokenDump(): string {
    const folder = mkdtempSync(path.join(os.tmpdir(), "schemaward-broken-"));
    folders.push(folder);
    const script =
        'case "$1" in --version) echo "pg_dump (PostgreSQL) 99.0" ;; *) echo "pg_dump: error: broken" >&2; exit 1 ;; esac';
    writeFileSync(path.join(folder, "pg_dump"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return folder;
}

async function withBin(folder: string, work: () => Promise<void>): Promise<void> {
    const before = process.env["SCHEMAWARD_PG_BIN"];
    process.env["SCHEMAWARD_PG_BIN"] = folder;
    try {
        await work();
    } finally {
        if (before === undefined) delete process.env["SCHEMAWARD_PG_BIN"];
        else process.env["SCHEMAWARD_PG_BIN"] = before;
    }
}
