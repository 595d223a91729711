import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
    existsSync,
    mkdirSync,
    mkdtempSync,
    readdirSync,
    readFileSync,
    rmSync,
    statSync,
    writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { spawnSync } from "node:child_process";
import { Readable } from "node:stream";
import fc from "fast-check";
import { FailedError, RefusedError } from "../../core/errors";
import { missingOwners, parseNeeds } from "../../core/snapshots/archive-toc";
import { openStore } from "../../core/snapshots/stores";
import { withLocalArchive } from "../../core/snapshots/local-archive";
import type { Manifest } from "../../core/snapshots/manifest";
import type { SnapshotStore } from "../../core/snapshots/store";
import { needs } from "../support/capability";
import { SmallDisk, smallDisk } from "../support/small-disk";

describe("an archive as a file of this machine", () => {
    let folder: string;
    let store: SnapshotStore;
    const content = Buffer.alloc(3 * 1024 * 1024, "archive");
    const manifest = {
        name: "prod_pre-migration_20240101_000000",
        archive: {
            bytes: content.length,
            sha256: createHash("sha256").update(content).digest("hex"),
            parts: [],
            encryption: null,
        } as Pick<Manifest["archive"], "bytes" | "sha256" | "parts" | "encryption">,
    } as Manifest;

    beforeEach(async () => {
        folder = mkdtempSync(path.join(os.tmpdir(), "schemaward-archive-"));
        mkdirSync(path.join(folder, "store"));
        mkdirSync(path.join(folder, "tmp"));
        const files = openStore(`file:${path.join(folder, "store")}`, folder);
        await files.put(`${manifest.name}.dump`, Readable.from([content]));
        // As a store far away, which has no path.
        store = {
            url: "far:away",
            probe: async () => files.probe(),
            put: async (n, b) => files.put(n, b),
            get: async (n) => files.get(n),
            list: async () => files.list(),
            delete: async (n) => files.delete(n),
        };
    });
    afterEach(() => {
        rmSync(folder, { recursive: true, force: true });
    });

    const tmp = (): string => path.join(folder, "tmp");
    const quiet = { signal: undefined };

    it("from afar it is copied where only this user may look, and removed afterwards, also after a failure", async () => {
        let told = 0;
        const options = { ...quiet, folder: tmp(), onBytes: (bytes: number) => (told = bytes) };
        const seen = await withLocalArchive(store, manifest, options, async ([file = ""]) => {
            assert.deepEqual(readFileSync(file), content);
            assert.equal(statSync(file).mode & 0o777, 0o600);
            assert.equal(statSync(path.dirname(file)).mode & 0o777, 0o700);
            return Promise.resolve("seen");
        });
        assert.deepEqual([seen, told, readdirSync(tmp())], ["seen", content.length, []]);
        await assert.rejects(
            withLocalArchive(store, manifest, options, () => Promise.reject(new Error("no"))),
            /no/,
        );
        assert.deepEqual(readdirSync(tmp()), []);
    });

    it("where it lies in a folder of this machine nothing is copied", async () => {
        const file = path.join(folder, "store", `${manifest.name}.dump`);
        const near: SnapshotStore = { ...store, pathOf: (name) => path.join(folder, "store", name) };
        assert.deepEqual(
            await withLocalArchive(near, manifest, { ...quiet, folder: tmp() }, async (files) =>
                Promise.resolve(files),
            ),
            [file],
        );
    });

    it("what a killed restore has left is removed by the next one; what one that lives works with is not", async () => {
        const { pid: dead } = spawnSync("true");
        for (const pid of [dead, process.pid]) {
            const left = path.join(tmp(), `schemaward-restore-${String(pid)}-abc123`);
            mkdirSync(left);
            writeFileSync(path.join(left, "archive.dump"), "rows");
        }
        await withLocalArchive(store, manifest, { ...quiet, folder: tmp() }, async () => Promise.resolve());
        assert.deepEqual(readdirSync(tmp()), [`schemaward-restore-${String(process.pid)}-abc123`]);
    });

    for (const [what, sha256, bytes] of [
        ["another SHA-256", "0".repeat(64), content.length],
        ["another size", manifest.archive.sha256, content.length + 1],
    ] as const)
        it(`${what} than in its manifest: it is not worked with`, async () => {
            const other = { ...manifest, archive: { ...manifest.archive, sha256, bytes } };
            const work = (): Promise<void> => assert.fail("it was worked with");
            await assert.rejects(withLocalArchive(store, other, { ...quiet, folder: tmp() }, work), FailedError);
            assert.deepEqual(readdirSync(tmp()), []);
        });

    it("interrupted, nothing stays", async () => {
        const interrupted = new AbortController();
        const options = {
            signal: interrupted.signal,
            folder: tmp(),
            onBytes: () => {
                interrupted.abort();
            },
        };
        await assert.rejects(
            withLocalArchive(store, manifest, options, async () => Promise.resolve()),
            /Interrupted/,
        );
        assert.deepEqual(readdirSync(tmp()), []);
    });

    describe("on a small disk", () => {
        needs(smallDisk);
        let disk: SmallDisk;
        beforeEach(() => (disk = new SmallDisk()));
        afterEach(() => {
            disk.remove();
        });

        it("there is no room: refused before anything is copied", async () => {
            disk.leave(1);
            const options = { ...quiet, folder: disk.folder };
            await assert.rejects(
                withLocalArchive(store, manifest, options, async () => Promise.resolve()),
                (error) =>
                    error instanceof RefusedError &&
                    /no room for a copy.*3145728 bytes[\s\S]*TMPDIR/.test(error.message),
            );
            assert.deepEqual(readdirSync(disk.folder), []);
        });

        it("the room is gone meanwhile: the same, and nothing stays", async () => {
            // The manifest says less than there is: as if somebody else had filled the disk.
            disk.leave(1);
            const small = { ...manifest, archive: { ...manifest.archive, bytes: 1000 } };
            await assert.rejects(
                withLocalArchive(store, small, { ...quiet, folder: disk.folder }, async () => Promise.resolve()),
                (error) => error instanceof RefusedError && error.message.includes("no room for a copy"),
            );
            assert.deepEqual(readdirSync(disk.folder), []);
            assert(existsSync(disk.folder));
        });
    });
});

