import { readMirrorShape } from "../history/schema-migrations";
import { isNotBegun, type SentBatch, sendBatch } from "./batch-message";
import { isConnectionLost, joinStatements } from "./failure";
import { runStatements } from "./script-query";
import type { Sessions } from "./sessions";
import { type Batch, ConnectionLost, freshSession, type StepContext, watchWorker } from "./step";

/**
 * Runs several steps in one transaction.
 * @param ahead where it was sent already
 * @returns milliseconds of each; undefined when one of them failed, however it failed: then nothing of any is left, and they are to
 * be run one by one, so that those before it stay, and it is told of and tried again as ever
 * @throws ConnectionLost
 */
export async function executeTogether(
    context: StepContext,
    sessions: Sessions,
    batch: Batch,
    ahead?: SentBatch,
): Promise<readonly number[] | undefined> {
    const { worker } = sessions;
    const watch = watchWorker(context, sessions, batch[0]);
    let waiting = ahead;
    try {
        for (;;) {
            try {
                if (waiting === undefined && context.mirrored && context.mirror === null) {
                    await runStatements(worker, joinStatements(freshSession(context)).text);
                    context.mirror = await readMirrorShape(worker);
                }
                if (context.mirror?.otherTimes === true) return undefined;
                // Also after a wait: what was sent ahead has begun by itself, or not at all.
                if (waiting === undefined && context.signal?.aborted === true) return undefined;
                waiting ??= sendBatch(context, worker, batch);
                return await waiting.answer;
            } catch (error) {
                if (isConnectionLost(error)) throw new ConnectionLost(batch[0], error, false, batch.length - 1);
                await worker.query("ROLLBACK").catch((lost: unknown) => {
                    throw new ConnectionLost(batch[0], lost, false, batch.length - 1);
                });
                context.mirror = null;
                const again: boolean = waiting !== undefined && waiting === ahead && isNotBegun(error, waiting);
                if (!again) return undefined;
                waiting = undefined;
            }
        }
    } finally {
        watch.stop();
    }
}
