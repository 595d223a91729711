import { diskFull, FailedError, firstLineOf } from "../errors";
import type { Planned } from "../plan/plan-over";
import type { PreparedStep } from "../plan/prepare";
import type { Unit } from "../sql/script";
import { headOf } from "../migrations/set";
import { appliedAfter } from "../plan/applied-after";
import { serverError } from "./failure";
import { ConnectionLost, StepFailed } from "./step";

interface Progress {
    readonly planned: Planned;
    /** Steps that are done and stay. */
    readonly done: number;
    readonly snapshot: string | null;
}

/** The error that tells a person what failed, what stays, and what to do now. */
export function outcomeOf(error: Error, progress: Progress): Error {
    const { planned, done, snapshot } = progress;
    const step = planned.steps[done];
    if (step === undefined) return error;
    const { plan } = planned;
    const unknown = error instanceof ConnectionLost && !error.known;
    const state = [
        ...(done === 0 && (unknown || mayStay(error, step)) ? [] : [stays(planned, done)]),
        rolledBack(error, step, planned, done),
        unknown
            ? `Before it, the database was at ${headAfter(planned, done) ?? "0"}.`
            : `The database is at ${headAfter(planned, done) ?? "0"}.`,
        ...(snapshot === null ? [] : [`Snapshot from before: ${snapshot}.`]),
    ].join(" ");
    const direction = step.direction === "up" ? "forward" : "back";
    if (error instanceof ConnectionLost) {
        // A server that has no room for its log ends itself.
        const room = serverError(error.cause).code === diskFull.code ? `${diskFull.next} and see` : "See";
        return new FailedError({
            what: `The connection broke while ${step.version} was going ${direction}: ${error.message}`,
            where: { file: step.script.file },
            detail: error.notReopened === undefined ? [] : [`Then: ${firstLineOf(error.notReopened)}`],
            state,
            next: `${room} that the server runs, then run the same command again: it reads the ledger and goes on from there.`,
            cause: error.cause,
        });
    }
    if (!(error instanceof StepFailed)) return error;
    const { failure, why } = error;
    const what = {
        failed: `${step.version} failed going ${direction}: ${failure.message}`,
        interrupted: `${step.version} was interrupted going ${direction}.`,
        deadline: `${step.version} was ended at its deadline, going ${direction}: ${failure.message}`,
        "lock-lost": `${step.version} was stopped going ${direction}: ${failure.message}`,
    }[why];
    return new FailedError({
        what,
        where: { file: failure.file, line: failure.line },
        detail: failure.detail,
        state,
        next: nextStep(error, plan.from, step.script.file),
        cause: error.cause,
    });
}

function stays({ steps }: Planned, done: number): string {
    if (done === 0) return "No script has taken effect.";
    const versions = steps.slice(0, done).map((s) => `${s.version} ${s.direction === "up" ? "applied" : "undone"}`);
    return `Done and staying: ${versions.length > 10 ? `${versions.length} steps up to ${versions.at(-1) ?? ""}` : versions.join(", ")}.`;
}

function rolledBack(error: Error, { version, shape }: PreparedStep, { steps }: Planned, done: number): string {
    const units = shape.units.length;
    const together = error instanceof ConnectionLost ? error.together : 0;
    if (units === 1 && isOutside(error, shape.units))
        return `${version} is one statement outside a transaction, which may have taken effect in part: the ledger knows that it was begun.`;
    const last = steps[done + together]?.version ?? version;
    if (error instanceof ConnectionLost && units > 1)
        return `Of ${version}, which has ${units} transactions, those that were committed stay (the ledger knows which).`;
    if (together > 0) {
        return error instanceof ConnectionLost && error.known
            ? `${version} to ${last}, which were in one transaction, were rolled back whole.`
            : `Whether ${version} to ${last}, and what comes after them, took effect is not known as long as the server does not answer; each did so whole, or not at all, and the ledger knows.`;
    }
    const next = steps[done + 1]?.version;
    if (error instanceof ConnectionLost && !error.known)
        return `Whether ${version}${next === undefined ? "" : `, and ${next} after it,`} took effect is not known as long as the server does not answer; each did so whole, or not at all, and the ledger knows.`;
    if (error instanceof StepFailed && error.left !== undefined) {
        const before = `Of ${version}, ${error.done} of ${units} transactions are done and stay (the ledger knows which).`;
        return units > 1 ? `${before} ${error.left.state}` : error.left.state;
    }
    if (error instanceof StepFailed && units > 1)
        return `Of ${version}, ${error.done} of ${units} transactions are done and stay (the ledger knows which); the failed one was rolled back.`;
    return `${version} was rolled back whole.`;
}

function headAfter(planned: Planned, done: number): string | null {
    const { plan, set } = planned;
    if (done === 0) return plan.from;
    return headOf(set, appliedAfter(planned, done));
}

/** Whether something of the step that failed may be in the database. */
function mayStay(error: Error, { shape: { units } }: PreparedStep): boolean {
    return units.length > 1 || (error instanceof StepFailed && error.left !== undefined) || isOutside(error, units);
}

/** Whether the connection broke at a statement that is not in a transaction. */
function isOutside(error: Error, units: readonly Unit[]): boolean {
    return error instanceof ConnectionLost && units.some((unit) => !unit.transactional);
}

function nextStep({ failure, why, left }: StepFailed, from: string | null, file: string): string {
    if (left !== undefined) return left.next;
    if (failure.sqlstate === "55P03")
        return "End what holds the lock, or try at a quieter time; run.lockBudgetMs allows more tries. Then run the same command again.";
    if (failure.sqlstate === "2D000")
        return `${file} commits inside a procedure: add the line "-- schemaward: no-transaction" to it, then run again.`;
    if (why === "interrupted") return "Run the same command again to go on from here.";
    const files = failure.file === file ? file : `${file} or ${failure.file}`;
    const first = failure.sqlstate === diskFull.code ? diskFull.next : `Correct ${files}`;
    return `${first} and run the same command again, it goes on from here; or go back with version "${from ?? "0"}".`;
}