describe("an archive's table of contents", () => {
    it("names extensions and what has an owner", () => {
        const needs = parseNeeds(
            [
                ";",
                "; Archive created at 2024-01-01",
                "2; 3079 16390 EXTENSION - uuid-ossp ",
                "3; 3079 16391 EXTENSION - odd name ",
                '3500; 0 0 COMMENT - EXTENSION "uuid-ossp" ',
                "215; 1259 16385 TABLE public orders app owner",
                "3501; 0 0 ENCODING - ENCODING ",
                "216; 1255 16386 FUNCTION public f(a integer, b text) app owner",
            ].join("\n"),
        );
        assert.deepEqual(needs.extensions, ["uuid-ossp", "odd name"]);
        assert.deepEqual(missingOwners(needs, ["app owner"]), []);
        assert.deepEqual(missingOwners(needs, ["app", "orders app"]), [
            { role: "owner", entry: "TABLE public orders app owner" },
        ]);
    });

    /** Names as PostgreSQL allows them, and pg_restore lists them: ends of lines become spaces. */
    const name = fc
        .array(
            fc.oneof(
                fc.constantFrom(" ", "-", ";", '"', "ä", "\n", "\r", "EXTENSION", "1;", "\u2028"),
                fc.string({ minLength: 1, maxLength: 5 }),
            ),
            {
                minLength: 1,
                maxLength: 6,
            },
        )
        .map((parts) => parts.join("").replaceAll("\0", ""))
        .filter((text) => text.trim() !== "");
    const listed = (text: string): string => text.replace(/[\r\n]/g, " ");

    it("a role that is there is never said to be missing, whatever it and its tables are called", () => {
        fc.assert(
            fc.property(
                fc.array(fc.record({ schema: name, table: name, owner: name }), { maxLength: 8 }),
                fc.array(name),
                (tables, others) => {
                    const list = tables.map(
                        ({ schema, table, owner }, i) =>
                            `${String(i)}; 1259 ${String(i)} TABLE ${listed(schema)} ${listed(table)} ${listed(owner)}`,
                    );
                    const needs = parseNeeds(list.join("\n"));
                    assert.equal(needs.entries.length, tables.length, list.join());
                    assert.deepEqual(missingOwners(needs, [...others, ...tables.map((t) => t.owner)]), []);
                },
            ),
        );
    });

    it("a plain role that is not there is always named", () => {
        const plain = fc.stringMatching(/^[a-z_]{3,12}$/);
        fc.assert(
            fc.property(name, name, plain, fc.array(plain), (schema, table, owner, roles) => {
                fc.pre(!roles.includes(owner));
                const needs = parseNeeds(`7; 1259 8 TABLE ${listed(schema)} ${listed(table)} ${owner}`);
                assert.deepEqual(
                    missingOwners(needs, roles).map(({ role }) => role),
                    [owner],
                );
            }),
        );
    });

    it("extensions are found whatever they are called", () => {
        const extension = fc.stringMatching(/^[a-z][a-z0-9_-]{0,10}( [a-z]+)?$/);
        fc.assert(
            fc.property(fc.array(extension), (names) => {
                const list = names.flatMap((n, i) => [
                    `${String(i)}; 3079 9 EXTENSION - ${n} `,
                    `9${String(i)}; 0 0 COMMENT - EXTENSION ${n} `,
                ]);
                assert.deepEqual(parseNeeds(list.join("\n")).extensions, names);
            }),
        );
    });
});
