import assert from "node:assert/strict";
import fc from "fast-check";
import { defaultPolicy } from "../../core/declaration";
import { isRestOf, planDigest } from "../../core/plan/digest";
import type { Plan, PlanStep } from "../../core/plan/plan";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";
import { lossOf, planOf, samplePlan, stepOf } from "./plan-fixture";

const base = samplePlan();
const first = base.steps[0] ?? stepOf({ direction: "down", version: "027" });

/** The sample with another first step. */
function withStep(change: Partial<PlanStep>): Plan {
    return { ...base, steps: [{ ...first, ...change }, ...base.steps.slice(1)] };
}

const matters: Readonly<Record<string, Plan>> = {
    "a script's content": withStep({ script: { ...first.script, checksum: "d".repeat(64) } }),
    "the target": { ...base, to: "023" },
    "where it begins": { ...base, from: "028" },
    "the direction": { ...base, direction: "both" },
    "a step more": { ...base, steps: [...base.steps, stepOf({ direction: "down", version: "024" })] },
    "a step less": { ...base, steps: base.steps.slice(1) },
    "the steps' order": { ...base, steps: base.steps.toReversed() },
    "a step's direction": withStep({ direction: "up" }),
    "a step's version": withStep({ version: "0027" }),
    adoption: { ...base, adopt: { table: "public.schema_migrations", versions: ["001"] } },
    "a table more that is lost": withStep({
        losses: [...first.losses, lossOf({ kind: "table dropped", object: "more", rows: 0 })],
    }),
    "rows deleted, not the table dropped": withStep({
        losses: first.losses.map((l) => ({ ...l, kind: "rows deleted" })),
    }),
    "an object more that is dropped": withStep({ dropped: [...first.dropped, { kind: "view", name: "v" }] }),
    "another kind of object": withStep({ dropped: first.dropped.map((o) => ({ ...o, kind: "view" })) }),
    "a stronger lock": withStep({ locks: [{ mode: "SHARE", relations: ["feature_flags"] }] }),
    "a lock on another table": withStep({
        locks: [{ mode: "ACCESS EXCLUSIVE", relations: ["feature_flags", "users"] }],
    }),
    "a rewrite": withStep({ rewrites: ["users"] }),
    "opaque SQL": withStep({ opaque: [{ line: 4, why: "DO block with EXECUTE" }] }),
};

const matterNot: Readonly<Record<string, Plan>> = {
    "counts, bytes and exactness": withStep({
        losses: first.losses.map((l) => ({ ...l, rows: (l.rows ?? 0) + 5, bytes: 7, exact: false })),
    }),
    "sums and the snapshot's size and name": {
        ...base,
        lost: { rows: 1, values: 2, bytes: 3, unknown: false },
        snapshot: null,
    },
    "the order in which objects are found": withStep({
        losses: first.losses.toReversed(),
        dropped: first.dropped.toReversed(),
        locks: first.locks.map((l) => ({ ...l, relations: l.relations.toReversed() })),
    }),
    "a file's name": withStep({ script: { ...first.script, file: "elsewhere/027_down.sql" } }),
    "the approval itself, and refusals": {
        ...base,
        approval: { needed: false, given: false, maxRowsLost: 1, restOf: [] },
        refusals: [{ code: "approval", text: "x", allow: "y" }],
    },
    "resource, environment, warnings and words": {
        ...base,
        resource: "other",
        environment: "staging",
        warnings: ["w"],
        undo: "u",
        run: ["r"],
        digest: "00000000",
    },
};

