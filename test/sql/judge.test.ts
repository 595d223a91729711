import assert from "node:assert/strict";
import type { Observation } from "../../core/sql/observation";
import { judgeCases, type JudgeCase } from "./judge-cases";
import { moreJudgeCases } from "./judge-cases-more";
import { compareObservations } from "./judge-comparison";
import { JudgeServers } from "./judge-servers";

const themes = { ...judgeCases, ...moreJudgeCases };

describe("judged and observed", function () {
    this.timeout(60_000);
    let servers: JudgeServers;
    const tallies = new Map<string, { all: number; equal: number; failing: number; explained: number }>();

    before(async () => {
        servers = await JudgeServers.start();
        for (const version of servers.versions) tallies.set(version, { all: 0, equal: 0, failing: 0, explained: 0 });
    });

    after(async () => {
        for (const [version, { all, equal, failing, explained }] of tallies)
            console.log(
                `        PostgreSQL ${version}: ${equal} of ${all} steps judged exactly as observed, ${failing} fail in both, ${explained} explained`,
            );
        await servers.stop();
    });

    for (const [theme, cases] of Object.entries(themes)) {
        describe(theme, () => {
            for (const entry of cases) {
                const test: JudgeCase = typeof entry === "string" ? { steps: [entry] } : entry;
                it(test.steps.join(" ⏵ "), async () => {
                    for (const { version, observed, judged } of await servers.both(test)) {
                        const comparisons = observed.map((seen, i) =>
                            compareObservations(seen, judged[i] as Observation),
                        );
                        const on = ` on PostgreSQL ${version}`;
                        assert.deepEqual(
                            comparisons.flatMap((c) => c.missed.map((missed) => missed + on)),
                            [],
                        );
                        const differences = comparisons.flatMap((c) => c.differences.map((d) => d + on));
                        if (test.differs === undefined) assert.deepEqual(differences, []);
                        else assert.notDeepEqual(differences, [], `it is the same by now${on}: take the reason away`);
                        const tally = tallies.get(version);
                        assert.ok(tally);
                        tally.all++;
                        if (differences.length > 0) tally.explained++;
                        else if (observed.some((o) => o.method !== "observed")) tally.failing++;
                        else tally.equal++;
                    }
                });
            }
        });
    }

    describe("afterwards", () => {
        it("the database is as every case found it", async () => {
            assert.deepEqual(await servers.changed(), []);
        });
    });
});
