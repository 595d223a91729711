import type { LastRun, Plan } from "./plan";

/**
 * The run before, for people.
 * @param planned where a plan leads, to say how that stands to it
 */
export function lastRunText(run: LastRun, planned?: { readonly to: string | null }): string {
    const way = `${run.from ?? "0"} → ${run.to ?? "0"} by ${run.who} on ${run.host}, begun ${momentText(run.startedAt)}`;
    const done = doneText(run);
    if (run.outcome === "running")
        return `${way}, is still at work (${done === "" ? "nothing done" : done} so far)${planned === undefined ? "" : ": this plan may be out of date when it ends"}`;
    if (run.direction === "restore") {
        const failed = run.outcome === "failed" ? `failed: ${firstLine(run.error ?? "")}` : "was cut off";
        return `restored from a snapshot, ${way}; what comes after that ${failed}${run.snapshot === null ? "" : `; what was there before is in the snapshot ${run.snapshot}`}`;
    }
    const after = done === "" ? "before anything was done" : `after ${done}`;
    const what = run.outcome === "failed" ? `failed ${after}: ${firstLine(run.error ?? "")}` : `was cut off ${after}`;
    const snapshot = run.snapshot === null ? "" : `; snapshot ${run.snapshot}`;
    return `${way}, ${what}${snapshot}${planned === undefined ? "" : `; ${continuation(run, planned.to)}`}`;
}

/** An ISO 8601 moment for people: `2024-05-01 10:00:00Z`. */
export function momentText(iso: string): string {
    return `${iso.slice(0, 19).replace("T", " ")}Z`;
}

function doneText({ done }: LastRun): string {
    const last = done.at(-1);
    if (done.length > 6 && last !== undefined) return `${done.length} steps up to ${last.version} ${last.how}`;
    return done.map(({ version, how }) => `${version} ${how}`).join(", ");
}

function firstLine(error: string): string {
    const [line = ""] = error.split(/\r?\n/);
    return (line.length > 200 ? `${line.slice(0, 199)}…` : line).replace(/[.;]$/, "");
}

function continuation({ from, to }: LastRun, planned: string | null): string {
    if (planned === to) return "this plan finishes it";
    return planned === from ? "this plan undoes it" : `this plan leads to ${planned ?? "0"} instead`;
}

/**
 * Whether it has to be verified although there is nothing to do: the run before was not seen to end well. Until one is, nobody knows what the
 * schema is to be like, and drift from it cannot be seen.
 */
export function isUnverified({ lastRun }: Pick<Plan, "lastRun">): boolean {
    return lastRun !== null && lastRun.outcome !== "running";
}
