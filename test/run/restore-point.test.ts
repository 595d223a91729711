import assert from "node:assert/strict";
import path from "node:path";
import { FailedError } from "../../core/errors";
import { takeRestorePoint } from "../../core/run/restore-point";
import { readStore } from "../../core/snapshots/contents";
import type { Manifest } from "../../core/snapshots/manifest";
import type { SnapshotStore } from "../../core/snapshots/store";
import { openStore } from "../../core/snapshots/stores";
import { hooked } from "../snapshots/fixture";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";

describe("a restore point", function () {
    this.timeout(60_000);
    let server: TestServer;
    let project: TestProject;
    let store: SnapshotStore;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = new TestProject(server, await server.create());
        store = openStore(`file:${path.join(project.dir, "backups")}`, "/");
        project.migration("009", "CREATE TABLE a (id int)", "DROP TABLE a").migration("010", "SELECT 2", "SELECT 1");
        await project.migrate("009");
    });
    afterEach(() => {
        project.remove();
    });

    async function take(into: SnapshotStore): Promise<Manifest> {
        return takeRestorePoint({
            database: server.database(project.database),
            store: into,
            declarer: { project: "app", stack: "prod", environment: "prod" },
            set: "app",
            protect: true,
        });
    }

    it("while a run changes what is applied there is none, and nothing of it stays", async () => {
        const during = hooked(store, {
            before: async (name) => {
                if (name.endsWith(".dump")) await project.migrate("010");
            },
        });
        await assert.rejects(
            take(during),
            (error) => error instanceof FailedError && error.message.includes("A run has changed what is applied"),
        );
        assert.deepEqual(await store.list(), []);
        const { from, applied } = await take(store);
        assert.deepEqual([from, applied.map((a) => a.version)], ["010", ["009", "010"]]);
    });

    it("bears what the schema is, as a run's snapshot does", async () => {
        const { schemaHash } = await take(store);
        const name = (
            await project.migrate("0", { snapshot: { store: `file:${project.dir}/backups`, required: true } })
        ).snapshot;
        const ofRun = (await readStore(store)).snapshots.find((s) => s.manifest.name === name);
        assert.equal(ofRun?.manifest.schemaHash, schemaHash);
    });
});
