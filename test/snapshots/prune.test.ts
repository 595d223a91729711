import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, utimes } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { FailedError } from "../../core/errors";
import { findSnapshot, listSnapshots, readStore } from "../../core/snapshots/contents";
import { whileInUse } from "../../core/snapshots/in-use";
import { protectSnapshot, unprotectSnapshot } from "../../core/snapshots/protection";
import { prune } from "../../core/snapshots/prune";
import { writeSmall } from "../../core/snapshots/small-object";
import type { SnapshotStore } from "../../core/snapshots/store";
import { openStore } from "../../core/snapshots/stores";
import { writeRecord } from "../../core/snapshots/verified-record";
import { filesIn } from "./fixture";
import { make } from "./made";

const [old, middle, young] = [1, 2, 3].map((day) => `prod_pre-migration_2026010${String(day)}_000000`) as [
    string,
    string,
    string,
];

describe("retention in a store", () => {
    let folder: string;
    let store: SnapshotStore;

    beforeEach(async () => {
        folder = await mkdtemp(path.join(os.tmpdir(), "schemaward-prune-"));
        store = openStore(`file://${folder}`, "/");
        for (const [i, name] of [old, middle, young].entries())
            await make(store, name, `2026-01-0${String(i + 1)}T00:00:00.000Z`);
    });
    afterEach(async () => rm(folder, { recursive: true }));

    const names = async (): Promise<string[]> => (await filesIn(folder)).map(({ name }) => name);
    const snapshots = async (): Promise<string[]> => (await listSnapshots(store)).map(({ name }) => name);

    /** The same store with something happening at its calls. */
    function with_(hooks: Partial<Pick<SnapshotStore, "delete" | "list">>): SnapshotStore {
        return {
            url: store.url,
            probe: async () => store.probe(),
            put: async (name, body) => store.put(name, body),
            get: async (name) => store.get(name),
            list: async () => (hooks.list ?? store.list.bind(store))(),
            delete: async (name) => (hooks.delete ?? store.delete.bind(store))(name),
        };
    }

    async function age(object: string, hours: number): Promise<void> {
        const time = new Date(Date.now() - hours * 3_600_000);
        await utimes(path.join(folder, object), time, time);
    }

    it("deletes the oldest first, each manifest before its archive, and its marks with it", async () => {
        await writeRecord(store, old, { ok: true, at: "2026-01-05T00:00:00.000Z" });
        const order: string[] = [];
        const { deleted, freedBytes, spared, swept } = await prune(
            with_({
                delete: async (name) => {
                    order.push(name);
                    await store.delete(name);
                },
            }),
            { last: 1 },
        );
        assert.deepEqual(deleted, [old, middle]);
        assert.deepEqual([spared, swept], [[], []]);
        assert.equal(freedBytes, 2 * `archive of ${old}`.length + middle.length - old.length);
        assert.deepEqual(order, [
            `${old}.manifest.json`,
            `${old}.dump`,
            `${old}.verified`,
            `${middle}.manifest.json`,
            `${middle}.dump`,
        ]);
        assert.deepEqual(await names(), [`${young}.dump`, `${young}.manifest.json`]);
    });

    it("a dry run deletes nothing and tells the same", async () => {
        const before = await names();
        const dry = await prune(store, { last: 1 }, { dryRun: true });
        assert.deepEqual(await names(), before);
        assert.deepEqual(await prune(store, { last: 1 }), dry);
    });

    it("leaves alone what is protected until it is no more", async () => {
        await protectSnapshot(store, old);
        await protectSnapshot(store, old);
        assert.deepEqual((await prune(store, { last: 1 })).deleted, [middle]);
        await unprotectSnapshot(store, old);
        await unprotectSnapshot(store, old);
        assert.deepEqual((await prune(store, { last: 1 })).deleted, [old]);
    });

    it("a damaged one is no newest verified one, and neither is one whose record cannot be read", async () => {
        await writeRecord(store, young, { ok: false, at: "2026-01-05T00:00:00.000Z", why: "SHA-256" });
        assert.equal(findSnapshot(store, await readStore(store), "latest", {}).manifest.name, middle);
        assert.deepEqual((await prune(store, { last: 1 })).deleted, [old]);
        assert.deepEqual(await snapshots(), [young, middle]);
        await store.delete(`${young}.verified`);
        await writeSmall(store, `${young}.verified`, "{");
        assert.equal((await readStore(store)).snapshots[0]?.verified, null);
        assert.equal(findSnapshot(store, await readStore(store), "latest", {}).manifest.name, middle);
        assert.deepEqual((await prune(store, { last: 1 })).deleted, []);
    });

    it("leaves alone what somebody reads, and a mark of yesterday's reader stops nothing", async () => {
        await whileInUse(store, old, async () => {
            assert.deepEqual((await prune(store, { last: 1 })).deleted, [middle]);
        });
        const dead = `${old}.in-use-123-abcdef`;
        await writeSmall(store, dead, "123\n");
        await age(dead, 25);
        assert.deepEqual((await prune(store, { last: 1 })).deleted, [old]);
        assert.deepEqual(await names(), [`${young}.dump`, `${young}.manifest.json`]);
    });

    it("whoever began to read, or protected it, just before its manifest went gets it back", async () => {
        for (const beginning of [
            async () => writeSmall(store, `${old}.in-use-1-abcdef`, "1\n"),
            async () => protectSnapshot(store, old),
        ]) {
            const before = await readFile(path.join(folder, `${old}.manifest.json`), "utf8");
            const racing = with_({
                delete: async (name) => {
                    if (name === `${old}.manifest.json`) await beginning();
                    await store.delete(name);
                },
            });
            const { deleted, spared } = await prune(racing, { last: 2 });
            assert.deepEqual([deleted, spared.map((s) => s.name)], [[], [old]]);
            assert.equal(await readFile(path.join(folder, `${old}.manifest.json`), "utf8"), before);
            await store.delete(`${old}.in-use-1-abcdef`);
        }
    });

    it("what is marked between the decision and its turn is spared", async () => {
        let lists = 0;
        const racing = with_({
            delete: async (name) => {
                // Not even for a moment.
                assert.notEqual(name, `${old}.manifest.json`);
                await store.delete(name);
            },
            list: async () => {
                lists += 1;
                if (lists === 2) await protectSnapshot(store, old);
                return store.list();
            },
        });
        const { deleted, spared } = await prune(racing, { last: 1 });
        assert.deepEqual([deleted, spared], [[middle], [{ name: old, why: "it has been protected" }]]);
        assert.deepEqual(await snapshots(), [young, old]);
    });

    it("sweeps what dead runs have left after a day, and nothing else", async () => {
        const dead = "prod_pre-migration_20260101_010000";
        const running = "prod_pre-migration_20260101_020000";
        const fresh = "prod_pre-migration_20260101_030000";
        const other = "dev_pre-migration_20260101_040000";
        const gone = "prod_pre-migration_20260101_050000";
        for (const object of [
            ...[`${dead}.dump`, `${running}.dump`, `${running}.taking`, `${other}.dump`, `${gone}.protected`],
            ...["notes.txt", "mine.dump"],
        ]) {
            await writeSmall(store, object, "x");
            await age(object, 25);
        }
        await writeSmall(store, `${fresh}.dump`, "x");
        const { swept, deleted } = await prune(store, { last: 3 }, { environment: "prod" });
        assert.deepEqual([swept, deleted], [[dead, gone], []]);
        const left = await names();
        for (const object of [`${running}.dump`, `${fresh}.dump`, `${other}.dump`, "notes.txt", "mine.dump"])
            assert(left.includes(object), object);
        assert(!left.includes(`${dead}.dump`) && !left.includes(`${gone}.protected`));
    });

    it("only of the environment and the set that are asked for", async () => {
        await make(store, "dev_a_20260101_000000", "2026-01-01T00:00:00.000Z", { environment: "dev" });
        await make(store, "dev_a_20260102_000000", "2026-01-02T00:00:00.000Z", { environment: "dev" });
        await make(store, "dev_b_20260101_000000", "2026-01-01T00:00:00.000Z", { environment: "dev", set: "other" });
        const { deleted } = await prune(store, { last: 1 }, { environment: "dev", set: "physioflow" });
        assert.deepEqual(deleted, ["dev_a_20260101_000000"]);
        assert.equal((await snapshots()).length, 5);
    });

    it("a store that fails half-way leaves nothing incomplete listed, and says what was deleted", async () => {
        const broken = with_({
            delete: async (name) => {
                if (name === `${middle}.dump`) throw new FailedError({ what: "The disk is gone.", next: "Find it." });
                await store.delete(name);
            },
        });
        await assert.rejects(prune(broken, { last: 1 }), (error) => {
            assert(error instanceof FailedError);
            assert.match(error.message, /ended at \S+20260102_000000: The disk is gone/);
            assert(error.message.includes(`Deleted: ${old}`), error.message);
            return true;
        });
        const { snapshots: left, unusable } = await readStore(store);
        assert.deepEqual(
            left.map((s) => s.manifest.name),
            [young],
        );
        assert.deepEqual(unusable, [{ name: middle, why: "it has no manifest" }]);
        await age(`${middle}.dump`, 25);
        assert.deepEqual((await prune(store, { last: 1 })).swept, [middle]);
    });

    it("a mark is there while work goes on and gone after it, also when it fails; a store that only reads is no hindrance", async () => {
        const inside = await whileInUse(store, old, names);
        assert.equal(inside.filter((n) => /\.in-use-\d+-[0-9a-f]{6}$/.test(n)).length, 1);
        await assert.rejects(
            whileInUse(store, old, async () => Promise.reject(new Error("mine"))),
            /mine/,
        );
        assert.deepEqual(
            (await names()).filter((n) => n.includes("in-use")),
            [],
        );
        const readOnly: SnapshotStore = {
            ...with_({}),
            put: async () => Promise.reject(new FailedError({ what: "AccessDenied" })),
        };
        let told = "";
        assert.equal(
            await whileInUse(
                readOnly,
                old,
                async () => Promise.resolve(7),
                (error) => (told = String(error)),
            ),
            7,
        );
        assert.match(told, /AccessDenied/);
    });

    it("which one is the latest is asked where it is not clear", async () => {
        await make(store, "dev_a_20260109_000000", "2026-01-09T00:00:00.000Z", { environment: "dev" });
        const contents = await readStore(store);
        assert.throws(() => findSnapshot(store, contents, "latest", {}), /Which environment.*dev, prod/);
        assert.equal(findSnapshot(store, contents, "latest", { environment: "prod" }).manifest.name, young);
        assert.throws(() => findSnapshot(store, contents, "latest", { environment: "qa" }), /no snapshot of qa/);
        assert.throws(() => findSnapshot(store, contents, "nope", {}), /there is: dev_a_20260109_000000/);
    });
});
