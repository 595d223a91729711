import assert from "node:assert/strict";
import fc from "fast-check";
import { type CompatibilityRow, defaultPolicy } from "../../core/declaration";
import { renderPlan } from "../../core/plan/render-text";
import { type CompatibilityVerdict, judgeCompatibility } from "../../core/policy/compatibility";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";

/** The seeds' matrix. */
const matrix: readonly CompatibilityRow[] = [
    { app: "1.3.x", from: "027", to: "latest" },
    { app: "1.2.x", from: "020", to: "026" },
    { app: "1.1.x", from: "015", to: "019" },
    { app: "1.0.x", from: "001", to: "014" },
];

const compare = (a: string, b: string): number => Number(a) - Number(b);

function judge(app: string | undefined, target: string | null, rows = matrix): CompatibilityVerdict {
    return judgeCompatibility({ app, target, compare }, rows);
}

describe("which application runs on which schema", () => {
    it("is what the seeds' matrix says", () => {
        const accepted: readonly [string, string][] = [
            ["1.3.0", "027"],
            ["1.3.7", "0100"],
            ["1.2.9", "020"],
            ["1.2.0", "026"],
            ["1.1.4", "17"],
            ["1.0.0", "001"],
            ["1.2.9-rc.1", "024"],
            ["v1.2.9", "024"],
        ];
        for (const [app, target] of accepted)
            assert.equal(judge(app, target).refusal, undefined, `${app} on ${target}`);
        assert.equal(judge("1.2.9", "024").accepts, "020–026");
    });

    it("refuses a schema beyond what the application accepts, and says which do", () => {
        assert.deepEqual(judge("1.3.0", "024"), {
            accepts: "027–latest",
            refusal: {
                code: "compatibility",
                text: "App 1.3.0 accepts the schema at 027–latest, and this leads to 024.",
                allow: "app: one of 1.2.x, which accept 024; or version: one that app 1.3.0 accepts",
            },
        });
        assert.match(judge("1.2.9", "027").refusal?.text ?? "", /accepts the schema at 020–026, and this leads to 027/);
        assert.deepEqual(judge("1.0.0", null).refusal?.allow, "version: one that app 1.0.0 accepts");
    });

    it("refuses what it knows nothing of", () => {
        assert.match(judge(undefined, "024").refusal?.text ?? "", /no application is declared/);
        assert.match(
            judge("2.0.0", "024").refusal?.text ?? "",
            /No row of policy\.compatibility speaks of app 2\.0\.0/,
        );
        assert.match(judge("blue", "024").refusal?.text ?? "", /App blue is no semantic version/);
        const wrong = [{ app: "newest", from: "001", to: "latest" }];
        assert.match(judge("1.0.0", "001", wrong).refusal?.text ?? "", /"newest" is no range/);
    });

    it("takes each row by itself, whatever their order", () => {
        const version = fc.integer({ min: 0, max: 30 }).map((n) => String(n).padStart(3, "0"));
        const row = fc.record({
            app: fc.constantFrom("1.x", "1.2.x", ">=1.2.3 <2", "2.x"),
            from: version,
            to: fc.oneof(version, fc.constant("latest")),
        });
        fc.assert(
            fc.property(fc.array(row, { minLength: 1, maxLength: 4 }), version, (rows, target) => {
                // 1.2.9 is in all ranges but the last.
                const expected = rows.some(
                    ({ app, from, to }) =>
                        app !== "2.x" &&
                        Number(from) <= Number(target) &&
                        (to === "latest" || Number(target) <= Number(to)),
                );
                assert.equal(judge("1.2.9", target, rows).refusal === undefined, expected);
                assert.equal(judge("1.2.9", target, rows.toReversed()).refusal === undefined, expected);
            }),
            { numRuns: 500 },
        );
    });
});

describe("a plan under a compatibility matrix", function () {
    this.timeout(30_000);
    let server: TestServer;
    let project: TestProject;
    const policy = {
        ...defaultPolicy,
        approval: "never" as const,
        compatibility: [
            { app: "1.3.x", from: "003", to: "latest" },
            { app: "1.2.x", from: "1", to: "2" },
        ],
    };

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = new TestProject(server, await server.create());
        for (const n of [1, 2, 3]) project.migration(`00${n}`, `CREATE TABLE t${n} (id int)`, `DROP TABLE t${n}`);
    });
    afterEach(() => {
        project.remove();
    });

    it("says what the application accepts, and is refused beyond it, both ways and with nothing to run", async () => {
        const forward = await project.plan("latest", { policy, app: "1.3.0" });
        assert.deepEqual(forward.app, { version: "1.3.0", accepts: "003–latest", ok: true });
        assert(renderPlan(forward).includes("App       1.3.0 accepts 003–latest ✔"));
        await project.migrate("latest", { policy, app: "1.3.0" });

        const back = await project.plan("002", { policy, app: "1.3.0" });
        assert.deepEqual(
            back.refusals.map((r) => r.code),
            ["compatibility"],
        );
        assert(renderPlan(back).includes("App       1.3.0 accepts 003–latest ✘"));
        await assert.rejects(
            project.migrate("002", { policy, app: "1.3.0" }),
            /App 1\.3\.0 accepts the schema at 003–latest/,
        );
        assert.deepEqual(await project.applied(), ["001", "002", "003"]);

        // The old application on the new schema, and nothing to run.
        assert.equal((await project.plan("003", { policy, app: "1.2.9" })).refusals.length, 1);
        await project.migrate("002", { policy, app: "1.2.9" });
        assert.deepEqual(await project.applied(), ["001", "002"]);
        assert.equal((await project.plan("0", { policy, app: "1.2.9" })).refusals[0]?.code, "compatibility");
    });

    it("says nothing without one", async () => {
        assert.equal((await project.plan("latest", { app: "blue" })).app, null);
    });
});
