import { momentText } from "../../plan/last-run-text";
import { bytesText, grouped, secondsText, visible } from "../../plan/render-text";
import { lostOf, type RestorePlan, type TableThenAndNow } from "./restore-plan";

/** Most tables that are listed one by one. */
const listed = 30;

/** A restore as people read it, line by line; as `renderPlan` does. */
export function renderRestore(plan: RestorePlan, now = new Date()): string[] {
    const { snapshot, gate, kept, emergency } = plan;
    const title = [plan.environment, plan.set].filter((part) => part !== "").join("/");
    const head = `${title}  ${plan.from ?? "0"} → ${plan.to ?? "0"}  RESTORE of the whole database ${plan.database}`;
    const steps = [
        ...(gate === null ? [] : [["gate", ...gate.parts].join(" ")]),
        ...(emergency === null ? [] : ["snapshot"]),
        "restore beside it → check → swap",
        ...(gate === null ? [] : ["resume"]),
    ];
    return [
        `${head.padEnd(66)} plan ${plan.digest}`,
        ...(plan.resource === undefined ? [] : [`resource ${plan.resource}`]),
        steps.join(" → "),
        `From      ${snapshot.name}${plan.requested === snapshot.name ? "" : ` (${plan.requested})`}`,
        `          ${momentText(snapshot.created)}, ${ageText(snapshot.created, now)} ago; ${bytesText(snapshot.bytes)}, PostgreSQL ${snapshot.serverVersion}${snapshot.app === null ? "" : `, app ${snapshot.app}`}`,
        ...(plan.undone.length === 0 ? [] : [`Undone    ${range(plan.undone)}`]),
        ...(plan.redone.length === 0 ? [] : [`Redone    ${range(plan.redone)}`]),
        ...tableLines(plan),
        `Lost      ${lostText(plan)}`,
        `Snapshot  ${emergency === null ? "none of what is there" : `${emergency}, of what is there`}`,
        `Kept      what is there, as ${kept.name}, for ${String(kept.days)} days`,
        `${gate === null ? "Takes     " : "Downtime  "}~${secondsText(plan.estimatedSeconds)}`,
        ...plan.warnings.map((warning) => `Warning   ${warning}`),
        ...(plan.app === null
            ? []
            : [
                  `App       ${plan.app.version} accepts ${plan.app.accepts ?? "nothing that is known"} ${plan.app.ok ? "✔" : "✘"}`,
              ]),
        ...approvalLine(plan),
        `Undo      schemaward snapshot restore of ${emergency ?? `another snapshot; or rename ${kept.name} back`}`,
        `Run       ${plan.run.join("   |   ")}`,
        ...plan.refusals.flatMap((r) => [`REFUSED   ${r.text}`, `          Allow it with: ${r.allow}`]),
    ].map(visible);
}

function tableLines({ tables }: RestorePlan): string[] {
    const differing = tables.filter((t) => t.then !== t.now);
    const same = tables.length - differing.length;
    const cells = differing.slice(0, listed).map((t) => [t.table, count(t.then), count(t.now), effect(t)] as const);
    const width = (i: 0 | 1 | 2): number => Math.max(0, ...cells.map((row) => row[i].length));
    const more = differing.slice(listed);
    return [
        `Rows      then and now`,
        ...cells.map(
            ([table, then, now, what]) =>
                `    ${table.padEnd(width(0))}  then ${then.padStart(width(1))}  now ${now.padStart(width(2))}  ${what}`,
        ),
        ...(more.length === 0
            ? []
            : [
                  `    and ${String(more.length)} more tables, with ${grouped(more.reduce((sum, t) => sum + lostOf(t), 0))} rows more now than then`,
              ]),
        ...(same === 0
            ? []
            : [`    ${String(same)} ${same === 1 ? "table has" : "tables have"} as many rows now as then`]),
    ];
}

function count(rows: number | null): string {
    return rows === null ? "–" : grouped(rows);
}

function effect(t: TableThenAndNow): string {
    const about = t.exact ? "" : "about ";
    const lost = lostOf(t);
    if (lost > 0) return `${about}${grouped(lost)} LOST${t.then === null ? ", with the table" : ""}`;
    if (t.now === null) return `comes back`;
    return t.then === null ? "empty, goes" : `${about}${grouped(t.then - t.now)} come back`;
}

function lostText({ lost }: RestorePlan): string {
    const rows = `${lost.exact ? "" : "about "}${grouped(lost.rows)} ${lost.rows === 1 ? "row" : "rows"} that came since, at least`;
    return `${rows}; and whatever was changed since the snapshot, which no count shows`;
}

function approvalLine({ approval }: RestorePlan): string[] {
    const limit = approval.maxRowsLost === null ? "" : `, ≤ ${grouped(approval.maxRowsLost)} rows`;
    if (!approval.needed) return [`Approved  not asked for by the policy${limit}`];
    return [approval.given ? `Approved  ✔ this restore${limit}` : `Approved  ✘ not yet${limit}`];
}

function range(versions: readonly string[]): string {
    return versions.length <= 12
        ? versions.join(" ")
        : `${versions[0] ?? ""} … ${versions.at(-1) ?? ""} (${String(versions.length)})`;
}

/** `2 h 10 min`. */
export function ageText(since: string, now: Date): string {
    const minutes = Math.max(0, Math.floor((now.getTime() - new Date(since).getTime()) / 60_000));
    const [days, hours] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24];
    if (days > 0) return `${String(days)} d ${String(hours)} h`;
    return hours > 0 ? `${String(hours)} h ${String(minutes % 60)} min` : `${String(minutes)} min`;
}
