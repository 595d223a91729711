import assert from "node:assert/strict";
import { type ChildProcess, execFileSync } from "node:child_process";
import { once } from "node:events";
import os from "node:os";
import { RefusedError } from "../../core/errors";
import { keyOfLock, runLocks } from "../../core/run-locks";
import type { RunEvent } from "../../core/run/events";
import { eventually } from "../support/eventually";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";
import { startRun } from "./start-run";

/** Milliseconds for which a second run tries in vain. */
const inVainMs = 3_000;

describe("two runs at once, one of them stopped (SIGSTOP)", function () {
    this.timeout(60_000);
    let server: TestServer;
    let project: TestProject;
    let first: ChildProcess;
    let closed: Promise<unknown>;
    let said: string;
    let events: RunEvent[];

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = new TestProject(server, await server.create());
        const note = (version: string): string => `INSERT INTO done (version) VALUES ('${version}');`;
        const unnote = (version: string): string => `DELETE FROM done WHERE version = '${version}'`;
        project
            .migration("001", `CREATE TABLE done (at serial, version text); ${note("001")}`, "DROP TABLE done")
            .migration("002", note("002"), unnote("002"))
            // Of several transactions, so that it is not on its way already.
            .migration("003", `${note("003")}\nVACUUM done`, unnote("003"))
            .migration("004", note("004"), unnote("004"));
    });
    afterEach(() => {
        first.kill("SIGKILL");
        project.remove();
    });

    function start(stopAfter?: string): void {
        first = startRun(project, "003", {}, stopAfter);
        closed = once(first, "close");
        said = "";
        events = [];
        first.on("message", (event: RunEvent) => events.push(event));
        first.stderr?.setEncoding("utf8").on("data", (text: string) => (said += text));
    }

    const locks = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND ${keyOfLock} IN (${runLocks.guard}, ${runLocks.worker})
                      AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY pid`;

    /** Stops it in the middle of 002, which waits until `letGo`. */
    async function stopWithin(): Promise<void> {
        await project.query("CREATE TABLE go (); SELECT 1");
        const wait = "DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM go) LOOP PERFORM pg_sleep(0.02); END LOOP; END $$";
        project.migration("002", `INSERT INTO done (version) VALUES ('002');\n${wait}`, "SELECT 1");
        start();
        await eventually(isWaiting);
        first.kill("SIGSTOP");
        await isStopped();
    }

    async function isWaiting(): Promise<boolean> {
        const waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
        return (await project.query(waiting)).length === 1;
    }

    async function letGo(): Promise<void> {
        await project.query("INSERT INTO go DEFAULT VALUES");
    }

    /** Stopped when 002 is done and 003 has not begun. */
    async function stopBetween(): Promise<void> {
        start("002");
        await isStopped();
    }

    async function isStopped(): Promise<void> {
        const state = (): string => execFileSync("ps", ["-o", "state=", "-p", String(first.pid)], { encoding: "utf8" });
        await eventually(() => state().startsWith("T"), "the first run's stop");
    }

    /** A second run is refused, naming the first, which keeps what it has. */
    async function isKeptOut(waitMs = 0): Promise<void> {
        const before = await project.query(locks);
        assert.equal(before.length, 2);
        const applied = await project.applied();
        const started = Date.now();
        await assert.rejects(project.migrate("004", {}, { waitMs }), (error) => {
            assert(error instanceof RefusedError, String(error));
            const holder = new RegExp(
                `^Another run works on this database: schemaward run .+@${os.hostname()}:${first.pid}, server process (\\d+), since 20[-\\d]+ [:\\d]+Z\\.\n`,
            ).exec(error.message);
            assert(holder !== null, error.message);
            assert(
                before.some(([pid]) => pid === holder[1]),
                error.message,
            );
            assert.match(error.message, /\nState: Nothing was touched by this run\.\nNext: Wait until it has ended/);
            return true;
        });
        assert(Date.now() - started >= waitMs);
        assert.deepEqual(await project.query(locks), before);
        assert.deepEqual(await project.applied(), applied);
        assert.deepEqual(await project.query("SELECT status, pid FROM schemaward.runs"), [
            ["running", String(first.pid)],
        ]);
    }

    async function goOn(): Promise<number | null> {
        first.kill("SIGCONT");
        await closed;
        return first.exitCode;
    }

    /** What ran, in order; and by which of the runs, as far as it stayed. */
    async function ran(): Promise<{ readonly versions: string; readonly byRun: readonly string[] }> {
        const versions = (await project.query("SELECT version FROM done ORDER BY at")).map(([v]) => v ?? "");
        const byRun = await project.query(
            `SELECT r.status || ': ' || coalesce(string_agg(s.version || ' ' || s.kind, ', ' ORDER BY s.seq), 'nothing')
               FROM schemaward.runs r LEFT JOIN schemaward.run_steps s ON s.run_id = r.id AND s.version IS NOT NULL
              GROUP BY r.id ORDER BY r.started_at`,
        );
        assert.deepEqual(versions, await project.applied());
        return { versions: versions.join(" "), byRun: byRun.map(([line]) => line ?? "") };
    }

    async function endBothSessions(): Promise<void> {
        const ended = await project.query(`SELECT pg_terminate_backend(pid) FROM (${locks}) AS l`);
        assert.deepEqual(ended, [["true"], ["true"]]);
        await eventually(async () => (await project.query(locks)).length === 0);
    }

    for (const [where, stop] of [
        ["in the middle of a script", stopWithin],
        ["between two scripts", stopBetween],
    ] as const)
        it(`${where}: nobody takes over; it finishes, nothing runs twice, then the second goes on`, async () => {
            await stop();
            await isKeptOut();
            await isKeptOut(inVainMs);
            if (stop === stopWithin) {
                // The server brings the script to its end by itself; that is still the first one's work.
                await letGo();
                await eventually(async () => (await project.applied()).includes("002"));
                await isKeptOut();
            }
            assert.deepEqual(await project.applied(), ["001", "002"]);
            const second = project.migrate("004", {}, { waitMs: 20_000 });
            await eventually(() => project.events.some((e) => e.type === "waiting-for-lock"));
            assert.equal(await goOn(), 0, said);
            assert.equal((await second).version, "004");
            const { versions, byRun } = await ran();
            assert.equal(versions, "001 002 003 004");
            assert.deepEqual(byRun, ["done: 001 applied, 002 applied, 003 applied", "done: 004 applied"]);
        });

    it("it is killed while it is stopped: the server ends its script, and the second gets there", async () => {
        await stopWithin();
        await isKeptOut();
        first.kill("SIGKILL");
        await closed;
        const second = project.migrate("004", {}, { waitMs: 15_000 });
        second.catch(() => undefined);
        // Its script never ends by itself.
        await eventually(() => project.events.some((e) => e.type === "step-start" && e.version === "002"));
        await letGo();
        assert.equal((await second).version, "004");
        const { versions, byRun } = await ran();
        assert.equal(versions, "001 002 003 004");
        assert.deepEqual(byRun, ["running: 001 applied", "done: 002 applied, 003 applied, 004 applied"]);
    });

    it("the server has ended its sessions, a second is at work: it waits for that, and does nothing more", async () => {
        await stopWithin();
        await endBothSessions();
        const second = project.migrate("004");
        await eventually(isWaiting);
        first.kill("SIGCONT");
        await eventually(() => events.some((e) => e.type === "waiting-for-lock"));
        assert.deepEqual(await project.applied(), ["001"]);
        await letGo();
        assert.equal((await second).version, "004");
        assert.equal(await goOn(), 1);
        assert.match(
            said,
            /^002_m2\.sql: The connection broke at 002, and somebody else has worked on this database before it was there again\.\nState: This run has stopped where it was; .*\nNext: Run the same command again/,
        );
        const { versions, byRun } = await ran();
        assert.equal(versions, "001 002 003 004");
        assert.deepEqual(byRun, ["failed: 001 applied", "done: 002 applied, 003 applied, 004 applied"]);
    });

    it("the server has ended its sessions, others went back and forth: it goes on with nothing, though all looks as it left it", async () => {
        await stopBetween();
        await endBothSessions();
        await project.migrate("001");
        await project.migrate("002");
        assert.deepEqual(await project.applied(), ["001", "002"]);
        assert.equal(await goOn(), 1);
        assert.match(said, /^003_m3\.sql: The connection broke at 003, and somebody else has worked on this database/);
        const { versions, byRun } = await ran();
        assert.equal(versions, "001 002");
        assert.deepEqual(byRun, ["failed: 001 applied, 002 applied", "done: 002 undone", "done: 002 applied"]);
        const plan = await project.plan("latest");
        assert.deepEqual([plan.lastRun, plan.drift, plan.refusals, plan.steps.length], [null, [], [], 2]);
    });
});
