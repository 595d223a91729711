import assert from "node:assert/strict";
import type { Backend } from "../support/backend";
import { fails, succeeds } from "../support/command";
import { withControlPlane } from "../support/control-plane";
import { eventually } from "../support/eventually";
import { startGoingBack } from "../support/going-back";
import { startTestServer, type TestServer } from "../support/postgres";
import { engines, type PulumiProject } from "../support/pulumi";

/** Shows that it was rolled back; on the shadow, where no rows are, it does not wait. */
const sleeping = (seconds: number): string =>
    `DELETE FROM a WHERE id > 1;\nSELECT pg_sleep(${seconds}) WHERE EXISTS (SELECT FROM a);\n`;

/** Where an `up` from 003 back to 001 is when somebody presses Ctrl-C. */
interface Moment {
    readonly what: string;
    /** Version whose down script is at work by then; undefined: pods are waited for. */
    readonly in?: "003" | "002";
    /** After the second Ctrl-C: what it says of itself, and what the next preview says of it. */
    readonly ends: RegExp;
    readonly told: RegExp;
    /** What it leaves: tables, and its journal. */
    readonly tables: string;
    readonly journal: readonly string[];
}

const moments: readonly Moment[] = [
    {
        what: "while pods are waited for",
        ends: /Interrupted while traffic was being stopped\.\s+State: Traffic is let in again\./,
        told: /failed before anything was done: Interrupted while traffic was being stopped; this plan finishes it/,
        tables: "abc",
        journal: ["planned", "resumed"],
    },
    {
        what: "in a script, with nothing done",
        in: "003",
        ends: /003 was interrupted going back[^]*No script has taken effect\. 003 was rolled back whole\. The database is at 003\. Traffic is let in again/,
        told: /failed before anything was done: 003 was interrupted going back; this plan finishes it/,
        tables: "abc",
        journal: ["planned", "gated", "resumed"],
    },
    {
        what: "in a script, with one done",
        in: "002",
        ends: /002 was interrupted going back[^]*003 undone\. 002 was rolled back whole\. The database is at 002\.\s+TRAFFIC STAYS STOPPED \(api×2 worker×1\): schemaward resume finishes/,
        told: /failed after 003 undone: 002 was interrupted going back; this plan finishes it/,
        tables: "ab",
        journal: ["planned", "gated", "undone 003", "held"],
    },
];

