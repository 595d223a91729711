import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { partBytes } from "../../core/snapshots/s3-parts";
import { openS3Store } from "../../core/snapshots/s3-store";
import { ObjectExistsError, type SnapshotStore } from "../../core/snapshots/store";
import { openStore } from "../../core/snapshots/stores";
import { type LocalS3, s3Server, startS3 } from "../../tools/local-s3";
import { needs } from "../support/capability";
import { Bucket, logIn, noise, piecesOf } from "../support/bucket";
import { storeContract } from "./store-contract";

const MiB = 1024 * 1024;

describe("parts of an upload to S3", () => {
    const sizes = Array.from({ length: 10_000 }, (_, i) => partBytes(i + 1));

    it("never shrink, and are within S3's limits", () => {
        for (const [i, size] of sizes.entries()) {
            assert(size >= (sizes[i - 1] ?? 0) && size >= 5 * MiB && size <= 128 * MiB);
            assert.equal(size % MiB, 0);
        }
    });

    it("10,000 hold far more than 600 GiB, the first 50 GiB in parts of at most 32 MiB", () => {
        assert(sizes.reduce((a, b) => a + b) >= 900 * 1024 * MiB);
        let bytes = 0;
        for (const size of sizes) {
            if (bytes < 50 * 1024 * MiB) assert(size <= 32 * MiB);
            bytes += size;
        }
    });
});

