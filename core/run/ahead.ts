import { followsCheck } from "../history/ledger-write";
import type { PreparedStep } from "../plan/prepare";
import { joinStatements, type SentScript } from "./failure";
import { mayChangeMirror, onlyTransaction, recording, scriptParts } from "./message";
import { runStatements, ScriptError } from "./script-query";
import type { Sessions } from "./sessions";
import type { StepContext } from "./step";

/** A step's one message, sent while the server is still at work on the step before. */
export interface SentAhead {
    readonly sent: SentScript;
    /** @throws ScriptError; one that `isNotBegun` means that nothing of the step was run */
    readonly answer: Promise<void>;
}

/** Characters of a script that the wait between two steps is nothing to, and that would be held twice. */
const longScript = 1_000_000;

/**
 * Sends a step behind the one before it, so that the server does not wait for us between the two: with small migrations it would for a
 * good part of the time. The step looks first whether the one before took effect, so that it does nothing when that one fails, however it fails.
 * @returns undefined where the step has to wait for its turn
 */
export function sendAhead(
    context: StepContext,
    { worker }: Sessions,
    before: PreparedStep,
    step: PreparedStep,
): SentAhead | undefined {
    const unit = onlyTransaction(step);
    if (unit?.beginOptions !== "" || onlyTransaction(before)?.beginOptions !== "") return undefined;
    if (step.script.sql.length > longScript || context.signal?.aborted === true) return undefined;
    if (context.mirrored && (context.mirror === null || mayChangeMirror(before) || mayChangeMirror(step)))
        return undefined;
    const follows = followsCheck(context.set, before.version, before.direction === "up");
    const sent = joinStatements([
        ...scriptParts(context, unit, [follows]),
        ...recording(context, step, unit, { last: true, several: false, prepare: [] }),
    ]);
    const answer = runStatements(worker, sent.text, context.notices.sent(step.version));
    // It is looked at when its turn comes, if it does.
    answer.catch(() => undefined);
    return { sent, answer };
}

/** Whether a step that was sent ahead ended before its script began: the step before had not taken effect by then. */
export function isNotBegun(error: unknown, { sent }: SentAhead): boolean {
    if (!(error instanceof ScriptError)) return false;
    const begin = sent.parts.findIndex(({ part }) => typeof part === "string" && part.startsWith("BEGIN"));
    return error.completed < begin;
}
