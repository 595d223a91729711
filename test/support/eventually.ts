import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

/** Waits for a condition, at most 15 seconds. */
export async function eventually(condition: () => Promise<boolean> | boolean, what = "it"): Promise<void> {
    const deadline = Date.now() + 15_000;
    while (!(await condition())) {
        assert(Date.now() < deadline, `${what} did not come about in 15 s`);
        await pause(20);
    }
}
