import assert from "node:assert/strict";
import { execFile, fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { FailedError } from "../../core/errors";
import { openS3Store } from "../../core/snapshots/s3-store";
import type { SnapshotStore } from "../../core/snapshots/store";
import { takeSnapshot } from "../../core/snapshots/take";
import { listSnapshots, readStore } from "../../core/snapshots/contents";
import { verifySnapshot } from "../../core/snapshots/verify";
import { type LocalS3, s3Server, startS3 } from "../../tools/local-s3";
import { needs } from "../support/capability";
import { eventually } from "../support/eventually";
import { FaultyS3 } from "../support/faulty-s3";
import { startCommand, succeeds } from "../support/command";
import { canary, startTestServer, type TestServer } from "../support/postgres";
import { skip } from "../support/skip";
import { Bucket, logIn, loginEnvironment } from "../support/bucket";
import { childrenNamed, contentOf, fixture, hooked, request, withClient } from "./fixture";

const MiB = 1024 * 1024;
const name = "prod_pre-migration-v1.3.0_20260102_030405";
const now = (): Date => new Date("2026-01-02T03:04:05Z");

describe("a snapshot in S3", function () {
    this.timeout(60_000);
    needs(s3Server);
    let server: TestServer;
    let s3: LocalS3;
    let proxy: FaultyS3;
    let bucket: Bucket;
    let store: SnapshotStore;
    let logOut: () => void;

    before(async () => {
        server = await startTestServer();
        await withClient(server.database("postgres"), async (client) => client.query("CREATE DATABASE app"));
        await withClient(server.database("app"), async (client) => client.query(fixture));
        s3 = await startS3();
        proxy = await FaultyS3.start(s3.endpoint);
        logOut = logIn(s3);
    });
    after(async () => {
        logOut();
        await proxy.stop();
        await s3.stop();
        await server.stop();
    });
    beforeEach(async () => {
        proxy.reset();
        bucket = await Bucket.make(s3);
        // The fixture's dump becomes three parts.
        store = openS3Store(bucket.url("prod", proxy.endpoint), "/", {
            partBytes: () => 5 * MiB,
            patience: { retryMs: 500 },
        });
    });
    afterEach(async () => {
        if (process.platform !== "linux") return;
        assert.deepEqual(await childrenNamed("pg_dump"), []);
        assert.deepEqual(await childrenNamed("pg_restore"), []);
    });

    async function failsCleanly(taking: Promise<unknown>, says: RegExp): Promise<void> {
        const failure = await taking.then(
            () => assert.fail("it went through"),
            (error: unknown) => error,
        );
        assert(failure instanceof FailedError, String(failure));
        assert.match(failure.message, says);
        assert.deepEqual(await bucket.left(), []);
        assert.deepEqual(await listSnapshots(store), []);
    }

    it("is taken, verified, and restored by hand", async () => {
        const manifest = await takeSnapshot(request(server.database("app"), store, { now }));
        assert.equal(manifest.name, name);
        assert(proxy.count("part") >= 2, "it went up in parts");
        assert.deepEqual(await bucket.left(), [`prod/${name}.dump`, `prod/${name}.manifest.json`]);
        assert.deepEqual(await listSnapshots(store), [manifest]);
        const verified = await verifySnapshot(store, name);
        assert.equal(verified.sha256, manifest.archive.sha256);
        const folder = await mkdtemp(path.join(os.tmpdir(), "schemaward-s3-restore-"));
        try {
            const file = path.join(folder, "x.dump");
            await writeFile(file, await buffer(await store.get(`${name}.dump`)));
            await withClient(server.database("postgres"), async (client) => client.query("CREATE DATABASE restored"));
            await promisify(execFile)(
                path.join(server.binaries.dir, "pg_restore"),
                ["--exit-on-error", "-d", "restored", file],
                { env: { ...process.env, ...server.env } },
            );
        } finally {
            await rm(folder, { recursive: true });
        }
        assert.deepEqual(await contentOf(server.database("restored")), await contentOf(server.database("app")));
    });

    it("a second one of the same second gets a name of its own; one that is damaged is found", async () => {
        await takeSnapshot(request(server.database("app"), store, { now }));
        const second = await takeSnapshot(request(server.database("app"), store, { now }));
        assert.equal(second.name, `${name}_2`);
        const { Body } = await bucket.s3.getObject({ Bucket: bucket.name, Key: `prod/${name}.dump` });
        const content = Buffer.from((await Body?.transformToByteArray()) ?? []);
        content[content.length >> 1] = (content[content.length >> 1] ?? 0) ^ 1;
        await bucket.s3.putObject({ Bucket: bucket.name, Key: `prod/${name}.dump`, Body: content });
        await assert.rejects(verifySnapshot(store, name), /damaged[^]*SHA-256/);
        await verifySnapshot(store, second.name);
        await store.delete(`${name}.manifest.json`);
        assert.deepEqual((await readStore(store)).unusable, [{ name, why: "it has no manifest" }]);
    });

    it("kill -9 of pg_dump after the first parts: nothing is there", async function () {
        if (process.platform !== "linux") skip(this, "needs Linux: looks into /proc");
        const killing = hooked(
            store,
            {
                midStream: async () => {
                    await eventually(async () => (await bucket.uploads()).length === 1);
                    const [pid] = await childrenNamed("pg_dump");
                    assert(pid !== undefined);
                    process.kill(pid, "SIGKILL");
                },
            },
            6 * MiB,
        );
        await failsCleanly(
            takeSnapshot(request(server.database("app"), killing, { now })),
            /pg_dump failed \(signal SIGKILL\) after [678]\d{6} bytes/,
        );
        assert.equal(proxy.count("abort"), 2, "the probe's and the dump's");
    });

    it("stopped from outside while parts are on their way", async () => {
        const stop = new AbortController();
        proxy.fault = ({ what }) => {
            if (what !== "part") return undefined;
            stop.abort();
            return "hang";
        };
        await failsCleanly(
            takeSnapshot(request(server.database("app"), store, { now, signal: stop.signal })),
            /was stopped before it was complete/,
        );
    });

    it("the store fails while pg_dump runs", async () => {
        proxy.fault = ({ what }) => (what === "part" ? { status: 500, code: "InternalError" } : undefined);
        await failsCleanly(
            takeSnapshot(request(server.database("app"), store, { now })),
            /could not upload a part of prod_pre-migration[^]*\(InternalError\)/,
        );
    });

    it("kill -9 of the whole run: nothing is listed, the next run goes through", async () => {
        const child = fork(path.join(__dirname, "hanging-run.js"), [bucket.url("prod")], {
            env: { ...process.env, ...loginEnvironment(s3), DATABASE_URL: server.url("app") },
        });
        await once(child, "message");
        child.kill("SIGKILL");
        await once(child, "exit");
        assert.deepEqual(await listSnapshots(store), []);
        assert.deepEqual(await bucket.left(), [`prod/${name}.taking`]);
        const second = await takeSnapshot(request(server.database("app"), store, { now }));
        assert.equal(second.name, `${name}_2`);
        await verifySnapshot(store, second.name);
    });

    it("the command, which is one file, finds S3's client", async () => {
        const home = await mkdtemp(path.join(os.tmpdir(), "schemaward-s3-command-"));
        try {
            const database = await server.create();
            for (const folder of ["stacks", "migrations"]) await mkdir(path.join(home, folder));
            await writeFile(path.join(home, "Pulumi.yaml"), "name: app\nruntime: nodejs\nstackConfigDir: stacks\n");
            await writeFile(
                path.join(home, "stacks", "Pulumi.dev.yaml"),
                `config:
  app:version: "001"
  app:connection: { env: DATABASE_URL }
  app:migrations: { dir: migrations }
  app:snapshot: { store: "${bucket.url("app")}" }
`,
            );
            await writeFile(path.join(home, "migrations", "001_one.sql"), "CREATE TABLE one (id int);\n");
            const { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: _, ...rest } = process.env;
            const env = { ...rest, ...loginEnvironment(s3), DATABASE_URL: server.url(database) };
            const output = await succeeds(
                startCommand("cli/main.js", ["migrate", "--stack", "dev", "--yes"], { cwd: home, env }).done,
            );
            const [dumped, manifest] = await bucket.left();
            assert.match(dumped ?? "", /^app\/dev_pre-migration_\d{8}_\d{6}\.dump$/);
            assert.match(manifest ?? "", /\.manifest\.json$/);
            assert(output.includes(path.basename(dumped ?? "", ".dump")), output);
            assert.doesNotMatch(output, /warning/i);
            for (const secret of [s3.secretAccessKey, canary]) assert(!output.includes(secret));
            await verifySnapshot(openS3Store(bucket.url("app"), "/"), path.posix.basename(dumped ?? "", ".dump"));
        } finally {
            await rm(home, { recursive: true });
        }
    });
});
