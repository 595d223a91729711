import assert from "node:assert/strict";
import { type CommandResult, startCommand, succeeds } from "../support/command";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";

describe("the schemaward command: restore and kept data", function () {
    this.timeout(60_000);
    let server: TestServer;
    let project: TestProject;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = new TestProject(server, await server.create());
        project
            .migration(
                "001",
                "CREATE TABLE a (id int PRIMARY KEY);\nINSERT INTO a SELECT generate_series(1, 1200)",
                "DROP TABLE a",
            )
            .migration("002", "CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (1)", "DROP TABLE b");
    });
    afterEach(() => {
        project.remove();
    });

    async function run(...args: string[]): Promise<CommandResult> {
        const env = { DATABASE_URL: server.url(project.database) };
        return startCommand("cli/main.js", args, { cwd: project.dir, env }).done;
    }

    const dir = ["--dir", "migrations", "--set", "app"];
    const store = ["--store", "file:./backups", "--environment", "prod"];
    const lose = ["--yes", "--allow-data-loss"];

    it("snapshot restore: shows and refuses what is lost, does it, keeps what was there", async () => {
        await succeeds(run("migrate", ...dir, "--to", "1", "--yes"));
        await succeeds(run("snapshot", "create", ...store, "--set", "app", "--label", "before"));
        await succeeds(run("migrate", ...dir, "--yes"));
        await project.query("INSERT INTO a SELECT generate_series(2001, 2010)");

        const dry = await run("snapshot", "restore", "latest", ...store, "--dry-run");
        assert.equal(dry.code, 2, dry.stderr);
        assert.match(dry.stdout, /002 → 001 {2}RESTORE of the whole database/);
        assert.match(dry.stdout, /a +then 1,200 +now 1,210 +10 LOST/);
        const refused = await run("snapshot", "restore", "latest", ...store, "--yes");
        assert.equal(refused.code, 2);
        assert.match(refused.stderr, /allow it with: --allow-data-loss/);
        assert.deepEqual(await project.query("SELECT count(*) FROM a"), [["1210"]]);

        const done = await run("snapshot", "restore", "latest", ...store, ...lose, "--json");
        assert.equal(done.code, 0, done.stdout + done.stderr);
        const { ok, version, emergency, kept, plan } = done.json<Record<string, unknown>>();
        assert.deepEqual(
            [ok, version, (plan as { format: string }).format],
            [true, "001", "schemaward/restore-plan/1"],
        );
        assert.match(String(emergency), /^prod_pre-restore_/);
        assert.deepEqual(await project.query("SELECT count(*) FROM a"), [["1200"]]);
        assert.match(await succeeds(run("status", ...dir)), /app is at 001: 1 applied, 1 pending/);

        const listed = await succeeds(run("snapshot", "databases"));
        assert(listed.includes(String(kept)), listed);
        assert.match(
            await succeeds(run("snapshot", "databases", "--drop", String(kept))),
            /dropped: .*\nno database is kept/,
        );
        assert.equal((await run("snapshot", "databases", "--drop", "postgres")).code, 3);
    });

    it("keep-data: kept lists and forgets; resume goes on keeping", async () => {
        await succeeds(run("migrate", ...dir, "--yes"));
        project.migration(
            "001",
            "CREATE TABLE a (id int PRIMARY KEY);\nINSERT INTO a SELECT generate_series(1, 1200)",
            "DROP TABLE a; SELECT 1/0",
        );
        const failed = await run("migrate", ...dir, "--to", "0", "--keep-data", ...lose);
        assert.equal(failed.code, 1, failed.stdout + failed.stderr);
        assert.match(
            await succeeds(run("kept", "--set", "app")),
            /public\.b, 1 rows, of 002.*comes back when 002 is applied again/,
        );
        project.migration(
            "001",
            "CREATE TABLE a (id int PRIMARY KEY);\nINSERT INTO a SELECT generate_series(1, 1200)",
            "DROP TABLE a",
        );
        await succeeds(run("resume", ...dir, ...lose));
        const kept = (await run("kept", "--set", "app", "--json")).json<{
            kept: { id: number; object: string; rows: number }[];
        }>();
        assert.deepEqual(
            kept.kept.map(({ object, rows }) => [object, rows]),
            [
                ["public.a", 1200],
                ["public.b", 1],
            ],
        );
        assert.match(
            await succeeds(run("kept", "--set", "app", "--drop", String(kept.kept[1]?.id))),
            /forgotten: \d+\n.*public\.a/,
        );
        assert.equal((await run("kept", "--set", "app", "--drop", "77")).code, 3);
        await succeeds(run("migrate", ...dir, "--keep-data", "--yes"));
        assert.deepEqual(await project.query("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)"), [
            ["1200", "1"],
        ]);
        assert.match(await succeeds(run("kept", "--set", "app")), /nothing is kept that is not back/);
    });
});
