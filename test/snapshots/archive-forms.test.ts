import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import fc from "fast-check";
import type { Database } from "../../core/connection";
import { BadInputError, FailedError } from "../../core/errors";
import { age } from "../../core/snapshots/age";
import { archiveBytes, archiveObjects } from "../../core/snapshots/archive";
import { readStore } from "../../core/snapshots/contents";
import { divide } from "../../core/snapshots/divide";
import type { ArchiveKey } from "../../core/snapshots/encryption";
import { extractTables } from "../../core/snapshots/extract";
import { withLocalArchive } from "../../core/snapshots/local-archive";
import { prune } from "../../core/snapshots/prune";
import { restoreArchive } from "../../core/snapshots/restore-archive";
import type { SnapshotStore } from "../../core/snapshots/store";
import { openStore } from "../../core/snapshots/stores";
import { type SnapshotRequest, takeSnapshot } from "../../core/snapshots/take";
import { needTool } from "../../core/snapshots/tool";
import { verifySnapshot } from "../../core/snapshots/verify";
import { startTestServer, type TestServer } from "../support/postgres";
import { contentOf, filesIn, fixture, hooked, request, withClient } from "./fixture";

describe("a snapshot of several objects, or encrypted", function () {
    this.timeout(60_000);
    let server: TestServer;
    let home: string;
    let folder: string;
    let store: SnapshotStore;
    let database: Database;
    let recipient: string;
    let identity: string;
    let another: string;

    before(async () => {
        const { generateX25519Identity, identityToRecipient } = await age();
        identity = await generateX25519Identity();
        another = await generateX25519Identity();
        recipient = await identityToRecipient(identity);
        server = await startTestServer();
        await withClient(server.database("postgres"), async (client) => client.query("CREATE DATABASE app"));
        database = server.database("app");
        await withClient(database, async (client) => {
            await client.query(fixture);
            await client.query(`CREATE SEQUENCE s; SELECT setval('s', 41);
                CREATE TABLE counted (id bigserial PRIMARY KEY, v text); INSERT INTO counted (v) SELECT 'v' FROM generate_series(1, 50000);
                SELECT lo_from_bytea(4711, decode(repeat('cd', 9000), 'hex'))`);
        });
    });
    after(async () => server.stop());
    beforeEach(async () => {
        home = await mkdtemp(path.join(os.tmpdir(), "schemaward-forms-"));
        folder = path.join(home, "store");
        await mkdir(folder);
        store = openStore(`file://${folder}`, "/");
    });
    afterEach(async () => rm(home, { recursive: true }));

    for (const { name, jobs, isEncrypted } of [
        { name: "three jobs", jobs: 3, isEncrypted: false },
        { name: "encrypted", jobs: 1, isEncrypted: true },
        { name: "three jobs, encrypted", jobs: 3, isEncrypted: true },
    ]) {
        const more = (): Partial<SnapshotRequest> => ({
            jobs,
            ...(isEncrypted ? { encryption: { recipients: [recipient] } } : {}),
        });
        const key = (): { key?: ArchiveKey } => (isEncrypted ? { key: () => Promise.resolve(identity) } : {});

        it(`${name}: is verified, extracted from, restored, deleted`, async () => {
            const manifest = await takeSnapshot(request(database, store, more()));
            const objects = archiveObjects(manifest);
            assert.equal(objects.length, jobs);
            const files = await filesIn(folder);
            assert.deepEqual(
                files.map((f) => f.name),
                [...objects.map((o) => o.object), `${manifest.name}.manifest.json`].sort(),
            );
            if (isEncrypted)
                for (const { content, name: file } of files.filter((f) => f.name.includes(".dump")))
                    assert.equal(content.subarray(0, 21).toString(), "age-encryption.org/v1", file);

            const { snapshots, unusable } = await readStore(store);
            assert.deepEqual([snapshots.map((s) => s.manifest.name), unusable], [[manifest.name], []]);
            assert.equal((await verifySnapshot(store, manifest.name, key())).bytes, archiveBytes(manifest));

            const out = new PassThrough();
            const extracting = extractTables({
                ...{
                    store,
                    name: manifest.name,
                    tables: ["orders", "events_2024"],
                    schema: "public",
                    definition: true,
                    ...key(),
                },
                open: () => Promise.resolve(out),
            }).then(() => out.end());
            const sql = await text(out);
            await extracting;
            for (const table of ["orders", "events_2024"]) {
                assert.equal(sql.split(`CREATE TABLE public.${table} `).length, 2, table);
                assert.equal(sql.split(`COPY public.${table} `).length, 2, table);
            }

            await withClient(server.database("postgres"), async (client) => {
                await client.query("DROP DATABASE IF EXISTS again WITH (FORCE)");
                await client.query("CREATE DATABASE again");
            });
            const pgRestore = await needTool("pg_restore", server.binaries.major, "archive");
            await withLocalArchive(store, manifest, { signal: undefined, ...key() }, async (local) =>
                restoreArchive({
                    pgRestore,
                    files: local,
                    libpq: await database.libpq(),
                    database: "again",
                    jobs: 2,
                    signal: undefined,
                }),
            );
            const again = server.database("again");
            assert.deepEqual(await contentOf(again), await contentOf(database));
            const loose = async (of: Database): Promise<unknown> =>
                withClient(
                    of,
                    async (client) =>
                        (
                            await client.query<Record<string, unknown>>(
                                "SELECT (SELECT last_value FROM s) AS s, (SELECT last_value FROM counted_id_seq) AS c, md5(lo_get(4711)) AS lo, (SELECT count(*) FROM totals) AS t",
                            )
                        ).rows,
                );
            assert.deepEqual(await loose(again), await loose(database));

            const next = await takeSnapshot(
                request(database, store, { ...more(), now: () => new Date(Date.now() + 5_000) }),
            );
            const { deleted } = await prune(store, { last: 1 });
            assert.deepEqual(deleted, [manifest.name]);
            assert.deepEqual(
                (await filesIn(folder)).filter((f) => !f.name.startsWith(next.name)).map((f) => f.name),
                [],
            );
        });

        it(`${name}: one changed byte is found, in whichever object, and a truncated one`, async () => {
            const manifest = await takeSnapshot(request(database, store, more()));
            for (const { object, bytes } of archiveObjects(manifest)) {
                const file = path.join(folder, object);
                const whole = await readFile(file);
                const changed = Buffer.from(whole);
                changed[Math.floor(bytes / 2)] = (changed[Math.floor(bytes / 2)] ?? 0) ^ 4;
                await writeFile(file, changed);
                await assert.rejects(verifySnapshot(store, manifest.name, key()), (error) => {
                    assert(error instanceof FailedError);
                    assert.match(error.message, /damaged[^]*SHA-256/);
                    return true;
                });
                await assert.rejects(
                    withLocalArchive(store, manifest, { signal: undefined, ...key() }, () => Promise.resolve()),
                    /damaged[^]*SHA-256/,
                );
                await truncate(file, Math.floor(bytes / 2));
                assert.match((await readStore(store)).unusable[0]?.why ?? "", /bytes, the manifest says/);
                await rm(file);
                assert.match((await readStore(store)).unusable[0]?.why ?? "", /missing/);
                await writeFile(file, whole);
            }
            await verifySnapshot(store, manifest.name, key());
        });
    }

    it("of which one object cannot be written leaves none of the others", async () => {
        const failing = hooked(store, {
            before: async (name) => {
                if (!name.endsWith(".dump.2")) return;
                await Promise.resolve();
                throw new FailedError({ what: "the disk is on fire" });
            },
        });
        await assert.rejects(takeSnapshot(request(database, failing, { jobs: 3 })), /the disk is on fire/);
        assert.deepEqual(await filesIn(folder), []);
    });

    it("the wrong key, no key and what is no key are told, and show no key", async () => {
        const manifest = await takeSnapshot(request(database, store, { encryption: { recipients: [recipient] } }));
        for (const [key, says] of [
            [undefined, /is encrypted, and no key is named/],
            [() => Promise.resolve(another), /was not encrypted for the key that is named/],
            [() => Promise.resolve(`${identity}x`), /is no key of age/],
            [() => Promise.resolve("hunter2"), /is no key of age/],
        ] as const)
            await assert.rejects(verifySnapshot(store, manifest.name, key === undefined ? {} : { key }), (error) => {
                assert(error instanceof BadInputError, String(error));
                assert.match(error.message, says);
                assert(!error.message.includes(identity) && !error.message.includes("hunter2"));
                return true;
            });
        await assert.rejects(
            takeSnapshot(request(database, store, { encryption: { recipients: ["age1nonsense"] } })),
            /age1nonsense is no recipient of age/,
        );
    });

    it("property: each table is in one group, and none has more than its share and one table", () => {
        fc.assert(
            fc.property(
                fc.array(fc.integer({ min: 0, max: 1_000_000 }), { maxLength: 60 }),
                fc.integer({ min: 0, max: 1_000_000 }),
                fc.integer({ min: 1, max: 8 }),
                (sizes, rest, jobs) => {
                    const tables = sizes.map((bytes, i) => ({ schema: "s", name: String(i), bytes }));
                    const groups = divide(tables, rest, jobs);
                    assert(groups.length < jobs);
                    const named = groups.flat().map((t) => t.name);
                    assert.equal(new Set(named).size, named.length);
                    const load = (group: readonly { readonly bytes: number }[]): number =>
                        group.reduce((sum, t) => sum + t.bytes, 0);
                    const total = load(tables) + rest;
                    const first = total - groups.reduce((sum, g) => sum + load(g), 0);
                    const most = Math.max(rest, total / jobs + Math.max(0, ...sizes));
                    assert(Math.max(first, ...groups.map(load)) <= most + 1e-6);
                },
            ),
        );
    });
});
