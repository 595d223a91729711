import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import type { Declaration } from "../../core/declaration";
import type { RunEvent } from "../../core/run/events";
import type { RunOptions } from "../../core/run/options";
import { Backend, failureOf } from "../support/backend";
import { withControlPlane } from "../support/control-plane";
import { eventually } from "../support/eventually";
import { startTestServer, type TestServer } from "../support/postgres";

const fails = "DO $$ BEGIN PERFORM 1 / (SELECT 0); END $$";

describe("after a failure: traffic is in where nothing has changed; else it is held, or all is taken back", function () {
    this.timeout(60_000);
    const plane = withControlPlane();
    let server: TestServer;
    let backend: Backend;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        backend = await Backend.start(plane(), server);
    });
    afterEach(() => {
        backend.project.remove();
    });

    async function migrate(
        version: string,
        declared: Partial<Declaration> = backend.declared(),
        options: Partial<RunOptions> = {},
    ): Promise<readonly string[]> {
        return (await backend.project.migrate(version, declared, options)).heldFor;
    }

    const lastRun = async (): Promise<string> =>
        (await backend.project.plan("002", backend.declared(), "quick")).lastRun?.id ?? assert.fail("no last run");

    /** The third of three scripts fails, going back. */
    function thirdFails(): void {
        backend.project.write({ "rollback/001_down.sql": fails });
    }

    function thirdIsMended(): void {
        backend.project.write({ "rollback/001_down.sql": "DROP TABLE a" });
    }

    describe("hold", () => {
        it("the third script back fails: two stay undone, traffic stays stopped, and it is finished", async () => {
            thirdFails();
            const text = await failureOf(migrate("0"));
            assert.match(text, /division by zero[\s\S]*The database is at 001\.[\s\S]*TRAFFIC STAYS STOPPED/);
            assert.equal(await backend.tables(), "a");
            await backend.assertTrafficIsStopped();
            assert.deepEqual(await backend.gates(), ["the run that failed is finished or undone"]);
            assert.deepEqual(await backend.journal(), ["planned", "gated", "undone 003", "undone 002", "held"]);
            // Others may change what is stopped meanwhile, as Pulumi does.
            for (const name of ["api", "worker"])
                assert(
                    !(await backend.deployment(name)).metadata.managedFields.some((m) => m.manager === "schemaward"),
                );
            const refusal = await failureOf(backend.resume("0"));
            assert.match(refusal, /has not ended well[\s\S]*TRAFFIC STAYS STOPPED[\s\S]*The database is at 001/);
            await backend.assertTrafficIsStopped();
            thirdIsMended();
            assert.deepEqual(await migrate("0", backend.declared(), { resumes: await lastRun() }), []);
            assert.equal(await backend.tables(), "");
            await backend.assertTrafficIsIn();
        });

        it("the same, undone: back to where it began", async () => {
            thirdFails();
            await assert.rejects(migrate("0"));
            assert.deepEqual(await migrate("003", backend.declared(), { resumes: await lastRun() }), []);
            assert.equal(await backend.tables(), "abc");
            await backend.assertTrafficIsIn();
        });

        it("finishing it fails once more, before anything is done: traffic stays stopped, the schema is still half-way", async () => {
            thirdFails();
            await assert.rejects(migrate("0"));
            const text = await failureOf(migrate("0", backend.declared(), { resumes: await lastRun() }));
            assert.match(text, /division by zero[\s\S]*TRAFFIC STAYS STOPPED/);
            await backend.assertTrafficIsStopped();
            assert.match(await failureOf(backend.resume("0")), /has not ended well/);
            // Nor is it taken back to half-way, where another stack setting says so by now.
            const rollBack = backend.declared({ onFailure: "roll-back" });
            assert.match(await failureOf(migrate("0", rollBack)), /TRAFFIC STAYS STOPPED/);
            await backend.assertTrafficIsStopped();
            assert.equal(await backend.tables(), "a");
            await migrate("003");
            await backend.assertTrafficIsIn();
        });

        it("the third script forward fails: two stay applied, and it is finished", async () => {
            await backend.project.migrate("0");
            backend.project.write({ "003_m3.sql": fails });
            const always = backend.declared({ stopTraffic: "always" });
            // With nothing applied there is nothing to stop for: begin at 001.
            await backend.project.migrate("001");
            backend.project.migration("004", fails, "SELECT 1").write({ "003_m3.sql": "CREATE TABLE c (id int)" });
            const text = await failureOf(migrate("004", always));
            assert.match(text, /004_m4\.sql[\s\S]*The database is at 003\.[\s\S]*TRAFFIC STAYS STOPPED/);
            await backend.assertTrafficIsStopped();
            backend.project.write({ "004_m4.sql": "CREATE TABLE d (id int)" });
            await migrate("004", always, { resumes: await lastRun() });
            assert.equal(await backend.tables(), "abcd");
            await backend.assertTrafficIsIn();
        });

        it("a verify query that fails: traffic stays stopped until it holds", async () => {
            const verify = [{ name: "b is there", sql: "SELECT to_regclass('b') IS NOT NULL" }];
            const text = await failureOf(migrate("001", { ...backend.declared(), verify }));
            assert.match(text, /b is there[\s\S]*TRAFFIC STAYS STOPPED/);
            await backend.assertTrafficIsStopped();
            assert.match(await failureOf(backend.resume("001")), /has not ended well/);
            await migrate("002", { ...backend.declared(), verify });
            await backend.assertTrafficIsIn();
        });
    });

    describe("roll back", () => {
        const declared = (): Partial<Declaration> => backend.declared({ onFailure: "roll-back" });

        it("the third script back fails: the database is as before, traffic is in, and the journal tells of both runs", async () => {
            thirdFails();
            const text = await failureOf(migrate("0", declared()));
            assert.match(text, /division by zero[\s\S]*All was taken back: the database is at 003 again/);
            assert(!text.includes("STAYS STOPPED"), text);
            assert.equal(await backend.tables(), "abc");
            await backend.assertTrafficIsIn();
            const journal = await backend.journal();
            assert.deepEqual(journal.slice(0, 4), ["planned", "gated", "undone 003", "undone 002"]);
            assert.deepEqual(
                journal.slice(4).filter((kind) => kind !== "gated"),
                ["planned", "applied 002", "applied 003", "verified", "resumed"],
            );
            assert.deepEqual(
                await backend.project.query("SELECT status FROM schemaward.runs ORDER BY started_at OFFSET 1"),
                [["failed"], ["done"]],
            );
        });

        it("the third script forward fails: the same", async () => {
            await backend.project.migrate("001");
            backend.project.migration("004", fails, "SELECT 1");
            const always = backend.declared({ onFailure: "roll-back", stopTraffic: "always" });
            assert.match(await failureOf(migrate("004", always)), /All was taken back: the database is at 001 again/);
            assert.equal(await backend.tables(), "a");
            await backend.assertTrafficIsIn();
        });

        it("the way back fails, too: traffic stays stopped, and the error tells of both and of what to do", async () => {
            thirdFails();
            // So the way back finds c there already.
            backend.project.write({ "rollback/003_down.sql": "ALTER TABLE c ADD COLUMN x int" });
            const text = await failureOf(migrate("0", declared()));
            assert.match(text, /001_down\.sql[\s\S]*Taking it back to 003 failed as well/);
            assert.match(text, /TRAFFIC STAYS STOPPED[\s\S]*kubectl scale deployment api/);
            await backend.assertTrafficIsStopped();
            assert.match(await failureOf(backend.resume("0")), /has not ended well/);
            assert.equal(await backend.scaleByHand(text), 2);
        });

        it("Kubernetes is gone on the way back: the same", async () => {
            thirdFails();
            let pid = 0;
            const report = (event: RunEvent): void => {
                if (event.type !== "step-done" || event.index !== 2) return;
                pid = plane().kubernetes.processes.get("kube-apiserver")?.pid ?? 0;
                process.kill(pid, "SIGSTOP");
            };
            const text = await failureOf(migrate("0", declared(), { report })).finally(() =>
                process.kill(pid, "SIGCONT"),
            );
            assert.match(text, /Taking it back to 003 failed as well[\s\S]*TRAFFIC STAYS STOPPED/);
            await backend.assertTrafficIsStopped();
            assert.deepEqual(await backend.gates(), ["the run that failed is finished or undone"]);
            await migrate("003");
            await backend.assertTrafficIsIn();
            assert.equal(await backend.tables(), "abc");
        });
    });

    it("rows that are written while traffic is being stopped are counted: where they are too many, no script is run", async () => {
        const { policy } = backend.project.declaration("002");
        const bounded = { ...backend.declared(), policy: { ...policy, maxRowsLost: 2 } };
        const text = await plane().without("kwok", async (goOn) => {
            const failure = failureOf(migrate("002", bounded, { observe: "full" }));
            await eventually(() => backend.project.events.some((event) => event.type === "gate-waiting"));
            await backend.project.query("INSERT INTO c VALUES (1), (2), (3)");
            goOn();
            return failure;
        });
        assert.match(
            text,
            /3 rows and values would be lost; allowed are 2[\s\S]*No script was run\. Traffic is let in again\./,
        );
        assert.equal(await backend.tables(), "abc");
        await backend.assertTrafficIsIn();
        assert.deepEqual(await backend.journal(), ["planned", "gated", "resumed"]);
    });

    describe("Ctrl-C", () => {
        /** Aborts at an event that fits. */
        function abortAt(fits: (event: RunEvent) => boolean): Partial<RunOptions> {
            const controller = new AbortController();
            return {
                signal: controller.signal,
                report: (event) => {
                    backend.project.events.push(event);
                    if (fits(event)) controller.abort();
                },
            };
        }

        it("while it plans: nothing is touched", async () => {
            const options = abortAt((event) => event.type === "plan");
            const text = await failureOf(migrate("001", backend.declared(), options));
            assert.match(text, /Interrupted before anything was done[\s\S]*Nothing was touched/);
            assert.equal(await backend.tables(), "abc");
            await backend.assertUntouched();
            assert.equal(await backend.runs(), 1);
        });

        it("while what runs is waited for: no script is run, traffic is in", async () => {
            const options = abortAt((event) => event.type === "gate-waiting");
            const text = await plane().without("kwok", async () =>
                failureOf(migrate("001", backend.declared(), options)),
            );
            assert.match(text, /Interrupted while traffic was being stopped[\s\S]*Traffic is let in again/);
            assert.equal(await backend.tables(), "abc");
            await backend.assertTrafficIsIn();
            assert.deepEqual(await backend.journal(), ["planned", "resumed"]);
        });

        it("pods that do not go: given up at the deadline, traffic is in", async () => {
            const text = await plane().without("kwok", async () =>
                failureOf(migrate("001", backend.declared({ drainSeconds: 1 }))),
            );
            assert.match(
                text,
                /has not ended within 1 s: of api 2 pods are still there: .*\(told to end\)[\s\S]*of worker 1 pod[\s\S]*Traffic is let in again/,
            );
            assert.equal(await backend.tables(), "abc");
            await backend.assertTrafficIsIn();
        });

        for (const [what, index, tables] of [
            ["nothing", 1, "abc"],
            ["something", 2, "ab"],
        ] as const)
            it(`in a script, with ${what} done`, async () => {
                const controller = new AbortController();
                const sleeps = `SELECT pg_sleep(30${index}); DROP TABLE ${index === 1 ? "c" : "b"}`;
                backend.project.write({ [`rollback/00${4 - index}_down.sql`]: sleeps });
                const both = backend.declared({ onFailure: index === 1 ? "hold" : "roll-back" });
                const run = migrate("001", both, { signal: controller.signal });
                run.catch(() => undefined);
                await eventually(async () => (await backend.project.sleeping(300 + index)) === 1, "the script");
                await backend.assertTrafficIsStopped();
                controller.abort();
                const text = await failureOf(run);
                assert.match(
                    text,
                    index === 1
                        ? /interrupted[\s\S]*Traffic is let in again/
                        : /interrupted[\s\S]*TRAFFIC STAYS STOPPED/,
                );
                assert.equal(await backend.tables(), tables);
                if (index === 1) await backend.assertTrafficIsIn();
                else await backend.assertTrafficIsStopped();
            });
    });

    describe("a process that is killed", () => {
        function startRun(version: string, execArgv: string[] = []): ChildProcess {
            const { dir, database } = backend.project;
            return fork(
                path.join(__dirname, "..", "run", "run-process.js"),
                [dir, version, JSON.stringify(backend.declared())],
                {
                    env: { ...process.env, DATABASE_URL: server.url(database) },
                    stdio: ["ignore", "ignore", "ignore", "ipc"],
                    execArgv,
                },
            );
        }

        async function killAt(type: RunEvent["type"], execArgv?: string[]): Promise<void> {
            const child = startRun("001", execArgv);
            child.on("message", (event: RunEvent) => {
                if (event.type === type) child.kill("SIGKILL");
            });
            const [, signal] = (await once(child, "exit")) as [number | null, string | null];
            assert.equal(signal, "SIGKILL");
        }

        for (const type of ["gate-stopping", "gate-stopped", "step-done"] as const)
            it(`at ${type}: one more run goes on, and lets traffic in as it was`, async () => {
                await killAt(type);
                assert.equal((await backend.gates()).length <= 1, true);
                await eventually(async () => {
                    const [[count] = []] = await backend.project.query(
                        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
                    );
                    return count === "0";
                }, "the killed run's sessions are gone");
                await migrate("001");
                assert.equal(await backend.tables(), "a");
                await backend.assertTrafficIsIn();
            });

        for (const hours of [-1, 1])
            it(`with a clock ${hours} h off: nothing hangs on it`, async () => {
                const preload = path.join(backend.project.dir, "clock.js");
                backend.project.write({
                    "../clock.js": `const Real = Date; const off = ${hours * 3_600_000};
                        globalThis.Date = class extends Real {
                            constructor(...args) { if (args.length === 0) super(Real.now() + off); else super(...args); }
                            static now() { return Real.now() + off; }
                        };`,
                });
                const options = ["--require", preload];
                await killAt("step-done", options);
                assert.equal((await backend.gates()).length, 1);
                assert.match(await failureOf(backend.resume("001")), /has not ended well|holds the lock|is at work/);
                const child = startRun("001", options);
                const [code] = (await once(child, "exit")) as [number | null];
                assert.equal(code, 0);
                await backend.assertTrafficIsIn();
                // Another whole run by that clock.
                assert.equal(((await once(startRun("0", options), "exit")) as [number | null])[0], 0);
                assert.equal(await backend.tables(), "");
                await backend.assertTrafficIsIn();
            });
    });
});
