import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

/** Waits for a condition, at most 15 seconds unless told. */
export async function eventually(
    condition: () => Promise<boolean> | boolean,
    what = "it",
    seconds = 15,
): Promise<void> {
    const deadline = Date.now() + seconds * 1000;
    while (!(await condition())) {
        assert(Date.now() < deadline, `${what} did not come about in ${seconds} s`);
        await pause(20);
    }
}
