import type { RetentionRules } from "../declaration";
import { BadInputError } from "../errors";
import { isIn, newestFirst, type Scope, type StoredSnapshot } from "./contents";
import type { Manifest } from "./manifest";

/** What retention looks at. */
export interface Candidate extends Omit<StoredSnapshot, "manifest"> {
    readonly manifest: Pick<Manifest, "name" | "environment" | "set" | "kind" | "created">;
}

/** Why one is kept: by a rule, or whatever the rules say. */
export type KeepReason =
    | "last"
    | "daily"
    | "weekly"
    | "newest-verified"
    | "protected"
    | "emergency"
    | "in-use"
    | "unreadable-record"
    | "damaged"
    | "elsewhere";

/** Why one goes: no rule keeps it, or it is damaged and older than all that a rule keeps. */
export type DeleteReason = "outside-rules" | "damaged";

export type Decision = { readonly name: string } & (
    | { readonly keep: true; readonly reasons: readonly KeepReason[] }
    | { readonly keep: false; readonly reasons: readonly DeleteReason[] }
);

const dayMs = 24 * 3_600_000;

/** An emergency snapshot is younger than this while somebody may still want what a restore put aside. */
const emergencyMs = 7 * dayMs;

/**
 * Decides which snapshots retention deletes. Each environment's and set's are judged by themselves. Those that are kept whatever
 * the rules say (protected, an emergency one of the last 7 days) take no place of the others; a damaged one takes none either, and
 * goes only when it is older than all that the rules keep.
 * @param snapshots in any order
 * @param scope whose are judged; all others are kept
 * @returns a decision for each, newest first
 * @throws BadInputError when the rules keep nothing
 */
export function decideRetention(
    snapshots: readonly Candidate[],
    rules: RetentionRules,
    now: Date,
    scope: Scope = {},
): readonly Decision[] {
    checkRules(rules);
    const groups = new Map<string, Candidate[]>();
    for (const snapshot of snapshots.filter(({ manifest }) => isIn(scope, manifest))) {
        const key = JSON.stringify([snapshot.manifest.environment, snapshot.manifest.set]);
        groups.set(key, [...(groups.get(key) ?? []), snapshot]);
    }
    const decided = new Map([...groups.values()].flatMap((group) => decideGroup(group, rules, now)));
    return [...snapshots]
        .sort((a, b) => newestFirst(a.manifest, b.manifest))
        .map(({ manifest: { name } }) => decided.get(name) ?? { name, keep: true, reasons: ["elsewhere"] });
}

/** @throws BadInputError unless there is a rule, and each is a whole number above 0 */
export function checkRules(rules: RetentionRules): void {
    const given = [rules.last, rules.daily, rules.weekly].filter((n) => n !== undefined);
    if (given.length > 0 && given.every((n) => Number.isSafeInteger(n) && n > 0)) return;
    throw new BadInputError({
        what: given.length === 0 ? "No rule says which snapshots to keep." : "A rule is no whole number above 0.",
        where: { object: "retention" },
        state: "Nothing was deleted.",
        next: "Give at least one of last, daily, weekly (--keep-last, --keep-daily, --keep-weekly).",
    });
}

/** Rules as a stack gives them: a number is `last`. */
export function rulesOf(keep: number | RetentionRules): RetentionRules {
    return typeof keep === "number" ? { last: keep } : keep;
}

function decideGroup(group: readonly Candidate[], rules: RetentionRules, now: Date): [string, Decision][] {
    const ordered = [...group].sort((a, b) => newestFirst(a.manifest, b.manifest));
    const newest = ordered.find(isWhole);
    const reasons = new Map<string, KeepReason[]>(ordered.map((s) => [s.manifest.name, alwaysKept(s, newest, now)]));
    const judged = ordered.filter((s) => isWhole(s) && !standsBeside(s, now));
    for (const [rule, period] of periods)
        for (const name of newestOfEach(judged, rules[rule] ?? 0, period)) reasons.get(name)?.push(rule);
    // The rules keep the newest first, so that what is older than the last of these is older than all.
    const oldest = judged.findLast(({ manifest }) => reasons.get(manifest.name)?.some(isRule) === true);
    return ordered.map((snapshot) => {
        const { name } = snapshot.manifest;
        const why = reasons.get(name) ?? [];
        if (why.length > 0) return [name, { name, keep: true, reasons: why }];
        if (isWhole(snapshot)) return [name, { name, keep: false, reasons: ["outside-rules"] }];
        const isOlder = oldest !== undefined && newestFirst(oldest.manifest, snapshot.manifest) < 0;
        return [
            name,
            isOlder ? { name, keep: false, reasons: ["damaged"] } : { name, keep: true, reasons: ["damaged"] },
        ];
    });
}

function alwaysKept(snapshot: Candidate, newest: Candidate | undefined, now: Date): KeepReason[] {
    return [
        ...(snapshot === newest ? (["newest-verified"] as const) : []),
        ...(snapshot.protected ? (["protected"] as const) : []),
        ...(isYoungEmergency(snapshot, now) ? (["emergency"] as const) : []),
        ...(snapshot.inUse ? (["in-use"] as const) : []),
        ...(snapshot.verified === null ? (["unreadable-record"] as const) : []),
    ];
}

function standsBeside(snapshot: Candidate, now: Date): boolean {
    return snapshot.protected || isYoungEmergency(snapshot, now);
}

function isYoungEmergency({ manifest }: Candidate, now: Date): boolean {
    return manifest.kind === "emergency" && now.getTime() - Date.parse(manifest.created) < emergencyMs;
}

function isWhole({ verified }: Candidate): boolean {
    return verified?.ok === true;
}

type Rule = keyof RetentionRules;

function isRule(reason: KeepReason): reason is Rule {
    return reason === "last" || reason === "daily" || reason === "weekly";
}

/** Each rule, and what it keeps the newest one of. */
const periods: readonly (readonly [Rule, (snapshot: Candidate) => string])[] = [
    ["last", ({ manifest }) => manifest.name],
    ["daily", ({ manifest }) => dayOf(manifest.created)],
    ["weekly", ({ manifest }) => mondayOf(manifest.created)],
];

/** @param ordered newest first */
function newestOfEach(ordered: readonly Candidate[], count: number, periodOf: (s: Candidate) => string): string[] {
    const newest = new Map<string, string>();
    for (const snapshot of ordered) {
        const period = periodOf(snapshot);
        if (newest.size < count && !newest.has(period)) newest.set(period, snapshot.manifest.name);
    }
    return [...newest.values()];
}

function dayOf(created: string): string {
    return new Date(created).toISOString().slice(0, 10);
}

/** The Monday of an ISO week, which names the week better than its number does: that of the year's first days is another year's. */
function mondayOf(created: string): string {
    const day = new Date(created);
    const sinceMonday = (day.getUTCDay() + 6) % 7;
    return dayOf(new Date(day.getTime() - sinceMonday * dayMs).toISOString());
}
