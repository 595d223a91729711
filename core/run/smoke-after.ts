import type { Declaration } from "../declaration";
import { FailedError } from "../errors";
import type { Gate } from "./gate";
import type { RunOptions } from "./options";

/**
 * Asks over HTTP whether the application works, when traffic is in again. Where it does not and scripts are not to take all back, traffic is stopped
 * again: an application that does not work on its schema can do harm.
 * @param state what a person has to know besides
 * @throws FailedError naming what does not answer as it should
 */
export async function smokeAfter(
    { traffic }: Declaration,
    gate: Gate,
    { report, signal }: Pick<RunOptions, "report" | "signal">,
    state: string,
): Promise<void> {
    if (traffic === undefined || traffic.smoke.length === 0) return;
    const { smokeChecks } = require("../traffic/smoke.js") as typeof import("../traffic/smoke");
    const failed = await smokeChecks(traffic.smoke, traffic.smokeSeconds, signal);
    const [first, ...more] = failed;
    if (first === undefined) {
        report({ type: "smoke", names: traffic.smoke.map((check) => check.name) });
        return;
    }
    const stops = traffic.onFailure !== "roll-back" && gate.wasStopped;
    if (stops) {
        await gate.stop([], undefined);
        await gate.hold([`smoke checks pass (${first.name})`]);
    }
    throw new FailedError({
        what: `The application does not answer as it should: ${first.name}: ${first.why}`,
        where: { object: "traffic.smoke" },
        detail: more.map(({ name, why }) => `${name}: ${why}`),
        state: stops ? `${state} TRAFFIC IS STOPPED AGAIN (${gate.texts().join(" ")}).` : state,
        next: "See what is wrong with the application. Once it works: schemaward resume; or go back with the version before.",
    });
}
