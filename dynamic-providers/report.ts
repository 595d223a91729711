import { describeEvent } from "../core/run/describe-event";
import { isPassing, type RunEvent } from "../core/run/events";
import { engineGone } from "./engine-gone";

/** Pulumi shows what a provider prints under the stack. Passing states would only fill the log there. */
export function report(event: RunEvent): void {
    if (isPassing(event)) return;
    const line = describeEvent(event);
    if (line !== undefined && !engineGone().aborted) console.log(line);
}
