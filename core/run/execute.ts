import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "pg";
import type { RunSettings } from "../declaration";
import { FailedError } from "../errors";
import type { Progress } from "../history/ledger";
import {
    clearProgress,
    type LockHolder,
    type ProgressKey,
    recordApplied,
    recordProgress,
    recordUndone,
} from "../history/ledger-write";
import {
    mirrorApplied,
    type MirrorShape,
    mirrorTable,
    mirrorUndone,
    readMirrorShape,
} from "../history/schema-migrations";
import type { PreparedStep } from "../plan/prepare";
import type { Unit } from "../sql/script";
import { concurrentIndexOf, dropLeftovers, invalidIndexes, isBuilt } from "./concurrent-index";
import type { RunEvent } from "./events";
import {
    describeFailure,
    isConnectionLost,
    isRetryable,
    joinStatements,
    type ScriptFailure,
    type SentScript,
} from "./failure";
import { runStatements } from "./script-query";
import { keepWorkerLock, type Sessions } from "./sessions";
import { type Watch, watchBackend } from "./watch";

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
    readonly mirrored: boolean;
    readonly signal: AbortSignal | undefined;
    report(event: RunEvent): void;
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
    ) {
        super(failure.message);
    }
}

/** The connection broke, and whether the transaction took effect is not known from here. */
export class ConnectionLost extends Error {
    constructor(
        readonly step: PreparedStep,
        override readonly cause: unknown,
    ) {
        super(cause instanceof Error ? cause.message : String(cause));
    }
}

/**
 * Runs one step to its end, with the rows of the ledger and the history table in the same transaction.
 * @param progress what an earlier run did of this very script
 * @throws StepFailed, ConnectionLost
 */
export async function executeStep(
    context: StepContext,
    sessions: Sessions,
    step: PreparedStep,
    progress: Progress | undefined,
): Promise<void> {
    if (!(await keepWorkerLock(sessions.worker))) throw lockLost(step, 0);
    const { units } = step.shape;
    const [only] = units;
    if (units.length === 1 && only?.transactional === true) {
        await inTransaction(context, sessions, step, only, 0, { last: true, several: false });
        return;
    }
    let done = 0;
    for (const [index, unit] of units.entries()) {
        const last = index === units.length - 1;
        if (progress?.done.includes(index) !== true) {
            const key = progressKey(context, step);
            if (unit.transactional)
                await inTransaction(context, sessions, step, unit, done, { last, several: true, index });
            else await outsideTransaction(context, sessions, step, unit, done, index, progress?.begun === index, key);
        }
        done++;
        if (last && (!unit.transactional || progress?.done.includes(index) === true))
            await inTransaction(context, sessions, step, nothing, done, { last: true, several: true });
    }
    // An empty script, or one of comments only, still becomes a version.
    if (units.length === 0) await inTransaction(context, sessions, step, nothing, done, { last: true, several: false });
}

const nothing: Unit = { statements: [], transactional: true, beginOptions: "" };

function progressKey(context: StepContext, step: PreparedStep): ProgressKey {
    return { set: context.set, version: step.version, direction: step.direction, checksum: step.script.checksum };
}

/** Brings the session back to what the settings say, whatever the script before has done to it. */
function freshSession(context: StepContext): string[] {
    return [
        "RESET SESSION AUTHORIZATION",
        "RESET ROLE",
        "RESET ALL",
        ...(context.role === undefined ? [] : [`SET ROLE "${context.role.replaceAll('"', '""')}"`]),
        ...(context.searchPath === "" ? [] : [`SET search_path = ${context.searchPath}`]),
    ];
}

interface Place {
    /** Whether the rows that make the version applied (or undone) belong into this transaction. */
    readonly last: boolean;
    readonly several: boolean;
    /** Unit to record as finished. */
    readonly index?: number;
}