for (const engine of engines())
    describe(`Ctrl-C under an up that has stopped traffic, on ${engine.name}`, function () {
        this.timeout(120_000);
        const plane = withControlPlane();
        let server: TestServer;
        let project: PulumiProject;
        let backend: Backend;

        before(async () => {
            server = await startTestServer();
        });
        after(async () => server.stop());
        beforeEach(async () => {
            ({ project, backend } = await startGoingBack(plane(), server, engine));
            await project.query("INSERT INTO a VALUES (1), (2), (3)");
        });
        afterEach(() => {
            project.remove();
        });

        const count = async (sql: string): Promise<number> =>
            Number((await project.query(`SELECT count(*) FROM ${sql}`))[0]?.[0]);
        const rows = async (): Promise<number> => count("a");
        /** Scripts that are at work in the server. */
        const scripts = async (): Promise<number> =>
            count("pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'");

        /**
         * An `up` to which Ctrl-C is pressed at a moment.
         * @param seconds that its script takes
         * @param meanwhile once the engine has taken notice
         * @returns all that it printed; by then nothing of it runs any more
         */
        async function interrupted(
            moment: Pick<Moment, "in">,
            seconds: number,
            meanwhile: (again: () => void, end: Promise<unknown>) => Promise<void> | void,
        ): Promise<string> {
            if (moment.in !== undefined) {
                const table = moment.in === "003" ? "c" : "b";
                project.write({ [`rollback/${moment.in}_down.sql`]: `${sleeping(seconds)}DROP TABLE ${table}` });
            }
            const running = project.startInTerminal(engine, "up", "--yes", "--skip-preview");
            await eventually(
                async () =>
                    moment.in === undefined ? running.output().includes("gate: waiting") : (await scripts()) === 1,
                "the moment",
                30,
            );
            running.ctrlC();
            await eventually(() => running.output().includes("^C received; cancelling"), "the engine's notice");
            await meanwhile(() => {
                running.ctrlC();
            }, running.done);
            const out = await fails(running.done);
            assert.equal(await scripts(), 0, "a script still runs");
            await eventually(() => project.processes().length === 0, "the end of its processes");
            return out;
        }

        /** The next `up`, with scripts that need not wait any more: all is as if nobody had pressed anything. @returns what it printed */
        async function assertGetsThere(): Promise<string> {
            project.write({ "rollback/003_down.sql": "DROP TABLE c", "rollback/002_down.sql": "DROP TABLE b" });
            if (project.locks().length > 0) await succeeds(project.pulumi(engine, "cancel", "--yes"));
            const out = await succeeds(project.up(engine));
            assert.equal(await backend.tables(), "a");
            assert.equal(await rows(), 3);
            assert.deepEqual(await project.applied(), ["001"]);
            await backend.assertTrafficIsIn();
            return out;
        }

        for (const moment of moments) {
            it(`once, ${moment.what}: the run comes to its end, and nothing more is begun`, async () => {
                // The pods that are waited for go once the engine has taken notice.
                const out = await (moment.in === undefined
                    ? plane().without("kwok", async (goOn) => interrupted(moment, 2, goOn))
                    : interrupted(moment, 2, () => undefined));
                assert.match(
                    out,
                    /\^C received; cancelling[^]*↓ 002 m2 done in[^]*gate: traffic is let in again: api×2 worker×1[^]*update canceled/,
                );
                assert.doesNotMatch(out, /failed to deliver|\n\s+at \S+ \(/);
                assert.equal(await backend.tables(), "a");
                assert.equal(await rows(), moment.in === undefined ? 3 : 1);
                await backend.assertTrafficIsIn();
                assert.deepEqual(project.locks(), []);
                assert.match(await succeeds(project.preview(engine, "--expect-no-changes")), /at 001, nothing to do/);
            });

            it(`twice, ${moment.what}: the run is ended, and says what it has left`, async () => {
                const run = async (): Promise<string> =>
                    interrupted(moment, 600, (again) => {
                        again();
                    });
                const out = await (moment.in === undefined ? plane().without("kwok", run) : run());
                assert.match(out, /\^C received; terminating[^]*error: update cancelled/);
                assert.match(out, moment.ends);
                assert.equal(await backend.tables(), moment.tables);
                assert.equal(await rows(), 3);
                assert.deepEqual(await backend.journal(), moment.journal);
                const plan = await succeeds(project.preview(engine));
                assert.match(plan, /Last run {2}003 → 001 by /);
                assert.match(plan, moment.told);
                if (moment.journal.includes("held")) {
                    await backend.assertTrafficIsStopped();
                    assert.match(plan, /TRAFFIC IS STOPPED[^\n]*api×2 worker×1/);
                } else {
                    await backend.assertTrafficIsIn();
                    assert.doesNotMatch(plan, /TRAFFIC IS STOPPED/);
                }
                await assertGetsThere();
            });
        }

        it("twice, and Kubernetes does not answer: killed by the engine before traffic is in, the next up lets it in", async () => {
            const out = await interrupted({ in: "003" }, 600, async (again, end) =>
                plane().without("kube-apiserver", async () => {
                    again();
                    await end;
                }),
            );
            assert.match(
                out,
                /interrupted: [^\n]*what became of it, and of traffic, is told here, or else by the next preview/,
            );
            assert.equal(await backend.tables(), "abc");
            assert.equal((await backend.gates()).length, 1);
            const plan = await assertGetsThere();
            assert.match(
                plan,
                /Last run {2}003 → 001 by .* was cut off before anything was done; this plan finishes it/,
            );
            assert.match(plan, /TRAFFIC IS STOPPED[^\n]*api×2 worker×1/);
        });

        it("twice, with two schemas in the stack: each comes to its end, whichever is first", async () => {
            project.put("other/001_m1.sql", "SELECT pg_sleep(600) WHERE current_database() NOT LIKE 'schemaward%'");
            project.put(
                "index.ts",
                `import { PostgresSchema } from "schemaward";
                import { settings } from "schemaward/settings";
                const { traffic, ...same } = settings();
                new PostgresSchema("app", { ...same, traffic });
                new PostgresSchema("other", { ...same, migrations: { dir: "other", format: "numbered" }, connection: { env: "OTHER_URL" } });`,
            );
            project.env = { ...project.env, OTHER_URL: server.url(await server.create()) };
            const out = await interrupted({ in: "003" }, 600, async (again) => {
                const both = "pg_stat_activity WHERE wait_event = 'PgSleep'";
                await eventually(async () => (await count(both)) === 2, "both scripts");
                again();
            });
            assert.match(out, /001 was interrupted going forward/);
            assert.match(out, /003 was interrupted going back[^]*Traffic is let in again/);
            await backend.assertTrafficIsIn();
        });
    });
