import assert from "node:assert/strict";
import { isOwnRowMaintenance } from "../../core/history/own-row";
import { mirrorApplied, mirrorUndone, readMirror, readMirrorShape } from "../../core/history/schema-migrations";
import { splitScript } from "../../core/sql/split";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";

describe("recognising what maintains the history table", () => {
    const key = { version: "025", name: "reporting_views" };
    async function isOwn(sql: string): Promise<boolean> {
        const [statement] = await splitScript(sql, "f.sql");
        assert(statement !== undefined);
        return isOwnRowMaintenance(statement, key, "public");
    }

    for (const sql of [
        "DELETE FROM schema_migrations WHERE version = '025'",
        "DELETE FROM public.schema_migrations WHERE version = '25'",
        "delete from schema_migrations where version = 25",
        "DELETE FROM schema_migrations WHERE '025' = version",
        "DELETE FROM schema_migrations WHERE migration_name = '025_reporting_views'",
        "DELETE FROM schema_migrations WHERE filename = '025_reporting_views.sql'::text",
        "DELETE FROM schema_migrations AS m WHERE m.version IN ('025', '25')",
        "INSERT INTO schema_migrations (version) VALUES ('025')",
        "INSERT INTO schema_migrations (migration_name, version) VALUES ('025_reporting_views', '025') ON CONFLICT DO NOTHING",
    ])
        it(`is: ${sql}`, async () => assert.equal(await isOwn(sql), true));

    for (const sql of [
        "DELETE FROM schema_migrations",
        "DELETE FROM schema_migrations WHERE version = '024'",
        "DELETE FROM schema_migrations WHERE version >= '025'",
        "DELETE FROM schema_migrations WHERE version = '025' OR true",
        "DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)",
        "DELETE FROM schema_migrations s USING users u WHERE s.version = '025'",
        "DELETE FROM other WHERE version = '025'",
        "DELETE FROM other.schema_migrations WHERE version = '025'",
        "DELETE FROM schema_migrations WHERE tenant = 25",
        "DELETE FROM schema_migrations WHERE migration_name = '25'",
        "DELETE FROM schema_migrations WHERE version IS DISTINCT FROM '025'",
        "DELETE FROM schema_migrations WHERE version IN ('025', (SELECT max(version) FROM schema_migrations))",
        "DELETE FROM ONLY schema_migrations WHERE version = '025'",
        "DELETE FROM schema_migrations WHERE version = '025' RETURNING version",
        "WITH gone AS (DELETE FROM t RETURNING 1) DELETE FROM schema_migrations WHERE version = '025'",
        "WITH gone AS (DELETE FROM t RETURNING 1) INSERT INTO schema_migrations (version) VALUES ('025')",
        "INSERT INTO other.schema_migrations (version) VALUES ('025')",
        "INSERT INTO schema_migrations (version) VALUES ('025') ON CONFLICT (version) DO UPDATE SET version = '026'",
        "INSERT INTO schema_migrations (version) VALUES ('025') RETURNING version",
        "INSERT INTO schema_migrations (version, name) VALUES ('025', audit())",
        "INSERT INTO schema_migrations (version, name) VALUES ('024', '025_reporting_views')",
        "UPDATE schema_migrations SET version = '025'",
        "INSERT INTO schema_migrations (version) VALUES ('024')",
        "INSERT INTO schema_migrations (version) VALUES ('025'), ('024')",
        "INSERT INTO schema_migrations VALUES ('025')",
        "INSERT INTO schema_migrations (version, description) VALUES ('025', 'more than we would write')",
        "INSERT INTO schema_migrations (version) SELECT '025'",
    ])
        it(`is not: ${sql}`, async () => assert.equal(await isOwn(sql), false));
});

