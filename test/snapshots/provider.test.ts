import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { FailedError } from "../../core/errors";
import { readStore, type StoredSnapshot } from "../../core/snapshots/contents";
import type { SnapshotStore } from "../../core/snapshots/store";
import { openStore } from "../../core/snapshots/stores";
import * as provider from "../../dynamic-providers/snapshot";
import { unknownValue } from "../../dynamic-providers/inputs";
import { startTestServer, type TestServer } from "../support/postgres";

describe("the provider of declared snapshots", function () {
    this.timeout(60_000);
    let server: TestServer;
    let folder: string;
    let store: SnapshotStore;
    let inputs: provider.SnapshotInputs;
    const variable = "SCHEMAWARD_TEST_SNAPSHOT_URL";

    before(async () => {
        server = await startTestServer();
        process.env[variable] = server.url("postgres");
    });
    after(async () => {
        Reflect.deleteProperty(process.env, variable);
        await server.stop();
    });
    beforeEach(async () => {
        folder = await mkdtemp(path.join(os.tmpdir(), "schemaward-provider-"));
        store = openStore(`file:${folder}`, "/");
        inputs = {
            label: "before-release",
            connection: { env: variable },
            store: `file:${folder}`,
            declarer: { project: "app", stack: "prod", environment: "prod" },
            set: "app",
            protect: true,
            triggers: ["1.3.0"],
        };
    });
    afterEach(async () => rm(folder, { recursive: true, force: true }));

    const stored = async (): Promise<readonly StoredSnapshot[]> => (await readStore(store)).snapshots;

    it("create: a verified, protected restore point; once more: another", async () => {
        const { id, outs } = await provider.create(inputs);
        const [snapshot] = await stored();
        assert.match(id, /^prod_before-release_\d{8}_\d{6}$/);
        assert.deepEqual(
            [outs.name, outs.bytes, outs.sha256, outs.created],
            [id, ...[snapshot?.manifest.archive].flatMap((a) => [a?.bytes, a?.sha256]), snapshot?.manifest.created],
        );
        assert.deepEqual([snapshot?.protected, snapshot?.manifest.kind], [true, "restore-point"]);
        assert.deepEqual({ ...outs, ...inputs }, outs);
        const again = await provider.create({ ...inputs, protect: false });
        assert.notEqual(again.id, id);
        assert.deepEqual((await stored()).map((s) => s.protected).sort(), [false, true]);
    });

    it("check: refuses what gives no snapshot, and waits for what is not known yet", async () => {
        const failures = async (more: object): Promise<string[]> => {
            const news = { ...inputs, ...more };
            return (await provider.check({}, news)).failures.map((f) => `${f.property}: ${f.reason}`);
        };
        assert.deepEqual(await failures({}), []);
        assert.match((await failures({ label: "pre-migration-v1" })).join(), /^label: The label pre-migration-v1 is/);
        assert.match((await failures({ label: "" })).join(), /^label: must not be empty/);
        assert.match((await failures({ label: "x".repeat(150) })).join(), /^label: .*too long a name/);
        assert.match((await failures({ store: "ftp://u:canary@h/" })).join(), /^store: There are no .* kind ftp/);
        assert.match(
            (await failures({ connection: { url: "postgresql://u:canary@h/d" } })).join(),
            /^connection: needs/,
        );
        assert.match((await failures({ protect: "yes" })).join(), /^protect: must be true or false/);
        assert.match((await failures({ triggers: "1" })).join(), /^triggers: must be a list/);
        assert.deepEqual(await failures({ store: unknownValue, label: "" }), []);
        for (const more of [{ store: "ftp://u:canary@h/" }, { connection: { url: "postgresql://u:canary@h/d" } }])
            assert(!(await failures(more)).join().includes("canary"));
    });

    it("diff: what says what is in it takes another, its protection is changed, the rest is nothing", async () => {
        const olds = { ...inputs, name: "n", bytes: 1, created: "c", sha256: "s" };
        const diff = async (more: object): Promise<unknown> => {
            const { changes, replaces, deleteBeforeReplace } = await provider.diff("n", olds, { ...inputs, ...more });
            assert.equal(deleteBeforeReplace, false);
            return changes ? replaces : "none";
        };
        assert.equal(await diff({}), "none");
        assert.equal(await diff({ app: "1.3.0" }), "none");
        assert.deepEqual(await diff({ protect: false }), []);
        assert.deepEqual(await diff({ label: "other" }), ["label"]);
        assert.deepEqual(await diff({ store: "file:/elsewhere" }), ["store"]);
        assert.deepEqual(await diff({ store: unknownValue }), ["store"]);
        assert.deepEqual(await diff({ connection: { command: ["x"] } }), ["connection"]);
        assert.deepEqual(await diff({ triggers: ["1.4.0"] }), ["triggers"]);
        assert.deepEqual(await diff({ triggers: [unknownValue] }), ["triggers"]);
        assert.deepEqual(await diff({ set: "other" }), ["set"]);
        assert.deepEqual(await diff({ declarer: { ...inputs.declarer, environment: "qa" } }), ["declarer"]);
    });

    it("update and delete change its protection and delete nothing", async () => {
        const { id, outs } = await provider.create(inputs);
        const updated = await provider.update(id, outs, { ...inputs, protect: false });
        assert.deepEqual([updated.outs.protect, updated.outs.name], [false, id]);
        assert.equal((await stored())[0]?.protected, false);
        await provider.update(id, updated.outs, inputs);
        assert.equal((await stored())[0]?.protected, true);
        await provider.delete(id, outs);
        const left = await stored();
        assert.deepEqual([left.length, left[0]?.protected], [1, false]);
    });

    it("read: gone when it is gone, kept when nobody knows, and its protection as it is", async () => {
        const { id, outs } = await provider.create(inputs);
        assert.deepEqual(await provider.read(id, outs), { id, props: outs });
        await store.delete(`${id}.protected`);
        assert.equal((await provider.read(id, outs)).props?.protect, false);
        await store.delete(`${id}.manifest.json`);
        assert.deepEqual(await provider.read(id, outs), {});
        await rm(folder, { recursive: true });
        await writeFile(folder, "a file in the folder's place");
        assert.deepEqual(await provider.read(id, outs), { id, props: outs });
        await provider.delete(id, outs);
    });

    it("a database that does not answer is told, and nothing is left in the store", async () => {
        process.env[variable] = "postgresql://nobody:canary-secret@127.0.0.1:1/none";
        try {
            await assert.rejects(
                provider.create(inputs),
                (error) => error instanceof FailedError && !error.message.includes("canary-secret"),
            );
        } finally {
            process.env[variable] = server.url("postgres");
        }
        assert.deepEqual(await stored(), []);
    });
});
