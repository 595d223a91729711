import { setTimeout as pause } from "node:timers/promises";
import type { Progress } from "../history/ledger";
import {
    clearProgress,
    isUnprepared,
    ledgerStatements,
    lockCheck,
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
import { type Unit, unitChecksum } from "../sql/script";
import { describeFailure, isConnectionLost, isRetryable, joinStatements, type SentPart, serverError } from "./failure";
import { outsideTransaction } from "./outside-transaction";
import { runStatements } from "./script-query";
import { runLocks, type Sessions } from "./sessions";
import { ConnectionLost, freshSession, ourRole, ourSession, type StepContext, stepFailed, watchWorker } from "./step";

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
    const { units } = step.shape;
    const [only] = units;
    if (units.length === 1 && only?.transactional === true) {
        await inTransaction(context, sessions, step, only, 0, { last: true, several: false });
        return;
    }
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

const nothing: Unit = { statements: [], transactional: true, beginOptions: "" };

interface Place {
    /** Whether the rows that make the version applied (or undone) belong into this transaction. */
    readonly last: boolean;
    /** Whether the script has other transactions, too. */
    readonly several: boolean;
    /** Unit to record as finished. */
    readonly index?: number;
}

/** @param done transactions of the script that are committed already */
async function inTransaction(
    context: StepContext,
    sessions: Sessions,
    step: PreparedStep,
    unit: Unit,
    done: number,
    place: Place,
): Promise<void> {
    const started = Date.now();
    let prepare: readonly string[] = [];
    for (let attempt = 1; ; attempt++) {
        const watch = watchWorker(context, sessions, step);
        let sent = joinStatements([]);
        const send = async (parts: readonly SentPart[]): Promise<void> => {
            sent = joinStatements(parts);
            await runStatements(sessions.worker, sent.text);
        };
        try {
            const mirrored = place.last && context.mirrored;
            if (mirrored && context.mirror === null) {
                await send(freshSession(context));
                context.mirror = await readMirrorShape(sessions.worker);
            }
            // An isolation level must come before anything that takes a snapshot, as SET ROLE may.
            if (unit.beginOptions !== "") await send(freshSession(context));
            const script = [
                ...(unit.beginOptions === "" ? freshSession(context) : []),
                `BEGIN ${unit.beginOptions}`,
                ...unit.statements,
                { sql: "SET CONSTRAINTS ALL IMMEDIATE", purpose: "checking deferred constraints at the script's end" },
                ...freshSession(context),
            ];
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

/** The end of a transaction: our own rows, the look at our locks, COMMIT. */
function recording(
    context: StepContext,
    step: PreparedStep,
    unit: Unit,
    place: Place & { readonly prepare: readonly string[] },
): SentPart[] {
    const history =
        place.last && context.mirrored && context.mirror !== undefined && context.mirror !== null
            ? [{ sql: mirrorSql(context.mirror, step), purpose: `writing ${context.mirror.table}` }]
            : [];
    const ledger = place.last
        ? [...(place.several ? [clearProgress(context.set)] : []), ...ledgerSql(context, step)]
        : [recordProgress({ ...step, set: context.set }, place.index ?? 0, unitChecksum(unit), true)];
    return [
        ...history,
        ...(place.several || place.prepare.length > 0 ? ourSession : ourRole),
        ...[...place.prepare, ...ledger, lockCheck].map((sql) => ({
            sql,
            purpose: "writing schemaward's ledger",
        })),
        { sql: "COMMIT", purpose: "committing" },
    ];
}

function mirrorSql(shape: MirrorShape, step: PreparedStep): string {
    return step.direction === "up" ? mirrorApplied(shape, step, mayWriteMirror(step)) : mirrorUndone(shape, step);
}

function ledgerSql({ set, format, runId, who }: StepContext, step: PreparedStep): string[] {
    const { version, name, script } = step;
    if (step.direction === "down") return recordUndone({ set, version, checksum: script.checksum, runId });
    return recordApplied({ set, version, name, format, up: script, down: step.down, origin: "applied", runId, who });
}

/** Whether a script may have made, changed or dropped the history table: only one that names it, or a schema, can. */
function mayChangeMirror({ script }: PreparedStep): boolean {
    return new RegExp(mirrorTable, "i").test(script.sql) || /\bschema\b/i.test(script.sql);
}

/** Whether a script may have written a row of it: also by a function of its own. */
function mayWriteMirror(step: PreparedStep): boolean {
    return mayChangeMirror(step) || /\b(?:select|do|call)\b/i.test(step.script.sql);
}
