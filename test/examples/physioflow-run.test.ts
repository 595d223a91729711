import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { type Declaration, defaultPolicy, defaultRunSettings } from "../../core/declaration";
import { buildPlan } from "../../core/plan/build";
import type { Plan } from "../../core/plan/plan";
import { migrate } from "../../core/run/run";
import { type Catalog, compareCatalogs, fromObjects, readCatalog, toObjects } from "../../core/sql/catalog";
import { root } from "../../tools/pg-binaries";
import { eachMajor, startTestServer, type TestServer } from "../support/postgres";
import { dataFiles, migrationsDir } from "./physioflow-files";

for (const binaries of eachMajor()) {
    describe(`the physioflow example, planned and run on PostgreSQL ${binaries.major}`, function () {
        this.timeout(240_000);
        let server: TestServer;
        let database: string;

        before(async () => {
            server = await startTestServer(binaries);
            database = await server.create("physioflow");
        });
        after(async () => server.stop());

        const options = { projectDir: root, observe: "full" } as const;

        function declaration(version: string): Declaration {
            return {
                set: "physioflow",
                migrations: { dir: path.relative(root, migrationsDir), format: "numbered" },
                version,
                connection: { url: server.url(database) },
                history: { mirror: "schema_migrations" },
                snapshot: { required: false },
                policy: { ...defaultPolicy, approval: "never" },
                run: defaultRunSettings,
            };
        }

        async function to(version: string): Promise<Plan> {
            return (await migrate(declaration(version), { ...options, waitMs: 0, report: () => undefined })).plan;
        }

        async function planTo(version: string): Promise<Plan> {
            return (await buildPlan(declaration(version), options)).plan;
        }

        async function rows(sql: string): Promise<Record<string, unknown>[]> {
            return server.withClient(
                database,
                async (client) => (await client.query<Record<string, unknown>>(sql)).rows,
            );
        }

        async function catalog(): Promise<Catalog> {
            return server.withClient(database, async (client) => fromObjects(toObjects(await readCatalog(client))));
        }

        /** All rows of the tables that 024 has, but for the history: they outlive the way to 027 and back. */
        async function contentAt024(): Promise<Record<string, unknown>[]> {
            const tables = await rows(
                `SELECT quote_ident(relname) AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
                    AND NOT relispartition AND relname NOT IN ('schema_migrations', 'feature_flags', 'feature_flag_audit_log') ORDER BY 1`,
            );
            const asked = tables.map(
                ({ name }) =>
                    `SELECT '${String(name)}' AS of, count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM ${String(name)} t`,
            );
            return rows(`${asked.join(" UNION ALL ")} ORDER BY 1`);
        }

        it("goes to 027, back to 024 as the plan says, forward again, and all the way down", async () => {
            const empty = await catalog();
            await to("024");
            const at024 = await catalog();
            await server.withClient(database, async (client) => client.query(readFileSync(dataFiles.upTo024, "utf8")));
            const content = await contentAt024();
            assert(content.length > 20);
            await to("027");
            const at027 = await catalog();
            await server.withClient(database, async (client) => client.query(readFileSync(dataFiles.upTo027, "utf8")));
            const history = "SELECT count(*)::int AS all, count(version)::int AS versions FROM schema_migrations";
            assert.deepEqual(await rows(history), [{ all: 27, versions: 27 }]);

            const plan = await planTo("024");
            const flags = Number((await rows("SELECT count(*) FROM feature_flags"))[0]?.["count"]);
            const log = Number((await rows("SELECT count(*) FROM feature_flag_audit_log"))[0]?.["count"]);
            assert(flags >= 1_000 && log >= 1_000);
            assert.deepEqual(
                plan.steps.map((step) => ({
                    version: step.version,
                    method: step.method,
                    lost: step.losses.filter((l) => l.counted).map((l) => [l.object, l.rows, l.exact]),
                })),
                [
                    {
                        version: "027",
                        method: "observed",
                        lost: [
                            ["feature_flag_audit_log", log, true],
                            ["feature_flags", flags, true],
                        ],
                    },
                    { version: "026", method: "observed", lost: [] },
                    { version: "025", method: "observed", lost: [] },
                ],
            );
            assert.equal(plan.lost.rows, flags + log);
            const dropped = plan.steps[2]?.dropped.map((o) => `${o.kind} ${o.name}`) ?? [];
            assert.equal(dropped.filter((name) => name.startsWith("materialized view ")).length, 4);
            assert.deepEqual(
                plan.steps.map((step) => step.replaced.length),
                [1, 0, 1],
            );

            assert.equal((await to("024")).digest, plan.digest);
            assert.deepEqual(compareCatalogs(at024, await catalog()), []);
            assert.deepEqual(await contentAt024(), content);
            assert.deepEqual(await rows("SELECT count(*)::int AS all FROM schema_migrations"), [{ all: 24 }]);
            assert.deepEqual((await planTo("024")).steps, []);

            await to("027");
            assert.deepEqual(compareCatalogs(at027, await catalog()), []);
            assert.deepEqual(await rows(history), [{ all: 27, versions: 27 }]);
            assert.deepEqual((await planTo("latest")).steps, []);

            await to("0");
            assert.deepEqual(compareCatalogs(empty, await catalog()), []);
        });
    });
}
