import type { Client } from "pg";
import { FailedError } from "../errors";
import { clearUnit, recordProgress } from "../history/ledger-write";
import type { PreparedStep } from "../plan/prepare";
import { type Unit, whyNoTransaction } from "../sql/script";
import type { Statement } from "../sql/statement";
import { unitChecksum } from "../sql/unit-checksum";
import { type ConcurrentIndex, concurrentIndexOf, dropLeftovers, invalidIndexes, isBuilt } from "./concurrent-index";
import { isConnectionLost, joinStatements } from "./failure";
import { continuation, leftBehind, type LeftBehind, leftIndex } from "./left-behind";
import { runStatements } from "./script-query";
import { keepWorkerLock, type Sessions } from "./sessions";
import {
    ConnectionLost,
    freshSession,
    lockLost,
    ourSession,
    type StepContext,
    StepFailed,
    stepFailed,
    watchWorker,
} from "./step";
import type { Watch } from "./watch";

interface OutsideUnit {
    /** One statement that PostgreSQL refuses in a transaction block. */
    readonly unit: Unit;
    readonly index: number;
    /** Whether an earlier run has begun it and died. */
    readonly begunBefore: boolean;
}

/**
 * Runs a statement that cannot be in a transaction, between a note that it is begun and one that it is finished. An index that
 * our own earlier try left invalid is dropped and built anew.
 * @throws StepFailed, ConnectionLost
 */
export async function outsideTransaction(
    context: StepContext,
    sessions: Sessions,
    step: PreparedStep,
    { unit, index, begunBefore }: OutsideUnit,
): Promise<void> {
    const { worker } = sessions;
    const [statement] = unit.statements;
    if (statement === undefined) return;
    const { file } = step.script;
    const building = concurrentIndexOf(statement);
    let sent = joinStatements([statement]);
    // All that is CONCURRENTLY waits for every older transaction, and a lock_timeout would leave it half done: our deadline ends it.
    const concurrently = whyNoTransaction(statement)?.endsWith("CONCURRENTLY") === true;
    const prepare = joinStatements([...freshSession(context), ...(concurrently ? ["SET lock_timeout = 0"] : [])]);
    const note = async (finished: boolean): Promise<void> =>
        asOurselves(
            context,
            worker,
            recordProgress({ ...step, set: context.set }, index, unitChecksum(unit), finished),
        );
    let watch: Watch | undefined;
    let left: LeftBehind | undefined;
    try {
        if (!(await keepWorkerLock(worker))) throw lockLost(step, index);
        await runStatements(worker, prepare.text);
        if (begunBefore && building !== undefined) {
            if (await isBuilt(worker, building)) {
                await note(true);
                return;
            }
            await dropLeftovers(worker, building, file, statement.line);
        } else if (begunBefore) {
            const goOn = await continuation(worker, statement);
            if (goOn === "done") {
                await note(true);
                return;
            }
            if (goOn !== undefined) sent = joinStatements([{ ...statement, sql: goOn }]);
            context.report({
                type: "notice",
                version: step.version,
                text: `line ${statement.line} was begun by an earlier run that ended there; ${goOn === undefined ? "it is run again" : `it is finished by ${goOn}`}`,
            });
        }
        const invalidBefore = building === undefined ? [] : await invalidIndexes(worker, building);
        await note(false);
        await runStatements(worker, prepare.text);
        const deadline = concurrently ? context.settings.indexDeadlineMs : undefined;
        watch = watchWorker(context, sessions, step, deadline);
        try {
            await runStatements(worker, sent.text);
        } catch (error) {
            // What this very statement left behind invalid; one that was there before is not ours.
            if (isConnectionLost(error)) throw error;
            if (building !== undefined && invalidBefore.length === 0) {
                await dropSoon(worker, building, step, statement, context.settings.indexDeadlineMs);
                left = await leftIndex(worker, building, statement);
            } else left = await leftBehind(worker, statement, step);
            // The note stays where the next run must not begin as if nothing had been.
            if (left === undefined) await asOurselves(context, worker, clearUnit(context.set, index));
            throw error;
        }
        if (building !== undefined && (await invalidIndexes(worker, building)).length > 0) {
            throw new FailedError({
                what: `The index ${building.name ?? ""} on ${building.table} is invalid, and this run did not build it.`,
                where: { file, line: statement.line },
                next: "Drop it by hand (DROP INDEX CONCURRENTLY) and run again.",
            });
        }
        // DISCARD ALL and its kin have freed the worker's lock.
        if (!(await keepWorkerLock(worker)))
            throw lockLost(step, index, {
                state: `Line ${statement.line} ran outside a transaction and has taken effect, which stays; the ledger knows that it was begun.`,
                next: "Run the same command again: it goes on from there.",
            });
        await note(true);
    } catch (error) {
        if (error instanceof StepFailed) throw error;
        if (!(error instanceof FailedError) && isConnectionLost(error)) throw new ConnectionLost(step, error);
        throw stepFailed(step, error, sent, index, watch, left);
    } finally {
        watch?.stop();
    }
}

/** Milliseconds for what was in the way of an index to let it be dropped, too. */
const longestDropMs = 10_000;

/** Drops what was just left invalid, if that can be had soon: what held up the index may hold up this as long. */
async function dropSoon(
    worker: Client,
    index: ConcurrentIndex,
    { script }: PreparedStep,
    { line }: Statement,
    deadlineMs: number,
): Promise<void> {
    await worker.query(`SET statement_timeout = ${Math.max(1, Math.min(longestDropMs, deadlineMs))}`);
    try {
        await dropLeftovers(worker, index, script.file, line);
    } catch (error) {
        // It is told as invalid then, and the next run drops it.
        if (isConnectionLost(error)) throw error;
    }
}

async function asOurselves(context: StepContext, worker: Client, sql: string): Promise<void> {
    await runStatements(worker, joinStatements([...ourSession(context), sql]).text);
}
