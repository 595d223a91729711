import assert from "node:assert/strict";
import fc from "fast-check";
import type { RetentionRules } from "../../core/declaration";
import { BadInputError } from "../../core/errors";
import { decideRetention, rulesOf, type Candidate, type Decision } from "../../core/snapshots/retention";

const now = new Date("2026-03-01T12:00:00Z");
const dayMs = 86_400_000;

type Given = Partial<Omit<Candidate, "manifest">> & Partial<Candidate["manifest"]> & { readonly created: string };

let count = 0;
function one(given: Given): Candidate {
    const { name, environment, set, kind, created, ...rest } = given;
    count += 1;
    return {
        manifest: {
            name: name ?? `s${String(count)}`,
            environment: environment ?? "prod",
            set: set ?? "default",
            kind: kind ?? "pre-migration",
            created,
        },
        protected: false,
        inUse: false,
        verified: { ok: true, at: created },
        ...rest,
    };
}

/** `name: reasons` of those that are kept, newest first. */
function kept(decisions: readonly Decision[]): string[] {
    return decisions.filter((d) => d.keep).map((d) => `${d.name}: ${d.reasons.join(" ")}`);
}

const damaged = { ok: false, at: "2026-02-28T00:00:00.000Z", why: "bits" } as const;

// Few times, so that days, weeks and seconds are shared; names of one second are told apart by number.
const moment = fc
    .integer({ min: 0, max: 60 * 4 })
    .map((quarters) => new Date(now.getTime() - quarters * (dayMs / 4)).toISOString());
const candidate = fc
    .record({
        created: moment,
        environment: fc.constantFrom("prod", "prod", "prod", "dev"),
        set: fc.constantFrom("default", "default", "other"),
        kind: fc.constantFrom("pre-migration" as const, "restore-point" as const, "emergency" as const),
        protected: fc.constantFrom(false, false, false, true),
        inUse: fc.constantFrom(false, false, false, true),
        whole: fc.constantFrom(true, true, true, false, null),
    })
    .map(({ whole, ...rest }) =>
        one({ ...rest, verified: whole === null ? null : whole ? { ok: true, at: rest.created } : damaged }),
    );
const many = fc.array(candidate, { maxLength: 25 });
const number = fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined });
const rulesArbitrary: fc.Arbitrary<RetentionRules> = fc
    .record({ last: number, daily: number, weekly: number })
    .filter(({ last, daily, weekly }) => (last ?? daily ?? weekly) !== undefined);
const scope = { environment: "prod", set: "default" };

function inScope(snapshot: Candidate): boolean {
    return snapshot.manifest.environment === "prod" && snapshot.manifest.set === "default";
}

function newestOf(snapshots: readonly Candidate[]): Candidate | undefined {
    return snapshots.reduce<Candidate | undefined>(
        (best, s) => (best === undefined || s.manifest.created > best.manifest.created ? s : best),
        undefined,
    );
}

