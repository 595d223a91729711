import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Declaration } from "../../core/declaration";
import { defaultTraffic } from "../../core/traffic-settings";
import { root } from "../../tools/pg-binaries";
import { failureOf } from "../support/backend";
import { eachMajor, startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";
import { databasesOf, dumpOf, restoreTo, snapshotsOf, withStore } from "./fixture";

/** SQL blocks of docs/permissions.md: the roles, then what it takes to keep the application's out. */
const [rolesSql = "", revokeSql = ""] = [
    ...readFileSync(path.join(root, "docs", "permissions.md"), "utf8").matchAll(/```sql\n(.*?)```/gs),
].map(([, sql = ""]) => sql);

for (const binaries of eachMajor().filter((b) => b.hasDump)) {
    describe(`a restore by the migrator of the docs, PostgreSQL ${String(binaries.major)}`, function () {
        this.timeout(60_000);
        let server: TestServer;
        let project: TestProject;
        let declared: Partial<Declaration>;
        const chosen = process.env["SCHEMAWARD_PG_BIN"];

        before(async () => {
            process.env["SCHEMAWARD_PG_BIN"] = binaries.dir;
            server = await startTestServer(binaries);
            await sql("CREATE DATABASE clinic");
            await server.withClient("clinic", async (client) => {
                for (const statements of [
                    rolesSql,
                    "CREATE ROLE clinic_app LOGIN PASSWORD 'p'; ALTER ROLE clinic_migrator PASSWORD 'p'",
                    revokeSql,
                    "GRANT CONNECT ON DATABASE clinic TO clinic_migrator, clinic_planner",
                ])
                    await client.query(statements);
            });
            await sql("CREATE DATABASE clinic_copy TEMPLATE clinic");
        });
        after(async () => {
            if (chosen === undefined) delete process.env["SCHEMAWARD_PG_BIN"];
            else process.env["SCHEMAWARD_PG_BIN"] = chosen;
            await server.stop();
        });
        beforeEach(async () => {
            project = new TestProject(server, "clinic");
            declared = {
                connection: {
                    url: server.url("clinic", { user: "clinic_migrator", password: "p" }),
                    role: "clinic_owner",
                },
                traffic: {
                    ...defaultTraffic,
                    ...{ stopTraffic: "always", strategy: "none", drainSeconds: 5 },
                    sessions: { roles: ["clinic_app"], by: "revoke-connect", ignore: [] },
                },
            };
            project
                .migration(
                    "001",
                    `CREATE TABLE patients (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);
                     INSERT INTO patients (name) SELECT 'p' || i FROM generate_series(1, 100) i;
                     GRANT SELECT, INSERT ON patients TO clinic_app;
                     CREATE SCHEMA reports; CREATE MATERIALIZED VIEW reports.n AS SELECT count(*) FROM patients;
                     CREATE EXTENSION IF NOT EXISTS hstore;
                     CREATE FUNCTION one() RETURNS int LANGUAGE sql RETURN 1`,
                    "DROP TABLE patients CASCADE",
                )
                .migration("002", "CREATE TABLE visits (id int); DROP FUNCTION one", "DROP TABLE visits");
            await project.migrate("001", withStore(project, "001", declared));
        });
        afterEach(async () => {
            project.remove();
            for (const name of await databasesOf(server))
                if (name !== "clinic_copy") await sql(`DROP DATABASE ${name} WITH (FORCE)`);
            await sql("CREATE DATABASE clinic TEMPLATE clinic_copy OWNER clinic_owner");
            await sql(
                "REVOKE CONNECT ON DATABASE clinic FROM PUBLIC",
                "GRANT CONNECT, CREATE ON DATABASE clinic TO clinic_migrator",
                "GRANT CONNECT ON DATABASE clinic TO clinic_planner, clinic_app",
            );
        });

        async function sql(...statements: string[]): Promise<void> {
            await server.withClient("postgres", async (client) => {
                for (const statement of statements) await client.query(statement);
            });
        }

        it("needs no superuser: all is as it was, owners and rights included", async () => {
            await sql(
                "ALTER DATABASE clinic SET work_mem = '5MB'",
                "ALTER DATABASE clinic SET statement_timeout = '1ms'",
            );
            await sql("ALTER DATABASE clinic RESET statement_timeout");
            const original = await dumpOf(server, "clinic");
            await project.migrate("002", withStore(project, "002", declared));
            await project.query("DELETE FROM patients");
            const [snapshot] = await snapshotsOf(project);
            const { kept, emergency } = await restoreTo(project, snapshot?.name ?? "", declared);
            assert.equal(await dumpOf(server, "clinic"), original);
            assert.deepEqual(await databasesOf(server), ["clinic", kept, "clinic_copy"].sort());
            // The ledger is the migrator's as before, and a run goes on from there; and back with what was put away.
            await project.migrate("002", withStore(project, "002", declared));
            await restoreTo(project, emergency ?? "", declared);
            assert.deepEqual(await project.query("SELECT count(*) FROM patients"), [["0"]]);
            const { drift, refusals } = await project.plan("002", withStore(project, "002", declared));
            assert.deepEqual([drift, refusals], [[], []]);
        });

        it("what it may not make is named with the GRANT, before anything is touched", async () => {
            await sql("CREATE ROLE auditor", "GRANT CREATE ON DATABASE clinic TO auditor");
            await project.query(
                "CREATE SCHEMA audit AUTHORIZATION auditor; CREATE TABLE audit.log (id int); ALTER TABLE audit.log OWNER TO auditor; GRANT USAGE ON SCHEMA audit TO clinic_owner; GRANT SELECT ON audit.log TO clinic_owner; SELECT 1",
            );
            await project.migrate("002", withStore(project, "002", declared));
            const before = await dumpOf(server, "clinic");
            const [snapshot] = await snapshotsOf(project);
            const restoring = async (): Promise<unknown> => restoreTo(project, snapshot?.name ?? "", declared);
            const text = await failureOf(restoring());
            assert.match(
                text,
                /the right of clinic_migrator to make what auditor owns: GRANT "auditor" TO "clinic_migrator"[\s\S]*Nothing was touched/,
            );
            assert.equal(await dumpOf(server, "clinic"), before);
            // It is enough.
            await sql(`GRANT "auditor" TO "clinic_migrator"`);
            await restoring();
            assert.deepEqual(await project.query("SELECT tableowner FROM pg_tables WHERE tablename = 'log'"), [
                ["auditor"],
            ]);
            await sql("DROP DATABASE clinic WITH (FORCE)");
            for (const name of await databasesOf(server))
                if (name.includes("_before_")) await sql(`DROP DATABASE ${name}`);
            await sql("DROP ROLE auditor", "CREATE DATABASE clinic");
        });

        it("an extension that only a superuser makes is named", async () => {
            const [[extension] = []] = await project.query(
                "SELECT name FROM pg_available_extension_versions WHERE superuser AND NOT trusted AND requires IS NULL AND name IN ('pageinspect', 'file_fdw', 'dblink') ORDER BY 1 LIMIT 1",
            );
            assert(extension !== null && extension !== undefined, "no such extension");
            await project.query(`CREATE EXTENSION ${extension}; SELECT 1`);
            await project.migrate("002", withStore(project, "002", declared));
            const [snapshot] = await snapshotsOf(project);
            assert.match(
                await failureOf(restoreTo(project, snapshot?.name ?? "", declared)),
                new RegExp(`to make the extension ${extension}: only a superuser[\\s\\S]*Nothing was touched`),
            );
        });

        it("a setting of the database that only a superuser may make: said, and all is as it was", async () => {
            await sql("ALTER DATABASE clinic SET log_min_duration_statement = '1s'");
            await project.migrate("002", withStore(project, "002", declared));
            const [snapshot] = await snapshotsOf(project);
            const before = await dumpOf(server, "clinic");
            const text = await failureOf(restoreTo(project, snapshot?.name ?? "", declared));
            assert.match(text, /log_min_duration_statement could not be set as on clinic/);
            assert.match(text, /Traffic is let in again/);
            assert.equal(await dumpOf(server, "clinic"), before);
            assert.deepEqual(await databasesOf(server), ["clinic", "clinic_copy"]);
        });
    });
}
