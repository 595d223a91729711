import assert from "node:assert/strict";
import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { openDatabase, type Database } from "../../core/connection";
import { FailedError } from "../../core/errors";
import type { SnapshotStore } from "../../core/snapshots/store";
import { openStore } from "../../core/snapshots/stores";
import { takeSnapshot } from "../../core/snapshots/take";
import { listSnapshots } from "../../core/snapshots/contents";
import { verifySnapshot } from "../../core/snapshots/verify";
import { childrenNamed, filesIn, fixture, hooked, request, withClient } from "./fixture";
import { eventually } from "../support/eventually";
import { canary, startTestServer, type TestServer } from "../support/postgres";
import { skip } from "../support/skip";

describe("a snapshot that fails", function () {
    this.timeout(60_000);
    let server: TestServer;
    let home: string;
    let folder: string;
    let store: SnapshotStore;
    let database: Database;

    before(async function () {
        if (process.platform !== "linux") skip(this, "needs Linux: looks into /proc");
        server = await startTestServer();
        await withClient(server.database("postgres"), async (client) => client.query("CREATE DATABASE app"));
        await withClient(server.database("app"), async (client) => client.query(fixture));
        database = server.database("app");
    });
    after(async () => server.stop());
    beforeEach(async () => {
        home = await mkdtemp(path.join(os.tmpdir(), "schemaward-faults-"));
        folder = path.join(home, "store");
        await mkdir(folder);
        store = openStore(`file://${folder}`, "/");
    });
    afterEach(async () => {
        assert.deepEqual(await childrenNamed("pg_dump"), []);
        assert.deepEqual(await childrenNamed("pg_restore"), []);
        await rm(home, { recursive: true });
    });

    /** It must fail with this text, leave nothing in the store, no transaction on the server, and show no password. */
    async function failsCleanly(taking: Promise<unknown>, says: RegExp): Promise<FailedError> {
        let failure: unknown;
        await taking.catch((error: unknown) => {
            failure = error;
        });
        assert(failure instanceof FailedError, String(failure));
        assert.match(failure.message, says);
        assert.match(failure.message, /State: [^]*Next: /);
        for (const secret of [canary, encodeURIComponent(canary)])
            assert(!failure.message.includes(secret), failure.message);
        assert.deepEqual(
            (await filesIn(folder)).map((f) => f.name),
            [],
        );
        assert.deepEqual(await listSnapshots(store), []);
        await eventually(async () => {
            const { rows } = await withClient(server.database("postgres"), async (client) =>
                client.query(
                    "SELECT FROM pg_stat_activity WHERE application_name LIKE 'schemaward %' AND application_name <> 'schemaward test'",
                ),
            );
            return rows.length === 0;
        });
        return failure;
    }

    async function killPgDump(signal: NodeJS.Signals): Promise<void> {
        const [pid, ...others] = await childrenNamed("pg_dump");
        assert(pid !== undefined && others.length === 0, "one pg_dump runs");
        process.kill(pid, signal);
        await eventually(async () => (await childrenNamed("pg_dump")).length === 0);
    }

    it("kill -9 of pg_dump in mid-stream", async () => {
        const killing = hooked(store, { midStream: async () => killPgDump("SIGKILL") });
        await failsCleanly(
            takeSnapshot(request(database, killing)),
            /pg_dump failed \(signal SIGKILL\) after \d+ bytes[^]*No snapshot was stored/,
        );
    });

    it("pg_restore killed while it reads along", async () => {
        const killing = hooked(store, {
            midStream: async () => {
                const [pid] = await childrenNamed("pg_restore");
                assert(pid !== undefined);
                process.kill(pid, "SIGKILL");
            },
        });
        await failsCleanly(takeSnapshot(request(database, killing)), /pg_restore cannot read[^]*SIGKILL/);
    });

    it("pg_dump's connection ended by the server", async () => {
        const ending = hooked(store, {
            midStream: async () => {
                await withClient(database, async (client) =>
                    client.query(
                        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'schemaward pg_dump'",
                    ),
                );
            },
        });
        await failsCleanly(
            takeSnapshot(request(database, ending)),
            /pg_dump failed \(exit code 1\)[^]*(?:server closed the|terminating) connection[^]*ended the connection/,
        );
    });

    it("the exporting connection ended by the server before the counting", async () => {
        const ending = hooked(store, {
            before: async (name) => {
                if (!name.endsWith(".taking")) return;
                await withClient(database, async (client) =>
                    client.query(
                        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'schemaward snapshot'",
                    ),
                );
            },
        });
        await failsCleanly(
            takeSnapshot(request(database, ending)),
            /schema cannot be read|rows cannot be counted|pg_dump failed/,
        );
    });

    it("stopped from outside", async () => {
        const stop = new AbortController();
        const stopping = hooked(store, {
            midStream: async () => {
                stop.abort();
                return Promise.resolve();
            },
        });
        await failsCleanly(
            takeSnapshot(request(database, stopping, { signal: stop.signal })),
            /was stopped before it was complete/,
        );
        await failsCleanly(
            takeSnapshot(request(database, store, { signal: stop.signal })),
            /was stopped before it was complete/,
        );
    });

    it("stopped while a table is locked by others", async () => {
        await withClient(database, async (holder) => {
            await holder.query("BEGIN; LOCK TABLE empty_one IN ACCESS EXCLUSIVE MODE");
            const stop = new AbortController();
            const taking = takeSnapshot(request(database, store, { signal: stop.signal }));
            taking.catch(() => undefined);
            await withClient(server.database("postgres"), async (watcher) =>
                eventually(async () => {
                    const { rows } = await watcher.query<{ waiting: string }>(
                        "SELECT count(*) AS waiting FROM pg_stat_activity WHERE application_name LIKE 'schemaward %' AND wait_event_type = 'Lock'",
                    );
                    return rows[0]?.waiting === "2";
                }),
            );
            stop.abort();
            await assert.rejects(taking, /was stopped before it was complete/);
            // The server notices that a client went away when it grants the lock.
            await holder.query("ROLLBACK");
            await failsCleanly(taking, /was stopped before it was complete/);
        });
    });

    it("kill -9 of the whole run: nothing is listed, pg_dump ends, the next run goes through", async () => {
        const child = fork(path.join(__dirname, "hanging-run.js"), [`file://${folder}`], {
            env: { ...process.env, DATABASE_URL: server.url("app") },
        });
        await once(child, "message");
        const tools = [
            ...(await childrenNamed("pg_dump", child.pid)),
            ...(await childrenNamed("pg_restore", child.pid)),
        ];
        assert.equal(tools.length, 2);
        child.kill("SIGKILL");
        await once(child, "exit");
        await eventually(async () => Promise.resolve(tools.every((pid) => !alive(pid))));
        const name = "prod_pre-migration-v1.3.0_20260102_030405";
        const left = (await filesIn(folder)).map((f) => f.name);
        assert.equal(left.length, 2);
        assert.match(left[0] ?? "", /^\.schemaward-\d+-[0-9a-f]+\.part$/);
        assert.equal(left[1], `${name}.taking`);
        assert.deepEqual(await listSnapshots(store), []);
        const now = (): Date => new Date("2026-01-02T03:04:05Z");
        const second = await takeSnapshot(request(database, store, { now }));
        assert.equal(second.name, `${name}_2`);
        await verifySnapshot(store, second.name);
        const yesterday = new Date(Date.now() - 25 * 3_600_000);
        for (const file of left) await utimes(path.join(folder, file), yesterday, yesterday);
        const third = await takeSnapshot(request(database, store, { now }));
        assert.equal(third.name, name);
        assert.deepEqual(
            (await filesIn(folder)).map((f) => f.name),
            [
                ...[`${name}.dump`, `${name}.manifest.json`],
                ...[".dump", ".manifest.json", ".verified"].map((suffix) => second.name + suffix),
            ],
        );
    });

    it("the store fails in mid-stream", async () => {
        const failing = hooked(store, {
            midStream: async () =>
                Promise.reject(new FailedError({ what: "The store is gone.", state: "-", next: "-" })),
        });
        await failsCleanly(takeSnapshot(request(database, failing)), /The store is gone/);
    });

    it("the manifest cannot be written: the archive goes, too", async () => {
        const failing = hooked(store, {
            before: async (name) => {
                if (name.endsWith(".manifest.json"))
                    throw new FailedError({ what: "No manifest today.", state: "-", next: "-" });
                return Promise.resolve();
            },
        });
        await failsCleanly(takeSnapshot(request(database, failing)), /No manifest today/);
    });

    it("a store that wrote something else than it was sent", async () => {
        for (const lie of [{ bytes: 1 }, { sha256: "0".repeat(64) }]) {
            const lying: SnapshotStore = {
                ...hooked(store, {}),
                put: async (name, body) => ({
                    ...(await store.put(name, body)),
                    ...(name.endsWith(".dump") ? lie : {}),
                }),
            };
            await failsCleanly(takeSnapshot(request(database, lying)), /does not hold what was sent/);
        }
    });

    it("a store that may not be written to", async () => {
        await rm(folder, { recursive: true });
        await writeFile(folder, "");
        await assert.rejects(
            takeSnapshot(request(database, store)),
            /store failed: could not create[^]*stands in the way/,
        );
        await rm(folder);
        await mkdir(folder);
    });

    it("the disk is full", async function () {
        if (process.getuid?.() !== 0) skip(this, "needs root: mounts a small disk");
        try {
            execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], { stdio: "ignore" });
        } catch {
            skip(this, "needs the right to mount a small disk");
        }
        try {
            await failsCleanly(takeSnapshot(request(database, store)), /ENOSPC[^]*free space/);
        } finally {
            execFileSync("umount", [folder]);
        }
    });

    it("no right to read a table", async () => {
        await withClient(database, async (client) =>
            client.query("CREATE ROLE reader LOGIN PASSWORD 'reader-password'"),
        );
        const reader = openDatabase({ url: server.url("app").replace(/owner:[^@]+/, "reader:reader-password") });
        await failsCleanly(takeSnapshot(request(reader, store)), /permission denied[^]*pg_read_all_data/);
    });

    it("row security would hide rows", async () => {
        await withClient(database, async (client) =>
            client.query(`CREATE ROLE tenant LOGIN PASSWORD 'tenant-password' IN ROLE pg_read_all_data;
                          ALTER TABLE empty_one ENABLE ROW LEVEL SECURITY`),
        );
        const tenant = openDatabase({ url: server.url("app").replace(/owner:[^@]+/, "tenant:tenant-password") });
        await failsCleanly(takeSnapshot(request(tenant, store)), /row-level security/);
        await withClient(database, async (client) => client.query("ALTER TABLE empty_one DISABLE ROW LEVEL SECURITY"));
    });

    it("the wrong password", async () => {
        const wrong = openDatabase({ url: server.url("app").replace("c4nary", "c5nary") });
        await failsCleanly(takeSnapshot(request(wrong, store)), /No connection[^]*password/);
    });

    it("no pg_dump for this server", async () => {
        const before = { PATH: process.env.PATH, SCHEMAWARD_PG_BIN: process.env.SCHEMAWARD_PG_BIN };
        // A server of the future, as far as can be told from its version.
        const future: Database = {
            ...database,
            connect: async (purpose, options) => {
                const client = await database.connect(purpose, options);
                const query = client.query.bind(client) as (...args: unknown[]) => unknown;
                const answer = (...args: unknown[]): unknown =>
                    args[0] === "SHOW server_version_num"
                        ? Promise.resolve({ rows: [{ server_version_num: "990001" }] })
                        : query(...args);
                return Object.assign(client, { query: answer });
            },
        };
        process.env.SCHEMAWARD_PG_BIN = "/nowhere/bin";
        try {
            const error = await failsCleanly(takeSnapshot(request(future, store)), /No pg_dump of version 99 or newer/);
            assert.match(error.message, /SCHEMAWARD_PG_BIN: \/nowhere\/bin/);
            assert.match(error.message, /PATH: /);
            assert.match(error.message, /set SCHEMAWARD_PG_BIN/);
        } finally {
            if (before.SCHEMAWARD_PG_BIN === undefined) delete process.env.SCHEMAWARD_PG_BIN;
            else process.env.SCHEMAWARD_PG_BIN = before.SCHEMAWARD_PG_BIN;
        }
    });

    it("a pg_dump that writes no archive although it exits with 0, or prints the password", async () => {
        const bin = path.join(home, "bin");
        const real = path.join(server.binaries.dir, "pg_restore");
        const before = process.env.SCHEMAWARD_PG_BIN;
        const fake = async (folderName: string, script: string): Promise<void> => {
            const dir = path.join(bin, folderName);
            await mkdir(dir, { recursive: true });
            await writeFile(path.join(dir, "pg_restore"), `#!/bin/sh\nexec ${real} "$@"\n`);
            await writeFile(
                path.join(dir, "pg_dump"),
                `#!/bin/sh\n[ "$1" = --version ] && echo "pg_dump (PostgreSQL) 99.1" && exit 0\n${script}\n`,
            );
            for (const name of ["pg_dump", "pg_restore"]) await chmod(path.join(dir, name), 0o755);
            process.env.SCHEMAWARD_PG_BIN = dir;
        };
        try {
            await fake("empty", "exit 0");
            await failsCleanly(
                takeSnapshot(request(database, store)),
                /pg_restore cannot read[^]*input file is too short/,
            );
            await fake("cut", `${path.join(server.binaries.dir, "pg_dump")} "$@" | head -c 3000000; exit 0`);
            await failsCleanly(takeSnapshot(request(database, store)), /pg_restore cannot read[^]*end of file/);
            await fake("chatty", `echo "bad password $PGPASSWORD in postgresql://u:pw123@h/d" >&2; exit 3`);
            const error = await failsCleanly(
                takeSnapshot(request(database, store)),
                /pg_dump failed \(exit code 3\) after 0 bytes/,
            );
            assert.match(error.message, /bad password/);
            assert.doesNotMatch(error.message, /pw123/);
        } finally {
            if (before === undefined) delete process.env.SCHEMAWARD_PG_BIN;
            else process.env.SCHEMAWARD_PG_BIN = before;
        }
    });
});

function alive(pid: number): boolean {
    try {
        process.kill(pid, 0);
        return true;
    } catch {
        return false;
    }
}
