import type { Client } from "pg";
import { type Progress, readLedger } from "../history/ledger";
import type { Planned } from "../plan/build";
import type { PreparedStep } from "../plan/prepare";
import { executeStep } from "./execute";
import type { Sessions } from "./sessions";
import { ConnectionLost, type StepContext } from "./step";

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
    for (const [index, step] of steps.entries()) {
        const { direction, version, name } = step;
        const place = { index: index + 1, count: steps.length, direction, version, name };
        context.report({ type: "step-start", ...place });
        const forward = (message: { message?: string | undefined }): void => {
            context.report({ type: "notice", version, text: message.message ?? "" });
        };
        const started = Date.now();
        sessions.worker.on("notice", forward);
        try {
            await executeStep(context, sessions, step, progressOf(step, state.ledger.progress));
        } catch (error) {
            if (!(error instanceof ConnectionLost)) return await fail(asError(error), index);
            // Never run it again blindly: the ledger knows whether the COMMIT took effect.
            let after: Sessions;
            try {
                after = await reopen();
            } catch (again) {
                return await fail(new ConnectionLost(step, again), index);
            }
            if (!(await tookEffect(after.guard, context.set, step))) return await fail(error, index);
            sessions = after;
            context.mirror = null;
        } finally {
            sessions.worker.off("notice", forward);
        }
        context.report({ type: "step-done", ...place, ms: Date.now() - started });
    }
    return sessions;
}

async function tookEffect(client: Client, set: string, step: PreparedStep): Promise<boolean> {
    const ledger = await readLedger(client, set);
    const isApplied = ledger.rows.some((row) => row.version === step.version);
    return isApplied === (step.direction === "up");
}

function progressOf(step: PreparedStep, progress: Progress | undefined): Progress | undefined {
    return progress?.version === step.version && progress.direction === step.direction ? progress : undefined;
}

function asError(error: unknown): Error {
    return error instanceof Error ? error : new Error(String(error));
}
