import { findPgBinaries } from "../../tools/pg-binaries";
import { kubernetesNodes } from "../../tools/kubernetes-programs";
import { postgres18 } from "../../tools/prepare";
import { standIn } from "../../tools/user-project";
import { startControlPlane } from "../support/control-plane";
import { startTestServer } from "../support/postgres";
import { Campaign, type Kill } from "./campaign";

/**
 * Kills runs of up and of down: at every boundary, so many at some moment (`npm run test:faults -- N`, 200 if not given), and half of these of
 * the provider's or the server's process under a running `up`. After each, one re-run. Prints kills and failures; exits with 1 where there are any.
 */
async function main(count: number): Promise<number> {
    for (const capability of [postgres18, kubernetesNodes]) {
        const prepared = await capability.prepare();
        if (prepared.state !== "ready") throw new Error(`${capability.name}: ${prepared.why}`);
    }
    const server = await startTestServer(findPgBinaries().find((b) => b.hasDump));
    const plane = await startControlPlane();
    const kills: Kill[] = [];
    const told = new Map<Campaign, number>();
    const tell = (campaign: Campaign): void => {
        const fresh = campaign.kills.slice(told.get(campaign) ?? 0);
        told.set(campaign, campaign.kills.length);
        for (const kill of fresh) {
            kills.push(kill);
            const end = kill.failure === undefined ? "one re-run got there" : `FAILED: ${kill.failure}`;
            console.log(`${String(kills.length).padStart(4)} ${kill.direction.padEnd(5)} ${kill.at}: ${end}`);
        }
    };
    try {
        const scaled = await Campaign.begin(plane, server, "scale-to-zero");
        const [up, back] = [await scaled.boundaries(), await scaled.boundaries()];
        for (let i = 0; i < Math.max(up.length, back.length); i++)
            for (const boundary of [up[i], back[i]])
                if (boundary !== undefined) {
                    await scaled.killAt(boundary);
                    tell(scaled);
                }
        const atBoundaries = kills.length;
        const led = await Campaign.begin(plane, server, "service-selector");
        const ups = await Campaign.begin(plane, server, "scale-to-zero", standIn);
        for (let i = 0; kills.length - atBoundaries < count; i++) {
            const campaign = i % 2 === 1 ? ups : i % 4 === 0 ? scaled : led;
            if (campaign === ups) await ups.killFromOutside(i % 4 === 1 ? "provider" : "backend");
            else await campaign.killAtRandom(i % 6 === 4);
            tell(campaign);
        }
        const failures = kills.filter(({ failure }) => failure !== undefined).length;
        console.log(
            `\n${kills.length} kills (${atBoundaries} at boundaries, ${kills.length - atBoundaries} at random), ${failures} failures`,
        );
        return failures === 0 ? 0 : 1;
    } finally {
        await plane.kubernetes.stop();
        await server.stop();
    }
}

main(Number(process.argv[2] ?? 200)).then(
    (code) => process.exit(code),
    (error: unknown) => {
        console.error(error);
        process.exit(1);
    },
);
