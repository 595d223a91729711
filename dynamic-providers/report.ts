import { describeEvent } from "../core/run/describe-event";
import { isPassing, type RunEvent } from "../core/run/events";
import { say } from "./for-engine";

/** Passing states would only fill Pulumi's log. */
export function report(event: RunEvent): void {
    if (isPassing(event)) return;
    const line = describeEvent(event);
    if (line !== undefined) say(line);
}
