import { type Ledger, type Progress, readLedger } from "../history/ledger";
import type { Planned } from "../plan/plan-over";
import type { PreparedStep } from "../plan/prepare";
import { type SentAhead, sendAhead } from "./ahead";
import { executeStep } from "./execute";
import type { Sessions } from "./sessions";
import { ConnectionLost, interruptedBefore, type StepContext } from "./step";

export interface StepHandlers {
    /** Opens new sessions with the locks. */
    readonly reopen: () => Promise<Sessions>;
    /** Told which error ended it, and after how many steps. */
    readonly fail: (error: Error, done: number) => Promise<never>;
}

/**
 * Runs all steps, one after the other. When a connection breaks, the ledger decides whether the step took effect.
 * @returns the sessions, which may be others than at first
 */
export async function runSteps(
    context: StepContext,
    first: Sessions,
    { steps, state }: Planned,
    { reopen, fail }: StepHandlers,
): Promise<Sessions> {
    let sessions = first;
    let ahead: SentAhead | undefined;
    // Sent ahead to a connection that broke, and known to have taken effect all the same.
    let doneAhead: PreparedStep | undefined;
    sessions.worker.on("notice", context.notices.hear);
    for (const [index, step] of steps.entries()) {
        const { direction, version, name } = step;
        const place = { index: index + 1, count: steps.length, direction, version, name };
        context.report({ type: "step-start", ...place });
        context.notices.turnTo(version);
        const started = Date.now();
        const next = steps[index + 1];
        const mine = ahead;
        ahead = undefined;
        try {
            if (step !== doneAhead) {
                if (mine === undefined && context.signal?.aborted === true) throw interruptedBefore(step);
                const running = executeStep(context, sessions, step, progressOf(step, state.ledger.progress), mine);
                // By now its message is on its way, or the next one is not sent ahead.
                ahead = next === undefined ? undefined : sendAhead(context, sessions, step, next);
                await running;
            }
        } catch (error) {
            if (!(error instanceof ConnectionLost)) return await fail(asError(error), index);
            // Never run it again blindly: the ledger knows whether the COMMIT took effect.
            let after: Sessions;
            try {
                after = await reopen();
            } catch (again) {
                return await fail(new ConnectionLost(step, again), index);
            }
            const ledger = await readLedger(after.guard, context.set);
            if (!tookEffect(ledger, step)) return await fail(new ConnectionLost(step, error.cause, true), index);
            if (ahead !== undefined && next !== undefined && tookEffect(ledger, next)) doneAhead = next;
            ahead = undefined;
            sessions = after;
            context.mirror = null;
            context.notices.forget();
            sessions.worker.on("notice", context.notices.hear);
        }
        context.report({ type: "step-done", ...place, ms: Date.now() - started });
    }
    sessions.worker.off("notice", context.notices.hear);
    return sessions;
}

function tookEffect(ledger: Ledger, step: PreparedStep): boolean {
    const isApplied = ledger.rows.some((row) => row.version === step.version);
    return isApplied === (step.direction === "up");
}

function progressOf(step: PreparedStep, progress: Progress | undefined): Progress | undefined {
    return progress?.version === step.version && progress.direction === step.direction ? progress : undefined;
}

function asError(error: unknown): Error {
    return error instanceof Error ? error : new Error(String(error));
}
