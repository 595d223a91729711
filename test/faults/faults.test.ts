import assert from "node:assert/strict";
import { withControlPlane } from "../support/control-plane";
import { startTestServer, type TestServer } from "../support/postgres";
import { standIn } from "../../tools/user-project";
import { Campaign } from "./campaign";

/** Kills at some moment, of each sort and way; `npm run test:faults` has many more. */
const atRandom = 2;

describe("faults: kill -9 of a run that stops traffic, wherever it is", function () {
    this.timeout(600_000);
    const plane = withControlPlane();
    let server: TestServer;
    let campaign: Campaign | undefined;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    afterEach(async () => {
        await campaign?.end();
        campaign = undefined;
    });

    function failures({ kills }: Campaign): string[] {
        return kills.flatMap(({ at, direction, failure }) =>
            failure === undefined ? [] : [`${direction}, ${at}: ${failure}`],
        );
    }

    it("at every boundary, up and back: one re-run gets there", async () => {
        campaign = await Campaign.begin(plane(), server, "scale-to-zero");
        const [up, back] = [await campaign.boundaries(), await campaign.boundaries()];
        for (const name of [
            "gate recorded",
            "PATCH deployments",
            "gated",
            "snapshotted",
            "script",
            "verified",
            "resumed",
            "done",
        ])
            assert(up.includes(`before ${name}#1`), `${name} is a boundary: ${up.join(", ")}`);
        // To and fro: each boundary of either way is met once.
        for (let i = 0; i < Math.max(up.length, back.length); i++)
            for (const boundary of [up[i], back[i]]) if (boundary !== undefined) await campaign.killAt(boundary);
        assert.deepEqual(failures(campaign), []);
        assert(campaign.kills.length > 0.8 * (up.length + back.length), `${campaign.kills.length} kills`);
    });

    it("at some moment, with a Service led elsewhere: one re-run gets there, or back", async () => {
        campaign = await Campaign.begin(plane(), server, "service-selector");
        for (let i = 0; i < 2 * atRandom; i++) await campaign.killAtRandom(i % 3 === 2);
        assert.deepEqual(failures(campaign), []);
    });

    it("of the provider's process, and of the server's, under a running up: one more up gets there", async () => {
        campaign = await Campaign.begin(plane(), server, "scale-to-zero", standIn);
        for (let i = 0; i < atRandom; i++)
            for (const what of ["provider", "backend"] as const) await campaign.killFromOutside(what);
        assert.deepEqual(failures(campaign), []);
    });
});
