import type { RunSettings } from "../declaration";
import { ledgerStatements, lockLostMessage } from "../history/ledger-write";
import { runLocks } from "../run-locks";
import type { MirrorShape } from "../history/schema-migrations";
import type { PreparedStep } from "../plan/prepare";
import type { RunEvent } from "./events";
import type { Keeping } from "./keep/keeping";
import { describeFailure, type ScriptFailure, type SentScript } from "./failure";
import type { LeftBehind } from "./left-behind";
import type { Notices } from "./notices";
import type { Sessions } from "./sessions";
import { type Watch, watchBackend } from "./watch";

/** Steps that are committed together; mostly one. */
export type Batch = readonly [PreparedStep, ...PreparedStep[]];

/** What all steps of a run share. */
export interface StepContext {
    readonly set: string;
    readonly format: string;
    readonly runId: string;
    readonly who: string;
    readonly role: string | undefined;
    /** As PostgreSQL's setting wants it; empty: the role's own. */
    readonly searchPath: string;
    readonly settings: RunSettings;
    /** Of the sessions in use. */
    afterReset: readonly string[];
    readonly mirrored: boolean;
    /** What steps keep of what they drop, and load back. */
    keeping: Keeping;
    /** From the first script on, also of what else ends a run. */
    signal: AbortSignal | undefined;
    report(event: RunEvent): void;
    readonly notices: Notices;
    /** The history table's shape as last read, so that it is not read for each migration; `null`: to be read. */
    mirror: MirrorShape | undefined | null;
}

/** A script failed; its transaction was rolled back. What stays of a several-transaction script is in `done`. */
export class StepFailed extends Error {
    constructor(
        readonly step: PreparedStep,
        readonly failure: ScriptFailure,
        /** Transactions of the script that are committed and stay. */
        readonly done: number,
        readonly why: "failed" | "interrupted" | "deadline" | "lock-lost",
        override readonly cause: unknown,
        /** What a statement outside of a transaction did in part; undefined: what failed was rolled back. */
        readonly left?: LeftBehind,
    ) {
        super(failure.message);
    }
}

/** The connection broke, and whether the transaction took effect is not known from here. */
export class ConnectionLost extends Error {
    constructor(
        readonly step: PreparedStep,
        override readonly cause: unknown,
        /** Whether the ledger was read since, and does not have it. */
        readonly known = false,
        /** Steps that were to be committed with it. */
        readonly together = 0,
        /** Why it could not be opened again, where that was tried. */
        readonly notReopened?: unknown,
    ) {
        super(cause instanceof Error ? cause.message : String(cause));
    }
}

/**
 * Brings the session back to what the settings say, whatever a script has done to it.
 * @param first to be done as the role that logs in
 */
export function freshSession(context: StepContext, first: readonly string[] = []): string[] {
    return [
        ...resetSession(context, first),
        ...(context.role === undefined ? [] : [`SET ROLE "${context.role.replaceAll('"', '""')}"`]),
        ...(context.searchPath === "" ? [] : [`SET search_path = ${context.searchPath}`]),
    ];
}

/** At a script's beginning: psql, too, has no temporary table any more of the file before. */
export const withoutTemporary = "DISCARD TEMP";

/** Back to the role that logs in, which is all that prepared statements need. */
export const ourRole: readonly string[] = ["RESET SESSION AUTHORIZATION", "RESET ROLE"];

/** Lets us write the ledger as the role that logs in, wherever a script has left the session. */
export function ourSession(context: StepContext): string[] {
    return [...resetSession(context), "SET search_path = pg_catalog"];
}

/**
 * The role that logs in, with the settings that the session began with.
 * @param first to be done as that role
 */
export function resetSession({ afterReset }: StepContext, first: readonly string[] = []): string[] {
    return [...ourRole, ...first, "RESET ALL", ...afterReset];
}

/** Makes the ledger's statements known to both sessions; the ledger's tables must be there. */
export async function prepareSessions({ guard, worker }: Pick<Sessions, "guard" | "worker">): Promise<void> {
    const text = ["SET search_path = pg_catalog", ...ledgerStatements(runLocks)].join(";\n");
    await Promise.all([guard.query(text), worker.query(text)]);
}

/** Watches the worker from the guard's session while it is busy with a step. */
export function watchWorker(context: StepContext, sessions: Sessions, step: PreparedStep, deadlineMs?: number): Watch {
    return watchBackend(sessions.guard, sessions.workerPid, {
        ...(deadlineMs === undefined ? {} : { deadlineMs }),
        ...(context.signal === undefined ? {} : { signal: context.signal }),
        lockTimeoutMs: context.settings.lockTimeoutMs,
        onBlocked: (by) => {
            context.report({ type: "blocked", version: step.version, by });
        },
    });
}

/** The account of a failure of a step. */
export function stepFailed(
    step: PreparedStep,
    error: unknown,
    sent: SentScript | undefined,
    done: number,
    watch: Watch | undefined,
    left?: LeftBehind,
): StepFailed {
    const failure = describeFailure(error, step, sent);
    if (failure.message.includes(lockLostMessage)) return lockLost(step, done);
    const detail = [...failure.detail, ...(watch?.blockers === undefined ? [] : [`Held by: ${watch.blockers}`])];
    return new StepFailed(step, { ...failure, detail }, done, watch?.ended ?? "failed", error, left);
}

/** The run was ended before this step was begun. */
export function interruptedBefore(step: PreparedStep): StepFailed {
    return notOfTheScript(step, 0, "interrupted", "The run was ended before it.");
}

export function lockLost(step: PreparedStep, done: number, left?: LeftBehind): StepFailed {
    const message = "The run has lost its lock on the database (its session was ended from outside).";
    return notOfTheScript(step, done, "lock-lost", message, left);
}

function notOfTheScript(
    step: PreparedStep,
    done: number,
    why: StepFailed["why"],
    message: string,
    left?: LeftBehind,
): StepFailed {
    return new StepFailed(
        step,
        { file: step.script.file, line: 1, message, sqlstate: "none", detail: [] },
        done,
        why,
        undefined,
        left,
    );
}
