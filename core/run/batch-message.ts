import type { Client } from "pg";
import { followsCheck, isStepRecord } from "../history/ledger-write";
import { joinStatements, type SentScript } from "./failure";
import { batchParts, mayChangeMirror, onlyTransaction } from "./message";
import { runStatements, ScriptError } from "./script-query";
import type { Sessions } from "./sessions";
import type { Batch, StepContext } from "./step";

/** A batch's one message, on its way: all of it is one transaction. */
export interface SentBatch {
    readonly sent: SentScript;
    /**
     * Milliseconds of each step, by the server's clock.
     * @throws ScriptError; one that `isNotBegun` means that nothing of the batch was run
     */
    readonly answer: Promise<readonly number[]>;
}

/**
 * Sends a batch.
 * @param first to be done as the role that logs in, before anything else
 */
export function sendBatch(
    context: StepContext,
    worker: Client,
    batch: Batch,
    first: readonly string[] = [],
): SentBatch {
    const sent = joinStatements(batchParts(context, batch, first));
    const answered = batch.map(({ version }) => context.notices.sent(version));
    const ms: number[] = [];
    const answer = runStatements(worker, sent.text, {
        onRow: (statement, [value]) => {
            const part = sent.parts[statement]?.part;
            if (typeof part !== "object" || !isStepRecord(part.sql)) return;
            ms.push(Number(value));
            // What the server says from here on is of the next step.
            if (ms.length < batch.length) answered.shift()?.();
        },
        onAnswered: () => {
            for (const end of answered) end();
        },
    });
    return { sent, answer: answer.then(() => ms) };
}

/** Characters of a script that the wait between two steps is nothing to, and that would be held twice. */
const longScript = 1_000_000;

/**
 * Sends a batch behind the one before it, so that the server does not wait for us between the two: with small migrations it would for a
 * good part of the time. It looks first whether the one before took effect, so that it does nothing when that one fails, however it fails.
 * @returns undefined where the batch has to wait for its turn
 */
export function sendAhead(
    context: StepContext,
    { worker }: Sessions,
    before: Batch,
    batch: Batch,
): SentBatch | undefined {
    const behind = before.at(-1) ?? before[0];
    const [step] = batch;
    if (onlyTransaction(step)?.beginOptions !== "" || onlyTransaction(behind)?.beginOptions !== "") return undefined;
    if (step.script.sql.length > longScript || context.signal?.aborted === true) return undefined;
    if (context.mirrored && (context.mirror === null || mayChangeMirror(behind) || mayChangeMirror(step)))
        return undefined;
    if (batch.length > 1 && context.mirror?.otherTimes === true) return undefined;
    const follows = followsCheck(context.set, behind.version, behind.direction === "up");
    const ahead = sendBatch(context, worker, batch, [follows]);
    // It is looked at when its turn comes, if it does.
    ahead.answer.catch(() => undefined);
    return ahead;
}

/** Whether a batch that was sent ahead ended before its first script began: what was before had not taken effect by then. */
export function isNotBegun(error: unknown, { sent }: SentBatch): boolean {
    if (!(error instanceof ScriptError)) return false;
    const begin = sent.parts.findIndex(({ part }) => typeof part === "string" && part.startsWith("BEGIN"));
    return error.completed < begin;
}
