import { isUnverified, lastRunText } from "./last-run-text";
import { gateText, heldLines, resumeText, runningText, trafficLines } from "./traffic-text";
import type { Loss, ObjectChange, Plan, PlanStep } from "./plan";

/**
 * A plan as people read it, line by line, without colour. Counts and sizes come from the live database; nothing in it
 * is secret. Names that hold line ends or control characters cannot make lines of their own.
 */
export function renderPlan(plan: Plan): string[] {
    return planLines(plan).map(visible);
}

/** Whose plan it is: `prod/physioflow`, without an environment the set alone. */
export function planTitle({ environment, set }: Pick<Plan, "environment" | "set">): string {
    return [environment, set].filter((p) => p !== "").join("/");
}

/** Control characters, line ends and what turns the direction of writing, as escapes. */
export function visible(line: string): string {
    return line.replace(
        /[^\P{Cc}\t]|[\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu,
        (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
}

function planLines(plan: Plan): string[] {
    const title = planTitle(plan);
    if (plan.steps.length === 0 && plan.adopt === null) {
        return [
            `${title}  at ${plan.to ?? "0"}, nothing to do${stillText(plan)}`,
            ...heldLines(plan),
            ...lastRunLines(plan),
            ...(isUnverified(plan) ? verifyLine(plan) : []),
            ...unfinishedLines(plan),
            ...driftLines(plan),
            ...plan.warnings.map((w) => `Warning   ${w}`),
            ...refusalLines(plan),
        ];
    }
    const head = `${title}  ${plan.from ?? "0"} → ${plan.to ?? "0"}  ${directionText(plan)}`;
    const resource = plan.resource === undefined ? [] : [`resource ${plan.resource}`];
    return [
        `${head.padEnd(66)} plan ${plan.digest}`,
        ...resource,
        pipeline(plan),
        ...(plan.adopt === null
            ? []
            : [`adopt ${plan.adopt.versions.length} versions from ${plan.adopt.table}: ${range(plan.adopt.versions)}`]),
        ...heldLines(plan),
        ...lastRunLines(plan),
        ...unfinishedLines(plan),
        ...driftLines(plan),
        ...plan.steps.flatMap((step, i) => stepLines(step, i + 1)),
        ...hazardLine(plan),
        `Lost      ${lostText(plan)}`,
        `Snapshot  ${snapshotText(plan)}`,
        ...trafficLines(plan),
        ...verifyLine(plan),
        ...plan.warnings.map((w) => `Warning   ${w}`),
        ...appLine(plan),
        ...approvalLine(plan),
        `Undo      ${plan.undo}`,
        `Run       ${plan.run.join("   |   ")}`,
        ...refusalLines(plan),
    ];
}

function directionText(plan: Plan): string {
    const downs = plan.steps.filter((s) => s.direction === "down").length;
    const ups = plan.steps.length - downs;
    const parts = [
        ...(downs === 0 ? [] : [`${downs} down ${downs === 1 ? "script" : "scripts"}`]),
        ...(ups === 0 ? [] : [`${ups} up ${ups === 1 ? "script" : "scripts"}`]),
    ];
    const word = { back: "BACK", forward: "FORWARD", both: "BACK AND FORWARD", none: "ADOPT" }[plan.direction];
    return [word, ...parts].join(", ");
}

function pipeline(plan: Plan): string {
    const versions = plan.steps.map((s) => s.version);
    const shown = versions.length > 12 ? [...versions.slice(0, 5), "…", ...versions.slice(-5)] : versions;
    return [
        ...gateText(plan),
        ...(plan.snapshot === null ? [] : ["snapshot"]),
        ...(plan.adopt === null ? [] : ["adopt"]),
        ...(shown.length === 0 ? [] : [shown.join(" ")]),
        "verify",
        ...resumeText(plan),
    ].join(" → ");
}

function stepLines(step: PlanStep, number: number): string[] {
    const arrow = step.direction === "down" ? "↓" : "↑";
    const title = `${number} ${arrow} ${step.version} ${step.name.replaceAll("_", " ")}`;
    const lossesByObject = new Map(step.losses.map((l) => [`${l.kind} ${l.object}`, l]));
    const droppedLines = mergeObjects(
        step.dropped,
        (o) => lossesByObject.get(`${o.kind} dropped ${o.name}`) !== undefined,
    );
    const objectLosses = step.losses.filter((l) => l.kind === "table dropped" || l.kind === "column dropped");
    const others = step.losses.filter((l) => !objectLosses.includes(l));
    return [
        `${title.padEnd(26)} ${step.script.file}${step.script.source === "ledger" ? "  (from the ledger: not on disk)" : ""}`,
        ...table(objectLosses.map((l) => lossCells(l))),
        ...others.map((l) => lossText(l)),
        ...(step.loads ?? []).map(
            ({ object, rows, at }) =>
                `loads back ${counts(rows, "row")} of ${object}, kept ${at.slice(0, 16).replace("T", " ")}Z`,
        ),
        ...droppedLines.map((l) => (l.startsWith("(") ? l : `drops ${l}`)),
        ...mergeObjects(step.changed, () => false).map((l) => `changes ${l}`),
        ...mergeObjects(step.added, () => false).map((l) => `adds ${l}`),
        ...step.locks.map((l) => `lock ${l.mode} on ${shorten(l.relations)}`),
        ...(step.rewrites.length === 0 ? [] : [`rewrites ${shorten(step.rewrites)}`]),
        ...(step.transactionsReason === undefined
            ? []
            : [`${step.transactions} transactions, not one: ${step.transactionsReason}`]),
        ...step.replaced.map((r) => `line ${r.line} ${r.text.replace(/;?\s*$/, "")}: done by schemaward`),
        ...(step.verifiedBy === undefined ? [] : [`takes effect if ${step.verifiedBy} yields true`]),
        ...(step.differsFromLedger
            ? ["the down script on disk is not the one stored at apply; the one on disk is run"]
            : []),
        ...(step.method === "parsed"
            ? [`not observed, judged by parser and catalog: ${step.methodReason ?? "no shadow"}`]
            : []),
        ...(step.wouldFail === undefined
            ? []
            : [`WOULD FAIL line ${step.wouldFail.line}: ${step.wouldFail.message} (${step.wouldFail.sqlstate})`]),
        ...(step.storedSql === undefined
            ? []
            : [
                  "stored SQL:",
                  ...step.storedSql
                      .trimEnd()
                      .split(/\r?\n/)
                      .map((l) => `  ${l}`),
              ]),
    ].map((line, i) => (i === 0 ? line : `    ${line}`));
}

function lossCells(l: Loss): [string, string, string, string] {
    const column = l.kind === "column dropped";
    const unit = column ? "values" : "rows";
    const lost = l.kept === true ? "LOST, kept for going forward" : `LOST${l.note === undefined ? "" : ` (${l.note})`}`;
    const end = !l.counted ? `(${l.note ?? "kept"})` : l.rows === 0 && l.exact ? "empty" : lost;
    return [
        `${column ? "column" : "table"} ${l.object}`,
        `${countText(l)} ${unit}`,
        l.bytes === null ? "" : bytesText(l.bytes),
        end,
    ];
}

/** Aligns names to the left and numbers to the right. */
function table(rows: readonly [string, string, string, string][]): string[] {
    const width = (i: 0 | 1 | 2): number => Math.max(0, ...rows.map((r) => r[i].length));
    return rows.map(([name, count, bytes, end]) =>
        `${name.padEnd(width(0))} ${count.padStart(width(1))}  ${width(2) === 0 ? "" : `${bytes.padStart(width(2))}  `}${end}`.trimEnd(),
    );
}

function lossText(l: Loss): string {
    const where = l.line === undefined ? "" : `line ${l.line}: `;
    const note = l.note === undefined ? "" : ` (${l.note})`;
    if (l.kind === "unknown") return `${l.object}: effect unknown${note}  COUNTS AS LOSS`;
    const unit = l.kind === "type changed" || l.kind === "rows updated" ? "values" : "rows";
    const verb = {
        "rows deleted": "deletes from",
        "rows updated": "overwrites in",
        "rows truncated": "empties",
        "type changed": "changes the type of",
        "table dropped": "drops",
        "column dropped": "drops",
    }[l.kind];
    const end = l.counted ? "LOST" : "";
    return `${where}${verb} ${l.object}  ${countText(l)} ${unit}${note}  ${end}`.trimEnd();
}

/** How much is lost, with what is not exact marked. */
export function countText(l: Loss): string {
    if (l.rows === null) return "unknown";
    return `${l.estimated === true ? "about " : l.exact ? "" : "≤ "}${grouped(l.rows)}`;
}

/** One line for each kind; names of one kind together. Kinds that say little are counted only. */
function mergeObjects(objects: readonly ObjectChange[], skip: (o: ObjectChange) => boolean): string[] {
    const kinds = new Map<string, ObjectChange[]>();
    for (const object of objects) {
        if (skip(object) || object.victim === true) continue;
        kinds.set(object.kind, [...(kinds.get(object.kind) ?? []), object]);
    }
    const lines: string[] = [];
    for (const [kind, list] of kinds) {
        const plural = list.length === 1 ? kind : pluralOf(kind);
        const bytes = list.reduce((sum, o) => sum + (o.bytes ?? 0), 0);
        const derived = kind === "materialized view" && list.some((o) => o.bytes !== undefined);
        const note = derived ? `, ${bytesText(bytes)}, derived: no rows lost` : "";
        const quiet = kind === "grant" || kind === "comment";
        lines.push(
            quiet && list.length > 1
                ? `${list.length} ${plural}`
                : `${list.length > 1 ? `${list.length} ` : ""}${plural} ${shorten(list.map((o) => (o.note === undefined ? o.name : `${o.name} (${o.note})`)))}${note}`,
        );
    }
    return lines;
}

function pluralOf(kind: string): string {
    if (kind.endsWith("x")) return `${kind}es`;
    if (kind.endsWith("y")) return `${kind.slice(0, -1)}ies`;
    return kind.endsWith("s") ? kind : `${kind}s`;
}

function hazardLine(plan: Plan): string[] {
    const victims = plan.steps.flatMap((s) => s.dropped.filter((o) => o.victim).map((o) => `${o.kind} ${o.name}`));
    const opaque = plan.steps.flatMap((s) => s.opaque.map((o) => `${s.script.file}:${o.line}`));
    const observed = plan.steps.filter((s) => s.method === "observed").length;
    const [first] = plan.steps;
    if (first === undefined) return [];
    const method =
        observed === plan.steps.length
            ? "observed on a shadow"
            : first.method === "skipped"
              ? `effects not listed: ${first.methodReason ?? "not asked for"}`
              : observed === 0
                ? "NOT observed"
                : "partly observed";
    return [
        `CASCADE victims: ${victims.length === 0 ? "none" : victims.join(", ")}      opaque SQL: ${opaque.length === 0 ? "none" : opaque.join(", ")}      ${method}`,
    ];
}

function lostText({ lost: { rows, values, bytes, unknown }, steps }: Plan): string {
    if (rows + values === 0 && !unknown) return "nothing";
    const counted = steps.flatMap(({ losses }) => losses.filter((l) => l.counted));
    const isEstimated = counted.some((l) => l.rows !== null && l.estimated === true);
    const known = [
        ...(rows > 0 ? [counts(rows, "row")] : values === 0 && isEstimated ? ["about 0 rows"] : []),
        ...(values === 0 ? [] : [counts(values, "column value")]),
        ...(bytes === 0 ? [] : [bytesText(bytes)]),
        ...(isEstimated ? ["by an estimate that may be too low"] : []),
    ];
    const rest = counted.some((l) => l.rows === null) ? ["what cannot be counted"] : [];
    const kept = counted.filter((l) => l.kept === true).reduce((sum, l) => sum + (l.rows ?? 0), 0);
    const back = kept === 0 ? "" : `; of it ${grouped(kept)} kept`;
    return `${known.length === 0 ? rest.join() : [known.join(", "), ...rest].join(", and ")}${back}`;
}

function counts(n: number, what: string): string {
    return `${grouped(n)} ${what}${n === 1 ? "" : "s"}`;
}

function snapshotText({ snapshot, steps }: Plan): string {
    if (snapshot === null) return steps.length === 0 ? "none needed" : "none: no store is declared";
    return `${snapshot.name}  ~${bytesText(snapshot.estimatedBytes)}, ~${secondsText(snapshot.estimatedSeconds)}, before step 1, to ${snapshot.store}`;
}

/** What is left to do where no script is. */
function stillText(plan: Plan): string {
    const still = [
        ...(isUnverified(plan) ? ["to verify"] : []),
        ...(plan.held === null ? [] : ["to let traffic in again"]),
    ];
    return still.length === 0 ? "" : ` but ${still.join(" and ")}`;
}

function verifyLine({ verify }: Plan): string[] {
    return verify.length === 0 ? [] : [`Verify    ${shorten(verify)}`];
}

function appLine(plan: Plan): string[] {
    const { app } = plan;
    const running = runningText(plan);
    if (typeof app?.version !== "string") return running === "" ? [] : [`App       ${running}`];
    const accepts = `${app.version} accepts ${app.accepts ?? "nothing that is known"} ${app.ok ? "✔" : "✘"}`;
    return [`App       ${accepts}${running === "" ? "" : `; ${running}`}`];
}

function approvalLine({ approval, lost }: Plan): string[] {
    const limit = approval.maxRowsLost === null ? "" : `, ≤ ${grouped(approval.maxRowsLost)} rows`;
    if (!approval.needed) return lost.rows + lost.values > 0 ? [`Approved  not asked for by the policy${limit}`] : [];
    const what = approval.restOf.length === 0 ? "this plan" : `this plan, the rest of ${approval.restOf.join(", ")}`;
    return [approval.given ? `Approved  ✔ ${what}${limit}` : `Approved  ✘ not yet${limit}`];
}

function lastRunLines({ lastRun, to }: Plan): string[] {
    return lastRun === null ? [] : [`Last run  ${lastRunText(lastRun, { to })}`];
}

function unfinishedLines({ unfinished }: Plan): string[] {
    if (unfinished === null) return [];
    const { version, direction, done, goesOn } = unfinished;
    const arrow = direction === "up" ? "↑" : "↓";
    const end = goesOn ? "; this goes on from there" : "";
    return [
        `Unfinished ${arrow} ${version} from an earlier run, ${done} ${done === 1 ? "transaction" : "transactions"} done${end}`,
    ];
}

function driftLines(plan: Plan): string[] {
    if (plan.drift.length === 0) return [];
    const shown = plan.drift.slice(0, 20).map((d) => `    ${d.what} ${d.kind} ${d.name}`);
    const more = plan.drift.length > 20 ? [`    … and ${plan.drift.length - 20} more`] : [];
    return ["Drift     the schema was changed by other hands since the last run:", ...shown, ...more];
}

function refusalLines(plan: Plan): string[] {
    return plan.refusals.flatMap((r) => [`REFUSED   ${r.text}`, `          Allow it with: ${r.allow}`]);
}

function range(versions: readonly string[]): string {
    return versions.length <= 6 ? versions.join(" ") : `${versions[0] ?? ""} … ${versions.at(-1) ?? ""}`;
}

function shorten(names: readonly string[]): string {
    return names.length <= 6 ? names.join(", ") : `${names.slice(0, 5).join(", ")} and ${names.length - 5} more`;
}

export function grouped(n: number): string {
    return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Powers of 1024, as PostgreSQL's pg_size_pretty. */
export function bytesText(bytes: number): string {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let value = bytes;
    let unit = 0;
    while (value >= 1024 && unit < units.length - 1) {
        value /= 1024;
        unit++;
    }
    return `${value >= 10 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? ""}`;
}

export function secondsText(seconds: number): string {
    const whole = Math.max(1, Math.ceil(seconds));
    return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