describe("the digest of a plan", () => {
    const digest = planDigest(base);

    it("is eight hexadecimal digits", () => {
        assert.match(digest, /^[0-9a-f]{8}$/);
    });

    for (const [what, plan] of Object.entries(matters)) {
        it(`changes with ${what}`, () => {
            assert.notEqual(planDigest(plan), digest);
        });
    }

    for (const [what, plan] of Object.entries(matterNot)) {
        it(`does not change with ${what}`, () => {
            assert.equal(planDigest(plan), digest);
        });
    }

    it("tells plans apart exactly by what they bind, whatever the names hold", () => {
        const name = fc.oneof(fc.constantFrom("a", "b", "a b", "a,b", "view a", ""), fc.string({ maxLength: 4 }));
        const names = fc.uniqueArray(name, { maxLength: 3 });
        fc.assert(
            fc.property(names, names, (one, other) => {
                const of = (list: readonly string[]): string =>
                    planDigest(
                        planOf({
                            steps: [
                                stepOf({
                                    direction: "down",
                                    version: "001",
                                    locks: [{ mode: "SHARE", relations: list }],
                                    rewrites: list,
                                    dropped: list.map((n) => ({ kind: "table", name: n })),
                                }),
                            ],
                        }),
                    );
                assert.equal(
                    of(one) === of(other),
                    JSON.stringify(one.toSorted()) === JSON.stringify(other.toSorted()),
                );
            }),
            { numRuns: 300 },
        );
    });

    it("covers a plan that is the very rest of the whole, and no other", () => {
        const begun = [
            stepOf({ direction: "down", version: "029" }),
            stepOf({ direction: "down", version: "028", dropped: [{ kind: "view", name: "v" }] }),
        ];
        const whole = { ...base, from: "029", steps: [...begun, ...base.steps] };
        assert(isRestOf(base, whole, begun));
        for (const plan of Object.values(matterNot)) assert(isRestOf(plan, whole, begun));
        for (const [what, plan] of Object.entries(matters)) {
            if (what === "where it begins" || what === "adoption" || what === "the direction") continue;
            assert(!isRestOf(plan, whole, begun), what);
        }
        assert(!isRestOf(base, whole, begun.toReversed()), "done in another order");
        assert(!isRestOf(base, whole, begun.slice(1)), "less was done");
        assert(!isRestOf(base, whole, [...begun, first]), "more was done");
    });

    it("leaves the plan as it was", () => {
        const before = JSON.stringify(base);
        planDigest(base);
        assert.equal(JSON.stringify(base), before);
    });

    describe("on a real database", function () {
        this.timeout(30_000);
        let server: TestServer;
        let project: TestProject;

        before(async () => {
            server = await startTestServer();
        });
        after(async () => server.stop());
        beforeEach(async () => {
            project = new TestProject(server, await server.create());
            project
                .migration("001", "CREATE TABLE a (id int, x text)", "DROP TABLE a")
                .migration("002", "CREATE TABLE b (id int)", "DROP TABLE b")
                .migration("003", "CREATE TABLE c (id int)", "DROP TABLE c");
            await project.migrate("002");
        });
        afterEach(() => {
            project.remove();
        });

        const digestTo = async (version: string): Promise<string> => (await project.plan(version)).digest;

        it("stays while the application writes, time passes and statistics change, and the same on a second database", async () => {
            const digest = await digestTo("0");
            await project.query("INSERT INTO a SELECT n, 'x' FROM generate_series(1, 5000) n");
            await project.query("VACUUM ANALYZE a");
            assert.equal(await digestTo("0"), digest);
            const other = new TestProject(server, await server.create());
            try {
                other
                    .migration("001", "CREATE TABLE a (id int, x text)", "DROP TABLE a")
                    .migration("002", "CREATE TABLE b (id int)", "DROP TABLE b");
                await other.migrate("latest");
                assert.equal((await other.plan("0")).digest, digest);
            } finally {
                other.remove();
            }
        });

        it("changes with a script's text, the target, what is applied, and what the schema makes of the same script", async () => {
            const seen = [await digestTo("0"), await digestTo("1"), await digestTo("3")];
            project.write({ "rollback/002_down.sql": "DROP TABLE b; -- now with a comment" });
            seen.push(await digestTo("0"));
            await project.migrate("3");
            seen.push(await digestTo("0"));
            await project.query("CREATE TABLE d (id int) INHERITS (c)");
            project.write({ "rollback/003_down.sql": "DROP TABLE c CASCADE" });
            const withChild = await digestTo("2");
            await project.query("DROP TABLE d");
            seen.push(withChild, await digestTo("2"));
            assert.equal(new Set(seen).size, seen.length, seen.join(" "));
        });

        it("does not depend on line ends, and what it approves is that plan alone", async () => {
            const digest = await digestTo("1");
            project.write({ "rollback/002_down.sql": "\ufeffDROP TABLE b" });
            assert.equal(await digestTo("1"), digest);
            const approved = { policy: { ...defaultPolicy, approval: "always", approvedPlan: digest } } as const;
            assert.deepEqual((await project.plan("1", approved)).refusals, []);
            const other = await project.plan("0", approved);
            assert.deepEqual(
                other.refusals.map((r) => r.code),
                ["approval"],
            );
        });

        it("is the same by observation and by the catalog where both see the same", async () => {
            assert.equal((await project.plan("1", {}, "quick")).digest, await digestTo("1"));
        });
    });
});
