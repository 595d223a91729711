import assert from "node:assert/strict";
import { Client } from "pg";
import { eachMajor, startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";
import { type Declared, declaredBy, only, type Stack, stacks } from "./capture";
import { statementsFor } from "./postgresql-statements";

const [owner, migrator, app, planner] = [
    "physioflow_owner",
    "physioflow_migrator",
    "physioflow_api",
    "physioflow_planner",
];
const password = "set-by-hand";

for (const binaries of eachMajor()) {
    describe(`declarations: roles and grants on PostgreSQL ${binaries.version}`, function () {
        this.timeout(60_000);

        let server: TestServer | undefined;
        let project: TestProject | undefined;

        // Roles belong to a server, and the three stacks name them alike: a server for each.
        beforeEach("start", async () => {
            server = await startTestServer(binaries);
        });

        afterEach("stop", async () => {
            project?.remove();
            await server?.stop();
        });

        /** Makes a stack's database as it is before its first `up`, with the statements of what the stack declares. */
        async function provision(stack: Stack): Promise<TestProject> {
            assert.ok(server);
            const declared = await declaredBy(stack);
            const database = `physioflow_${stack}`;
            await server.withClient("postgres", (c) => c.query(`CREATE DATABASE ${database}`));
            // One that was there before the stack: whoever adopts a database finds tables.
            await execute(server, database, [
                "CREATE TABLE old (id int GENERATED ALWAYS AS IDENTITY, note text)",
                "INSERT INTO old (note) VALUES ('kept')",
                ...statementsFor(declared),
                `ALTER TABLE old OWNER TO ${owner}`,
                ...[owner, migrator, app, ...(hasPlanner(declared) ? [planner] : [])].map(
                    (role) => `ALTER ROLE ${role} PASSWORD '${password}'`,
                ),
            ]);
            project = new TestProject(server, database)
                .migration(
                    "001",
                    "CREATE TABLE visits (id bigserial PRIMARY KEY, note text NOT NULL);",
                    "DROP TABLE visits;",
                )
                .migration(
                    "002",
                    "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';\n" +
                        "CREATE MATERIALIZED VIEW visit_count AS SELECT count(*) AS n FROM visits;",
                    "DROP MATERIALIZED VIEW visit_count;\nDROP FUNCTION one();",
                )
                .migration("003", "CREATE TABLE later (id int PRIMARY KEY, n numeric);", "DROP TABLE later;");
            return project;
        }

        /** Brings the database to a version as the stack's connection does: logged in as the migrator, scripts as the owner. */
        async function migrate(at: TestProject, version: string): Promise<void> {
            const connection = { url: at.server.url(at.database, { user: migrator, password }), role: owner };
            await at.migrate(version, { connection }, { observe: "full" });
        }

        const attempt = (at: TestProject, role: string, sql: string): Promise<string> =>
            tryAs(at.server, at.database, role, sql);

        for (const stack of stacks) {
            it(`${stack}: the app reads and writes what migrations make, and changes no schema`, async () => {
                const at = await provision(stack);
                await migrate(at, "002");
                await migrate(at, "003");
                for (const sql of [
                    "INSERT INTO visits (note) VALUES ('first')",
                    "UPDATE visits SET note = 'second'",
                    "SELECT * FROM visits, visit_count, old",
                    "INSERT INTO later VALUES (one(), 2.5)",
                    "DELETE FROM later",
                    "INSERT INTO old (note) VALUES ('more')",
                    "CREATE TEMPORARY TABLE scratch AS SELECT * FROM visits",
                ])
                    assert.equal(await attempt(at, app, sql), "done", sql);
                for (const sql of [
                    "CREATE TABLE mine (id int)",
                    "ALTER TABLE visits ADD COLUMN extra int",
                    "CREATE INDEX ON visits (note)",
                    "DROP TABLE later",
                    "TRUNCATE visits",
                    "CREATE SCHEMA mine",
                    "REFRESH MATERIALIZED VIEW visit_count",
                    "SELECT * FROM schemaward.migrations",
                    `SET ROLE ${owner}`,
                    "CREATE ROLE mine",
                    "CREATE DATABASE mine",
                ])
                    assert.match(await attempt(at, app, sql), /permission denied|must be owner/, sql);
                assert.equal(await attempt(at, app, "SELECT 1 FROM pg_extension"), "done");
            });
        }

        it("what migrations make is the owner's, the ledger is the migrator's, and back works", async () => {
            const at = await provision("prod");
            await migrate(at, "003");
            assert.deepEqual(
                await at.query(
                    "SELECT DISTINCT schemaname, tableowner FROM pg_tables WHERE schemaname IN ('public', 'schemaward') ORDER BY 1",
                ),
                [
                    ["public", owner],
                    ["schemaward", migrator],
                ],
            );
            assert.match(await attempt(at, owner, "SELECT 1"), /not permitted to log in/);
            await migrate(at, "001");
            assert.deepEqual(await at.applied(), ["001"]);
            assert.equal(await attempt(at, app, "SELECT * FROM visits"), "done");
        });

        for (const stack of ["staging", "prod"] as const) {
            it(`${stack}: the planner reads rows and ledger, gets a plan, and changes nothing`, async () => {
                const at = await provision(stack);
                await migrate(at, "002");
                await migrate(at, "003");
                const sees = ["visits", "later", "old", "visit_count", "visits_id_seq"];
                for (const table of [...sees, "schemaward.migrations", "schemaward.runs"])
                    assert.equal(await attempt(at, planner, `SELECT * FROM ${table}`), "done", table);
                for (const sql of [
                    "INSERT INTO visits (note) VALUES ('x')",
                    "UPDATE visits SET note = 'x'",
                    "DELETE FROM later",
                    "TRUNCATE later",
                    "SELECT nextval('visits_id_seq')",
                    "CREATE TABLE mine (id int)",
                    "UPDATE schemaward.migrations SET name = 'x'",
                    "CREATE TABLE schemaward.mine (id int)",
                    `SET ROLE ${owner}`,
                ])
                    assert.match(await attempt(at, planner, sql), /permission denied/, sql);
                const connection = { url: at.server.url(at.database, { user: planner, password }) };
                const plan = await at.plan("002", { connection });
                assert.equal(plan.direction, "back");
                assert.deepEqual(
                    plan.steps.map((s) => s.version),
                    ["003"],
                );
            });

            it(`${stack}: another role of the server cannot even connect`, async () => {
                const at = await provision(stack);
                await execute(at.server, "postgres", [`CREATE ROLE stranger LOGIN PASSWORD '${password}'`]);
                assert.match(await attempt(at, "stranger", "SELECT 1"), /permission denied for database/);
            });
        }

        it("dev: developers connect with roles of their own", async () => {
            const at = await provision("dev");
            await execute(at.server, "postgres", [`CREATE ROLE developer LOGIN PASSWORD '${password}'`]);
            assert.equal(await attempt(at, "developer", "SELECT 1"), "done");
        });

        it("the owner's scripts may make a trusted extension", async function () {
            const at = await provision("prod");
            const [row] = await at.query("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'");
            // A server that was packaged without contrib has none to make.
            const extension = row === undefined ? "plpgsql" : "pg_trgm";
            at.migration("004", `CREATE EXTENSION IF NOT EXISTS ${extension};`, "SELECT 1;");
            await migrate(at, "004");
            assert.deepEqual(await at.applied(), ["001", "002", "003", "004"]);
        });

        it("what is declared twice changes nothing", async () => {
            const at = await provision("prod");
            await migrate(at, "003");
            const acl =
                "SELECT relname, relacl::text FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1";
            const before = await at.query(acl);
            const again = statementsFor(await declaredBy("prod")).filter((sql) => !sql.startsWith("CREATE ROLE"));
            await execute(at.server, at.database, again);
            assert.deepEqual(await at.query(acl), before);
        });
    });
}

describe("declarations: roles and grants", function () {
    this.timeout(30_000);

    for (const stack of stacks) {
        it(`${stack}: no password is declared, and roles and schema outlive destroy`, async () => {
            const declared = (await declaredBy(stack)).filter((d) => d.type.startsWith("postgresql:"));
            assert.doesNotMatch(JSON.stringify(declared), /password/i);
            const lasting = declared.filter((d) => /:(Role|Schema)$/.test(d.type));
            assert.ok(lasting.length >= 4);
            for (const { name, retainOnDelete } of lasting) assert.ok(retainOnDelete, name);
        });

        it(`${stack}: the schema is migrated after everything that its roles need`, async () => {
            const declared = await declaredBy(stack);
            const component = only(declared, "schemaward:index:PostgresSchema");
            const before = declared.filter((d) => /^(postgresql|aws):/.test(d.type));
            for (const { urn } of before) assert.ok(component.dependsOn.includes(urn), urn);
        });
    }

    it("a wrong field and a wrong privilege are found", async () => {
        const grant = (await declaredBy("prod")).find((d) => d.name === "physioflow-app-tables");
        assert.ok(grant);
        const misspelt: Declared = { ...grant, inputs: { ...grant.inputs, privilegs: ["SELECT"] } };
        assert.throws(() => statementsFor([misspelt]), /has no privilegs/);
        const server = await startTestServer();
        try {
            await execute(server, "postgres", ["CREATE ROLE physioflow_api"]);
            const wrong: Declared = { ...grant, inputs: { ...grant.inputs, privileges: ["EXECUTE"] } };
            await assert.rejects(execute(server, "postgres", statementsFor([wrong])), /invalid privilege type EXECUTE/);
        } finally {
            await server.stop();
        }
    }).timeout(60_000);
});

function hasPlanner(declared: readonly Declared[]): boolean {
    return declared.some((d) => d.inputs["name"] === planner);
}

async function execute(server: TestServer, database: string, statements: readonly string[]): Promise<void> {
    await server.withClient(database, async (client) => {
        for (const sql of statements) await client.query(sql);
    });
}

/** @returns `done`, or what the server said */
async function tryAs(server: TestServer, database: string, role: string, sql: string): Promise<string> {
    const client = new Client({ connectionString: server.url(database, { user: role, password }) });
    try {
        await client.connect();
        await client.query(sql);
        return "done";
    } catch (error) {
        return error instanceof Error ? error.message : String(error);
    } finally {
        await client.end().catch(() => undefined);
    }
}
