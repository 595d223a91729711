import assert from "node:assert/strict";
import fc from "fast-check";
import type { Observation } from "../../core/sql/observation";
import { compareObservations } from "./judge-comparison";
import { JudgeServers } from "./judge-servers";
import { script, smallSchema } from "./random-ddl";

const seconds = 12;

describe("judging what nobody thought of", function () {
    this.timeout(60_000);
    let servers: JudgeServers;

    before(async () => {
        servers = await JudgeServers.start(smallSchema);
    });

    after(() => servers.stop());

    it(`says all that is dropped, renamed, locked and written anew, or calls the script opaque (${seconds} s)`, async () => {
        const tally = { succeeded: 0, all: 0 };
        await fc.assert(
            fc.asyncProperty(script, async (sql) => {
                for (const { version, observed, judged } of await servers.both({ steps: [sql] })) {
                    tally.all++;
                    if (observed[0]?.method === "observed") tally.succeeded++;
                    const { missed } = compareObservations(observed[0] as Observation, judged[0] as Observation);
                    assert.deepEqual(missed, [], `PostgreSQL ${version}`);
                }
            }),
            { numRuns: 100_000, interruptAfterTimeLimit: seconds * 1000, ...replayed() },
        );
        console.log(`        ${tally.all} runs, ${tally.succeeded} of them with a script that PostgreSQL accepts`);
        assert.ok(tally.succeeded > tally.all / 5, "most scripts fail: the grammar fits the schema no more");
    });
});

/** Seed and path of a failure, as it prints them: SEED=1 FAIL_PATH=2:0 npx mocha … */
function replayed(): { seed?: number; path?: string } {
    const { SEED: seed, FAIL_PATH: path } = process.env;
    return { ...(seed === undefined ? {} : { seed: Number(seed) }), ...(path === undefined ? {} : { path }) };
}
