import { setTimeout as pause } from "node:timers/promises";
import type { Progress } from "../history/ledger";
import { isUnprepared, ledgerStatements } from "../history/ledger-write";
import { runLocks } from "../run-locks";
import { readMirrorShape } from "../history/schema-migrations";
import type { PreparedStep } from "../plan/prepare";
import type { Unit } from "../sql/script";
import { isNotBegun, type SentBatch } from "./batch-message";
import { describeFailure, isConnectionLost, isRetryable, joinStatements, type SentPart, serverError } from "./failure";
import { keepingKey } from "./keep/keeping";
import { keepingParts, mayChangeMirror, nothing, onlyTransaction, type Place, recording, scriptParts } from "./message";
import { outsideTransaction } from "./outside-transaction";
import { runStatements } from "./script-query";
import type { Sessions } from "./sessions";
import {
    ConnectionLost,
    freshSession,
    ourRole,
    type StepContext,
    stepFailed,
    watchWorker,
    withoutTemporary,
} from "./step";

/**
 * Runs one step to its end, with the rows of the ledger and the history table in the same transaction.
 * @param progress what an earlier run did of this very script
 * @param ahead where it was sent already
 * @throws StepFailed, ConnectionLost
 */
export async function executeStep(
    context: StepContext,
    sessions: Sessions,
    step: PreparedStep,
    progress: Progress | undefined,
    ahead?: SentBatch,
): Promise<void> {
    const { units } = step.shape;
    const only = onlyTransaction(step);
    if (only !== undefined) {
        await inTransaction(context, sessions, step, only, 0, { last: true, several: false, ahead });
        return;
    }
    await forgetTemporary(sessions, step);
    // Of a script with several transactions it is kept before the first: what is written from then on is not.
    const keeping = progress === undefined ? context.keeping.get(keepingKey(step)) : undefined;
    if (keeping !== undefined) await keepFirst(context, sessions, step, keeping.before);
    const finished = new Set(progress?.units.filter((u) => u.finished).map((u) => u.index));
    let recorded = false;
    for (const [index, unit] of units.entries()) {
        if (finished.has(index)) continue;
        const last = index === units.length - 1;
        if (unit.transactional) {
            await inTransaction(context, sessions, step, unit, index, { last, several: true, index });
            recorded = last;
        } else {
            const begunBefore = progress?.units.some((u) => u.index === index) === true;
            await outsideTransaction(context, sessions, step, { unit, index, begunBefore });
        }
    }
    // The last unit was not ours to record in, or was done before; a script of comments only still becomes a version.
    if (!recorded)
        await inTransaction(context, sessions, step, nothing, units.length, { last: true, several: units.length > 0 });
}

async function keepFirst(context: StepContext, sessions: Sessions, step: PreparedStep, before: string): Promise<void> {
    const sent = joinStatements(["BEGIN", ...keepingParts(context, before), "COMMIT"]);
    try {
        await runStatements(sessions.worker, sent.text);
    } catch (error) {
        if (isConnectionLost(error)) throw new ConnectionLost(step, error);
        await sessions.worker.query("ROLLBACK").catch(() => undefined);
        throw stepFailed(step, error, sent, 0, undefined);
    }
}

async function forgetTemporary({ worker }: Sessions, step: PreparedStep): Promise<void> {
    try {
        await runStatements(worker, joinStatements([...ourRole, withoutTemporary]).text);
    } catch (error) {
        throw isConnectionLost(error) ? new ConnectionLost(step, error) : error;
    }
}

/** @param done transactions of the script that are committed already */
async function inTransaction(
    context: StepContext,
    sessions: Sessions,
    step: PreparedStep,
    unit: Unit,
    done: number,
    { ahead, ...place }: Place & { readonly ahead?: SentBatch | undefined },
): Promise<void> {
    const started = Date.now();
    let prepare: readonly string[] = [];
    let waiting = ahead;
    for (let attempt = 1; ; attempt++) {
        const watch = watchWorker(context, sessions, step);
        let sent = joinStatements([]);
        const send = async (parts: readonly SentPart[]): Promise<void> => {
            sent = joinStatements(parts);
            await runStatements(sessions.worker, sent.text, { onAnswered: context.notices.sent(step.version) });
        };
        try {
            if (waiting !== undefined) {
                ({ sent } = waiting);
                await waiting.answer;
                return;
            }
            const mirrored = place.last && context.mirrored;
            if (mirrored && context.mirror === null) {
                await send(freshSession(context));
                context.mirror = await readMirrorShape(sessions.worker);
            }
            // The isolation level of its BEGIN must come before anything that takes a snapshot, as SET ROLE may.
            const first = place.several ? [] : [withoutTemporary];
            if (unit.beginOptions !== "") await send(freshSession(context, first));
            const keeping = place.several ? undefined : context.keeping.get(keepingKey(step));
            const script = scriptParts(context, unit, first, keeping);
            if (mirrored && mayChangeMirror(step)) {
                await send(script);
                context.mirror = await readMirrorShape(sessions.worker);
                await send(recording(context, step, unit, { ...place, prepare }));
            } else {
                await send([...script, ...recording(context, step, unit, { ...place, prepare })]);
            }
            return;
        } catch (error) {
            if (isConnectionLost(error)) throw new ConnectionLost(step, error);
            await sessions.worker.query("ROLLBACK").catch(() => undefined);
            // What the script made of the table is gone again.
            context.mirror = null;
            const asked = waiting;
            waiting = undefined;
            if (asked !== undefined && isNotBegun(error, asked)) continue;
            if (prepare.length === 0 && isUnprepared(serverError(error))) {
                // The script has taken our statements away: they are made again after it, in the same message.
                prepare = ledgerStatements(runLocks);
                continue;
            }
            const waitMs = Math.min(5000, 100 * 2 ** attempt) * (0.5 + Math.random());
            const again = Date.now() - started + waitMs < context.settings.lockBudgetMs;
            if (!isRetryable(error) || !again || watch.ended !== undefined)
                throw stepFailed(step, error, sent, done, watch);
            const why = describeFailure(error, step, sent).message;
            const blockers = watch.blockers === undefined ? "" : `, held by ${watch.blockers}`;
            context.report({ type: "retry", version: step.version, why: why + blockers, inMs: Math.round(waitMs) });
            await pause(waitMs);
        } finally {
            watch.stop();
        }
    }
}
