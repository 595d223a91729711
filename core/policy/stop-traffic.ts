import { eq, valid } from "semver";
import type { CompatibilityRow } from "../declaration";
import { accepts } from "./compatibility";

/** What decides whether traffic is stopped for a run. */
export interface TrafficQuestion {
    readonly stopTraffic: "always" | "when-unsafe" | "never";
    /** What of the plan an application that goes on would run into, for people; empty: nothing. */
    readonly hazards: readonly string[];
    /** Applications that run now; `version` null: not known. Undefined: nobody can say which run. */
    readonly running:
        readonly { readonly workload: string; readonly version: string | null; readonly told: string }[] | undefined;
    /** The application that is declared to run on the schema afterwards. */
    readonly app: string | undefined;
    /** Versions of the schema that the run passes through, its first and last among them; null: nothing applied. */
    readonly passed: readonly (string | null)[];
    /** The compatibility matrix; undefined: none is declared. */
    readonly rows: readonly CompatibilityRow[] | undefined;
    readonly compare: (a: string, b: string) => number;
}

export interface TrafficVerdict {
    readonly stop: boolean;
    /** Why it is stopped, or would have to be, for people. */
    readonly why: readonly string[];
    readonly refusals: readonly { readonly code: string; readonly text: string; readonly allow: string }[];
}

/**
 * Whether traffic is stopped. With traffic on, what runs and what is to run must accept every version that is passed through; stopped, only
 * what is to run must accept the target, which `judgeCompatibility` sees to.
 */
export function judgeTraffic(question: TrafficQuestion): TrafficVerdict {
    const { stopTraffic, hazards } = question;
    if (stopTraffic === "always") return { stop: true, why: ["traffic.stopTraffic is always"], refusals: [] };
    const incompatible = clashes(question);
    const why = [...hazards, ...incompatible, ...unknown(question)];
    if (stopTraffic === "when-unsafe") return { stop: why.length > 0, why, refusals: [] };
    return {
        stop: false,
        why,
        refusals: incompatible.map((text) => ({
            code: "compatibility",
            text: `With traffic on, ${text}.`,
            allow: "traffic.stopTraffic: when-unsafe, so that it is stopped; or another row in policy.compatibility",
        })),
    };
}

/** Which applications do not accept some version on the way. */
function clashes({ running, app, passed, rows, compare }: TrafficQuestion): string[] {
    if (rows === undefined) return [];
    const way = passed.filter((version) => version !== null);
    const judge = (version: string, who: string): string[] => {
        const refused = way.filter((schema) => !accepts(version, schema, rows, compare));
        return refused.length === 0 ? [] : [`${who} ${version} does not accept ${refused.join(", ")}`];
    };
    return [
        ...new Set([
            ...(running ?? []).flatMap(({ workload, version, told }) =>
                version === null ? [`which version ${workload} runs is not known (${told})`] : judge(version, workload),
            ),
            ...(app === undefined ? [] : judge(app, "app")),
        ]),
    ];
}

/** Where a matrix is declared and nobody can say what runs (through PgBouncer, say), that is a reason by itself; told to go on, it is only said. */
function unknown({ running, passed, rows }: TrafficQuestion): string[] {
    // Where nothing was ever applied, nothing runs on it.
    const isFirst = passed.includes(null);
    return rows !== undefined && running === undefined && !isFirst
        ? ["which version of the application runs cannot be seen"]
        : [];
}

/** What would start, when traffic is let in again. */
export interface ResumeQuestion {
    /** As their pods' templates say now; undefined: nobody can say. */
    readonly apps:
        readonly { readonly workload: string; readonly version: string | null; readonly told: string }[] | undefined;
    readonly app: string | undefined;
    /** Where the schema is. */
    readonly at: string | null;
    readonly rows: readonly CompatibilityRow[] | undefined;
    readonly compare: (a: string, b: string) => number;
}

/**
 * What is waited for before traffic may come in again: workloads that would start an application that does not accept the schema; without a
 * matrix, one that is not the declared one.
 * @returns for people; empty: nothing is
 */
export function judgeResume({ apps, app, at, rows, compare }: ResumeQuestion): readonly string[] {
    if (rows === undefined && app === undefined) return [];
    return (apps ?? []).flatMap(({ workload, version, told }) => {
        if (version === null) return [`which version ${workload} would start is not known (${told})`];
        if (rows === undefined)
            return isSame(version, app) ? [] : [`${workload} carries ${version}, declared is ${app ?? ""}`];
        return accepts(version, at, rows, compare)
            ? []
            : [`${workload} carries ${version}, which does not accept the schema at ${at ?? "0"}`];
    });
}

/** Whether both name one version, be it with a leading `v` or without. */
function isSame(version: string, app: string | undefined): boolean {
    return version === app || (valid(version) !== null && valid(app) !== null && eq(version, app ?? ""));
}
