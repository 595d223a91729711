import assert from "node:assert/strict";
import fc from "fast-check";
import type { CompatibilityRow } from "../../core/declaration";
import { hazardsOf } from "../../core/plan/hazards";
import type { ObjectChange, PlanStep } from "../../core/plan/plan";
import { accepts } from "../../core/policy/compatibility";
import { judgeResume, judgeTraffic, type ResumeQuestion, type TrafficQuestion } from "../../core/policy/stop-traffic";
import type { KubernetesObject } from "../../core/traffic/cluster";
import { runningApp } from "../../core/traffic/running";

const metadata = { name: "api", resourceVersion: "1" };
const digest = `sha256:${"0123456789abcdef".repeat(4)}`;

function templateOf(image: string | undefined, label?: string): object {
    return {
        metadata: { labels: label === undefined ? {} : { "app.kubernetes.io/version": label } },
        spec: { containers: image === undefined ? [] : [{ name: "api", image }, { image: "sidecar:9.9.9" }] },
    };
}

/** What a workload runs, by its image and its label. */
function versionOf(image: string | undefined, label?: string): string | null {
    return runningApp("api", { metadata, spec: { template: templateOf(image, label) } }).version;
}

function toldOf(image: string | undefined, label?: string): string {
    return runningApp("api", { metadata, spec: { template: templateOf(image, label) } }).told;
}

const number = fc.nat({ max: 999 });
const version = fc.tuple(number, number, number).map((parts) => parts.join("."));
const registry = fc.constantFrom(
    "",
    "team/",
    "registry.example/team/",
    "registry.example:5000/",
    "localhost:5000/a/b/",
);

