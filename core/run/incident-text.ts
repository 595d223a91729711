import { type JournalLine, migrationsDone, type RecordedRun } from "../history/recorded-run";
import type { Plan, PlanStep } from "../plan/plan";
import { bytesText, countText, planTitle } from "../plan/render-text";

/** What the text is made of. */
interface Told {
    readonly run: RecordedRun;
    readonly plan: Plan | null;
    readonly journal: readonly JournalLine[];
}

/**
 * A run as a record for people, in Markdown: what was done when, what was lost, where the snapshot is, and PhysioFlow's emergency checklist
 * with what is done ticked off and what is left for people to do.
 */
export function incidentText(told: Told): string {
    const { run, plan } = told;
    const title = plan === null ? "" : planTitle(plan);
    return [
        `# ${run.direction === "forward" ? "Run" : "Rollback"} of ${code(title)}: ${run.from ?? "0"} → ${run.to ?? "0"}`,
        "",
        outcome(run),
        "",
        "| | |",
        "| --- | --- |",
        ...facts(told)
            .filter(([, value]) => value !== "")
            .map(([what, value]) => `| ${what} | ${value} |`),
        "",
        "## What was done",
        "",
        ...done(told),
        "",
        "## What was lost",
        "",
        ...lost(told),
        "",
        "## Checklist",
        "",
        ...checklist(told),
        "",
    ].join("\n");
}

function outcome({ status, error }: RecordedRun): string {
    if (status === "done") return "It went well.";
    if (status === "failed") return `It **failed**: ${plain(error ?? "")}`;
    return "It **never wrote its end**: it was cut off, or is still at work.";
}

function facts({ run, plan }: Told): [what: string, value: string][] {
    const began = `${dayOf(run.startedAt)} ${timeOf(run.startedAt)}`;
    const end = run.endedAt;
    const took = end === null ? "" : `, ${((end.getTime() - run.startedAt.getTime()) / 1000).toFixed(1)} s`;
    return [
        ["When (UTC)", `${began} to ${end === null ? "?" : timeOf(end)}${took}`],
        ["Who", `${plain(run.who)} on ${plain(run.host)}`],
        ["Run", code(run.id)],
        ["Plan", plan === null ? "of another version of schemaward" : `${code(plan.digest)}, ${approvalText(plan)}`],
        ["Snapshot from before", run.snapshot === null ? "none" : code(run.snapshot)],
        ["Store", run.snapshot === null ? "" : code(plan?.snapshot?.store ?? "")],
    ];
}

function approvalText({ approval }: Plan): string {
    if (!approval.needed) return "needed no approval";
    return approval.given ? "approved in the stack's settings" : "allowed where it was run";
}

function done({ plan, journal }: Told): string[] {
    const steps = new Map((plan?.steps ?? []).map((step) => [step.version, step]));
    const ticked = journal.map(({ kind, version, at, ms }) => {
        const name = version === null ? "" : ` ${version} ${words(steps.get(version))}`;
        return tick(true, `${timeOf(at)} ${kind}${name.trimEnd()}${ms === null ? "" : ` in ${ms} ms`}`);
    });
    const did = versionsDone(journal);
    const left = (plan?.steps ?? []).filter((step) => !did.has(step.version));
    return [
        ...ticked,
        ...left.map((step) => tick(false, `${step.version} ${words(step)}: ${plain(step.script.file)}`)),
    ];
}

function lost({ plan, journal }: Told): string[] {
    if (plan === null) return ["Not known: the plan in the ledger is of another version of schemaward."];
    const did = versionsDone(journal);
    const losses = plan.steps
        .filter((step) => did.has(step.version))
        .flatMap((step) => step.losses.map((loss) => ({ step, loss })))
        .filter(({ loss }) => loss.counted && loss.rows !== 0);
    if (losses.length === 0) return ["Nothing."];
    return [
        "As counted right before the first script:",
        "",
        "| migration | what | where | how many | bytes |",
        "| --- | --- | --- | --- | --- |",
        ...losses.map(
            ({ step, loss }) =>
                `| ${step.version} | ${loss.kind} | ${plain(loss.object)} | ${countText(loss)} | ${loss.bytes === null ? "" : bytesText(loss.bytes)} |`,
        ),
    ];
}

function checklist({ run, plan, journal }: Told): string[] {
    const verified = run.status === "done";
    const did = versionsDone(journal);
    const all = plan?.steps.every((step) => did.has(step.version)) === true;
    const smoke = plan?.verify ?? [];
    const kinds = new Set(journal.map(({ kind }) => kind));
    return [
        tick(false, "Notify the team of the decision to roll back"),
        tick(
            kinds.has("gated"),
            kinds.has("gated")
                ? `Incoming traffic stopped: ${(plan?.traffic?.parts ?? []).map(({ text }) => plain(text)).join(", ")}`
                : "Stop incoming traffic (schemaward did not)",
        ),
        tick(
            run.snapshot !== null,
            run.snapshot === null
                ? "Create an emergency backup: there was none"
                : `Emergency backup: ${code(run.snapshot)}`,
        ),
        tick(
            all,
            all
                ? "Rollback scripts run"
                : "Run the rest of the rollback scripts: the same command again, or `schemaward resume`",
        ),
        tick(verified, "Database connectivity, ledger and history verified"),
        tick(
            verified && smoke.length > 0,
            smoke.length === 0
                ? "Run smoke tests: the stack declares no `verify` queries"
                : `Smoke tests: ${smoke.map(plain).join(", ")}`,
        ),
        tick(
            kinds.has("resumed"),
            kinds.has("resumed")
                ? "Traffic restored"
                : `Restore traffic${kinds.has("gated") ? ": it stays stopped, see `schemaward resume`" : ""}`,
        ),
        tick(false, "Document what went wrong"),
        tick(false, "Plan the fix and the next deployment"),
    ];
}

function versionsDone(journal: readonly JournalLine[]): Set<string> {
    return new Set(migrationsDone(journal).map(({ version }) => version));
}

function words(step: PlanStep | undefined): string {
    return plain((step?.name ?? "").replaceAll("_", " "));
}

function tick(isDone: boolean, text: string): string {
    return `- [${isDone ? "x" : " "}] ${text}`;
}

function dayOf(date: Date): string {
    return date.toISOString().slice(0, 10);
}

function timeOf(date: Date): string {
    return date.toISOString().slice(11, 19);
}

/** Text that cannot become Markdown of its own, on one line. */
function plain(text: string): string {
    return text.replace(/\s+/g, " ").replace(/[\\`*_{}[\]<>#|!]/g, "\\$&");
}

function code(text: string): string {
    return text === "" ? "" : `\`${text.replace(/[\s`|]+/g, " ")}\``;
}