describe("retention", () => {
    it("keeps the newest of each of the last days and weeks that have any", () => {
        const at = (created: string): Candidate => one({ name: created, created });
        const snapshots = [
            at("2026-02-28T10:00:00.000Z"),
            at("2026-02-28T09:00:00.000Z"),
            at("2026-02-27T23:59:59.000Z"),
            at("2026-02-25T00:00:00.000Z"),
            // A Sunday, the end of the week before.
            at("2026-02-22T12:00:00.000Z"),
            at("2026-02-16T00:00:00.000Z"),
            // Weeks without any take no place.
            at("2026-01-04T12:00:00.000Z"),
            at("2025-12-29T12:00:00.000Z"),
            at("2025-12-28T12:00:00.000Z"),
        ];
        assert.deepEqual(kept(decideRetention(snapshots, { last: 1 }, now)), [
            "2026-02-28T10:00:00.000Z: newest-verified last",
        ]);
        assert.deepEqual(kept(decideRetention(snapshots, { daily: 3 }, now)), [
            "2026-02-28T10:00:00.000Z: newest-verified daily",
            "2026-02-27T23:59:59.000Z: daily",
            "2026-02-25T00:00:00.000Z: daily",
        ]);
        // 29 December is of the same ISO week as 4 January.
        assert.deepEqual(kept(decideRetention(snapshots, { last: 2, weekly: 4 }, now)), [
            "2026-02-28T10:00:00.000Z: newest-verified last weekly",
            "2026-02-28T09:00:00.000Z: last",
            "2026-02-22T12:00:00.000Z: weekly",
            "2026-01-04T12:00:00.000Z: weekly",
            "2025-12-28T12:00:00.000Z: weekly",
        ]);
    });

    it("protected and emergency ones take no place of the others", () => {
        const snapshots = [
            one({ name: "e", created: "2026-02-28T10:00:00.000Z", kind: "emergency" }),
            one({ name: "p", created: "2026-02-27T10:00:00.000Z", protected: true }),
            one({ name: "a", created: "2026-02-26T10:00:00.000Z" }),
            one({ name: "b", created: "2026-02-25T10:00:00.000Z" }),
        ];
        assert.deepEqual(kept(decideRetention(snapshots, { last: 1 }, now)), [
            "e: newest-verified emergency",
            "p: protected",
            "a: last",
        ]);
        assert.deepEqual(kept(decideRetention(snapshots, { last: 1 }, new Date(now.getTime() + 8 * dayMs))), [
            "e: newest-verified last",
            "p: protected",
        ]);
    });

    it("a damaged one takes no place, and goes when it is older than all that a rule keeps", () => {
        const snapshots = [
            one({ name: "d1", created: "2026-02-28T10:00:00.000Z", verified: damaged }),
            one({ name: "a", created: "2026-02-27T10:00:00.000Z" }),
            one({ name: "d2", created: "2026-02-26T10:00:00.000Z", verified: damaged }),
            one({ name: "b", created: "2026-02-25T10:00:00.000Z" }),
            one({ name: "d3", created: "2026-02-24T10:00:00.000Z", verified: damaged }),
        ];
        assert.deepEqual(kept(decideRetention(snapshots, { last: 2 }, now)), [
            "d1: damaged",
            "a: newest-verified last",
            "d2: damaged",
            "b: last",
        ]);
    });

    it("never deletes the newest verified, a protected, a read, an unreadable, a young emergency one or others'", () => {
        fc.assert(
            fc.property(many, rulesArbitrary, (snapshots, rules) => {
                const gone = new Set(
                    decideRetention(snapshots, rules, now, scope).flatMap((d) => (d.keep ? [] : [d.name])),
                );
                const deleted = snapshots.filter((s) => gone.has(s.manifest.name));
                for (const s of deleted) {
                    assert(inScope(s), "elsewhere");
                    assert(!s.protected && !s.inUse && s.verified !== null);
                    const age = now.getTime() - Date.parse(s.manifest.created);
                    assert(s.manifest.kind !== "emergency" || age >= 7 * dayMs);
                }
                const whole = snapshots.filter((s) => inScope(s) && s.verified?.ok === true);
                const newest = newestOf(whole);
                if (newest !== undefined) {
                    const ofThen = whole.filter((s) => s.manifest.created === newest.manifest.created);
                    assert(ofThen.some((s) => !gone.has(s.manifest.name)));
                }
            }),
            { numRuns: 2000 },
        );
    });

    it("of those that only rules keep, exactly the newest of each period stays", () => {
        const plain = fc.array(
            moment.map((created) => one({ created })),
            { maxLength: 25 },
        );
        fc.assert(
            fc.property(plain, rulesArbitrary, (snapshots, rules) => {
                const decisions = decideRetention(snapshots, rules, now, scope);
                const created = new Map(snapshots.map((s) => [s.manifest.name, s.manifest.created]));
                // Written otherwise than the code: by what each period's end is.
                const expected = new Set<string>();
                const times = [...created.values()].sort().reverse();
                for (const time of times.slice(0, rules.last ?? 0)) expected.add(time);
                const week = (time: string): number => Math.floor((Date.parse(time) / dayMs + 3) / 7);
                const day = (time: string): number => Math.floor(Date.parse(time) / dayMs);
                for (const [period, n] of [
                    [day, rules.daily ?? 0],
                    [week, rules.weekly ?? 0],
                ] as const) {
                    const seen = [...new Set(times.map(period))].slice(0, n);
                    for (const p of seen) expected.add(times.find((t) => period(t) === p) ?? "");
                }
                const stays = decisions.filter((d) => d.keep).map((d) => created.get(d.name) ?? "");
                assert.deepEqual(new Set(stays), expected);
                const most = (rules.last ?? 0) + (rules.daily ?? 0) + (rules.weekly ?? 0);
                assert(stays.length <= Math.max(most, 1));
            }),
            { numRuns: 2000 },
        );
    });

    it("once done there is nothing more to do, and more generous rules delete no more", () => {
        fc.assert(
            fc.property(many, rulesArbitrary, (snapshots, rules) => {
                const goneWith = (given: readonly Candidate[], r: RetentionRules): Set<string> =>
                    new Set(decideRetention(given, r, now, scope).flatMap((d) => (d.keep ? [] : [d.name])));
                const gone = goneWith(snapshots, rules);
                const left = snapshots.filter((s) => !gone.has(s.manifest.name));
                assert.deepEqual(goneWith(left, rules), new Set());
                const more = goneWith(snapshots, { ...rules, last: (rules.last ?? 0) + 3 });
                for (const name of more) assert(gone.has(name));
            }),
            { numRuns: 2000 },
        );
    });

    it("decides for each once, whatever the order", () => {
        fc.assert(
            fc.property(many, rulesArbitrary, (snapshots, rules) => {
                const decisions = decideRetention(snapshots, rules, now, scope);
                assert.deepEqual(decisions, decideRetention([...snapshots].reverse(), rules, now, scope));
                assert.deepEqual(decisions.map((d) => d.name).sort(), snapshots.map((s) => s.manifest.name).sort());
                assert(decisions.every((d) => d.reasons.length > 0));
            }),
            { numRuns: 1000 },
        );
    });

    it("each environment and set is judged by itself", () => {
        const snapshots = [
            one({ name: "p", created: "2026-02-01T00:00:00.000Z" }),
            one({ name: "d", created: "2026-02-02T00:00:00.000Z", environment: "dev" }),
            one({ name: "o", created: "2026-02-03T00:00:00.000Z", set: "other" }),
        ];
        assert.equal(kept(decideRetention(snapshots, { last: 1 }, now)).length, 3);
        assert.deepEqual(kept(decideRetention(snapshots, { last: 1 }, now, { environment: "dev" })), [
            "o: elsewhere",
            "d: newest-verified last",
            "p: elsewhere",
        ]);
    });

    it("rules that keep nothing are refused", () => {
        for (const rules of [{}, { last: 0 }, { last: -1 }, { daily: 1.5 }, { last: 1, weekly: 0 }])
            assert.throws(() => decideRetention([], rules, now), BadInputError);
        assert.deepEqual(rulesOf(14), { last: 14 });
    });
});
