import { FailedError } from "../errors";
import { type Progress, readLedger } from "../history/ledger";
import { readLastRun } from "../history/ledger-runs";
import { spelled } from "../migrations/set";
import type { Planned } from "../plan/plan-over";
import type { PreparedStep } from "../plan/prepare";
import { appliedAfter } from "../plan/applied-after";
import { type SentBatch, sendAhead } from "./batch-message";
import { batchesOf } from "./batches";
import type { StepPlace } from "./events";
import { executeStep } from "./execute";
import { isPlain } from "./plain-database";
import type { Sessions } from "./sessions";
import { type Batch, ConnectionLost, interruptedBefore, type StepContext } from "./step";
import { executeTogether } from "./together";

export interface StepHandlers {
    /** Opens new sessions with the locks. */
    readonly reopen: () => Promise<Sessions>;
    /** Told which error ended it, and after how many steps. */
    readonly fail: (error: Error, done: number) => Promise<never>;
}

/**
 * Runs all steps, one after the other; such as take moments are committed several at a time. When a connection breaks, the ledger
 * decides whether the step took effect.
 * @returns the sessions, which may be others than at first
 */
export async function runSteps(
    context: StepContext,
    first: Sessions,
    planned: Planned,
    { reopen, fail }: StepHandlers,
): Promise<Sessions> {
    const { steps, state } = planned;
    let sessions = first;
    let ahead: SentBatch | undefined;
    // Sent ahead to a connection that broke, and known to have taken effect all the same.
    let doneAhead: Batch | undefined;
    let done = 0;
    sessions.worker.on("notice", context.notices.hear);
    const together = (await isPlain(sessions.guard))
        ? batchesOf(steps, context.mirrored, context.keeping)
        : steps.map(alone);
    const waiting = together.reverse();
    for (let batch = waiting.pop(); batch !== undefined; batch = waiting.pop()) {
        const placeOf = (i: number, { direction, version, name }: PreparedStep): StepPlace => ({
            index: done + i + 1,
            count: steps.length,
            direction,
            version,
            name,
        });
        const [step] = batch;
        context.report({ type: "step-start", ...placeOf(0, step) });
        // What is said of several is passed on when they stay.
        if (batch.length === 1) context.notices.turnTo(step.version);
        const started = Date.now();
        const next = waiting.at(-1);
        const mine = ahead;
        ahead = undefined;
        let ms: readonly number[] = [];
        try {
            if (batch !== doneAhead) {
                if (mine === undefined && context.signal?.aborted === true) throw interruptedBefore(step);
                const running = executeBatch(context, sessions, batch, state.ledger.progress, mine);
                // By now its message is on its way, or the next one is not sent ahead.
                ahead = next === undefined ? undefined : sendAhead(context, sessions, batch, next);
                const each = await running;
                if (each === undefined) {
                    // What was sent behind them has found them missing and done nothing.
                    ahead = undefined;
                    context.notices.dropEarly();
                    waiting.push(...batch.map(alone).reverse());
                    continue;
                }
                ms = each;
            }
        } catch (error) {
            if (!(error instanceof ConnectionLost)) return await fail(asError(error), done);
            // Never run it again blindly: the ledger knows whether the COMMIT took effect.
            let after: Sessions;
            try {
                after = await reopen();
            } catch (again) {
                return await fail(new ConnectionLost(step, error.cause, false, error.together, again), done);
            }
            const withBatch = done + batch.length;
            const withAhead = ahead === undefined ? withBatch : withBatch + (next?.length ?? 0);
            const found = await stepsDone(after.guard, context, planned, [done, withBatch, withAhead]);
            if (found === undefined) return await fail(otherHands(step, error.cause), done);
            if (found === done) return await fail(new ConnectionLost(step, error.cause, true, error.together), done);
            if (found > withBatch) doneAhead = next;
            ahead = undefined;
            sessions = after;
            context.afterReset = after.afterReset;
            context.mirror = null;
            context.notices.forget();
            sessions.worker.on("notice", context.notices.hear);
        }
        const took = Date.now() - started;
        for (const [i, one] of batch.entries()) {
            if (i > 0) context.report({ type: "step-start", ...placeOf(i, one) });
            context.notices.turnTo(one.version);
            context.report({ type: "step-done", ...placeOf(i, one), ms: ms[i] ?? took });
        }
        done += batch.length;
    }
    sessions.worker.off("notice", context.notices.hear);
    return sessions;
}

function alone(step: PreparedStep): Batch {
    return [step];
}

/** @returns milliseconds of each step, where they are more than one; undefined: they are to be run one by one */
async function executeBatch(
    context: StepContext,
    sessions: Sessions,
    batch: Batch,
    progress: Progress | undefined,
    ahead: SentBatch | undefined,
): Promise<readonly number[] | undefined> {
    if (batch.length > 1) return executeTogether(context, sessions, batch, ahead);
    const [step] = batch;
    await executeStep(context, sessions, step, progressOf(step, progress), ahead);
    return [];
}

/**
 * How many steps have taken effect, of the counts that are possible; undefined when the ledger is none of them, or another run has been at
 * work: while the connection was broken nothing kept it out, and what was planned no longer holds.
 */
async function stepsDone(
    guard: Sessions["guard"],
    { set, runId }: StepContext,
    planned: Planned,
    counts: readonly number[],
): Promise<number | undefined> {
    if ((await readLastRun(guard)) !== runId) return undefined;
    const written = (version: string): string => spelled(planned.set, version);
    const { rows } = await readLedger(guard, set);
    const applied = new Set(rows.map((row) => written(row.version)));
    return counts.find((count) => {
        const expected = [...appliedAfter(planned, count)].map(written);
        return expected.length === applied.size && expected.every((version) => applied.has(version));
    });
}

function otherHands({ version, script }: PreparedStep, cause: unknown): FailedError {
    return new FailedError({
        what: `The connection broke at ${version}, and somebody else has worked on this database before it was there again.`,
        where: { file: script.file },
        state: "This run has stopped where it was; what is applied now, `schemaward status` tells.",
        next: "Run the same command again: it plans from what is there now.",
        cause,
    });
}

function progressOf(step: PreparedStep, progress: Progress | undefined): Progress | undefined {
    return progress?.version === step.version && progress.direction === step.direction ? progress : undefined;
}

function asError(error: unknown): Error {
    return error instanceof Error ? error : new Error(String(error));
}
