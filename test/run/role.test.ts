import assert from "node:assert/strict";
import type { Declaration } from "../../core/declaration";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";

describe("scripts of another role than the one that logs in", function () {
    this.timeout(60_000);
    let server: TestServer;
    let project: TestProject;
    let declared: Pick<Declaration, "connection">;

    before(async () => {
        server = await startTestServer();
        await server.withClient("postgres", (c) => c.query("CREATE ROLE app_owner"));
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = new TestProject(server, await server.create());
        declared = { connection: { url: server.url(project.database), role: "app_owner" } };
        await project.query(
            "CREATE SCHEMA app_owner AUTHORIZATION app_owner; GRANT CREATE ON SCHEMA public TO app_owner; SELECT 1",
        );
    });
    afterEach(() => {
        project.remove();
    });

    const paths = { "of its own": [], "with $user": ["$user", "public"] };

    for (const [what, searchPath] of Object.entries(paths)) {
        it(`a search_path ${what}: rows are counted in the tables that the run changes`, async () => {
            await project.query(
                `CREATE TABLE public.users (id int); CREATE TABLE app_owner.users AS SELECT generate_series(1, 5000) AS id;
                 ALTER TABLE app_owner.users OWNER TO app_owner; SELECT 1`,
            );
            project.migration("001", "DELETE FROM users WHERE id > 10", "SELECT 1");
            const more = { ...declared, run: { ...project.declaration("1").run, searchPath } };
            for (const mode of ["full", "quick"] as const) {
                const plan = await project.plan("1", more, mode);
                assert.equal(plan.lost.rows, 4990, mode);
            }
            await project.migrate("1", more);
            assert.deepEqual(await project.query("SELECT count(*) FROM app_owner.users"), [["10"]]);
        });

        it(`a search_path ${what}: the history table is the role's, for plan, run and resolve`, async () => {
            await project.query(
                `CREATE TABLE public.schema_migrations (version text); CREATE TABLE app_owner.schema_migrations (version text);
                 ALTER TABLE app_owner.schema_migrations OWNER TO app_owner; SELECT 1`,
            );
            const more = { ...declared, run: { ...project.declaration("1").run, searchPath } };
            project
                .migration("001", "CREATE TABLE a (id int)", "DROP TABLE a")
                .migration("002", "CREATE TABLE b (id int)", "DROP TABLE b");
            await project.migrate("latest", more);
            const plan = await project.plan("latest", more);
            assert.deepEqual([plan.steps, plan.refusals], [[], []]);
            await project.resolve("002", "rolled-back", more);
            assert.deepEqual(
                await project.query(
                    "SELECT 'public', version FROM public.schema_migrations UNION ALL SELECT 'app_owner', version FROM app_owner.schema_migrations",
                ),
                [["app_owner", "001"]],
            );
        });
    }

    it("what they put into the search_path is not run as the role that logs in", async () => {
        const trap = (signature: string, body: string): string =>
            `CREATE FUNCTION public.${signature} LANGUAGE plpgsql AS $$ BEGIN
                INSERT INTO public.caught SELECT current_user, '${signature}' WHERE current_user <> 'app_owner'; RETURN ${body}; END $$;\n`;
        project
            .migration(
                "001",
                "CREATE TABLE public.caught (who text, what text);\n" +
                    "CREATE TABLE public.schema_migrations (version text NOT NULL, name text);\n" +
                    trap("times(numeric, integer) RETURNS numeric", "$1 OPERATOR(pg_catalog.*) $2") +
                    "CREATE OPERATOR public.* (LEFTARG = numeric, RIGHTARG = integer, FUNCTION = public.times);\n" +
                    trap(
                        "format(text, name, name) RETURNS text",
                        "pg_catalog.format($1, VARIADIC ARRAY[$2::text, $3::text])",
                    ) +
                    trap("quote_ident(name) RETURNS text", "pg_catalog.quote_ident($1::text)") +
                    trap("json_state(json, text) RETURNS json", "pg_catalog.json_build_array('001', '002', '003')") +
                    "CREATE AGGREGATE public.json_agg(text) (SFUNC = public.json_state, STYPE = json);\n",
                "SELECT 1",
            )
            .migration("002", "CREATE TABLE a (id int)", "DROP TABLE a")
            .migration("003", "CREATE TABLE b (id int)", "DROP TABLE b")
            .migration("004", "-- schemaward: no-transaction\nCREATE INDEX CONCURRENTLY i ON a (id);", "SELECT 1");
        await project.migrate("latest", declared);
        assert.deepEqual(await project.query("SELECT DISTINCT who, what FROM caught"), []);
        assert.deepEqual(await project.applied(), ["001", "002", "003", "004"]);
    });
});
