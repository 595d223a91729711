import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020, type AnySchema, type ValidateFunction } from "ajv/dist/2020";
import { defaultPolicy } from "../../core/declaration";
import type { Plan } from "../../core/plan/plan";
import { planSchema } from "../../core/plan/plan-schema";
import { root } from "../../tools/pg-binaries";
import { publishedFiles } from "../../tools/write-schemas";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";
import { samplePlan } from "./plan-fixture";

const published = readFileSync(join(root, "docs", "plan.schema.json"), "utf8");

describe("the plan's JSON form", function () {
    this.timeout(30_000);
    let server: TestServer;
    let project: TestProject;
    let validate: ValidateFunction;

    before(async () => {
        validate = new Ajv2020({ strict: true, allErrors: true }).compile(JSON.parse(published) as AnySchema);
        server = await startTestServer();
        await server.withClient("postgres", (client) =>
            client.query("CREATE ROLE reader LOGIN PASSWORD 'reads-only' NOCREATEDB; GRANT pg_read_all_data TO reader"),
        );
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = new TestProject(server, await server.create());
        project
            .migration(
                "001",
                "CREATE TABLE a (id int PRIMARY KEY, x text); INSERT INTO a SELECT n, 'x' FROM generate_series(1, 5) n",
                "DROP TABLE a CASCADE",
            )
            .migration(
                "002",
                "CREATE TABLE b (id int REFERENCES a); CREATE MATERIALIZED VIEW m AS SELECT * FROM a",
                "DROP MATERIALIZED VIEW m; DROP TABLE b; ALTER TABLE a ALTER x TYPE varchar(1); DELETE FROM a WHERE id = 1; DO $$ BEGIN EXECUTE 'UPDATE a SET x = id::text'; END $$",
            );
    });
    afterEach(() => {
        project.remove();
    });

    /** Both validators must take it as it is printed, and lose nothing of it. */
    function check(plan: Plan): Plan {
        const json: unknown = JSON.parse(JSON.stringify(plan));
        assert(validate(json), JSON.stringify(validate.errors, undefined, 2));
        assert.deepEqual(planSchema.parse(json), json);
        return plan;
    }

    it("is published as the code has it", () => {
        assert.equal(published, publishedFiles["docs/plan.schema.json"]?.());
    });

    it("holds for the sample, and for a first plan forward", async () => {
        check(samplePlan());
        const plan = check(await project.plan("latest"));
        assert.deepEqual([plan.direction, plan.from, plan.to], ["forward", null, "002"]);
        assert.deepEqual(
            plan.steps.map((s) => s.method),
            ["observed", "observed"],
        );
    });

    it("holds for a plan back with losses, by observation, by the catalog, quickly and not looked at", async () => {
        await project.migrate("latest");
        const plan = check(await project.plan("0"));
        const kinds = plan.steps.flatMap((s) => s.losses.map((l) => l.kind));
        assert.deepEqual([...new Set(kinds)].sort(), ["rows deleted", "table dropped", "type changed", "unknown"]);
        const fallback = check(
            await project.plan("0", {
                connection: { url: server.url(project.database, { user: "reader", password: "reads-only" }) },
            }),
        );
        assert.match(fallback.steps[0]?.methodReason ?? "", /reader may not create a shadow database/);
        assert.equal(check(await project.plan("0", {}, "quick")).steps[0]?.method, "parsed");
        assert.equal(check(await project.plan("0", {}, "none")).steps[0]?.method, "skipped");
    });

    it("holds at the head, with drift, with a warning, with a script from the ledger", async () => {
        await project.migrate("latest");
        assert.equal(check(await project.plan("latest")).direction, "none");
        await project.query("ALTER TABLE a ADD COLUMN extra int");
        assert.equal(check(await project.plan("latest")).drift.length, 1);
        assert.equal(
            check(await project.plan("latest", { set: "second", history: { mirror: "none" } })).warnings.length,
            1,
        );
        project.write({ "002_m2.sql": null, "rollback/002_down.sql": null });
        const [step] = check(await project.plan("1")).steps;
        assert.equal(step?.script.source, "ledger");
        assert.match(step.storedSql ?? "", /DROP MATERIALIZED VIEW m/);
    });

    it("holds for refusals: no approval, too many rows, a snapshot that cannot be, a hole, a script that would fail", async () => {
        await project.migrate("latest");
        project.migration("000", "SELECT 1", "SELECT 1").migration("003", "DROP TABLE nowhere", "SELECT 1");
        const back = check(
            await project.plan("0", {
                policy: { ...defaultPolicy, approval: "always", maxRowsLost: 1 },
                snapshot: { required: true },
            }),
        );
        assert.deepEqual(
            back.refusals.map((r) => r.code),
            ["snapshot-store", "approval", "max-rows-lost", "unknown-loss"],
        );
        const forward = check(await project.plan("latest"));
        assert.deepEqual(
            forward.refusals.map((r) => r.code),
            ["out-of-order", "would-fail"],
        );
    });

    it("holds for adoption and a planned snapshot", async () => {
        await project.query(
            "CREATE TABLE schema_migrations (version varchar PRIMARY KEY); INSERT INTO schema_migrations VALUES ('001'); CREATE TABLE a (id int PRIMARY KEY, x text)",
        );
        const plan = check(
            await project.plan("latest", { snapshot: { required: true, store: "file:snapshots" }, app: "1.3.0" }),
        );
        assert.deepEqual(plan.adopt?.versions, ["001"]);
        assert.equal(plan.snapshot?.required, true);
    });

    it("refuses keys that it does not know, at every depth, and what is missing or of another type", () => {
        const sample = JSON.parse(JSON.stringify(samplePlan())) as Record<string, unknown>;
        const places = objectsIn(sample);
        assert(places.length > 15);
        for (const place of places) {
            place["unheardOf"] = 1;
            assert.equal(validate(sample), false, JSON.stringify(place));
            assert.equal(planSchema.safeParse(sample).success, false);
            delete place["unheardOf"];
        }
        assert(validate(sample));
        for (const change of [
            { format: "schemaward/plan/0" },
            { digest: "xyz" },
            { steps: {} },
            { direction: "sideways" },
            { lost: null },
        ]) {
            const other = { ...sample, ...change };
            assert.equal(validate(other), false);
            assert.equal(planSchema.safeParse(other).success, false);
        }
        for (const key of Object.keys(sample)) {
            const { [key]: _, ...rest } = sample;
            assert.equal(validate(rest), false, key);
            assert.equal(planSchema.safeParse(rest).success, false, key);
        }
    });

    it("holds no password of the connection, nor of a script", async () => {
        project.migration("003", "SELECT 1", "DROP TABLE b; CREATE ROLE x PASSWORD 'hunter2hunter2'");
        await project.migrate("latest");
        const text = JSON.stringify(check(await project.plan("2")));
        assert(!text.includes("hunter2"), text);
        assert(!text.includes(server.password));
        assert(!text.includes(encodeURIComponent(server.password)));
    });
});

/** Every object in a tree of plain JSON, the tree itself first. */
function objectsIn(tree: unknown): Record<string, unknown>[] {
    if (Array.isArray(tree)) return tree.flatMap(objectsIn);
    if (typeof tree !== "object" || tree === null) return [];
    const object = tree as Record<string, unknown>;
    return [object, ...Object.values(object).flatMap(objectsIn)];
}
