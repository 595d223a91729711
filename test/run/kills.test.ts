import assert from "node:assert/strict";
import { once } from "node:events";
import path from "node:path";
import type { Declaration } from "../../core/declaration";
import { catalogHash, readCatalog } from "../../core/sql/catalog";
import type { RunEvent } from "../../core/run/events";
import { writeFiveMigrations } from "../support/five-migrations";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";
import { startRun } from "./start-run";

/** Kills for each direction: one at each of so many events of a run, and so many at some moment. */
const atEvents = 8;
const atRandom = 1;

describe("kill -9 of a run, wherever it is", function () {
    this.timeout(240_000);
    let server: TestServer;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());

    async function makeProject(): Promise<TestProject> {
        const project = new TestProject(server, await server.create());
        writeFiveMigrations(project, 20_000);
        return project;
    }

    function declared(project: TestProject): Partial<Declaration> {
        return {
            ...(server.binaries.hasDump
                ? { snapshot: { required: true, store: `file:${path.join(project.dir, "backups")}` } }
                : {}),
            verify: [{ name: "a is whole", sql: "SELECT count(*) = 20000 FROM a" }],
            incidents: { dir: "incidents" },
        };
    }

    /** All that a run answers for: schema, rows, both histories, what is unfinished, invalid or locked. */
    async function stateOf(project: TestProject): Promise<string> {
        const schema = await server.withClient(project.database, async (client) =>
            catalogHash(await readCatalog(client)),
        );
        const facts = await project.query(
            `SELECT (SELECT string_agg(version, ' ' ORDER BY seq) FROM schemaward.migrations),
                    (SELECT string_agg(version, ' ' ORDER BY version) FROM schema_migrations),
                    (SELECT md5(string_agg(a::text, ' ' ORDER BY id)) FROM a),
                    (SELECT count(*) FROM schemaward.progress),
                    (SELECT count(*) FROM pg_index WHERE NOT indisvalid),
                    (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
                        AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`,
        );
        return JSON.stringify([schema, facts]);
    }

    /** @returns at which event it was killed */
    async function kill(project: TestProject, to: string, after: number | "random"): Promise<string> {
        const child = startRun(project, to, declared(project));
        let events = 0;
        let at = "some moment";
        child.on("message", (event: RunEvent) => {
            // Of these there are more or fewer.
            if (event.type === "planning" || event.type === "snapshot-progress" || events++ !== after) return;
            at = event.type;
            child.kill("SIGKILL");
        });
        const timer =
            after === "random" ? setTimeout(() => child.kill("SIGKILL"), 150 + Math.random() * 1200) : undefined;
        await once(child, "exit");
        clearTimeout(timer);
        return at;
    }

    for (const [direction, from, to] of [
        ["up", "001", "005"],
        ["back", "005", "001"],
    ] as const)
        it(`${direction}: one re-run gets there, or back, and nothing is left of the dead run`, async () => {
            const whole = await makeProject();
            await whole.migrate("005", declared(whole));
            const states = new Map([["005", await stateOf(whole)]]);
            await whole.migrate("001", declared(whole));
            states.set("001", await stateOf(whole));
            whole.remove();

            const moments = [...Array(atEvents).keys(), ...Array<"random">(atRandom).fill("random")];
            const seen = new Set<string>();
            for (const [i, moment] of moments.entries()) {
                const project = await makeProject();
                await project.migrate(from, declared(project));
                const at = await kill(project, to, moment);
                seen.add(at);
                const where = `killed at ${String(moment)}: ${at}`;
                // Every third goes back to where the dead run began; half of a script has to be finished first.
                let end: string = i % 3 === 2 ? from : to;
                const undoing = await project.plan(end, declared(project), "quick");
                if (undoing.refusals.some((r) => r.code === "unfinished")) end = to;
                await project.migrate(end, declared(project), { waitMs: 20_000 });
                assert.equal(await stateOf(project), states.get(end), where);
                const plan = await project.plan(end, declared(project), "quick");
                assert.deepEqual([plan.steps, plan.refusals, plan.drift, plan.lastRun], [[], [], [], null], where);
                project.remove();
            }
            for (const event of ["plan", "step-start", "step-done"]) assert(seen.has(event), [...seen].join());
        });
});