async function inTransaction(
    context: StepContext,
    sessions: Sessions,
    step: PreparedStep,
    unit: Unit,
    done: number,
    place: Place,
): Promise<void> {
    const started = Date.now();
    for (let attempt = 1; ; attempt++) {
        // An isolation level must come before anything that takes a snapshot, as SET ROLE may.
        const apart = unit.beginOptions !== "";
        const sent = joinStatements([
            ...(apart ? [] : freshSession(context)),
            `BEGIN ${unit.beginOptions}`,
            ...unit.statements,
            "SET CONSTRAINTS ALL IMMEDIATE",
            // From here on we write, as ourselves (or the role), wherever the script has left the session.
            ...freshSession(context).filter((s) => s !== "RESET ALL"),
            ...(context.searchPath === "" ? ["RESET search_path"] : []),
        ]);
        const watch = watchWorker(context, sessions, step);
        try {
            if (apart) await runStatements(sessions.worker, joinStatements(freshSession(context)).text);
            await runStatements(sessions.worker, sent.text);
            await record(context, sessions, step, Date.now() - started, done, place);
            await commit(sessions.worker);
            return;
        } catch (error) {
            if (error instanceof StepFailed) throw error;
            if (isConnectionLost(error)) throw new ConnectionLost(step, error);
            await sessions.worker.query("ROLLBACK").catch(() => undefined);
            const waitMs = Math.min(5000, 100 * 2 ** attempt) * (0.5 + Math.random());
            const again = Date.now() - started + waitMs < context.settings.lockBudgetMs;
            if (isRetryable(error) && again && watch.ended === undefined) {
                const why = describeFailure(error, step, sent).message;
                const blockers = watch.blockers === undefined ? "" : `, held by ${watch.blockers}`;
                context.report({ type: "retry", version: step.version, why: why + blockers, inMs: Math.round(waitMs) });
                await pause(waitMs);
                continue;
            }
            throw stepFailed(step, error, sent, done, watch);
        } finally {
            watch.stop();
        }
    }
}

async function record(
    context: StepContext,
    sessions: Sessions,
    step: PreparedStep,
    durationMs: number,
    done: number,
    place: Place,
): Promise<void> {
    const { worker, holder } = sessions;
    if (place.last && context.mirrored) await mirror(context, worker, step);
    if (context.role !== undefined) await worker.query("RESET ROLE");
    if (!place.last) {
        if (place.index !== undefined) await recordProgress(worker, progressKey(context, step), place.index, true);
        if (!(await stillHeld(worker, holder))) throw await abandoned(worker, step, done);
        return;
    }
    if (place.several) await clearProgress(worker, context.set);
    const written =
        step.direction === "up"
            ? await recordApplied(
                  worker,
                  {
                      set: context.set,
                      version: step.version,
                      name: step.name,
                      format: context.format,
                      up: step.script,
                      down: step.down,
                      origin: "applied",
                      durationMs,
                      runId: context.runId,
                      who: context.who,
                  },
                  holder,
              )
            : await recordUndone(
                  worker,
                  {
                      set: context.set,
                      version: step.version,
                      checksum: step.script.checksum,
                      durationMs,
                      runId: context.runId,
                  },
                  holder,
              );
    if (!written) throw await abandoned(worker, step, done);
}

async function mirror(context: StepContext, worker: Client, step: PreparedStep): Promise<void> {
    // The script may have made, changed or dropped the table; only one that names it can.
    if (
        context.mirror === null ||
        new RegExp(mirrorTable, "i").test(step.script.sql) ||
        /\bschema\b/i.test(step.script.sql)
    )
        context.mirror = await readMirrorShape(worker);
    if (context.mirror === undefined) return;
    if (step.direction === "up") await mirrorApplied(worker, context.mirror, step);
    else await mirrorUndone(worker, context.mirror, step);
}

async function stillHeld(worker: Client, holder: LockHolder): Promise<boolean> {
    const { rows } = await worker.query<{ held: boolean }>(
        `SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted AND pid = $1
                           AND (classid::bigint << 32 | objid::bigint) = $2::bigint) AS held`,
        [holder.pid, holder.key],
    );
    return rows[0]?.held === true;
}

async function abandoned(worker: Client, step: PreparedStep, done: number): Promise<StepFailed> {
    await worker.query("ROLLBACK").catch(() => undefined);
    return lockLost(step, done);
}

function lockLost(step: PreparedStep, done: number): StepFailed {
    const message = "The run has lost its lock on the database (its session was ended from outside).";
    return new StepFailed(
        step,
        { file: step.script.file, line: 1, message, sqlstate: "none", detail: [] },
        done,
        "lock-lost",
        undefined,
    );
}

