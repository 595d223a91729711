import assert from "node:assert/strict";
import fc from "fast-check";
import { BadInputError } from "../../core/errors";
import type { LedgerRow, StoredSql } from "../../core/history/ledger";
import { makeScript } from "../../core/migrations/numbered";
import type { Migration, MigrationSet } from "../../core/migrations/set";
import { decide, type Decision, storedSqlNeeded } from "../../core/plan/decide";

const pad = (n: number): string => String(n).padStart(3, "0");

function setOf(numbers: readonly number[], text = (n: number): string => `SELECT ${n}`): MigrationSet {
    const migrations = [...numbers]
        .sort((a, b) => a - b)
        .map((n): Migration => ({
            version: pad(n),
            name: `m${n}`,
            up: makeScript(`${pad(n)}_m${n}.sql`, text(n)),
            hasDown: true,
            down: makeScript(`rollback/${pad(n)}_down.sql`, `SELECT -${n}`),
            verify: undefined,
        }));
    return {
        dir: "db",
        format: "numbered",
        migrations,
        compare: (a, b) => Number(a) - Number(b),
        find: (t) => migrations.find((m) => Number(m.version) === Number(t)),
    };
}

function rowsOf(numbers: readonly number[], change: Partial<LedgerRow> = {}): LedgerRow[] {
    return numbers.map((n, i) => ({
        version: pad(n),
        name: `m${n}`,
        format: "numbered",
        upFile: `${pad(n)}_m${n}.sql`,
        upChecksum: makeScript("f", `SELECT ${n}`).checksum,
        downFile: `rollback/${pad(n)}_down.sql`,
        downChecksum: makeScript("f", `SELECT -${n}`).checksum,
        seq: i + 1,
        origin: "applied",
        appliedBy: "somebody",
        appliedAt: new Date(0),
        durationMs: 1,
        ...change,
    }));
}

function decideFor(
    set: MigrationSet,
    applied: readonly LedgerRow[],
    target: string,
    outOfOrder: "allow" | "refuse" = "refuse",
    stored = new Map(
        applied.map((r) => [r.version, { up: `SELECT ${Number(r.version)}`, down: `SELECT -${Number(r.version)}` }]),
    ) as ReadonlyMap<string, StoredSql>,
    looseVersion = true,
): Decision {
    const needed = new Map(storedSqlNeeded(set, applied).map((v) => [v, stored.get(v) ?? { up: null, down: null }]));
    return decide({
        set,
        applied,
        stored: needed,
        target,
        looseVersion,
        outOfOrder,
        downFile: (v) => `rollback/${v}_down.sql`,
    });
}

const steps = (d: Decision): string[] => d.steps.map((s) => `${s.direction} ${s.version}`);

