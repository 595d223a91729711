import assert from "node:assert/strict";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";

const base = `
    CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t SELECT n, 'a' FROM generate_series(1, 6) n;
    CREATE TABLE log (id int); INSERT INTO log VALUES (1);`;
const fn = (sig: string, del = "t"): string =>
    `CREATE FUNCTION ${sig} RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM ${del}; RETURN 1; END $$;`;
/** What is in the database besides, the script, and what is done to the database beforehand. */
const cases: readonly (readonly [more: string, script: string, before?: string])[] = [
    [fn('"repeat"(int)'), "SELECT repeat(1)"],
    ["", fn('"repeat"(int)') + "SELECT repeat(1)"],
    [fn("forget(t)", "log"), "SELECT t.forget FROM t"],
    ["", fn("forget(t)", "log") + "SELECT t.forget FROM t"],
    [fn("forget(t)", "log"), "INSERT INTO log SELECT t.forget FROM t"],
    [
        fn("wipe()") +
            "CREATE FUNCTION imm(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM wipe(); RETURN 1; END $$; CREATE INDEX ON log (imm(id));",
        "INSERT INTO log VALUES (2)",
    ],
    [
        fn("wipe()") +
            "CREATE FUNCTION imm(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM wipe(); RETURN 1; END $$; CREATE INDEX ON log (imm(id));",
        "REINDEX TABLE log",
    ],
    [
        fn("wipe()") +
            "CREATE FUNCTION imm(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM wipe(); RETURN 1; END $$; ALTER TABLE log ADD CHECK (imm(id) = 1); INSERT INTO t VALUES (1, 'a')",
        "INSERT INTO log VALUES (2)",
    ],
    [
        fn("wipe()") +
            "CREATE FUNCTION imm(int) RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM wipe(); RETURN 1; END $$; CREATE VIEW v AS SELECT imm(1)",
        "SELECT * FROM v",
    ],
    [fn("wipe()"), "SELECT query_to_xml('SELECT wipe()', true, true, '')"],
    [
        "",
        "CREATE FUNCTION format(int) RETURNS int LANGUAGE sql AS 'DELETE FROM t RETURNING 1'; CREATE TABLE x AS SELECT format(1) AS n",
    ],
    [fn("wipe()") + "CREATE DOMAIN checked AS int CHECK (wipe() = 1);", "SELECT 1::checked"],
    [
        "CREATE FUNCTION dropper() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DROP TABLE log; RETURN 1; END $$;",
        "EXPLAIN ANALYZE SELECT dropper()",
    ],
    [
        "CREATE FUNCTION dropper() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ALTER TABLE t DROP COLUMN a; RETURN NEW; END $$; CREATE TRIGGER w AFTER INSERT ON log FOR EACH STATEMENT EXECUTE FUNCTION dropper();",
        "INSERT INTO log VALUES (2)",
    ],
    [
        "",
        "DO $$ BEGIN IF current_setting('app.env', true) = 'prod' THEN DROP TABLE log; END IF; END $$",
        "ALTER DATABASE CURRENT SET app.env = 'prod'",
    ],
    [
        "",
        "DO $$ BEGIN IF EXISTS (SELECT FROM pg_largeobject_metadata) THEN DROP TABLE log; END IF; END $$",
        "SELECT lo_from_bytea(0, 'abc')",
    ],
    [
        fn("wipe()") +
            "CREATE FUNCTION takes(x int) RETURNS int LANGUAGE plpgsql AS 'DECLARE n int := wipe(); BEGIN RETURN 1; END'",
        "SELECT takes(1)",
    ],
    [
        "",
        "CREATE TYPE comp2 AS (a int); CREATE FUNCTION kill(comp2) RETURNS int LANGUAGE sql AS 'DELETE FROM t RETURNING 1'; SELECT (ROW(1)::comp2).kill",
    ],
];

describe("what a run that was allowed beforehand looks at", function () {
    this.timeout(60_000);
    let server: TestServer;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());

    for (const [more, script, before] of cases)
        it(`tells that something is lost: ${script}`, async () => {
            const database = await server.create();
            const project = new TestProject(server, database);
            try {
                project.migration("001", base + more);
                await project.migrate("001");
                if (before !== undefined)
                    await project.query(before.replace("DATABASE CURRENT", `DATABASE "${database}"`));
                project.migration("002", script);
                for (const mode of ["lossless", "quick", "full"] as const) {
                    const { lost } = await project.plan("latest", {}, mode);
                    assert(lost.unknown || lost.rows + lost.values > 0, mode);
                }
            } finally {
                project.remove();
            }
        });
});