describe("S3 store", function () {
    this.timeout(30_000);
    needs(s3Server);
    let server: LocalS3;
    let bucket: Bucket;
    let store: SnapshotStore;
    let logOut: () => void;

    before(async () => {
        server = await startS3();
        logOut = logIn(server);
    });
    after(async () => {
        logOut();
        await server.stop();
    });
    beforeEach(async () => {
        bucket = await Bucket.make(server);
        store = openStore(bucket.url("prod/db"), "/");
    });

    describe("at the bucket's top", () => {
        storeContract(() => ({ store: openStore(bucket.url(), "/"), left: async () => bucket.left() }));
    });

    describe("under a prefix", () => {
        storeContract(() => ({ store, left: async () => bucket.left() }));
    });

    describe("in parts", () => {
        const inParts = (): SnapshotStore => openS3Store(bucket.url("p"), "/", { partBytes: () => 5 * MiB });
        storeContract(() => ({ store: inParts(), left: async () => bucket.left() }));

        for (const bytes of [5 * MiB - 1, 5 * MiB, 5 * MiB + 1, 20 * MiB, 23 * MiB + 17])
            it(`${String(bytes)} bytes`, async () => {
                const content = noise(bytes);
                const written = await inParts().put("x", Readable.from(piecesOf(content, 65_537)));
                assert.deepEqual(written, { bytes, sha256: createHash("sha256").update(content).digest("hex") });
                assert((await buffer(await inParts().get("x"))).equals(content));
                assert.deepEqual(await bucket.left(), ["p/x"]);
            });

        it("two at once under one name: one wins, whole, and the other's parts are gone", async () => {
            const contents = [noise(11 * MiB), Buffer.alloc(12 * MiB, "b")];
            const results = await Promise.allSettled(
                contents.map(async (content) => inParts().put("x", Readable.from(piecesOf(content, 100_000)))),
            );
            assert.deepEqual(results.map((r) => r.status).sort(), ["fulfilled", "rejected"]);
            assert(results.some((r) => r.status === "rejected" && r.reason instanceof ObjectExistsError));
            const there = await buffer(await inParts().get("x"));
            assert(there.equals(contents[results[0]?.status === "fulfilled" ? 0 : 1] ?? Buffer.alloc(0)));
            assert.deepEqual(await bucket.left(), ["p/x"]);
        });

        it("a source that fails after some parts", async () => {
            const body = Readable.from(
                (function* () {
                    yield noise(11 * MiB);
                    throw new Error("the source broke");
                })(),
            );
            await assert.rejects(inParts().put("x", body), /^Error: the source broke$/);
            assert.deepEqual(await bucket.left(), []);
        });
    });

    it("says its URL in one form", () => {
        assert.equal(
            openStore("s3://abc/p/?s3ForcePathStyle=true&endpoint=https%3A%2F%2Fx", "/").url,
            "s3://abc/p?endpoint=https://x",
        );
    });

    it("sees only what lies right under its prefix", async () => {
        await store.put("mine", Readable.from(["1"]));
        for (const Key of ["other", "prod/dbx", "prod/db/deeper/x", "prod/db/.hidden", "prod/db/", "prod/db2/mine"])
            await bucket.s3.putObject({ Bucket: bucket.name, Key, Body: Key.endsWith("/") ? Buffer.alloc(0) : "1" });
        assert.deepEqual(
            (await store.list()).map((o) => o.name),
            ["mine"],
        );
        await store.put("min", Readable.from(["a name that begins as another does"]));
    });

    it("lists more than a page", async () => {
        const names = Array.from({ length: 1_003 }, (_, i) => `n${String(i).padStart(4, "0")}`);
        for (let i = 0; i < names.length; i += 50)
            await Promise.all(
                names
                    .slice(i, i + 50)
                    .map(async (n) => bucket.s3.putObject({ Bucket: bucket.name, Key: `prod/db/${n}`, Body: "1" })),
            );
        assert.deepEqual((await store.list()).map((o) => o.name).sort(), names);
    });

    it("sweeps what dead runs left behind: old uploads of ours, and no others", async () => {
        const begin = async (Key: string): Promise<unknown> =>
            bucket.s3.createMultipartUpload({ Bucket: bucket.name, Key });
        const dump = "prod_pre-migration-v1.3.0_20260102_030405.dump";
        const foreign = [
            "prod/db/video.mp4",
            `prod/db/deeper/${dump}`,
            `prod/${dump}`,
            "prod/db/probe-1",
            "prod/db/.hidden",
        ];
        for (const key of [`prod/db/${dump}`, "prod/db/probe-0123456789abcdef", ...foreign]) await begin(key);
        await store.probe();
        assert.equal((await bucket.uploads()).length, foreign.length + 2);
        await openS3Store(bucket.url("prod/db"), "/", { sweepAfterMs: 0 }).probe();
        assert.deepEqual((await bucket.uploads()).sort(), foreign.sort());
        assert.deepEqual(await bucket.keys(), []);
    });

    it("a bucket with object lock: takes it all, and a deleted object's version stays", async () => {
        const locked = await Bucket.make(server, true);
        const lock = { ObjectLockEnabled: "Enabled" as const };
        await locked.s3.putObjectLockConfiguration({
            Bucket: locked.name,
            ObjectLockConfiguration: { ...lock, Rule: { DefaultRetention: { Mode: "GOVERNANCE", Days: 1 } } },
        });
        const guarded = openS3Store(locked.url("p"), "/", { partBytes: () => 5 * MiB });
        await guarded.probe();
        await guarded.put("small", Readable.from(["1"]));
        await guarded.put("large", Readable.from([noise(6 * MiB)]));
        await guarded.delete("small");
        assert.deepEqual(
            (await guarded.list()).map((o) => o.name),
            ["large"],
        );
        const { Versions = [] } = await locked.s3.listObjectVersions({ Bucket: locked.name, Prefix: "p/small" });
        assert.equal(Versions.length, 1);
        // At AWS what was deleted is no obstacle; versitygw keeps the name, which the next snapshot has to hear rightly.
        await assert.rejects(guarded.put("small", Readable.from(["2"])), ObjectExistsError);
        await guarded.put("small_2", Readable.from(["2"]));
    });

    it("an object under another's hand: reading stops where it was replaced", async () => {
        await store.put("x", Readable.from([noise(8 * MiB)]));
        const reading = await store.get("x");
        reading.destroy();
        await assert.rejects(buffer(reading));
        await store.delete("x");
        await assert.rejects(store.get("x"), /could not read x \(NoSuchKey\)[^]*It is not there/);
    });
});