describe("deciding what to run", () => {
    it("goes forward ascending and back descending", () => {
        const set = setOf([1, 2, 3, 4]);
        assert.deepEqual(steps(decideFor(set, rowsOf([1, 2]), "latest")), ["up 003", "up 004"]);
        assert.deepEqual(steps(decideFor(set, rowsOf([1, 2, 3, 4]), "2")), ["down 004", "down 003"]);
        assert.deepEqual(steps(decideFor(set, rowsOf([1, 2]), "0")), ["down 002", "down 001"]);
        assert.deepEqual(steps(decideFor(set, rowsOf([1, 2]), "002")), []);
    });

    it("does not take an empty folder for the wish to undo everything, nor what is gone for a target", () => {
        assert.throws(
            () => decideFor(setOf([]), rowsOf([1, 2]), "latest"),
            /holds no migration, and the database has 2 applied\.[^]*version "0"/,
        );
        assert.deepEqual(steps(decideFor(setOf([]), [], "latest")), []);
        assert.deepEqual(steps(decideFor(setOf([]), rowsOf([1, 2]), "0")), ["down 002", "down 001"]);
        assert.throws(
            () => decideFor(setOf([1, 2]), rowsOf([1, 2, 3]), "003"),
            /Version "003" is applied, and its script is no longer in/,
        );
        assert.deepEqual(steps(decideFor(setOf([1, 2]), rowsOf([1, 2, 3]), "002")), ["down 003"]);
    });

    it("ends exactly at the target, from any history, and undoes what was applied last first", () => {
        const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 20 });
        fc.assert(
            fc.property(numbers, numbers, fc.integer({ min: 0, max: 30 }), (onDisk, extra, wanted) => {
                const set = setOf(onDisk);
                // Applied in any order; what is not on disk is known to the ledger alone.
                const applied = [...new Set([...extra, ...onDisk.filter((n) => n % 2 === 0)])];
                const target = onDisk.filter((n) => n <= wanted).at(-1) ?? 0;
                const decision = decideFor(set, rowsOf(applied), String(target), "allow");

                const now = new Set(applied.map(pad));
                const seen: number[] = [];
                let wentForward = false;
                for (const step of decision.steps) {
                    if (step.direction === "down") {
                        assert(now.delete(step.version), "undoes only what is applied");
                        assert(!wentForward, "first all the way back");
                        const seq = applied.indexOf(Number(step.version));
                        assert(
                            seen.every((s) => s > seq),
                            "last applied first",
                        );
                        seen.push(seq);
                    } else {
                        wentForward = true;
                        assert(!now.has(step.version), "applies only what is not");
                        now.add(step.version);
                    }
                }
                const desired = onDisk.filter((n) => n <= target).map(pad);
                assert.deepEqual([...now].sort(), desired.sort());
                const ups = decision.steps.filter((s) => s.direction === "up").map((s) => s.version);
                assert.deepEqual(ups, [...ups].sort());
            }),
            { numRuns: 500 },
        );
    });

    /** A set whose file names have numbers of any width, as people have them after a thousand migrations. */
    function wideSet(numbers: readonly number[], widths: readonly number[]): MigrationSet {
        const set = setOf(numbers);
        const migrations = set.migrations.map((m, i) => ({
            ...m,
            version: String(Number(m.version)).padStart(widths[i % widths.length] ?? 3, "0"),
        }));
        return { ...set, migrations, find: (t) => migrations.find((m) => Number(m.version) === Number(t)) };
    }

    it("brings any applied set to any target one legal step at a time, or says which rule forbids it", () => {
        const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 1200 }), { maxLength: 15 });
        const widths = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 });
        fc.assert(
            fc.property(
                numbers,
                widths,
                fc.array(fc.boolean(), { minLength: 15, maxLength: 15 }),
                fc.nat(20),
                fc.boolean(),
                (disk, width, isApplied, pick, shuffled) => {
                    const set = wideSet(disk, width);
                    const versions = set.migrations.map((m) => Number(m.version));
                    const applied = versions.filter((_, i) => isApplied[i] === true);
                    if (shuffled) applied.reverse();
                    const target = [0, ...versions][pick % (versions.length + 1)] ?? 0;
                    const rows = rowsOf(applied).map((row) => ({
                        ...row,
                        version: set.find(row.version)?.version ?? row.version,
                    }));
                    const decision = decideFor(set, rows, String(target));

                    // What is applied, in the order of applying, as the ledger would have it after each step.
                    const stack = [...applied];
                    let forward = false;
                    for (const { direction, version, script } of decision.steps) {
                        const n = Number(version);
                        if (direction === "down") {
                            assert(!forward && n > target, "undoes only what lies above the target, and first");
                            const above = stack.slice(stack.indexOf(n) + 1);
                            assert(stack.includes(n) && above.every((other) => other <= target));
                            stack.splice(stack.indexOf(n), 1);
                            assert.equal(script.sql, `SELECT -${n}`);
                        } else {
                            forward = true;
                            assert(n <= target && !stack.includes(n), "applies only what is missing below the target");
                            stack.push(n);
                            assert.equal(script.sql, `SELECT ${n}`);
                        }
                    }
                    const wanted = versions.filter((n) => n <= target);
                    assert.deepEqual(
                        stack.toSorted((a, b) => a - b),
                        wanted,
                    );
                    // Exactly a version missing below one that stays is a hole.
                    const kept = Math.max(0, ...applied.filter((n) => n <= target));
                    const hole = wanted.some((n) => n < kept && !applied.includes(n));
                    assert.deepEqual(
                        decision.refusals.map((r) => r.code),
                        hole ? ["out-of-order"] : [],
                    );
                    // From where it leads, nothing is left to do, and the way back is as long.
                    const after = rowsOf(stack).map((row) => ({
                        ...row,
                        version: set.find(row.version)?.version ?? row.version,
                    }));
                    assert.deepEqual(decideFor(set, after, String(target), "allow").steps, []);
                },
            ),
            { numRuns: 1000 },
        );
    });

    it("refuses a hole below the head until it is allowed, and never silently skips it", () => {
        const set = setOf([1, 2, 3]);
        const refused = decideFor(set, rowsOf([1, 3]), "latest");
        assert.deepEqual(
            refused.refusals.map((r) => r.code),
            ["out-of-order"],
        );
        assert.match(refused.refusals[0]?.text ?? "", /^002 lies below the head 003/);
        const allowed = decideFor(set, rowsOf([1, 3]), "latest", "allow");
        assert.deepEqual(allowed.refusals, []);
        assert.deepEqual(steps(allowed), ["up 002"]);
    });

    it("does not call it a hole when what lies above is undone first", () => {
        const decision = decideFor(setOf([1, 2, 3]), rowsOf([1, 3]), "2");
        assert.deepEqual(steps(decision), ["down 003", "up 002"]);
        assert.deepEqual(decision.refusals, []);
    });

    it("takes the ledger's down SQL where the disk no longer has the version", () => {
        const decision = decideFor(setOf([1, 2]), rowsOf([1, 2, 3]), "latest");
        assert.deepEqual(steps(decision), ["down 003"]);
        assert.equal(decision.steps[0]?.source, "ledger");
        assert.equal(decision.steps[0].script.sql, "SELECT -3");
    });

    it("refuses to leave a version that is gone from disk in the middle", () => {
        const decision = decideFor(setOf([1, 3]), rowsOf([1, 2, 3]), "3");
        assert.deepEqual(
            decision.refusals.map((r) => r.code),
            ["missing-below"],
        );
    });

    it("prefers the down script on disk, and says when it is another than the stored one", () => {
        const changed = rowsOf([1], { downChecksum: "x" });
        const step = decideFor(setOf([1]), changed, "0").steps[0];
        assert.equal(step?.script.sql, "SELECT -1");
        assert.equal(step.differsFromLedger, true);
        assert.equal(decideFor(setOf([1]), rowsOf([1]), "0").steps[0]?.differsFromLedger, false);
    });

    it("refuses an edited script of an applied migration, with the line", () => {
        const set = setOf([1, 2], (n) => (n === 1 ? "SELECT 1;\nSELECT 'edited'" : "SELECT 2"));
        const rows = rowsOf([1, 2]).map((r) => (r.version === "001" ? { ...r, upChecksum: "x" } : r));
        const stored = new Map([["001", { up: "SELECT 1;\nSELECT 'first'", down: null }]]);
        assert.throws(
            () => decideFor(set, rows, "latest", "refuse", stored),
            (error: unknown) => {
                assert(error instanceof BadInputError);
                assert.match(error.message, /^001_m1\.sql:2: Version 001 was applied/);
                assert.match(error.message, /schemaward resolve --applied 001/);
                return true;
            },
        );
    });

    it("refuses to go back without a down script, naming the file to write", () => {
        const set = { ...setOf([1]), find: () => undefined, migrations: [] };
        assert.throws(
            () => decideFor(set, rowsOf([1], { downChecksum: null }), "0", "refuse", new Map()),
            /rollback\/001_down\.sql:1: Going back over 001 needs/,
        );
    });

    it("refuses an empty down script when it is needed, and only then", () => {
        const set = setOf([1]);
        const empty = set.migrations.map((m) => ({
            ...m,
            down: makeScript("rollback/001_down.sql", "-- nothing\n ; /* here */"),
        }));
        const emptied = { ...set, migrations: empty, find: (t: string) => (Number(t) === 1 ? empty[0] : undefined) };
        assert.throws(
            () => decideFor(emptied, rowsOf([1]), "0"),
            /rollback\/001_down\.sql:1: The down script of 001 is empty/,
        );
        assert.deepEqual(steps(decideFor(emptied, [], "latest")), ["up 001"]);
    });

    it("takes a version only as the set spells it, where it comes from a file", () => {
        const strict = (target: string): Decision =>
            decideFor(setOf([1, 20, 24]), [], target, "refuse", new Map(), false);
        assert.throws(() => strict("20"), /Version "20" is not spelled as in the set, where it is "020"/);
        assert.equal(strict("020").to, "020");
        assert.equal(strict("latest").to, "024");
    });

    for (const target of ["4", "x", "", "1.0", "-1"]) {
        it(`refuses the version "${target}", saying which there are`, () => {
            assert.throws(() => decideFor(setOf([1, 2]), [], target), /Version ".*" is unknown: db holds 001 to 002/);
        });
    }
});