describe("traffic: which application runs, by its pods' template", () => {
    it("the tag is found behind any registry, with any digest, with a v or without", () => {
        fc.assert(
            fc.property(version, registry, fc.constantFrom("", "v"), fc.boolean(), (v, place, prefix, pinned) => {
                const image = `${place}api:${prefix}${v}${pinned ? `@${digest}` : ""}`;
                assert.equal(versionOf(image), v);
                assert.equal(toldOf(image), "image tag");
            }),
        );
    });

    it("a port is no tag, and neither is a digest", () => {
        assert.equal(versionOf("registry.example:5000/api"), null);
        assert.equal(versionOf("registry.example:5000/1.3.0"), null);
        assert.equal(versionOf(`registry.example/api@${digest}`), null);
        assert.match(toldOf("registry.example:5000/api"), /the image's tag \(none\)/);
    });

    it("what is no version of three numbers is none", () => {
        for (const tag of ["latest", "1.3", "1", "main-7c1e9a04", "v", "1.3.0.1", "2024-05-01"]) {
            assert.equal(versionOf(`api:${tag}`), null, tag);
            assert.equal(
                toldOf(`api:${tag}`),
                `neither label app.kubernetes.io/version nor the image's tag (${tag}) is a version`,
            );
        }
        assert.equal(versionOf("api:1.3.0-rc.1"), "1.3.0-rc.1");
    });

    it("the label comes first, and says what an image without a version cannot", () => {
        fc.assert(
            fc.property(version, fc.constantFrom("", "v"), (v, prefix) => {
                for (const image of ["api", "api:latest", `api@${digest}`, `api:${v}`, `api:v${v}`])
                    assert.equal(versionOf(image, `${prefix}${v}`), v);
            }),
        );
        assert.equal(versionOf("api:1.3.0-alpine", "1.3.0"), "1.3.0");
        assert.equal(versionOf("api:1.3.0", "stable"), "1.3.0");
        assert.equal(versionOf(undefined, "1.3.0"), "1.3.0");
    });

    it("where both are versions and differ, neither is believed", () => {
        fc.assert(
            fc.property(version, version, (a, b) => {
                fc.pre(a !== b);
                assert.equal(versionOf(`api:${a}`, b), null);
                assert.equal(toldOf(`api:${a}`, b), `its label says ${b}, its image ${a}`);
            }),
        );
    });

    it("a pod, and what has no template that names an image", () => {
        const pod = { ...templateOf("api:1.3.0"), metadata: { ...metadata, labels: {} } } as KubernetesObject;
        assert.equal(runningApp("api", pod).version, "1.3.0");
        assert.equal(versionOf(undefined), null);
        assert.equal(runningApp("api", { metadata, spec: { workloadRef: {} } }).version, null);
    });
});

const compare = (a: string, b: string): number => Number(a) - Number(b);
const rows: readonly CompatibilityRow[] = [
    { app: "1.3.x", from: "002", to: "latest" },
    { app: "1.2.x", from: "001", to: "002" },
    { app: "1.1.x", from: "0", to: "001" },
];

function runs(version: string | null, workload = "api"): NonNullable<TrafficQuestion["running"]>[number] {
    return { workload, version, told: "image tag" };
}

describe("traffic: whether an application accepts a schema", () => {
    it("between from and to, both among them; latest has no end", () => {
        const cases: readonly [string, string | null, boolean][] = [
            ["1.3.0", "001", false],
            ["1.3.0", "002", true],
            ["1.3.9", "999", true],
            ["1.2.0", "001", true],
            ["1.2.0", "002", true],
            ["1.2.0", "003", false],
            ["1.2.0", null, false],
            ["1.1.0", null, true],
            ["1.4.0", "002", false],
            ["1.3.0-rc.1", "002", true],
            ["v1.3.0", "002", true],
            ["latest", "002", false],
            ["", "002", false],
        ];
        for (const [app, schema, expected] of cases)
            assert.equal(accepts(app, schema, rows, compare), expected, `${app} on ${schema ?? "nothing"}`);
    });

    it("is asked of each row: what one accepts, no other takes away", () => {
        fc.assert(
            fc.property(
                fc.shuffledSubarray([...rows]),
                fc.nat({ max: 5 }),
                fc.constantFrom("1.1.0", "1.2.0", "1.3.0"),
                (some, n, app) => {
                    const schema = String(n).padStart(3, "0");
                    const each = some.some((row) => accepts(app, schema, [row], compare));
                    assert.equal(accepts(app, schema, some, compare), each);
                },
            ),
        );
    });
});

describe("traffic: whether it is stopped", () => {
    function judge(more: Partial<TrafficQuestion>): ReturnType<typeof judgeTraffic> {
        const question: TrafficQuestion = {
            ...{ stopTraffic: "when-unsafe", hazards: [], running: [], app: undefined },
            ...{ passed: ["001", "002"], rows: undefined, compare },
        };
        return judgeTraffic({ ...question, ...more });
    }

    it("when unsafe: for a hazard, and for an application that does not accept a version on the way", () => {
        assert.deepEqual(judge({}), { stop: false, why: [], refusals: [] });
        assert.deepEqual(judge({ hazards: ["002: drops table a"] }).why, ["002: drops table a"]);
        assert.equal(judge({ hazards: ["002: drops table a"] }).stop, true);
        const verdict = judge({ rows, running: [runs("1.2.0"), runs("1.3.0", "worker")], app: "1.3.0" });
        assert.deepEqual(verdict.why, ["worker 1.3.0 does not accept 001", "app 1.3.0 does not accept 001"]);
        assert.equal(verdict.stop, true);
        assert.equal(judge({ rows, running: [runs("1.2.0")], app: "1.2.9" }).stop, false);
    });

    it("an application of which nobody knows the version is one that does not accept it", () => {
        const verdict = judge({ rows, running: [runs(null)] });
        assert.equal(verdict.stop, true);
        assert.deepEqual(verdict.why, ["which version api runs is not known (image tag)"]);
        assert.equal(judge({ running: [runs(null)] }).stop, false);
    });

    it("where nobody can say what runs, a matrix is a reason to stop; told to go on, that is said", () => {
        const why = ["which version of the application runs cannot be seen"];
        assert.deepEqual(judge({ rows, running: undefined }), { stop: true, why, refusals: [] });
        assert.deepEqual(judge({ stopTraffic: "never", rows, running: undefined }), { stop: false, why, refusals: [] });
        assert.equal(judge({ running: undefined }).stop, false);
        assert.equal(judge({ rows, running: undefined, passed: [null, "001"] }).stop, false);
    });

    it("always and never", () => {
        assert.deepEqual(judge({ stopTraffic: "always" }), {
            stop: true,
            why: ["traffic.stopTraffic is always"],
            refusals: [],
        });
        const never = judge({ stopTraffic: "never", hazards: ["002: drops table a"], rows, running: [runs("1.3.0")] });
        assert.equal(never.stop, false);
        assert.deepEqual(
            never.refusals.map(({ code, text }) => [code, text]),
            [["compatibility", "With traffic on, api 1.3.0 does not accept 001."]],
        );
        assert.deepEqual(never.why, ["002: drops table a", "api 1.3.0 does not accept 001"]);
    });

    it("whatever is asked: traffic that stays on has neither hazards nor clashes, or was told to", () => {
        const running = fc.option(fc.array(fc.constantFrom("1.1.0", "1.2.0", "1.3.0", null).map((v) => runs(v))), {
            nil: undefined,
        });
        const question = fc.record({
            stopTraffic: fc.constantFrom("always" as const, "when-unsafe" as const, "never" as const),
            hazards: fc.array(fc.constantFrom("a", "b")),
            running,
            app: fc.option(fc.constantFrom("1.1.0", "1.2.0", "1.3.0"), { nil: undefined }),
            passed: fc.array(fc.constantFrom("001", "002", "003", null), { minLength: 1 }),
            rows: fc.option(fc.shuffledSubarray([...rows]), { nil: undefined }),
        });
        fc.assert(
            fc.property(question, (asked) => {
                const { stop, refusals } = judge(asked);
                const apps = [
                    ...(asked.running ?? []).map((r) => r.version),
                    ...(asked.app === undefined ? [] : [asked.app]),
                ];
                const clash = apps.some(
                    (app) =>
                        asked.rows !== undefined &&
                        (app === null ||
                            asked.passed.some((v) => v !== null && !accepts(app, v, asked.rows ?? [], compare))),
                );
                if (asked.stopTraffic === "never") assert.equal(refusals.length > 0, clash);
                else assert.deepEqual(refusals, []);
                const isUnseen =
                    asked.rows !== undefined && asked.running === undefined && !asked.passed.includes(null);
                const unsafe = clash || isUnseen || asked.hazards.length > 0;
                assert.equal(stop, asked.stopTraffic === "always" || (asked.stopTraffic === "when-unsafe" && unsafe));
            }),
        );
    });
});

describe("traffic: what is waited for before it comes in again", () => {
    function judge(more: Partial<ResumeQuestion>): readonly string[] {
        return judgeResume({ apps: [], app: undefined, at: "001", rows: undefined, compare, ...more });
    }

    it("an application that the matrix lets start on the schema, be it the declared one or not", () => {
        assert.deepEqual(judge({ rows, app: "1.2.9", apps: [runs("1.2.0"), runs("1.1.0", "worker")] }), []);
        assert.deepEqual(judge({ rows, app: "1.2.9", apps: [runs("1.3.0")] }), [
            "api carries 1.3.0, which does not accept the schema at 001",
        ]);
        assert.deepEqual(judge({ rows, at: null, apps: [runs("1.2.0")] }), [
            "api carries 1.2.0, which does not accept the schema at 0",
        ]);
    });

    it("without a matrix, the declared one; with neither, nothing", () => {
        assert.deepEqual(judge({ app: "1.2.9", apps: [runs("1.2.9")] }), []);
        assert.deepEqual(judge({ app: "v1.2.9", apps: [runs("1.2.9")] }), []);
        assert.deepEqual(judge({ app: "1.2.9", apps: [runs("1.3.0")] }), ["api carries 1.3.0, declared is 1.2.9"]);
        assert.deepEqual(judge({ app: "1.2.9", apps: [runs("1.2.9-rc.1")] }), [
            "api carries 1.2.9-rc.1, declared is 1.2.9",
        ]);
        assert.deepEqual(judge({ apps: [runs("1.3.0"), runs(null)] }), []);
    });

    it("a version that nobody knows is waited for; where nobody can say what runs, nothing is", () => {
        assert.deepEqual(judge({ rows, apps: [runs(null)] }), [
            "which version api would start is not known (image tag)",
        ]);
        assert.deepEqual(judge({ rows, app: "1.2.9", apps: undefined }), []);
    });
});

describe("traffic: what of a plan is a hazard to it", () => {
    function step(more: Partial<PlanStep> = {}, version = "002"): PlanStep {
        return {
            ...{
                direction: "up",
                version,
                name: "m",
                script: { file: `${version}.sql`, checksum: "", source: "folder" },
            },
            ...{ differsFromLedger: false, transactions: 1, method: "observed" },
            ...{ added: [], changed: [], dropped: [], losses: [], locks: [], rewrites: [], opaque: [], replaced: [] },
            ...more,
        } as PlanStep;
    }
    const object = (kind: string, name: string, more: Partial<ObjectChange> = {}): ObjectChange => ({
        kind,
        name,
        ...more,
    });
    const loss = (rows: number, exact: boolean): PlanStep["losses"][number] =>
        ({ kind: "table", object: "a", rows, exact }) as unknown as PlanStep["losses"][number];

    const none: readonly [string, Partial<PlanStep>][] = [
        ["nothing", {}],
        ["a new table with all that belongs to it", { added: [object("table", "b"), object("trigger", "b.t")] }],
        ["a column that may be left out", { added: [object("column", "a.x")] }],
        ["an index that is not unique", { added: [object("index", "i")], dropped: [object("index", "j")] }],
        ["a comment", { changed: [object("comment", "on table a")] }],
        ["a table that loses no rows", { losses: [loss(0, true)] }],
    ];
    for (const [what, more] of none)
        it(`none: ${what}`, () => {
            assert.deepEqual(hazardsOf([step(more)]), []);
        });

    const some: readonly [string, Partial<PlanStep>][] = [
        ["it goes back", { direction: "down" }],
        ["its effects are not known", { method: "skipped" }],
        ["table: a", { losses: [loss(1, true)] }],
        ["table: a", { losses: [loss(0, false)] }],
        ["drops column a.x", { dropped: [object("column", "a.x")] }],
        ["drops index u", { dropped: [object("index", "u", { strict: true })] }],
        ["changes function f()", { changed: [object("function", "f()")] }],
        ["changes table b", { changed: [object("table", "b", { note: "was a" })] }],
        ["adds constraint a.c", { added: [object("constraint", "a.c")] }],
        ["adds trigger a.t", { added: [object("trigger", "a.t")] }],
        ["adds policy a.p", { added: [object("policy", "a.p")] }],
        ["adds index u", { added: [object("index", "u", { strict: true })] }],
        ["adds column a.x", { added: [object("column", "a.x", { strict: true })] }],
        ["rewrites a", { rewrites: ["a"] }],
        ["002.sql:3 cannot be looked into", { opaque: [{ line: 3, why: "EXECUTE" }] }],
    ];
    for (const [what, more] of some)
        it(`one: ${what}`, () => {
            assert.deepEqual(hazardsOf([step(more)]), [`002: ${what}`]);
        });

    it("what the plan itself makes is no hazard later on, but only from then on", () => {
        const makes = step({ added: [object("table", "b"), object("function", "b.f()")] });
        const changes = {
            changed: [object("table", "b"), object("column", "b.x"), object("function", "b.f()")],
            dropped: [object("column", "b.y"), object("constraint", "b.c")],
            added: [object("constraint", "b.d"), object("column", "b.z", { strict: true })],
            rewrites: ["b"],
        };
        assert.deepEqual(hazardsOf([makes, step(changes, "003")]), []);
        assert.deepEqual(hazardsOf([step(changes, "001"), makes]), ["001: drops column b.y and 7 more"]);
        // A schema of that name is not that table.
        const other = { dropped: [object("function", "b.g()")] };
        assert.deepEqual(hazardsOf([makes, step(other, "003")]), ["003: drops function b.g()"]);
    });

    it("what comes later in a plan changes nothing of what is said of what comes before", () => {
        const anObject = fc
            .tuple(
                fc.constantFrom("table", "column", "constraint", "index", "trigger"),
                fc.constantFrom("a", "b", "a.x"),
            )
            .map(([kind, name]) => object(kind, name));
        const change = fc.record({
            added: fc.array(anObject, { maxLength: 2 }),
            changed: fc.array(anObject, { maxLength: 2 }),
            dropped: fc.array(anObject, { maxLength: 2 }),
            rewrites: fc.array(fc.constantFrom("a", "b"), { maxLength: 1 }),
        });
        fc.assert(
            fc.property(fc.array(change, { maxLength: 4 }), (changes) => {
                const steps = changes.map((more, i) => step(more, String(i)));
                for (let n = 0; n < steps.length; n++)
                    assert.deepEqual(
                        hazardsOf(steps.slice(0, n)),
                        hazardsOf(steps).filter((text) => Number(text.split(":")[0]) < n),
                    );
            }),
        );
    });
});
