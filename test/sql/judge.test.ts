import assert from "node:assert/strict";
import type { Observation } from "../../core/sql/observation";
import { loadParser } from "../../core/sql/parser";
import { eachMajor } from "../support/postgres";
import { judgeCases, type JudgeCase } from "./judge-cases";
import { moreJudgeCases } from "./judge-cases-more";
import { compareObservations } from "./judge-comparison";
import { JudgeServer } from "./judge-server";

const themes = { ...judgeCases, ...moreJudgeCases };

interface Tally {
    all: number;
    equal: number;
    failing: number;
    explained: number;
}

describe("judged and observed", function () {
    this.timeout(60_000);
    let servers: readonly JudgeServer[] = [];
    const tallies = new Map<JudgeServer, Tally>();

    before(async () => {
        await loadParser();
        servers = await JudgeServer.startAll(eachMajor());
        for (const server of servers) tallies.set(server, { all: 0, equal: 0, failing: 0, explained: 0 });
    });

    after(async () => {
        for (const [{ version }, { all, equal, failing, explained }] of tallies)
            console.log(
                `        PostgreSQL ${version}: ${equal} of ${all} steps judged exactly as observed, ${failing} fail in both, ${explained} explained`,
            );
        await Promise.all(servers.map((server) => server.stop()));
    });

    for (const [theme, cases] of Object.entries(themes)) {
        describe(theme, () => {
            for (const entry of cases) {
                const test: JudgeCase = typeof entry === "string" ? { steps: [entry] } : entry;
                it(test.steps.join(" ⏵ "), async () => {
                    for (const { server, observed, judged } of await JudgeServer.onAll(servers, test)) {
                        const comparisons = observed.map((seen, i) =>
                            compareObservations(seen, judged[i] as Observation),
                        );
                        const on = ` on PostgreSQL ${server.version}`;
                        assert.deepEqual(
                            comparisons.flatMap((c) => c.missed.map((missed) => missed + on)),
                            [],
                        );
                        const differences = comparisons.flatMap((c) => c.differences.map((d) => d + on));
                        if (test.differs === undefined) assert.deepEqual(differences, []);
                        else assert.notDeepEqual(differences, [], `it is the same by now${on}: take the reason away`);
                        const tally = tallies.get(server);
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

    it("left the database as every case found it", async () => {
        for (const server of servers) assert.ok(await server.isAsItWas(), server.version);
    });
});
