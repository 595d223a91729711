import assert from "node:assert/strict";
import fc from "fast-check";
import { BadInputError } from "../../core/errors";
import { parseSnapshotName, snapshotName } from "../../core/snapshots/name";
import { checkObjectName } from "../../core/snapshots/store";

const seconds = fc.integer({ min: 0, max: 4_102_444_800 }).map((s) => new Date(s * 1000));
// Names that look like parts of a snapshot's name are the ones that could be read wrongly.
const awkward = fc.constantFrom(
    "_pre-migration",
    "-v1",
    "_20240101_000000",
    "_2",
    "..",
    "/",
    "\\",
    "%2F",
    "-",
    ".",
    "é",
    "😀",
    "\0",
    " ",
);
const name = fc
    .oneof(
        fc.string({ unit: "binary", minLength: 1, maxLength: 8 }),
        fc.array(awkward, { minLength: 1, maxLength: 4 }).map((a) => a.join("")),
    )
    .filter((text) => Buffer.byteLength(text) <= 23);

describe("snapshot names", () => {
    it("have the seeds' form, in UTC", () => {
        const taken = new Date("2025-12-03T23:05:09.900Z");
        assert.equal(snapshotName("prod", "1.3.0", taken), "prod_pre-migration-v1.3.0_20251203_230509");
        assert.equal(snapshotName("prod", undefined, taken), "prod_pre-migration_20251203_230509");
        assert.equal(snapshotName("prod", "1.3.0", taken, 2), "prod_pre-migration-v1.3.0_20251203_230509_2");
        assert.equal(snapshotName("a/b", "1+2_3", taken), "a%2Fb_pre-migration-v1%2B2%5F3_20251203_230509");
    });

    it("tell what they were made of", () => {
        fc.assert(
            fc.property(
                name,
                fc.option(name, { nil: undefined }),
                seconds,
                fc.option(fc.integer({ min: 2, max: 999 }), { nil: undefined }),
                (environment, app, taken, ordinal) => {
                    const parsed = parseSnapshotName(snapshotName(environment, app, taken, ordinal));
                    assert.deepEqual(parsed, {
                        environment,
                        ...(app === undefined ? {} : { app }),
                        taken,
                        ...(ordinal === undefined ? {} : { ordinal }),
                    });
                },
            ),
            { numRuns: 2000 },
        );
    });

    it("are one path component, whatever the environment is called", () => {
        fc.assert(
            fc.property(name, name, seconds, (environment, app, taken) => {
                const text = snapshotName(environment, app, taken);
                assert.match(text, /^[A-Za-z0-9_%][A-Za-z0-9_%.-]*$/);
                checkObjectName(`${text}_999.manifest.json`);
            }),
            { numRuns: 2000 },
        );
    });

    it("are not read out of other text", () => {
        for (const text of [
            "",
            "prod",
            "prod_pre-migration-v1_20251203_2305",
            "prod_pre-migration-v1_20251303_230509",
            "prod_pre-migration-v1_20250230_230509",
            "_pre-migration_20251203_230509",
            "a/b_pre-migration_20251203_230509",
            "prod_pre-migration_20251203_230509_0",
            "prod_pre-migration_20251203_230509.dump",
            "%zz_pre-migration_20251203_230509",
        ])
            assert.equal(parseSnapshotName(text), undefined, text);
    });

    it("are refused where there can be none", () => {
        for (const [environment, app] of [
            ["", undefined],
            ["prod", ""],
            ["\ud800", undefined],
            ["x".repeat(200), undefined],
        ] as const)
            assert.throws(() => snapshotName(environment, app, new Date(0)), BadInputError);
    });
});
