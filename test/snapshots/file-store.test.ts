import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { pathToFileURL } from "node:url";
import { BadInputError, FailedError } from "../../core/errors";
import { ObjectExistsError, type SnapshotStore } from "../../core/snapshots/store";
import { openStore } from "../../core/snapshots/stores";
import { filesIn } from "./fixture";
import { storeContract } from "./store-contract";
import { skip } from "../support/skip";

describe("snapshot stores by URL", () => {
    it("relative folders are relative to the project", () => {
        assert.equal(openStore("file:./backups", "/srv/app").url, "file:./backups");
        assert.equal(openStore("file:///var/backups", "/srv/app").url, "file:///var/backups");
    });

    it("others are refused, with what is allowed, without showing the URL", () => {
        for (const [url, says] of [
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
                    assert.match(error.message, /file:\.\/backups[^]*s3:\/\/BUCKET/);
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

    storeContract(() => ({ store, left: async () => (await filesIn(folder)).map((f) => f.name) }));

    it("the folder has mode 0700, the files have 0600", async () => {
        await store.put("x.dump", Readable.from([Buffer.from("1")]));
        for (const [file, mode] of [
            [path.join(home, "a"), 0o700],
            [folder, 0o700],
            [path.join(folder, "x.dump"), 0o600],
        ] as const)
            assert.equal((await stat(file)).mode & 0o777, mode, file);
    });

    it("relative URLs lie in the project's folder", async () => {
        await openStore("file:./back%20ups", home).put("x", Readable.from([Buffer.from("1")]));
        assert.deepEqual(
            (await filesIn(path.join(home, "back ups"))).map((f) => f.name),
            ["x"],
        );
    });

    it("a refused name leaves no folder", async () => {
        await assert.rejects(store.put("../x", Readable.from([Buffer.from("1")])), BadInputError);
        assert.deepEqual(await filesIn(home), []);
    });

    it("probe sweeps what died more than a day ago", async () => {
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
