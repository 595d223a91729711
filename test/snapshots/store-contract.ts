import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { BadInputError, FailedError } from "../../core/errors";
import { ObjectExistsError, type SnapshotStore } from "../../core/snapshots/store";

/** A store that is empty, and how to see everything that is in it. */
export interface StoreUnderTest {
    readonly store: SnapshotStore;
    /** Names of all that is kept: also what is unfinished. */
    readonly left: () => Promise<readonly string[]>;
}

/** Declares the tests that every kind of store must pass. @param get the store, made anew before each test */
export function storeContract(get: () => StoreUnderTest): void {
    it("stores, lists, gives back and deletes", async () => {
        const { store, left } = get();
        const content = Buffer.alloc(3_000_000, "schemaward");
        const written = await store.put(
            "x.dump",
            Readable.from([content.subarray(0, 1_000_001), content.subarray(1_000_001)]),
        );
        assert.deepEqual(written, {
            bytes: content.length,
            sha256: createHash("sha256").update(content).digest("hex"),
        });
        const listed = await store.list();
        assert.deepEqual(
            listed.map(({ name, bytes }) => ({ name, bytes })),
            [{ name: "x.dump", bytes: content.length }],
        );
        assert(Math.abs(Date.now() - (listed[0]?.modified.getTime() ?? 0)) < 60_000);
        assert((await buffer(await store.get("x.dump"))).equals(content));
        await store.delete("x.dump");
        await store.delete("x.dump");
        assert.deepEqual(await left(), []);
    });

    it("takes an empty stream, strings, and every character that a name may have", async () => {
        const { store } = get();
        await store.put("empty", Readable.from([]));
        assert.equal((await buffer(await store.get("empty"))).length, 0);
        const name = "prod%2Feu_pre-migration-v1.2%2B3_20260102_030405.dump";
        await store.put(name, Readable.from(["ä", Buffer.from("b"), new Uint8Array([99])]));
        assert.equal((await buffer(await store.get(name))).toString(), "äbc");
        assert.deepEqual((await store.list()).map((o) => o.name).sort(), ["empty", name]);
    });

    it("lists nothing where there is nothing", async () => {
        const { store } = get();
        assert.deepEqual(await store.list(), []);
        await assert.rejects(store.get("x"), FailedError);
    });

    it("never overwrites, and says so before reading the stream", async () => {
        const { store, left } = get();
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
        assert.equal((await left()).length, 1);
    });

    it("two at once under one name: one wins, whole", async () => {
        const { store, left } = get();
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
        assert.equal((await left()).length, 1);
    });

    it("nothing is visible before the stream ends, and nothing stays when it fails", async () => {
        const { store, left } = get();
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
        assert.deepEqual(await left(), []);
    });

    it("a stream that has failed already", async () => {
        const { store, left } = get();
        const body = Readable.from([Buffer.from("1")]);
        body.on("error", () => undefined);
        body.destroy(new Error("it was over"));
        await assert.rejects(store.put("x", body), /it was over/);
        assert.deepEqual(await left(), []);
    });

    it("refuses names that are no single visible path component", async () => {
        const { store, left } = get();
        for (const name of ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "-x", "a\0b", "x".repeat(201)]) {
            await assert.rejects(store.put(name, Readable.from([Buffer.from("1")])), BadInputError, name);
            await assert.rejects(store.get(name), BadInputError, name);
            await assert.rejects(store.delete(name), BadInputError, name);
        }
        assert.deepEqual(await left(), []);
    });

    it("probe leaves nothing", async () => {
        const { store, left } = get();
        await store.probe();
        assert.deepEqual(await left(), []);
    });
}
