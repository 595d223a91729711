import { momentText } from "./last-run-text";
import type { Plan } from "./plan";

/** What comes first when traffic is stopped: `gate api×3 worker×2`. */
export function gateText({ traffic, held }: Pick<Plan, "traffic" | "held">): string[] {
    if (traffic?.stop !== true) return held === null ? [] : [`gate ${some(held.parts)} (stopped already)`];
    return [traffic.parts.length === 0 ? "gate" : `gate ${some(traffic.parts.map((part) => part.text))}`];
}

/** What comes last when traffic is stopped: `resume`, or `hold for 1.2.9`. */
export function resumeText({ traffic, held }: Pick<Plan, "traffic" | "held">): string[] {
    if (traffic?.stop !== true) return held === null ? [] : ["resume"];
    return [traffic.holdsFor === null ? "resume" : `hold for ${traffic.holdsFor}`];
}

/** Whether traffic is stopped, and why. */
export function trafficLines({ traffic, snapshot }: Plan): string[] {
    if (traffic === null) return [];
    const { stop, why, strategy } = traffic;
    if (!stop)
        return [
            `Traffic   stays on${why.length === 0 ? ": nothing in the plan is a hazard to it" : `, although ${reasons(why)}`}`,
        ];
    const seconds = snapshot === null ? 0 : Math.max(1, Math.ceil(snapshot.estimatedSeconds));
    return [
        `Traffic   stopped (${strategy})${why.length === 0 ? "" : `: ${reasons(why)}`}`,
        `Downtime  ${seconds === 0 ? "" : `~${seconds} s for the snapshot, and `}the time that the scripts and the end of what runs take`,
    ];
}

/** What becomes of the applications that run: said beside the one that is declared. */
export function runningText({ traffic }: Plan): string {
    if (traffic === null || traffic.running.length === 0) return "";
    const known = new Map<string, string[]>();
    for (const { workload, version } of traffic.running)
        known.set(version ?? "unknown", [...(known.get(version ?? "unknown") ?? []), workload]);
    const each = [...known].map(([version, workloads]) => `${some(workloads)} ${version}`);
    return `${each.join(", ")} ${traffic.stop ? "stopped first" : "goes on"}`;
}

/** Traffic that is stopped already. */
export function heldLines({ held }: Pick<Plan, "held">): string[] {
    return held === null ? [] : [`Gate      ${heldText(held)}`];
}

/** For people, in a line. */
export function heldText({ since, who, host, runId, parts, heldFor }: NonNullable<Plan["held"]>): string {
    const waits = heldFor === null ? "" : `; waits until ${heldFor}`;
    return `traffic is stopped since ${momentText(since)} by ${who} on ${host} (run ${runId.slice(0, 8)}): ${some(parts)}${waits}`;
}

function reasons(why: readonly string[]): string {
    return why.length <= 4 ? why.join("; ") : `${why.slice(0, 3).join("; ")} and ${why.length - 3} more`;
}

function some(texts: readonly string[]): string {
    return texts.length <= 8 ? texts.join(" ") : `${texts.slice(0, 7).join(" ")} and ${texts.length - 7} more`;
}
