import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { BadInputError, FailedError } from "../../core/errors";
import type { Manifest } from "../../core/snapshots/manifest";
import type { SnapshotStore } from "../../core/snapshots/store";
import { openStore } from "../../core/snapshots/stores";
import { takeSnapshot } from "../../core/snapshots/take";
import { listSnapshots, readStore } from "../../core/snapshots/contents";
import { verifySnapshot } from "../../core/snapshots/verify";
import type { Verified } from "../../core/snapshots/verified-record";
import { fixture, request, withClient } from "./fixture";
import { startTestServer, type TestServer } from "../support/postgres";

const run = promisify(execFile);

describe("verifying and listing snapshots", function () {
    this.timeout(60_000);
    let server: TestServer;
    let original: string;
    let folder: string;
    let store: SnapshotStore;
    let manifest: Manifest;
    let dumpFile: string;
    let manifestFile: string;

    before(async () => {
        server = await startTestServer();
        original = await mkdtemp(path.join(os.tmpdir(), "schemaward-original-"));
        await withClient(server.database("postgres"), async (client) => client.query(fixture));
        manifest = await takeSnapshot(request(server.database("postgres"), openStore(`file://${original}`, "/")));
    });
    after(async () => {
        await server.stop();
        await rm(original, { recursive: true });
    });
    beforeEach(async () => {
        folder = await mkdtemp(path.join(os.tmpdir(), "schemaward-verify-"));
        store = openStore(`file://${folder}`, "/");
        dumpFile = path.join(folder, `${manifest.name}.dump`);
        manifestFile = path.join(folder, `${manifest.name}.manifest.json`);
        for (const file of [dumpFile, manifestFile]) await copyFile(path.join(original, path.basename(file)), file);
    });
    afterEach(async () => rm(folder, { recursive: true }));

    async function isDamaged(...says: RegExp[]): Promise<void> {
        await assert.rejects(verifySnapshot(store, manifest.name), (error) => {
            assert(error instanceof FailedError, String(error));
            for (const says_ of says) assert.match(error.message, says_);
            assert.match(error.message, /Do not restore from it/);
            return true;
        });
    }

    /** So that the sums do not tell and only pg_restore can. */
    async function makeManifestAgree(): Promise<void> {
        const dump = await readFile(dumpFile);
        const archive = {
            ...manifest.archive,
            bytes: dump.length,
            sha256: createHash("sha256").update(dump).digest("hex"),
        };
        await writeFile(manifestFile, JSON.stringify({ ...manifest, archive }));
    }

    async function flipBit(): Promise<void> {
        const dump = await readFile(dumpFile);
        const middle = Math.floor(dump.length / 2);
        dump[middle] = (dump[middle] ?? 0) ^ 1;
        await writeFile(dumpFile, dump);
    }

    it("a whole one is whole", async () => {
        assert.equal((await verifySnapshot(store, manifest.name)).sha256, manifest.archive.sha256);
    });

    it("truncated: found, although pg_restore -l passes", async () => {
        await truncate(dumpFile, Math.floor(manifest.archive.bytes * 0.7));
        const { stdout } = await run(path.join(server.binaries.dir, "pg_restore"), ["-l", dumpFile]);
        assert.match(stdout, /TABLE DATA public orders/);
        await isDamaged(
            /size: \d+ bytes, the manifest says \d+/,
            /SHA-256/,
            /pg_restore cannot read it[^]*end of file/,
        );
        await makeManifestAgree();
        await isDamaged(/pg_restore cannot read it/);
    });

    it("one bit flipped: found, although pg_restore -l passes", async () => {
        await flipBit();
        await run(path.join(server.binaries.dir, "pg_restore"), ["-l", dumpFile]);
        await isDamaged(/SHA-256: [0-9a-f]{64}, the manifest says/);
        await makeManifestAgree();
        await isDamaged(/pg_restore cannot read it/);
    });

    it("empty: found", async () => {
        await truncate(dumpFile, 0);
        await isDamaged(/size: 0 bytes/, /too short/);
        await makeManifestAgree();
        await isDamaged(/too short/);
    });

    it("longer than it was: found", async () => {
        await writeFile(dumpFile, Buffer.concat([await readFile(dumpFile), Buffer.alloc(2_000_000)]));
        await isDamaged(/size/, /SHA-256/);
        await makeManifestAgree();
        await isDamaged(/goes on after its end/);
    });

    it("archive without manifest is no snapshot", async () => {
        await rm(manifestFile);
        assert.deepEqual(await listSnapshots(store), []);
        assert.deepEqual((await readStore(store)).unusable, [{ name: manifest.name, why: "it has no manifest" }]);
        await assert.rejects(
            verifySnapshot(store, manifest.name),
            (error) => error instanceof BadInputError && error.message.includes("never completed"),
        );
    });

    it("manifest without archive is no snapshot", async () => {
        await rm(dumpFile);
        assert.deepEqual(await listSnapshots(store), []);
        assert.deepEqual((await readStore(store)).unusable, [{ name: manifest.name, why: "its archive is missing" }]);
        await isDamaged(/\.dump is missing/);
    });

    it("a name that is not there names those that are", async () => {
        await assert.rejects(verifySnapshot(store, "nope"), (error) => {
            assert(error instanceof BadInputError);
            assert(error.message.includes(manifest.name));
            return true;
        });
    });

    it("manifests that cannot be used are no snapshots and stop no listing", async () => {
        const other = "prod_pre-migration-v1.3.0_20200101_000000";
        const bad: readonly (readonly [string, RegExp])[] = [
            ["{", /no JSON/],
            ["null", /expected object/],
            [JSON.stringify({ ...manifest, format: "schemaward/snapshot/2" }), /its format is schemaward\/snapshot\/2/],
            [JSON.stringify({ ...manifest, archive: { ...manifest.archive, sha256: "x" } }), /archive\.sha256/],
            [JSON.stringify(manifest), /is the manifest of prod_pre/],
        ];
        await copyFile(dumpFile, path.join(folder, `${other}.dump`));
        for (const [text, why] of bad) {
            await writeFile(path.join(folder, `${other}.manifest.json`), text);
            assert.deepEqual(await listSnapshots(store), [manifest]);
            assert.match((await readStore(store)).unusable[0]?.why ?? "", why);
            await assert.rejects(verifySnapshot(store, other), why);
        }
    });

    it("keys that a later schemaward adds are no fault", async () => {
        await writeFile(manifestFile, JSON.stringify({ ...manifest, colour: "blue" }));
        await verifySnapshot(store, manifest.name);
    });

    it("a manifest from before there were kinds is one of a run", async () => {
        const { kind, label, databaseBytes, ...older } = manifest;
        assert.deepEqual([kind, label, typeof databaseBytes], ["pre-migration", null, "number"]);
        await writeFile(manifestFile, JSON.stringify(older));
        const { manifest: read } = await verifySnapshot(store, manifest.name);
        assert.deepEqual(read, { ...manifest, databaseBytes: null });
    });

    it("what a look into it has shown is recorded, and is what counts from then on", async () => {
        const verified = async (): Promise<Verified | null | undefined> =>
            (await readStore(store)).snapshots[0]?.verified;
        assert.deepEqual(await verified(), { ok: true, at: manifest.created });
        const whole = await readFile(dumpFile);
        await flipBit();
        await isDamaged(/SHA-256/);
        const bad = await verified();
        assert(bad?.ok === false && bad.at > manifest.created, JSON.stringify(bad));
        assert.match(bad.why, /SHA-256/);
        await writeFile(dumpFile, whole);
        const seen: number[] = [];
        await verifySnapshot(store, manifest.name, { onProgress: (bytes, of) => seen.push(bytes / of) });
        const good = await verified();
        assert(good?.ok === true && good.at > bad.at, JSON.stringify(good));
        assert(seen.length > 0 && seen.every((part) => part > 0 && part <= 1), String(seen));
        assert.deepEqual(
            (await readdir(folder)).sort(),
            [".dump", ".manifest.json", ".verified"].map((suffix) => manifest.name + suffix),
        );
    });

    it("a store that may only be read is verified, and says what is not recorded", async () => {
        const readOnly: SnapshotStore = {
            url: store.url,
            probe: async () => store.probe(),
            get: async (name) => store.get(name),
            list: async () => store.list(),
            put: async () => Promise.reject(new FailedError({ what: "AccessDenied" })),
            delete: async () => Promise.reject(new FailedError({ what: "AccessDenied" })),
        };
        const told: string[] = [];
        await verifySnapshot(readOnly, manifest.name, { onUnrecorded: (why) => told.push(why) });
        assert.deepEqual(told, ["AccessDenied"]);
    });

    it("the newest comes first", async () => {
        const older = "a_pre-migration_20200101_000000";
        await copyFile(dumpFile, path.join(folder, `${older}.dump`));
        await writeFile(
            path.join(folder, `${older}.manifest.json`),
            JSON.stringify({ ...manifest, name: older, created: "2020-01-01T00:00:00.000Z" }),
        );
        assert.deepEqual(
            (await listSnapshots(store)).map((s) => s.name),
            [manifest.name, older],
        );
    });
});
