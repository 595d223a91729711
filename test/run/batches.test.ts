import assert from "node:assert/strict";
import fc from "fast-check";
import { type PreparedStep, prepareSteps } from "../../core/plan/prepare";
import { batchesOf } from "../../core/run/batches";

const shared = ["CREATE TABLE a (id int)", "DROP TABLE a", "-- nothing", "CREATE TYPE t AS ENUM ('x')"];
const alone = [
    "ALTER TABLE a ADD COLUMN n int",
    "BEGIN; CREATE TABLE a (id int); COMMIT",
    "START TRANSACTION; DROP TABLE a; END",
    "BEGIN ISOLATION LEVEL SERIALIZABLE; DROP TABLE a; COMMIT",
    "-- schemaward: no-transaction\nDROP TABLE a",
    "CREATE INDEX CONCURRENTLY ON a (id)",
    "DROP TABLE schema_migrations",
    "CREATE TABLE a (id int); DELETE FROM schema_migrations WHERE version = '1'",
    `COMMENT ON TABLE a IS '${"x".repeat(60_000)}'; CREATE INDEX ON a (id)`,
];

async function steps(scripts: readonly string[], mirrored = true): Promise<PreparedStep[]> {
    const decided = scripts.map((sql, i) => ({
        direction: "up" as const,
        version: String(i + 1),
        name: "m",
        script: { file: `${i + 1}_m.sql`, sql, checksum: "" },
        source: "disk" as const,
        differsFromLedger: false,
        down: undefined,
        verify: undefined,
    }));
    return prepareSteps(decided, mirrored ? "public" : undefined);
}

describe("batches of steps", () => {
    it("are all steps in order, the brief ones together, the others alone", async () => {
        await fc.assert(
            fc.asyncProperty(
                fc.array(fc.constantFrom(...shared, ...shared, ...alone), { maxLength: 60 }),
                async (scripts) => {
                    const all = await steps(scripts);
                    const batches = batchesOf(all, true);
                    assert.deepEqual(batches.flat(), all);
                    for (const [i, batch] of batches.entries()) {
                        assert(batch.length <= 16);
                        const together = batch.every((s) => shared.includes(s.script.sql));
                        assert(together || batch.length === 1, batch.map((s) => s.script.sql).join(" | "));
                        const next = batches[i + 1]?.[0];
                        if (together && batch.length < 16 && next !== undefined)
                            assert(!shared.includes(next.script.sql), "they could have been together");
                    }
                },
            ),
        );
    });

    it("are not longer than a message should be", async () => {
        const long = `COMMENT ON TABLE a IS '${"x".repeat(60_000)}'`;
        const sizes = batchesOf(await steps([long, long, "DROP TABLE a", long, long]), true).map((b) => b.length);
        assert.deepEqual(sizes, [1, 2, 1, 1]);
    });

    it("are none where partitions or event triggers come about on the way", async () => {
        for (const sql of [
            "CREATE TABLE p1 PARTITION OF p DEFAULT",
            "DROP EVENT TRIGGER t",
            "CREATE TABLE c () INHERITS (a)",
        ])
            assert.equal(batchesOf(await steps(["DROP TABLE a", "DROP TABLE b", sql]), true).length, 3);
    });

    it("hold a script that names the history table only where that is not ours to keep", async () => {
        const scripts = ["CREATE TABLE a (id int)", "DROP TABLE schema_migrations"];
        assert.equal(batchesOf(await steps(scripts), true).length, 2);
        assert.equal(batchesOf(await steps(scripts, false), false).length, 1);
    });
});
