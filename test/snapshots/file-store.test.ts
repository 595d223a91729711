import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { BadInputError, FailedError } from "../../core/errors";
import { ObjectExistsError, type SnapshotStore } from "../../core/snapshots/store";
import { openStore } from "../../core/snapshots/stores";
import { filesIn } from "./fixture";
import { skip } from "../support/skip";

describe("snapshot stores by URL", () => {
    it("relative folders are relative to the project", () => {
        assert.equal(openStore("file:./backups", "/srv/app").url, "file:./backups");
        assert.equal(openStore("file:///var/backups", "/srv/app").url, "file:///var/backups");
    });

    it("others are refused, with what is allowed, without showing the URL", () => {
        for (const [url, says] of [
            ["s3://key:hunter2@bucket", /S3 \(s3:\) are not there yet/],
            ["gs://bucket?key=hunter2", /no snapshot stores of the kind gs:/],
            ["constructor:hunter2", /no snapshot stores of the kind constructor:/],
            ["/var/backups/hunter2", /is no URL/],
            ["file:", /names no folder/],
            ["file:~/backups", /~ is known to shells only/],
            ["file://elsewhere/backups", /names no folder of this machine/],
            ["file:a?b", /names no folder/],
        ] as const)
            assert.throws(
                () => openStore(url, "/srv/app"),
                (error) => {
                    assert(error instanceof BadInputError);
                    assert.match(error.message, says);
                    assert.match(error.message, /file:\.\/backups/);
                    assert.doesNotMatch(error.message, /hunter2/);
                    return true;
                },
                url,
            );
    });
});

