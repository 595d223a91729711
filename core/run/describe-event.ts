import { bytesText, secondsText } from "../plan/render-text";
import type { RunEvent } from "./events";

/**
 * An event as a line for people; undefined for those that need none (the plan has lines of its own). Plain text: it
 * goes to terminals, to logs and through Pulumi alike.
 */
export function describeEvent(event: RunEvent): string | undefined {
    switch (event.type) {
        case "planning":
            return planningText(event.done, event.count);
        case "plan":
            return undefined;
        case "waiting-for-lock":
            return `waiting for another run to end: ${event.holder}`;
        case "adopted":
            return `adopted ${event.versions.length} versions from ${event.table} into the ledger`;
        case "snapshot-progress":
            return `snapshot ${event.name}: ${bytesText(event.bytes)} of ~${bytesText(event.estimate)}`;
        case "snapshot-done":
            return `snapshot ${event.name} taken and verified: ${bytesText(event.bytes)} in ${secondsText(event.seconds)}`;
        case "snapshot-skipped":
            return `no snapshot (it is not demanded): ${event.why}`;
        case "retention":
            return retentionText(event);
        case "retention-failed":
            return `older snapshots were not deleted, and the run is done all the same (${event.why}); schemaward snapshot prune does it`;
        case "step-start":
            return `[${event.index}/${event.count}] ${arrow(event.direction)} ${event.version} ${event.name} …`;
        case "step-done":
            return `[${event.index}/${event.count}] ${arrow(event.direction)} ${event.version} ${event.name} done in ${duration(event.ms)}`;
        case "notice":
            return `    ${event.version} says: ${event.text}`;
        case "retry":
            return `    ${event.version} is tried again in ${event.inMs} ms: ${event.why}`;
        case "blocked":
            return `    ${event.version} waits for ${event.by}`;
        case "verified":
            return `at ${event.version}, ledger and history agree`;
        case "gate-stopping":
            return `gate: stopping traffic${event.parts.length === 0 ? "" : `: ${event.parts.join(" ")}`}`;
        case "gate-waiting":
            return `gate: waiting, ${event.why}`;
        case "gate-note":
            return `gate: ${event.text}`;
        case "gate-stopped":
            return `gate: no traffic any more, after ${duration(event.seconds * 1000)}`;
        case "gate-resumed":
            return `gate: traffic is let in again${event.parts.length === 0 ? "" : `: ${event.parts.join(" ")}`}`;
        case "gate-held":
            return `gate: TRAFFIC STAYS STOPPED (${event.parts.join(" ")}): ${event.waits.join("; ")}`;
        case "smoke":
            return `smoke checks passed: ${event.names.join(", ")}`;
        case "databases-dropped":
            return `dropped, since their time is over: ${event.names.join(", ")} (kept from restores)`;
        case "restore-step":
            return `restore: ${event.text}`;
        case "restoring":
            return `restoring: ${bytesText(event.bytes)} of ~${bytesText(event.estimate)}`;
        case "incident":
            return `record of this rollback: ${event.file}`;
        case "incident-failed":
            return `the record of this rollback did not get where it should (${event.why}); schemaward incident prints it`;
    }
}

/** How far a plan is that takes a while. */
export function planningText(done: number, count: number): string {
    return `planning: ${done} of ${count} scripts looked at`;
}

function retentionText({ deleted, swept, kept, freedBytes }: RunEvent & { readonly type: "retention" }): string {
    const what = [
        ...(deleted.length === 0 ? [] : [`${deleted.join(", ")} deleted`]),
        ...(swept.length === 0 ? [] : [`what was left of ${swept.join(", ")} swept`]),
    ];
    return `snapshots: ${what.join(", ")}, ${bytesText(freedBytes)} freed; ${kept} kept`;
}

function arrow(direction: "up" | "down"): string {
    return direction === "up" ? "↑" : "↓";
}

function duration(ms: number): string {
    return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
