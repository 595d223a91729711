import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import path from "node:path";
import { readStore } from "../../core/snapshots/contents";
import type { SnapshotStore } from "../../core/snapshots/store";
import { openStore } from "../../core/snapshots/stores";
import { verifySnapshot } from "../../core/snapshots/verify";
import { fails, succeeds } from "../support/command";
import { startTestServer, type TestServer } from "../support/postgres";
import { engines, PulumiProject } from "../support/pulumi";

/** A restore point before the schema goes on; what it is taken for stands in a file. */
const program = (label: string, release: string): string => `
import { PostgresSchema, Snapshot } from "schemaward";
import { settings } from "schemaward/settings";

const s = settings();
const before = new Snapshot("before", {
    label: "${label}", connection: s.connection, store: "file:./backups", triggers: ["${release}"], app: "1.2.9",
});
new PostgresSchema("app", s, { dependsOn: before });
export const name = before.name;
export const sha256 = before.sha256;
`;

const none: readonly [string, boolean] = ["", false];

for (const engine of engines())
    describe(`a declared snapshot, on ${engine.name}`, function () {
        this.timeout(120_000);
        let server: TestServer;
        let project: PulumiProject;
        let store: SnapshotStore;

        before(async () => {
            server = await startTestServer();
        });
        after(async () => server.stop());
        beforeEach(async () => {
            project = new PulumiProject(server, await server.create());
            store = openStore(`file:${path.join(project.dir, "backups")}`, "/");
            project.migration("001", "CREATE TABLE a (id int)", "DROP TABLE a");
            await project.init(engine);
            project.set({});
        });
        afterEach(() => {
            project.remove();
        });

        /** Each snapshot's name and whether it is protected, newest first. */
        async function stored(): Promise<(readonly [string, boolean])[]> {
            const { snapshots } = await readStore(store);
            return snapshots.map((s) => [s.manifest.name, s.protected]);
        }

        it("is taken before what depends on it, replaced by another, and never deleted", async () => {
            project.put("index.ts", program("before_release", "1.3.0"));
            assert.match(await succeeds(project.preview(engine)), /schemaward:Snapshot before create/);
            assert.deepEqual(await stored(), []);
            await succeeds(project.up(engine));
            const [[first, isProtected] = none] = await stored();
            assert.match(first, /^dev_before%5Frelease_\d{8}_\d{6}$/);
            assert.equal(isProtected, true);
            const { manifest } = await verifySnapshot(store, first);
            // Before the migration, therefore.
            assert.deepEqual(manifest.tables, []);
            assert.deepEqual(
                [manifest.kind, manifest.app, manifest.set, manifest.environment],
                ["restore-point", "1.2.9", "app", "dev"],
            );
            assert.deepEqual(await project.applied(), ["001"]);
            await succeeds(project.preview(engine, "--expect-no-changes"));

            project.put("index.ts", program("before_release", "1.4.0"));
            await succeeds(project.up(engine));
            const [[second, ...rest] = none, ...more] = await stored();
            assert.notEqual(second, first);
            assert.deepEqual([rest, more], [[true], [[first, false]]]);
            assert.match(await succeeds(project.pulumi(engine, "stack", "output")), new RegExp(second));

            rmSync(path.join(project.dir, "backups", `${second}.manifest.json`));
            await succeeds(project.pulumi(engine, "refresh", "--yes"));
            await succeeds(project.up(engine));
            const [[third] = none] = await stored();
            assert(third !== first && third !== second, third);

            await succeeds(project.pulumi(engine, "destroy", "--yes"));
            assert.deepEqual(await stored(), [
                [third, false],
                [first, false],
            ]);
        });

        it("what gives none is refused in preview", async () => {
            project.put("index.ts", program("pre-migration", "1.3.0"));
            assert.match(await fails(project.preview(engine)), /label pre-migration is the one of snapshots/);
        });
    });