describe("file store", () => {
    let home: string;
    let folder: string;
    let store: SnapshotStore;

    beforeEach(async () => {
        home = await mkdtemp(path.join(os.tmpdir(), "schemaward-store-"));
        folder = path.join(home, "a", "backups");
        store = openStore(pathToFileURL(folder).href, "/");
    });
    afterEach(async () => {
        await rm(home, { recursive: true });
    });

    it("stores, lists, gives back and deletes; folder 0700, files 0600", async () => {
        const content = Buffer.alloc(3_000_000, "schemaward");
        const written = await store.put(
            "x.dump",
            Readable.from([content.subarray(0, 1_000_001), content.subarray(1_000_001)]),
        );
        assert.deepEqual(written, {
            bytes: content.length,
            sha256: createHash("sha256").update(content).digest("hex"),
        });
        assert.deepEqual(
            (await store.list()).map(({ name, bytes }) => ({ name, bytes })),
            [{ name: "x.dump", bytes: content.length }],
        );
        assert((await buffer(await store.get("x.dump"))).equals(content));
        for (const [file, mode] of [
            [path.join(home, "a"), 0o700],
            [folder, 0o700],
            [path.join(folder, "x.dump"), 0o600],
        ] as const)
            assert.equal((await stat(file)).mode & 0o777, mode, file);
        await store.delete("x.dump");
        await store.delete("x.dump");
        assert.deepEqual(await filesIn(folder), []);
    });

    it("relative URLs lie in the project's folder", async () => {
        await openStore("file:./back%20ups", home).put("x", Readable.from([Buffer.from("1")]));
        assert.deepEqual(
            (await filesIn(path.join(home, "back ups"))).map((f) => f.name),
            ["x"],
        );
    });

    it("lists nothing where there is nothing", async () => {
        assert.deepEqual(await store.list(), []);
        await assert.rejects(store.get("x"), FailedError);
    });

    it("never overwrites, and says so before reading the stream", async () => {
        await store.put("x", Readable.from([Buffer.from("first")]));
        let read = false;
        const body = Readable.from(
            (function* () {
                read = true;
                yield Buffer.from("second");
            })(),
        );
        await assert.rejects(store.put("x", body), ObjectExistsError);
        assert.equal(read, false);
        assert.equal(body.destroyed, true);
        assert.equal((await buffer(await store.get("x"))).toString(), "first");
        assert.equal((await filesIn(folder)).length, 1);
    });

    it("two at once under one name: one wins, whole", async () => {
        const slow = (text: string): Readable =>
            Readable.from(
                (async function* () {
                    for (let i = 0; i < 50; i += 1) {
                        await new Promise((resolve) => setImmediate(resolve));
                        yield Buffer.from(text);
                    }
                })(),
            );
        const results = await Promise.allSettled([store.put("x", slow("a")), store.put("x", slow("b"))]);
        assert.deepEqual(results.map((r) => r.status).sort(), ["fulfilled", "rejected"]);
        assert(results.some((r) => r.status === "rejected" && r.reason instanceof ObjectExistsError));
        assert.match((await buffer(await store.get("x"))).toString(), /^(a{50}|b{50})$/);
        assert.equal((await filesIn(folder)).length, 1);
    });

    it("nothing is visible before the stream ends, and nothing stays when it fails", async () => {
        const seen: string[][] = [];
        const body = Readable.from(
            (async function* () {
                yield Buffer.alloc(500_000);
                yield Buffer.alloc(500_000);
                seen.push((await store.list()).map((o) => o.name));
                throw new Error("the source broke");
            })(),
        );
        await assert.rejects(store.put("x", body), /the source broke/);
        assert.deepEqual(seen, [[]]);
        assert.deepEqual(await filesIn(folder), []);
    });

    it("refuses names that are no single visible path component", async () => {
        await mkdir(folder, { recursive: true });
        for (const name of ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "-x", "a\0b", "x".repeat(201)]) {
            await assert.rejects(store.put(name, Readable.from([Buffer.from("1")])), BadInputError, name);
            await assert.rejects(store.get(name), BadInputError, name);
            await assert.rejects(store.delete(name), BadInputError, name);
        }
        assert.deepEqual((await filesIn(home).catch(() => [])).length, 0);
    });

    it("probe leaves nothing, and sweeps what died more than a day ago", async () => {
        await mkdir(folder, { recursive: true });
        const old = path.join(folder, ".schemaward-123-aa.part");
        const young = path.join(folder, ".schemaward-124-bb.part");
        const foreign = path.join(folder, ".other.part");
        for (const file of [old, young, foreign]) await writeFile(file, "x");
        const yesterday = new Date(Date.now() - 25 * 3_600_000);
        for (const file of [old, foreign]) await utimes(file, yesterday, yesterday);
        await store.probe();
        assert.deepEqual(
            (await filesIn(folder)).map((f) => f.name),
            [".other.part", ".schemaward-124-bb.part"],
        );
    });

    it("probe names the folder it may not write into", async function () {
        await mkdir(folder, { recursive: true });
        await chmod(folder, 0o500);
        await chmod(home, 0o711);
        await chmod(path.join(home, "a"), 0o711);
        const root = process.geteuid?.() === 0;
        // Root may write anywhere, so it takes another user's rights for a moment.
        if (root) process.seteuid?.(65_534);
        try {
            await assert.rejects(store.probe(), (error) => {
                assert(error instanceof FailedError);
                assert(error.message.includes(folder), error.message);
                assert.match(error.message, /EACCES/);
                assert.match(error.message, /must be able to create/);
                return true;
            });
        } finally {
            if (root) process.seteuid?.(0);
        }
        assert.deepEqual(await filesIn(folder), []);
    });

    it("a file in the folder's place is told", async () => {
        await writeFile(path.join(home, "a"), "");
        await assert.rejects(store.probe(), /no folder stands in the way/);
    });

    it("does not write through a symbolic link", async () => {
        await mkdir(folder, { recursive: true });
        await symlink(path.join(home, "victim"), path.join(folder, "x"));
        await assert.rejects(store.put("x", Readable.from([Buffer.from("1")])), ObjectExistsError);
        await assert.rejects(stat(path.join(home, "victim")), /ENOENT/);
    });

    it("a full disk leaves nothing", async function () {
        await mkdir(folder, { recursive: true });
        if (process.platform !== "linux" || process.getuid?.() !== 0) skip(this, "needs root: mounts a small disk");
        try {
            execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], { stdio: "ignore" });
        } catch {
            skip(this, "needs the right to mount a small disk");
        }
        try {
            const body = Readable.from(
                (function* () {
                    for (let i = 0; i < 40; i += 1) yield Buffer.alloc(65_536, i);
                })(),
            );
            await assert.rejects(store.put("x", body), (error) => {
                assert(error instanceof FailedError);
                assert.match(error.message, /ENOSPC[^]*free space/);
                return true;
            });
            assert.deepEqual(await filesIn(folder), []);
            await store.put("small", Readable.from([Buffer.from("1")]));
        } finally {
            execFileSync("umount", [folder]);
        }
    });
});