async function commit(worker: Client): Promise<void> {
    const { command } = await worker.query("COMMIT");
    // PostgreSQL answers COMMIT of a failed transaction with ROLLBACK, and no error.
    if (command !== "COMMIT") throw new Error("PostgreSQL rolled the transaction back instead of committing it.");
}

async function outsideTransaction(
    context: StepContext,
    sessions: Sessions,
    step: PreparedStep,
    unit: Unit,
    done: number,
    index: number,
    begunBefore: boolean,
    key: ProgressKey,
): Promise<void> {
    const { worker } = sessions;
    const [statement] = unit.statements;
    if (statement === undefined) return;
    const building = concurrentIndexOf(statement);
    const sent = joinStatements([...unit.statements]);
    const sets = freshSession(context);
    let watch: Watch | undefined;
    try {
        await runStatements(
            worker,
            joinStatements([...sets, ...(building === undefined ? [] : ["SET lock_timeout = 0"])]).text,
        );
        if (begunBefore && building !== undefined) {
            if (await isBuilt(worker, building)) {
                await asOurselves(context, worker, () => recordProgress(worker, key, index, true));
                return;
            }
            await dropLeftovers(worker, building, step.script.file, statement.line);
        } else if (begunBefore) {
            context.report({
                type: "notice",
                version: step.version,
                text: `line ${statement.line} was begun by an earlier run that ended there; it is run again`,
            });
        }
        const invalidBefore = building === undefined ? [] : await invalidIndexes(worker, building);
        await asOurselves(context, worker, () => recordProgress(worker, key, index, false));
        watch = watchWorker(
            context,
            sessions,
            step,
            building === undefined ? undefined : context.settings.indexDeadlineMs,
        );
        try {
            await runStatements(worker, sent.text);
        } catch (error) {
            // What this very statement left behind invalid; one that was there before is not ours.
            if (building !== undefined && !isConnectionLost(error) && invalidBefore.length === 0)
                await dropLeftovers(worker, building, step.script.file, statement.line);
            throw error;
        }
        if (building !== undefined && (await invalidIndexes(worker, building)).length > 0) {
            throw new FailedError({
                what: `The index ${building.name ?? ""} on ${building.table} is invalid, and this run did not build it.`,
                where: { file: step.script.file, line: statement.line },
                next: "Drop it by hand (DROP INDEX CONCURRENTLY) and run again.",
            });
        }
        // DISCARD ALL and its kin have freed the worker's lock.
        if (!(await keepWorkerLock(worker))) throw lockLost(step, done);
        await asOurselves(context, worker, () => recordProgress(worker, key, index, true));
    } catch (error) {
        if (error instanceof StepFailed) throw error;
        if (!(error instanceof FailedError) && isConnectionLost(error)) throw new ConnectionLost(step, error);
        throw stepFailed(step, error, sent, done, watch);
    } finally {
        watch?.stop();
    }
}

async function asOurselves(context: StepContext, worker: Client, write: () => Promise<void>): Promise<void> {
    await worker.query("RESET SESSION AUTHORIZATION; RESET ROLE");
    await write();
    if (context.role !== undefined) await worker.query(`SET ROLE "${context.role.replaceAll('"', '""')}"`);
}

function watchWorker(context: StepContext, sessions: Sessions, step: PreparedStep, deadlineMs?: number): Watch {
    return watchBackend(sessions.guard, sessions.workerPid, {
        ...(deadlineMs === undefined ? {} : { deadlineMs }),
        ...(context.signal === undefined ? {} : { signal: context.signal }),
        onBlocked: (by) => {
            context.report({ type: "blocked", version: step.version, by });
        },
    });
}

function stepFailed(
    step: PreparedStep,
    error: unknown,
    sent: SentScript | undefined,
    done: number,
    watch: Watch | undefined,
): StepFailed {
    const failure = describeFailure(error, step, sent);
    const detail = [...failure.detail, ...(watch?.blockers === undefined ? [] : [`Held by: ${watch.blockers}`])];
    return new StepFailed(step, { ...failure, detail }, done, watch?.ended ?? "failed", error);
}
