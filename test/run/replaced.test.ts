import assert from "node:assert/strict";
import { eventually } from "../support/eventually";
import { startTestServer, type TestServer } from "../support/postgres";
import { Proxy } from "../support/proxy";
import { TestProject } from "../support/project";

describe("a run whose database is put away under it", function () {
    this.timeout(60_000);
    let server: TestServer;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());

    it("does not go on in the one that has taken its name", async () => {
        const name = await server.create();
        const project = new TestProject(server, name);
        let proxy: Proxy | undefined;
        try {
            project.migration("001", "CREATE TABLE a (id int)", "DROP TABLE a");
            project.migration("002", "SELECT pg_sleep(50)", "SELECT 1");
            project.migration("003", "CREATE TABLE c (id int)", "DROP TABLE c");
            const gate = { open: Promise.resolve(), release: (): void => undefined };
            proxy = await Proxy.start(server.port, { admit: async () => gate.open });
            const connection = { url: proxy.through(server.url(name)) };
            const running = project.migrate("latest", { connection }).then(
                () => "done",
                (error: unknown) => (error instanceof Error ? error.message : String(error)),
            );
            await server.withClient("postgres", async (client) => {
                const sessions = async (where: string): Promise<number> =>
                    (await client.query(`SELECT FROM pg_stat_activity WHERE datname = $1 AND ${where}`, [name]))
                        .rowCount ?? 0;
                await eventually(async () => (await sessions("wait_event = 'PgSleep'")) > 0);
                await client.query(`CREATE DATABASE ${name}_fresh`);
                // Whoever connects again, does it when the names have changed.
                gate.open = new Promise((resolve) => (gate.release = resolve));
                await client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [name]);
                await eventually(async () => (await sessions("true")) === 0);
                await client.query(`ALTER DATABASE ${name} RENAME TO ${name}_away`);
                await client.query(`ALTER DATABASE ${name}_fresh RENAME TO ${name}`);
                gate.release();
            });
            assert.match(await running, /has been restored meanwhile/);
            assert.deepEqual(await project.query("SELECT count(*) FROM pg_class WHERE relname IN ('a', 'c', 'runs')"), [
                ["0"],
            ]);
        } finally {
            await proxy?.stop();
            project.remove();
        }
    });
});
