import assert from "node:assert/strict";
import fc from "fast-check";
import { BadInputError } from "../../core/errors";
import { parseSnapshotName, snapshotName, type SnapshotName, type SnapshotTitle } from "../../core/snapshots/name";
import { checkObjectName } from "../../core/snapshots/store";

const seconds = fc.integer({ min: 0, max: 4_102_444_800 }).map((s) => new Date(s * 1000));
// Names that look like parts of a snapshot's name are the ones that could be read wrongly.
const awkward = fc.constantFrom(
    "_pre-migration",
    "pre-migration",
    "_pre-restore",
    "pre-restore-v1",
    "_x_",
    "_",
    "-v1",
    "_20240101_000000",
    "20240101",
    "_2",
    "..",
    "/",
    "\\",
    "%2F",
    "%5F",
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
const title: fc.Arbitrary<SnapshotTitle> = fc.oneof(
    fc.constantFrom("pre-migration" as const, "emergency" as const).map((kind) => ({ kind })),
    fc
        .tuple(fc.constantFrom("pre-migration" as const, "emergency" as const), name)
        .map(([kind, app]) => ({ kind, app })),
    name
        .filter((label) => !/^pre-(migration|restore)(-v|$)/.test(label))
        .map((label) => ({ kind: "restore-point" as const, label })),
);
const whole: fc.Arbitrary<SnapshotName> = fc
    .tuple(name, title, seconds, fc.option(fc.integer({ min: 2, max: 999 }), { nil: undefined }))
    .map(([environment, what, taken, ordinal]) => ({
        environment,
        ...what,
        taken,
        ...(ordinal === undefined ? {} : { ordinal }),
    }));

describe("snapshot names", () => {
    const taken = new Date("2025-12-03T23:05:09.900Z");
    const at = { taken: new Date("2025-12-03T23:05:09Z") };

    it("have the seeds' form, in UTC", () => {
        const kind = "pre-migration";
        const auto = { environment: "prod", kind, taken } as const;
        assert.equal(snapshotName({ ...auto, app: "1.3.0" }), "prod_pre-migration-v1.3.0_20251203_230509");
        assert.equal(snapshotName(auto), "prod_pre-migration_20251203_230509");
        assert.equal(
            snapshotName({ ...auto, app: "1.3.0", ordinal: 2 }),
            "prod_pre-migration-v1.3.0_20251203_230509_2",
        );
        assert.equal(
            snapshotName({ ...auto, environment: "a/b", app: "1+2_3" }),
            "a%2Fb_pre-migration-v1%2B2%5F3_20251203_230509",
        );
        assert.equal(
            snapshotName({ environment: "dev", kind: "restore-point", label: "test-rollback", taken }),
            "dev_test-rollback_20251203_230509",
        );
        assert.equal(
            snapshotName({ environment: "prod", kind: "emergency", app: "1.3.0", taken }),
            "prod_pre-restore-v1.3.0_20251203_230509",
        );
    });

    it("tell environment and label apart where both have underscores", () => {
        const label = "before_release_1";
        assert.equal(
            snapshotName({ environment: "eu_prod", kind: "restore-point", label, taken }),
            "eu_prod_before%5Frelease%5F1_20251203_230509",
        );
        assert.deepEqual(parseSnapshotName("eu_prod_x_20251203_230509_3"), {
            ...{ environment: "eu_prod", kind: "restore-point", label: "x", ...at, ordinal: 3 },
        });
        assert.deepEqual(parseSnapshotName("a_pre-migration_pre-migration-v1_20251203_230509"), {
            ...{ environment: "a_pre-migration", kind: "pre-migration", app: "1", ...at },
        });
    });

    it("tell what they were made of", () => {
        fc.assert(
            fc.property(whole, (made) => {
                assert.deepEqual(parseSnapshotName(snapshotName(made)), made);
            }),
            { numRuns: 3000 },
        );
    });

    it("differ where what they were made of differs", () => {
        fc.assert(
            fc.property(whole, whole, (one, other) => {
                const same = snapshotName(one) === snapshotName(other);
                if (same) assert.deepEqual(one, other);
            }),
            { numRuns: 2000 },
        );
    });

    it("are one path component, whatever the environment is called", () => {
        fc.assert(
            fc.property(whole, (made) => {
                const text = snapshotName({ ...made, ordinal: 999 });
                assert.match(text, /^[A-Za-z0-9_%][A-Za-z0-9_%.-]*$/);
                checkObjectName(`${text}.manifest.json`);
                checkObjectName(`${text}.in-use-4194304-abcdef`);
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
            "prod_pre-migration-v_20251203_230509",
            "_pre-migration_20251203_230509",
            "a/b_pre-migration_20251203_230509",
            "prod_pre-migration_20251203_230509_0",
            "prod_pre-migration_20251203_230509.dump",
            "%zz_pre-migration_20251203_230509",
            "prod_a/b_20251203_230509",
            "prod__20251203_230509",
            "prod_20251203_230509",
        ])
            assert.equal(parseSnapshotName(text), undefined, text);
    });

    it("are refused where there can be none", () => {
        for (const [environment, what] of [
            ["", { kind: "pre-migration" }],
            ["prod", { kind: "pre-migration", app: "" }],
            ["\ud800", { kind: "pre-migration" }],
            ["x".repeat(200), { kind: "pre-migration" }],
            ["x".repeat(100), { kind: "restore-point", label: "y".repeat(41) }],
            ["prod", { kind: "restore-point", label: "" }],
            ["prod", { kind: "restore-point", label: "pre-migration" }],
            ["prod", { kind: "restore-point", label: "pre-restore-v1" }],
        ] as const)
            assert.throws(() => snapshotName({ environment, ...what, taken: new Date(0) }), BadInputError);
    });
});
