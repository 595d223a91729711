import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { Writable } from "node:stream";
import { FailedError } from "../../core/errors";
import { extractTables, type Extracted, type ExtractRequest } from "../../core/snapshots/extract";
import type { SnapshotStore } from "../../core/snapshots/store";
import { openStore } from "../../core/snapshots/stores";
import { findTables } from "../../core/snapshots/tables";
import { takeSnapshot } from "../../core/snapshots/take";
import { startTestServer, type TestServer } from "../support/postgres";
import { childrenNamed, fixture, request, withClient } from "./fixture";

/** Keeps what is written to it. */
class Kept extends Writable {
    text = "";

    override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
        this.text += chunk.toString("latin1");
        done();
    }
}

describe("extracting tables", function () {
    this.timeout(60_000);
    let server: TestServer;
    let folder: string;
    let store: SnapshotStore;
    let name: string;

    before(async () => {
        server = await startTestServer();
        await withClient(server.database("postgres"), async (client) => client.query(fixture));
    });
    after(async () => server.stop());
    beforeEach(async () => {
        folder = await mkdtemp(path.join(os.tmpdir(), "schemaward-extract-"));
        store = openStore(`file://${folder}`, "/");
        ({ name } = await takeSnapshot(request(server.database("postgres"), store)));
    });
    afterEach(async () => {
        assert.deepEqual(await childrenNamed("pg_restore"), []);
        assert.deepEqual(
            (await readdir(folder)).filter((f) => f.includes(".in-use-")),
            [],
        );
        await rm(folder, { recursive: true });
    });

    async function extract(
        tables: readonly string[],
        out: Writable,
        more: Partial<ExtractRequest> = {},
    ): Promise<Extracted> {
        return extractTables({
            ...{ store, name, tables, definition: false, open: async () => Promise.resolve(out) },
            ...more,
        });
    }

    it("reads 10 MB to the end for a small table, and marks the snapshot meanwhile", async () => {
        const out = new Kept();
        const ways: number[] = [];
        let marks: Promise<string[]> | undefined;
        const { bytes, schema, names } = await extract(["events_2024", "events_2025"], out, {
            onProgress: (read, of) => {
                ways.push(read / of);
                marks ??= readdir(folder);
            },
        });
        assert.deepEqual([schema, names, bytes], ["public", ["events_2024", "events_2025"], out.text.length]);
        assert.equal(ways.at(-1), 1);
        assert(ways.length > 10);
        assert.equal((await marks)?.filter((f) => f.includes(".in-use-")).length, 1);
        assert.equal(out.text.match(/^2024-/gm)?.length, 214);
        assert.equal(out.text.match(/^2025-/gm)?.length, 86);
        assert.doesNotMatch(out.text, /orders|CREATE/);
    });

    it("damage behind the table is found, and recorded", async () => {
        const file = path.join(folder, `${name}.dump`);
        const dump = await readFile(file);
        await writeFile(file, dump.subarray(0, -1000));
        await assert.rejects(extract(["events_2024"], new Kept()), /damaged: [^]*size: \d+ bytes, the manifest says/);
        dump[dump.length - 1] = (dump.at(-1) ?? 0) ^ 1;
        await writeFile(file, dump);
        await store.delete(`${name}.verified`);
        await assert.rejects(extract(["events_2024"], new Kept()), /damaged: [^]*SHA-256/);
        assert.match(await readFile(path.join(folder, `${name}.verified`), "utf8"), /"ok":false,"why":"SHA-256/);
    });

    it("whoever takes no more ends it, and it says so", async () => {
        const full = new Writable({
            write: (_chunk, _encoding, done) => {
                done(new Error("ENOSPC: no space left on device"));
            },
        });
        await assert.rejects(
            extract(["orders"], full),
            (error) => error instanceof FailedError && error.message.includes("cannot be written: ENOSPC"),
        );
    });

    it("stops when it is told to", async () => {
        const stop = new AbortController();
        const onProgress = (read: number): void => {
            if (read > 2_000_000) stop.abort();
        };
        await assert.rejects(extract(["orders"], new Kept(), { signal: stop.signal, onProgress }), /it was stopped/);
    });

    it("near names come first", () => {
        const tables = ["orders", "order_lines", "borders", "customers", "audit_log", "x"].map((t) => ({
            ...{ schema: "public", name: t, rows: 0, exact: true },
        }));
        assert.throws(
            () => findTables({ tables }, ["odrers"]),
            (error) => {
                assert(error instanceof Error);
                assert.deepEqual([...error.message.matchAll(/there is: (.*)/g)].map(([, t]) => t).slice(0, 2), [
                    "public.orders",
                    "public.borders",
                ]);
                return true;
            },
        );
        assert.throws(() => findTables({ tables: [] }, ["a"]), /holds no table at all/);
        assert.throws(() => findTables({ tables }, []), /Which table/);
    });
});
