import assert from "node:assert/strict";
import fc from "fast-check";
import { bytesText, grouped, renderPlan, secondsText } from "../../core/plan/render-text";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";
import { lossOf, planOf, samplePlan, stepOf } from "./plan-fixture";

/** A control character other than a tab, a line end, or what turns the direction of writing. */
const unsafe = /[^\P{Cc}\t]|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

describe("the plan as text", function () {
    this.timeout(10_000);

    it("is the design's sample", () => {
        assert.deepEqual(renderPlan(samplePlan()), [
            "prod/physioflow  027 → 024  BACK, 3 down scripts                   plan 7c1e9a04",
            "snapshot → 027 026 025 → verify",
            "1 ↓ 027 feature flags      rollback/027_down.sql",
            "    table feature_flags             312 rows   64 kB  LOST",
            "    table feature_flag_audit_log 11,482 rows  2.1 MB  LOST",
            "    drops trigger feature_flags.feature_flags_updated_at",
            "    drops function update_feature_flags_updated_at()",
            "    lock ACCESS EXCLUSIVE on feature_flags, feature_flag_audit_log",
            "2 ↓ 026 version column     rollback/026_down.sql",
            "    column schema_migrations.version 27 values  (the ledger keeps them)",
            "3 ↓ 025 reporting views    rollback/025_down.sql",
            "    drops 4 materialized views mv_a, mv_b, mv_c, mv_d, 18 MB, derived: no rows lost",
            "    line 8 DELETE FROM schema_migrations WHERE version = '025': done by schemaward",
            "CASCADE victims: none      opaque SQL: none      observed on a shadow",
            "Lost      11,794 rows, 2.2 MB",
            "Snapshot  prod_pre-migration-v1.3.0_<UTC>  ~1.9 GB, ~2 min 0 s, before step 1, to s3://physioflow-backups-prod",
            "Approved  ✔ this plan, ≤ 12,000 rows",
            'Undo      version "027"; lost rows only from the snapshot',
            "Run       pulumi up   |   schemaward migrate --stack prod --to 024",
        ]);
    });

    it("goes forward", () => {
        const lines = renderPlan(
            planOf({
                direction: "forward",
                from: null,
                to: "002",
                steps: [
                    stepOf({ direction: "up", version: "001", added: [{ kind: "table", name: "a" }] }),
                    stepOf({
                        direction: "up",
                        version: "002",
                        changed: [{ kind: "column", name: "a.x", note: "integer → bigint" }],
                        rewrites: ["a"],
                        transactions: 2,
                        transactionsReason: "CREATE INDEX CONCURRENTLY",
                    }),
                ],
            }),
        );
        assert.match(lines[0] ?? "", /^prod\/physioflow {2}0 → 002 {2}FORWARD, 2 up scripts {2,}plan 7c1e9a04$/);
        assert.deepEqual(lines.slice(1, 8), [
            "001 002 → verify",
            "1 ↑ 001 m                  001_m.sql",
            "    adds table a",
            "2 ↑ 002 m                  002_m.sql",
            "    changes column a.x (integer → bigint)",
            "    rewrites a",
            "    2 transactions, not one: CREATE INDEX CONCURRENTLY",
        ]);
        assert(lines.includes("Lost      nothing"));
        assert(lines.includes("Snapshot  none: no store is declared"));
    });

    it("goes back and forward, through a hole or a late branch, naming what forbids it", () => {
        const lines = renderPlan(
            planOf({
                direction: "both",
                steps: [stepOf({ direction: "down", version: "026" }), stepOf({ direction: "up", version: "023" })],
                refusals: [
                    {
                        code: "out-of-order",
                        text: "023 lies below the head 025 and was never applied (a branch merged late?).",
                        allow: "policy.outOfOrder: allow",
                    },
                ],
            }),
        );
        assert.match(lines[0] ?? "", /BACK AND FORWARD, 1 down script, 1 up script/);
        assert.deepEqual(lines.slice(-2), [
            "REFUSED   023 lies below the head 025 and was never applied (a branch merged late?).",
            "          Allow it with: policy.outOfOrder: allow",
        ]);
    });

    it("has one line when there is nothing to do, and still shows drift, warnings, what is unfinished and refusals", () => {
        assert.deepEqual(renderPlan(planOf({ direction: "none", from: "024" })), [
            "prod/physioflow  at 024, nothing to do",
        ]);
        const lines = renderPlan(
            planOf({
                direction: "none",
                to: null,
                environment: "",
                drift: [{ what: "added", kind: "column", name: "users.extra" }],
                unfinished: { version: "025", direction: "up", done: 1, goesOn: false },
                warnings: ["careful"],
                refusals: [{ code: "unfinished", text: "025 is not finished.", allow: "resolve it" }],
            }),
        );
        assert.deepEqual(lines, [
            "physioflow  at 0, nothing to do",
            "Unfinished ↑ 025 from an earlier run, 1 transaction done",
            "Drift     the schema was changed by other hands since the last run:",
            "    added column users.extra",
            "Warning   careful",
            "REFUSED   025 is not finished.",
            "          Allow it with: resolve it",
        ]);
    });

    it("marks what was not observed, what would fail, what cannot be known and what is only a bound", () => {
        const lines = renderPlan(
            planOf({
                steps: [
                    stepOf({
                        direction: "down",
                        version: "027",
                        method: "parsed",
                        methodReason: "role app may not create a shadow database (no CREATEDB)",
                        losses: [
                            lossOf({ kind: "rows deleted", object: "t", rows: 1234, exact: false, line: 3 }),
                            lossOf({ kind: "rows updated", object: "u", rows: null, exact: false, line: 4 }),
                            lossOf({
                                kind: "unknown",
                                object: "line 5",
                                rows: null,
                                exact: false,
                                note: "DO block with EXECUTE",
                                line: 5,
                            }),
                            lossOf({ kind: "table dropped", object: "nothing", rows: 0 }),
                        ],
                        dropped: [{ kind: "view", name: "gone", victim: true }],
                        opaque: [{ line: 5, why: "DO block with EXECUTE" }],
                        wouldFail: { line: 9, sqlstate: "42P01", message: "no such table" },
                    }),
                    stepOf({ direction: "down", version: "026" }),
                ],
                lost: { rows: 1234, values: 1, bytes: 0, unknown: true },
                approval: { needed: true, given: false, maxRowsLost: null, restOf: [] },
            }),
        );
        const expected = [
            "    not observed, judged by parser and catalog: role app may not create a shadow database (no CREATEDB)",
            "    line 3: deletes from t  ≤ 1,234 rows  LOST",
            "    line 4: overwrites in u  unknown values  LOST",
            "    line 5: effect unknown (DO block with EXECUTE)  COUNTS AS LOSS",
            "    table nothing 0 rows  empty",
            "    WOULD FAIL line 9: no such table (42P01)",
            "CASCADE victims: view gone      opaque SQL: rollback/027_down.sql:5      partly observed",
            "Lost      1,234 rows, 1 column value, and what cannot be counted",
            "Approved  ✘ not yet",
        ];
        assert.deepEqual(
            expected.filter((line) => !lines.includes(line)),
            [],
        );
    });

    it("shows the stored SQL whole where the script comes from the ledger", () => {
        const step = stepOf({
            direction: "down",
            version: "027",
            script: { file: "rollback/027_down.sql", checksum: "c", source: "ledger" },
            storedSql: "DROP TABLE a;\r\n\r\n\tDROP TABLE b;\n",
            differsFromLedger: true,
        });
        assert.deepEqual(renderPlan(planOf({ steps: [step] })).slice(2, 8), [
            "1 ↓ 027 m                  rollback/027_down.sql  (from the ledger: not on disk)",
            "    the down script on disk is not the one stored at apply; the one on disk is run",
            "    stored SQL:",
            "      DROP TABLE a;",
            "      ",
            "      \tDROP TABLE b;",
        ]);
    });

    it("is text without colour or control characters, whatever names hold: none can make a line of its own", () => {
        const forged = "x\nLost      nothing\r\u001b[2K\u2028REFUSED \u202eevil\u0007\u009b1m";
        const plain = renderPlan(planWith("x"));
        const lines = renderPlan(planWith(forged));
        assert.equal(lines.length, plain.length);
        assert.deepEqual(
            lines.filter((line) => unsafe.test(line)),
            [],
        );
        fc.assert(
            fc.property(fc.string({ unit: "binary" }), (name) => {
                const rendered = renderPlan(planWith(name));
                assert.equal(rendered.length, plain.length);
                assert(rendered.every((line) => !unsafe.test(line)));
            }),
        );
    });

    it("writes numbers for people", () => {
        assert.deepEqual([0, 999, 1000, 1234567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert.deepEqual([0, 1023, 1024, 65536, 2202010, 2 ** 40].map(bytesText), [
            "0 B",
            "1023 B",
            "1.0 kB",
            "64 kB",
            "2.1 MB",
            "1.0 TB",
        ]);
        assert.deepEqual([0.2, 1.1, 59.5, 60, 119.6, 150].map(secondsText), [
            "1 s",
            "2 s",
            "1 min 0 s",
            "1 min 0 s",
            "2 min 0 s",
            "2 min 30 s",
        ]);
    });

    describe("of a real database", function () {
        this.timeout(30_000);
        let server: TestServer;
        let project: TestProject;

        before(async () => {
            server = await startTestServer();
            project = new TestProject(server, await server.create());
        });
        after(async () => {
            project.remove();
            await server.stop();
        });

        it("holds no forged line from a table, a column or a script", async () => {
            const name = '"a\nLost      nothing\u001b[1A"';
            project
                .migration(
                    "001",
                    `CREATE TABLE ${name} (id int, "b\nREFUSED   x" int); INSERT INTO ${name} VALUES (1, 1)`,
                    "SELECT 1",
                )
                .migration(
                    "002",
                    "SELECT 1",
                    `ALTER TABLE ${name} DROP COLUMN "b\nREFUSED   x"; DELETE FROM ${name}; DROP TABLE ${name}`,
                );
            await project.migrate("latest");
            await project.query(`CREATE INDEX "i\nWarning   y" ON ${name} (id)`);
            const lines = renderPlan(await project.plan("1"));
            assert(lines.every((line) => !unsafe.test(line)));
            assert.deepEqual(
                lines.filter((line) => /^(?:REFUSED|Warning)/.test(line)),
                [],
            );
            assert.equal(lines.filter((line) => line.startsWith("Lost ")).length, 1);
            assert(lines.some((line) => line.includes("a\\u000aLost      nothing\\u001b[1A")));
        });
    });
});

function planWith(name: string): ReturnType<typeof planOf> {
    return planOf({
        set: name,
        resource: name,
        warnings: [name],
        drift: [{ what: "changed", kind: "table", name }],
        refusals: [{ code: "x", text: name, allow: name }],
        adopt: { table: name, versions: [name] },
        undo: name,
        run: [name],
        steps: [
            stepOf({
                direction: "down",
                version: "001",
                name,
                script: { file: name, checksum: "c", source: "disk" },
                methodReason: name,
                method: "parsed",
                losses: [
                    lossOf({ kind: "table dropped", object: name, rows: 3, note: name }),
                    lossOf({ kind: "rows deleted", object: name, rows: 3, note: name, line: 1 }),
                ],
                dropped: [{ kind: "view", name, note: name, victim: false }],
                locks: [{ mode: "SHARE", relations: [name] }],
                replaced: [{ line: 1, text: name.trim() }],
                wouldFail: { line: 1, sqlstate: "42P01", message: name },
            }),
        ],
    });
}
