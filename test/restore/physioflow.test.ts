import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { type Declaration, defaultPolicy, defaultRunSettings } from "../../core/declaration";
import { restore } from "../../core/run/restore/restore";
import { migrate } from "../../core/run/run";
import { root } from "../../tools/pg-binaries";
import { dataFiles, migrationsDir } from "../examples/physioflow-files";
import { startTestServer, type TestServer } from "../support/postgres";
import { dumpOf, withoutCasts } from "./fixture";

describe("the physioflow example at 027, gone back to 024 and restored", function () {
    this.timeout(120_000);
    let server: TestServer;
    let database: string;
    let backups: string;

    before(async () => {
        server = await startTestServer();
        database = await server.create("physioflow");
        backups = mkdtempSync(path.join(os.tmpdir(), "schemaward-backups-"));
    });
    after(async () => {
        rmSync(backups, { recursive: true, force: true });
        await server.stop();
    });

    const quiet = { projectDir: root, observe: "quick", waitMs: 0, report: () => undefined } as const;

    function declaration(version: string): Declaration {
        return {
            set: "physioflow",
            declarer: { project: "physioflow", stack: "prod", environment: "prod" },
            migrations: { dir: path.relative(root, migrationsDir), format: "numbered" },
            version,
            connection: { url: server.url(database) },
            history: { mirror: "schema_migrations" },
            snapshot: { required: true, store: `file:${backups}` },
            policy: { ...defaultPolicy, approval: "never" },
            run: defaultRunSettings,
        };
    }

    async function load(file: string): Promise<void> {
        await server.withClient(database, async (client) => client.query(readFileSync(file, "utf8")));
    }

    /** Each table's rows, as one number. */
    async function hashes(): Promise<Record<string, unknown>[]> {
        return server.withClient(database, async (client) => {
            const { rows } = await client.query<{ name: string }>(
                `SELECT oid::regclass::text AS name FROM pg_class WHERE relkind IN ('r', 'm') AND relnamespace = 'public'::regnamespace ORDER BY 1`,
            );
            const asked = rows.map(
                ({ name }) =>
                    `SELECT '${name.replaceAll("'", "''")}' AS of, count(*)::int AS n, md5(string_agg(t::text, ',' ORDER BY t::text)) FROM ONLY ${name} t`,
            );
            return (await client.query<Record<string, unknown>>(`${asked.join(" UNION ALL ")} ORDER BY 1`)).rows;
        });
    }

    it("is as it was, row for row; and the history that PhysioFlow reads with it", async () => {
        await migrate(declaration("024"), quiet);
        await load(dataFiles.upTo024);
        await migrate(declaration("027"), quiet);
        await load(dataFiles.upTo027);
        const original = await dumpOf(server, database);
        const before = await hashes();
        assert(before.length > 40 && before.some(({ n }) => Number(n) > 1000));

        const { snapshot } = await migrate(declaration("024"), quiet);
        await server.withClient(database, async (client) =>
            client.query("DELETE FROM notifications; UPDATE patients SET updated_at = now()"),
        );
        assert.notDeepEqual(await hashes(), before);
        const result = await restore(declaration("027"), {
            ...quiet,
            snapshot: snapshot ?? "",
            emergency: true,
            declaredVersionCounts: true,
        });
        assert.equal(result.version, "027");
        assert.deepEqual(await hashes(), before);
        assert.equal(withoutCasts(await dumpOf(server, database)), withoutCasts(original));
        assert.equal((await migrate(declaration("027"), quiet)).changed, false);
    });

    it("with keepData 027 → 024 → 027 needs no snapshot: the rows are there, also when others changed meanwhile", async () => {
        const keep = (version: string): Declaration => ({ ...declaration(version), keepData: true });
        await migrate(keep("027"), quiet);
        await server.withClient(database, async (client) => client.query("TRUNCATE feature_flags CASCADE"));
        await load(dataFiles.upTo027);
        const count = async (): Promise<unknown> =>
            server.withClient(
                database,
                async (client) =>
                    (
                        await client.query<Record<string, unknown>>(
                            "SELECT (SELECT count(*)::int FROM feature_flags) AS flags, (SELECT count(*)::int FROM users) AS users",
                        )
                    ).rows[0],
            );
        await server.withClient(database, async (client) =>
            client.query(
                "UPDATE feature_flags SET description = 'changed by hand ' || id; DELETE FROM feature_flag_audit_log WHERE ctid IN (SELECT ctid FROM feature_flag_audit_log LIMIT 7)",
            ),
        );
        const before = await hashes();
        const kept = before.filter(({ of }) => String(of).startsWith("feature_flag"));
        assert.equal(kept.length, 2);
        assert(kept.every(({ n }) => Number(n) > 1_000));
        const counted = await count();
        await migrate(keep("024"), quiet);
        await server.withClient(database, async (client) => client.query("UPDATE users SET updated_at = now()"));
        await migrate(keep("027"), quiet);
        const after = await hashes();
        assert.deepEqual(
            after.filter(({ of }) => String(of).startsWith("feature_flag")),
            kept,
        );
        assert.deepEqual(await count(), counted);
    });
});