describe("keeping another tool's history table in step", function () {
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

    /** As PhysioFlow has it: 001 makes the table without a version, 003 adds one, and every rollback deletes by it. */
    function physioflow(): TestProject {
        return project
            .migration(
                "001",
                "CREATE TABLE schema_migrations (id serial PRIMARY KEY, migration_name varchar(255) NOT NULL UNIQUE, applied_at timestamptz DEFAULT now())",
                "DROP TABLE schema_migrations",
            )
            .migration(
                "002",
                "CREATE TABLE a (id int)",
                "BEGIN;\nDROP TABLE a;\nDELETE FROM schema_migrations WHERE version = '002';\nCOMMIT;",
            )
            .migration(
                "003",
                "ALTER TABLE schema_migrations ADD COLUMN version varchar(20);\nUPDATE schema_migrations SET version = split_part(migration_name, '_', 1);",
                "ALTER TABLE schema_migrations DROP COLUMN IF EXISTS version",
            )
            .migration(
                "004",
                "CREATE TABLE b (id int)",
                "DROP TABLE b; DELETE FROM schema_migrations WHERE version = '004'",
            );
    }

    it("but not a table of the same name that is the application's", async () => {
        physioflow();
        project.migration(
            "005",
            "CREATE SCHEMA other;\nCREATE TABLE other.schema_migrations (tenant int, version text);\nINSERT INTO other.schema_migrations VALUES (5, '005'), (6, '006');",
            "DROP SCHEMA other CASCADE",
        );
        project.migration(
            "006",
            "DELETE FROM other.schema_migrations WHERE tenant = 6;\nDELETE FROM other.schema_migrations WHERE version = '006';",
            "SELECT 1",
        );
        await project.migrate("5");
        assert.deepEqual((await project.plan("6")).steps[0]?.replaced, []);
        await project.migrate("6");
        assert.deepEqual(await project.query("SELECT tenant FROM other.schema_migrations"), [["5"]]);
    });

    const history = async (columns: string): Promise<(string | null)[][]> =>
        project.query(`SELECT ${columns} FROM schema_migrations ORDER BY id`);

    it("before and after the migration that changes the table, up and down", async () => {
        physioflow();
        await project.migrate("2");
        assert.deepEqual(await history("migration_name"), [["001_m1"], ["002_m2"]]);
        await project.migrate("latest");
        assert.deepEqual(await history("migration_name, version"), [
            ["001_m1", "001"],
            ["002_m2", "002"],
            ["003_m3", "003"],
            ["004_m4", "004"],
        ]);
        const plan = await project.plan("1");
        assert.deepEqual(
            plan.steps.map((s) => [s.version, s.replaced]),
            [
                ["004", [{ line: 1, text: "DELETE FROM schema_migrations WHERE version = '004'" }]],
                ["003", []],
                ["002", [{ line: 3, text: "DELETE FROM schema_migrations WHERE version = '002'" }]],
            ],
        );
        assert.deepEqual(
            plan.steps.map((s) => s.losses.map((l) => [l.kind, l.object, l.rows, l.counted])),
            [
                [["table dropped", "b", 0, true]],
                [["column dropped", "schema_migrations.version", 4, false]],
                [["table dropped", "a", 0, true]],
            ],
        );
        // By hand, 002's rollback fails here: 003's has taken the column away.
        await project.migrate("1");
        assert.deepEqual(await history("migration_name"), [["001_m1"]]);
        await project.migrate("0");
        assert.deepEqual(await project.query("SELECT to_regclass('schema_migrations')"), [[null]]);
        assert.deepEqual(await project.applied(), []);
    });

    it("and a down script that does nothing else is refused, as an empty one", async () => {
        project
            .migration("001", "CREATE TABLE schema_migrations (version text)", "DROP TABLE schema_migrations")
            .migration(
                "002",
                "CREATE TABLE t (id int)",
                "BEGIN;\nDELETE FROM schema_migrations WHERE version = '002';\nCOMMIT;",
            );
        await project.migrate("latest");
        await assert.rejects(project.migrate("1"), /rollback\/002_down\.sql:1: .* would undo nothing/);
        assert.deepEqual(await project.applied(), ["001", "002"]);
    });

    it("in the same transaction as the script", async () => {
        physioflow().migration("005", "CREATE TABLE c (id int);\nSELECT 1/0", "DROP TABLE c");
        await assert.rejects(project.migrate("latest"), /division by zero/);
        assert.deepEqual((await history("version")).flat(), ["001", "002", "003", "004"]);
    });

    it("in a table that has file names, or versions as numbers", async () => {
        project
            .migration(
                "001",
                "CREATE TABLE schema_migrations (version bigint PRIMARY KEY)",
                "DROP TABLE schema_migrations",
            )
            .migration("012", "SELECT 1", "SELECT 1");
        await project.migrate("latest");
        assert.deepEqual(await project.query("SELECT version FROM schema_migrations ORDER BY 1"), [["1"], ["12"]]);
        await project.migrate("1");
        assert.deepEqual(await project.query("SELECT version FROM schema_migrations"), [["1"]]);
        await project.migrate("0");
        project.migration("001", "CREATE TABLE schema_migrations (filename text)", "DROP TABLE schema_migrations");
        await project.migrate("latest");
        assert.deepEqual(await project.query("SELECT filename FROM schema_migrations ORDER BY 1"), [
            ["001_m1.sql"],
            ["012_m12.sql"],
        ]);
    });

    for (const [type, rows] of [
        ["text", ["025", "25", "000", "0250", "0000000025"]],
        ["varchar(10)", ["025", "25", "0000000000", "0250"]],
        ["varchar(3)", ["025", "000", "250"]],
        ["char(4)", ["25", "0", "250"]],
        ["bigint", ["25", "250", "2"]],
        ["numeric(5,0)", ["25", "250"]],
    ] as const) {
        it(`finds its own row among others, however many zeros it has: ${type}`, async () => {
            await project.query(`CREATE TABLE schema_migrations (version ${type} PRIMARY KEY)`);
            await server.withClient(project.database, async (client) => {
                const shape = await readMirrorShape(client);
                assert(shape !== undefined);
                const versions = async (): Promise<readonly (string | null)[]> =>
                    (await readMirror(client, () => undefined)).versions;
                await client.query(mirrorApplied(shape, { version: "025", name: "x" }, true));
                await client.query(mirrorApplied(shape, { version: "025", name: "x" }, true));
                assert.equal((await versions()).length, 1);
                for (const row of rows)
                    await client.query(`INSERT INTO schema_migrations VALUES ('${row}') ON CONFLICT DO NOTHING`);
                await client.query(mirrorUndone(shape, { version: "025", name: "x" }));
                const left = (await versions()).map((row) => row?.trim());
                assert.deepEqual(left.sort(), rows.filter((row) => Number(row) !== 25).toSorted());
            });
        });
    }

    it("leaves an INSERT that says more to the script, and adds no second row", async () => {
        project
            .migration(
                "001",
                "CREATE TABLE schema_migrations (version text PRIMARY KEY, description text)",
                "DROP TABLE schema_migrations",
            )
            .migration(
                "002",
                "INSERT INTO schema_migrations (version, description) VALUES ('002', 'the second')",
                "SELECT 1",
            );
        await project.migrate("latest");
        assert.deepEqual(await project.query("SELECT * FROM schema_migrations ORDER BY 1"), [
            ["001", null],
            ["002", "the second"],
        ]);
    });

    it("leaves the table alone where it is not to be kept in step", async () => {
        physioflow();
        await project.migrate("2", { history: { mirror: "none" } });
        assert.deepEqual(await history("migration_name"), []);
    });

    it("refuses golang-migrate's table of the same name", async () => {
        await project.query("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)");
        project.migration("001", "SELECT 1", "SELECT 1");
        await assert.rejects(project.migrate("latest"), /is golang-migrate's[^]*history\.mirror to none/);
    });

    it("a database that has only this history is adopted, its rows as they are", async () => {
        physioflow();
        await project.query(
            "CREATE TABLE schema_migrations (id serial PRIMARY KEY, migration_name varchar(255) NOT NULL UNIQUE, applied_at timestamptz DEFAULT now()); INSERT INTO schema_migrations (migration_name) VALUES ('001_m1'), ('002_m2'); CREATE TABLE a (id int)",
        );
        const plan = await project.plan("2");
        assert.deepEqual(plan.adopt, { table: "public.schema_migrations", versions: ["001", "002"] });
        assert.equal(plan.direction, "none");
        assert.deepEqual(await project.query("SELECT to_regnamespace('schemaward')"), [[null]]);
        assert.equal((await project.migrate("2")).changed, true);
        assert.deepEqual(await project.query("SELECT version, origin FROM schemaward.migrations ORDER BY seq"), [
            ["001", "adopted"],
            ["002", "adopted"],
        ]);
        assert.equal((await project.migrate("2")).changed, false);
        await project.migrate("1");
        assert.deepEqual(await history("migration_name"), [["001_m1"]]);
    });

    it("adopts and goes on in one run", async () => {
        physioflow();
        await project.query(
            "CREATE TABLE schema_migrations (id serial PRIMARY KEY, migration_name varchar(255) NOT NULL UNIQUE, applied_at timestamptz DEFAULT now()); INSERT INTO schema_migrations (migration_name) VALUES ('001_m1.sql')",
        );
        await project.migrate("2");
        assert.deepEqual(await history("migration_name"), [["001_m1.sql"], ["002_m2.sql"]]);
        assert.deepEqual(await project.applied(), ["001", "002"]);
    });

    it("does not adopt what has no script on disk", async () => {
        physioflow();
        await project.query(
            "CREATE TABLE schema_migrations (version text); INSERT INTO schema_migrations VALUES ('001'), ('099')",
        );
        await assert.rejects(
            project.migrate("latest"),
            /says that 099 is applied, and .* has no such migration[^]*Put the script back/,
        );
    });

    it("refuses when somebody has migrated or rolled back by hand, and says how to settle it", async () => {
        physioflow();
        await project.migrate("latest");
        await project.query("DROP TABLE b; DELETE FROM schema_migrations WHERE version = '004'");
        await assert.rejects(project.migrate("latest"), /no longer has 004[^]*schemaward resolve --rolled-back 004/);
        await project.query(
            "INSERT INTO schema_migrations (migration_name, version) VALUES ('004_m4', '004'), ('005_m5', '005')",
        );
        project.migration("005", "CREATE TABLE c (id int)", "DROP TABLE c");
        await assert.rejects(
            project.migrate("latest"),
            /has 005, which the ledger does not know[^]*schemaward resolve --applied 005/,
        );
    });
});
