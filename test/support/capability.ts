import type { Capability } from "../../tools/capability";
import { skip } from "./skip";

/** Has every test of the surrounding suite need something; where it is not to be had they are skipped, saying why. */
export function needs(...capabilities: readonly Capability[]): void {
    before("what it needs is there", async function () {
        this.timeout(capabilities.reduce((sum, c) => sum + c.budget * 1000, 0));
        for (const capability of capabilities) {
            const prepared = await capability.prepare();
            if (prepared.state !== "ready") skip(this, `${capability.name}: ${prepared.why}`);
        }
    });
}
