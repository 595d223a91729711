import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { BadInputError } from "../../core/errors";
import { estimateSnapshot } from "../../core/snapshots/estimate";
import { manifestFormat, type Manifest } from "../../core/snapshots/manifest";
import type { SnapshotStore } from "../../core/snapshots/store";
import { openStore } from "../../core/snapshots/stores";
import { takeSnapshot, type SnapshotProgress, type SnapshotRequest } from "../../core/snapshots/take";
import { listSnapshots } from "../../core/snapshots/contents";
import { verifySnapshot } from "../../core/snapshots/verify";
import { childrenNamed, contentOf, filesIn, fixture, fixtureRows, hooked, request, withClient } from "./fixture";
import { eventually } from "../support/eventually";
import { canary, startTestServer, type TestServer } from "../support/postgres";
import { restorableHash, readCatalog } from "../../core/sql/catalog";
import { skip } from "../support/skip";

const run = promisify(execFile);

describe("taking a snapshot", function () {
    this.timeout(60_000);
    let server: TestServer;
    let folder: string;
    let store: SnapshotStore;

    before(async () => {
        server = await startTestServer();
        await withClient(server.database("postgres"), async (client) => client.query("CREATE DATABASE app"));
        await withClient(server.database("app"), async (client) => client.query(fixture));
    });
    after(async () => server.stop());
    beforeEach(async () => {
        folder = await mkdtemp(path.join(os.tmpdir(), "schemaward-take-"));
        store = openStore(`file://${folder}`, "/");
    });
    afterEach(async () => rm(folder, { recursive: true }));

    /** By hand, as docs/snapshots.md says. */
    async function restore(manifest: Manifest, name: string): Promise<void> {
        await withClient(server.database("postgres"), async (client) => client.query(`CREATE DATABASE ${name}`));
        const file = path.join(folder, `${manifest.name}.dump`);
        await run(path.join(server.binaries.dir, "pg_restore"), ["--exit-on-error", "-d", name, file], {
            env: { ...process.env, ...server.env },
        });
    }

    it("round trip: what is restored by hand is what was there", async () => {
        const progress: SnapshotProgress[] = [];
        const manifest = await takeSnapshot(
            request(server.database("app"), store, {
                now: () => new Date("2026-01-02T03:04:05.678Z"),
                onProgress: (event) => progress.push(event),
            }),
        );
        assert.equal(manifest.format, manifestFormat);
        assert.equal(manifest.name, "prod_pre-migration-v1.3.0_20260102_030405");
        assert.equal(manifest.created, "2026-01-02T03:04:05.678Z");
        assert.deepEqual(
            [manifest.environment, manifest.project, manifest.stack, manifest.set],
            ["prod", "physioflow", "prod", "physioflow"],
        );
        assert.deepEqual([manifest.from, manifest.to, manifest.app], ["027", "024", "1.3.0"]);
        const catalog = await withClient(server.database("app"), readCatalog);
        assert.equal(manifest.schemaHash, restorableHash(catalog));
        assert.deepEqual(manifest.applied, [{ version: "027", checksum: "c".repeat(64) }]);
        assert.equal(manifest.database.name, "app");
        assert.match(manifest.database.systemIdentifier ?? "", /^\d{15,}$/);
        assert.match(manifest.database.serverVersion, /^\d\d/);

        const files = await filesIn(folder);
        assert.deepEqual(
            files.map((f) => f.name),
            [`${manifest.name}.dump`, `${manifest.name}.manifest.json`],
        );
        const dump = files[0]?.content ?? Buffer.alloc(0);
        assert.equal(manifest.archive.bytes, dump.length);
        assert.equal(manifest.archive.sha256, createHash("sha256").update(dump).digest("hex"));
        assert.deepEqual(JSON.parse(files[1]?.content.toString() ?? ""), manifest);
        assert.deepEqual(
            Object.fromEntries(manifest.tables.map((t) => [`${t.schema}.${t.name}`, t.rows])),
            fixtureRows,
        );
        assert(manifest.tables.every((t) => t.exact));
        assert.equal(progress.at(-1)?.bytes, dump.length);
        assert((progress[0]?.estimate ?? 0) > 0);

        assert.deepEqual(await verifySnapshot(store, manifest.name), {
            manifest,
            bytes: dump.length,
            sha256: manifest.archive.sha256,
        });
        assert.deepEqual(await listSnapshots(store), [manifest]);
        await restore(manifest, "restored");
        assert.deepEqual(await contentOf(server.database("restored")), await contentOf(server.database("app")));
    });

    it("rows that come while it runs are neither dumped nor counted", async () => {
        const before = await contentOf(server.database("app"));
        const insert = async (): Promise<void> => {
            await withClient(server.database("app"), async (client) =>
                client.query("INSERT INTO empty_one SELECT generate_series(1, 50)"),
            );
        };
        const during = hooked(store, {
            // After the export, before the counting; then in the middle of the stream.
            before: async (name) => (name.endsWith(".taking") ? insert() : undefined),
            midStream: insert,
        });
        try {
            const manifest = await takeSnapshot(request(server.database("app"), during));
            const { rows } = await withClient(server.database("app"), async (client) =>
                client.query<{ n: string }>("SELECT count(*) AS n FROM empty_one"),
            );
            assert.equal(rows[0]?.n, "100");
            assert.equal(manifest.tables.find((t) => t.name === "empty_one")?.rows, 0);
            await restore(manifest, "restored_during");
            assert.deepEqual(await contentOf(server.database("restored_during")), before);
        } finally {
            await withClient(server.database("app"), async (client) => client.query("DELETE FROM empty_one"));
        }
    });

    it("a TRUNCATE while it runs never makes a wrong count look exact", async () => {
        const dumpedRows = async (manifest: Manifest, restored: string): Promise<number> => {
            await restore(manifest, restored);
            return Number((await contentOf(server.database(restored)))["public.doomed"]?.split(" ")[0]);
        };
        await withClient(server.database("app"), async (client) => {
            const fill = "DROP TABLE IF EXISTS doomed; CREATE TABLE doomed AS SELECT generate_series(1, 500) AS id";
            await client.query(fill);
            // Before pg_dump locks it, the TRUNCATE goes through and the rows are gone for both.
            const early = hooked(store, {
                before: async (name) => {
                    if (name.endsWith(".taking")) await client.query("TRUNCATE doomed");
                },
            });
            const first = await takeSnapshot(request(server.database("app"), early));
            assert.equal(first.tables.find((t) => t.name === "doomed")?.exact, false);
            assert.equal(await dumpedRows(first, "restored_early"), 0);

            // Once pg_dump holds its locks, the TRUNCATE waits until it is over.
            await client.query(fill);
            let truncating: Promise<unknown> = Promise.resolve();
            const late = hooked(store, {
                midStream: async () => {
                    truncating = client.query("TRUNCATE doomed");
                    await withClient(server.database("postgres"), async (watcher) =>
                        eventually(async () => {
                            const { rows } = await watcher.query(
                                "SELECT FROM pg_stat_activity WHERE query = 'TRUNCATE doomed' AND wait_event_type = 'Lock'",
                            );
                            return rows.length > 0;
                        }),
                    );
                },
            });
            const second = await takeSnapshot(request(server.database("app"), late));
            await truncating;
            assert.equal(await dumpedRows(second, "restored_late"), 500);
            const counted = second.tables.find((t) => t.name === "doomed");
            assert(counted?.exact === false || counted?.rows === 500, JSON.stringify(counted));
            await client.query("DROP TABLE doomed");
        });
    });

    it("needs no PATH and no HOME", async () => {
        const { PATH, HOME } = process.env;
        process.env.PATH = "";
        delete process.env.HOME;
        try {
            await verifySnapshot(store, (await takeSnapshot(request(server.database("app"), store))).name);
        } finally {
            Object.assign(process.env, { PATH, ...(HOME === undefined ? {} : { HOME }) });
        }
    });

    it("above the limit rows are estimated and marked so", async () => {
        const unanalyzed = await takeSnapshot(request(server.database("app"), store, { exactLimit: 1000 }));
        await withClient(server.database("app"), async (client) => client.query("ANALYZE"));
        const analyzed = await takeSnapshot(request(server.database("app"), store, { exactLimit: 1000 }));
        for (const manifest of [unanalyzed, analyzed]) {
            const orders = manifest.tables.find((t) => t.name === "orders");
            assert.equal(orders?.exact, false);
            assert(orders.rows > 1000 && orders.rows < 30_000, String(orders.rows));
        }
        assert.deepEqual(
            analyzed.tables.map((t) => [t.name, t.rows, t.exact]),
            [
                ['Odd "name"', 7, true],
                ["empty_one", 0, true],
                ["events_2024", 214, true],
                ["events_2025", 86, true],
                ["orders", 3000, false],
            ],
        );
    });

    it("several of one second get names of their own, also at once", async () => {
        const now = (): Date => new Date("2026-01-02T03:04:05Z");
        const take = async (): Promise<Manifest> => takeSnapshot(request(server.database("app"), store, { now }));
        const first = await take();
        const [second, third] = await Promise.all([take(), take()]);
        const names = [first.name, second.name, third.name].sort();
        const base = "prod_pre-migration-v1.3.0_20260102_030405";
        assert.equal(first.name, base);
        assert.deepEqual(names, [base, `${base}_2`, `${base}_3`]);
        assert.deepEqual(
            (await filesIn(folder)).map((f) => f.name),
            names.flatMap((n) => [`${n}.dump`, `${n}.manifest.json`]).sort(),
        );
        assert.equal((await listSnapshots(store)).length, 3);
        for (const name of names) await verifySnapshot(store, name);
    });

    it("a restore point is called by its label, an emergency snapshot by what it is for", async () => {
        const take = async (more: Partial<SnapshotRequest>): Promise<Manifest> =>
            takeSnapshot(
                request(server.database("app"), store, { now: () => new Date("2026-01-02T03:04:05Z"), ...more }),
            );
        const point = await take({ kind: "restore-point", label: "test-rollback" });
        const emergency = await take({ kind: "emergency" });
        assert.equal(point.name, "prod_test-rollback_20260102_030405");
        assert.equal(emergency.name, "prod_pre-restore-v1.3.0_20260102_030405");
        assert.deepEqual(
            [point, emergency].map((m) => [m.kind, m.label]),
            [
                ["restore-point", "test-rollback"],
                ["emergency", null],
            ],
        );
        const bytes = await withClient(server.database("app"), async (client) => {
            const { rows } = await client.query<{ n: string }>("SELECT pg_database_size('app') AS n");
            return Number(rows[0]?.n);
        });
        const told = point.databaseBytes ?? 0;
        assert(Math.abs(told - bytes) < bytes / 10, `${String(told)} for ${String(bytes)}`);
        await assert.rejects(take({ kind: "restore-point", label: "pre-migration" }), BadInputError);
        await assert.rejects(take({ kind: "restore-point", label: "" }), BadInputError);
    });

    it("an empty database has a snapshot, too", async () => {
        await withClient(server.database("postgres"), async (client) => client.query('CREATE DATABASE "Empty =db"'));
        const manifest = await takeSnapshot(
            request(server.database("postgres").sibling("Empty =db"), store, { from: null, applied: [] }),
        );
        assert.deepEqual(manifest.tables, []);
        assert.equal(manifest.database.name, "Empty =db");
        await verifySnapshot(store, manifest.name);
    });

    it("a store that begins to read when pg_dump has ended already gets all of it", async function () {
        if (process.platform !== "linux") skip(this, "needs Linux: looks into /proc");
        const name = await server.create();
        const late = hooked(store, {
            before: async () =>
                eventually(async () => (await childrenNamed("pg_dump")).length === 0, "pg_dump has ended"),
        });
        const manifest = await takeSnapshot(request(server.database(name), late));
        assert(manifest.archive.bytes > 0);
        await verifySnapshot(store, manifest.name);
    });

    it("server settings that end idle or long transactions do not end it", async () => {
        await withClient(server.database("postgres"), async (client) =>
            client.query(
                "ALTER DATABASE app SET idle_in_transaction_session_timeout = 200; ALTER DATABASE app SET statement_timeout = 200",
            ),
        );
        try {
            const slow = hooked(store, { midStream: async () => new Promise((resolve) => setTimeout(resolve, 800)) });
            await verifySnapshot(store, (await takeSnapshot(request(server.database("app"), slow))).name);
        } finally {
            await withClient(server.database("postgres"), async (client) =>
                client.query("ALTER DATABASE app RESET ALL"),
            );
        }
    });

    it("estimates are of the right order", async () => {
        const { bytes, seconds } = await withClient(server.database("app"), async (client) => {
            await client.query("BEGIN");
            return estimateSnapshot(client);
        });
        const { archive } = await takeSnapshot(request(server.database("app"), store));
        assert(bytes > archive.bytes / 3 && bytes < archive.bytes * 3, `${String(bytes)} for ${String(archive.bytes)}`);
        assert(seconds >= 1 && seconds < 30);
    });

    it("the password is in no file and no process's arguments", async function () {
        if (process.platform !== "linux") skip(this, "needs Linux: looks into /proc");
        let seen = "";
        const watched = hooked(store, {
            midStream: async () => {
                assert.equal((await childrenNamed("pg_dump")).length, 1);
                for (const pid of (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry)))
                    seen += await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
            },
        });
        const manifest = await takeSnapshot(request(server.database("app"), watched));
        assert.match(seen, /pg_dump\0--format=custom/);
        for (const secret of [canary, encodeURIComponent(canary)]) {
            assert(!seen.includes(secret), "process list");
            assert(!JSON.stringify(manifest).includes(secret), "manifest");
            for (const file of await filesIn(folder)) assert(!file.content.includes(secret), file.name);
        }
    });
});
