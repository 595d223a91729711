import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { FailedError } from "../../core/errors";
import { startTestServer, type TestServer } from "../support/postgres";
import { withStore } from "./fixture";
import { SmallWorld } from "./small-world";
import { startRestore } from "./start-restore";

/** Worlds that are killed in side by side. */
const lanes = 2;

/** In a transaction that has not ended, one statement is like another. */
const inTransaction =
    /schemaward\.(?:runs|run_steps|gates|sets)\b(?: OVERRIDING|#| SET project)|setval|INSERT INTO schemaward\.sets|GRANT (?:CREATE|TEMPORARY)/;

describe("kill -9 of a restore, wherever it is", function () {
    this.timeout(240_000);
    let server: TestServer;
    const worlds: SmallWorld[] = [];

    before(async () => {
        server = await startTestServer();
        for (let i = 0; i < lanes; i++) worlds.push(await SmallWorld.make(server));
    });
    after(async () => {
        for (const world of worlds) world.end();
        await server.stop();
    });

    /** All that a restore does, as it does it undisturbed. */
    async function boundaries(world: SmallWorld): Promise<string[]> {
        const log = path.join(world.project.dir, "boundaries");
        const child = startRestore(world, { fault: { log } });
        const [code] = (await once(child, "exit")) as [number];
        assert.equal(code, 0);
        await world.assertRestored("no kill");
        const passed = readFileSync(log, "utf8").trim().split("\n");
        rmSync(log);
        return passed;
    }

    /** A plan of scripts can be made after a kill; only where nobody may connect it says what to do. @returns whether it could be made */
    async function canPlan({ project }: SmallWorld): Promise<boolean> {
        try {
            await project.plan("latest", withStore(project, "latest"), "none");
            return true;
        } catch (error) {
            assert(error instanceof FailedError);
            assert.match(error.parts.what, /not currently accepting connections/);
            assert.match(error.parts.next ?? "", /run that restore again/);
            return false;
        }
    }

    async function killAt(
        world: SmallWorld,
        boundary: string,
        resumes: boolean,
    ): Promise<"closed" | "swapped" | "before"> {
        await world.reset();
        const child = startRestore(world, { fault: { at: boundary } });
        const [, signal] = (await once(child, "exit")) as [unknown, string | null];
        assert.equal(signal, "SIGKILL", boundary);
        const open = await canPlan(world);
        const swapped = (await world.databases()).some((name) => name.includes("_before_"));
        // What is in its place can be gone on with by a run, too; what is not is restored.
        if (swapped && resumes) {
            const { heldFor } = await world.project.migrate("001", withStore(world.project, "001", world.traffic()), {
                waitMs: 20_000,
            });
            assert.deepEqual(heldFor, [], boundary);
        } else await world.restore({}, { waitMs: 20_000 });
        if (swapped && resumes) {
            assert.equal(await world.dump(), world.original, boundary);
            assert.equal(await world.mayConnect(), true, boundary);
            const { lastRun, drift, held } = await world.project.plan("001", withStore(world.project, "001"), "quick");
            assert.deepEqual([lastRun, drift, held], [null, [], null], boundary);
            return "swapped";
        }
        await world.assertRestored(boundary);
        return swapped ? "swapped" : open ? "before" : "closed";
    }

    it("one re-run gets there, and nothing is left of the dead one", async () => {
        const [first] = worlds;
        assert(first);
        await first.reset();
        const all = (await boundaries(first)).filter((b) => !inTransaction.test(b));
        // Right after one thing is right before the next, but for programs.
        const chosen = all.filter(
            (b) =>
                (b.startsWith("before") || /pg_restore|ALLOW|BEGIN; ALTER/.test(b)) &&
                !/in-use|probe|taking|began#1/.test(b),
        );
        const waiting = [...new Set(chosen)];
        const seen = new Map<string, number>();
        const failures: string[] = [];
        let n = 0;
        await Promise.all(
            worlds.map(async (world) => {
                for (let at = waiting.shift(); at !== undefined; at = waiting.shift()) {
                    try {
                        const found = await killAt(world, at, n++ % 2 === 1);
                        seen.set(found, (seen.get(found) ?? 0) + 1);
                    } catch (error) {
                        failures.push(`${at}: ${error instanceof Error ? error.message : String(error)}`);
                    }
                }
            }),
        );
        assert.deepEqual(failures, []);
        for (const [state, least] of [
            ["before", 15],
            ["closed", 2],
            ["swapped", 2],
        ] as const)
            assert((seen.get(state) ?? 0) >= least, JSON.stringify([...seen]));
    });
});
