import { clearProgress, lockCheck, recordApplied, recordProgress, recordUndone } from "../history/ledger-write";
import { mirrorApplied, type MirrorShape, mirrorTable, mirrorUndone } from "../history/schema-migrations";
import type { PreparedStep } from "../plan/prepare";
import type { Unit } from "../sql/script";
import { unitChecksum } from "../sql/unit-checksum";
import { type SentPart, verifyFailed } from "./failure";
import { keepingKey, type StepKeeping } from "./keep/keeping";
import { type Batch, freshSession, ourRole, ourSession, type StepContext, withoutTemporary } from "./step";

/** Where in its script a transaction stands. */
export interface Place {
    /** Whether the rows that make the version applied (or undone) belong into this transaction. */
    readonly last: boolean;
    /** Whether the script has other transactions, too. */
    readonly several: boolean;
    /** Unit to record as finished. */
    readonly index?: number;
}

/** A script of comments only. */
export const nothing: Unit = { statements: [], transactional: true, beginOptions: "" };

/** The one transaction that is all of a script, if it is. */
export function onlyTransaction({ shape: { units } }: PreparedStep): Unit | undefined {
    const [only] = units;
    return units.length === 1 && only?.transactional === true ? only : undefined;
}

/**
 * A transaction's statements, but for its end.
 * @param first to be done as the role that logs in, before anything else
 */
export function scriptParts(
    context: StepContext,
    unit: Unit,
    first: readonly string[] = [],
    keeping?: StepKeeping,
): SentPart[] {
    return [
        // An isolation level must come before anything that takes a snapshot, as SET ROLE may.
        ...(unit.beginOptions === "" ? freshSession(context, first) : []),
        `BEGIN ${unit.beginOptions}`,
        ...(keeping === undefined ? [] : keepingParts(context, keeping.before)),
        ...unit.statements,
        { sql: "SET CONSTRAINTS ALL IMMEDIATE", purpose: "checking deferred constraints at the script's end" },
        ...freshSession(context),
    ];
}

/** The end of a transaction: our own rows, the look at our locks, COMMIT. */
export function recording(
    context: StepContext,
    step: PreparedStep,
    unit: Unit,
    place: Place & { readonly prepare: readonly string[] },
): SentPart[] {
    const ledger = place.last
        ? [...(place.several ? [clearProgress(context.set, step.version)] : []), ...ledgerSql(context, step)]
        : [recordProgress({ ...step, set: context.set }, place.index ?? 0, unitChecksum(unit), true)];
    const keeping = place.last ? context.keeping.get(keepingKey(step)) : undefined;
    return [
        ...(keeping === undefined ? [] : keepingParts(context, keeping.after)),
        ...(place.last ? [...verification(step), ...historyRow(context, step)] : []),
        ...(place.several || place.prepare.length > 0 ? ourSession(context) : ourRole),
        ...ledgerParts([...place.prepare, ...ledger]),
        ...ending,
    ];
}

/** What keeps, or loads back; as ourselves, and then the session is the script's again. */
export function keepingParts(context: StepContext, sql: string): SentPart[] {
    return [
        ...ourSession(context),
        { sql, purpose: "keeping and loading back data (keepData)" },
        ...freshSession(context),
    ];
}

/**
 * The verify query, in the transaction whose effect it is about and as the script's role: unless it yields true, that transaction fails. It
 * writes nothing, and what it does besides is taken back.
 */
function verification({ verifyQuery }: PreparedStep): SentPart[] {
    if (verifyQuery === undefined) return [];
    const { sql, file, line } = verifyQuery;
    const own = (text: string): SentPart => ({ sql: text, purpose: "verifying", at: { file, line, sql } });
    return [
        own("SAVEPOINT schemaward_verify"),
        own("SET LOCAL transaction_read_only = on"),
        // The message stands in a failing cast, as where the locks are looked at.
        own(`SELECT (CASE WHEN (${sql}\n) THEN '1' ELSE '${verifyFailed}' END)::integer`),
        own("ROLLBACK TO SAVEPOINT schemaward_verify"),
        own("RELEASE SAVEPOINT schemaward_verify"),
    ];
}

const ending: readonly SentPart[] = [...ledgerParts([lockCheck]), { sql: "COMMIT", purpose: "committing" }];

function historyRow({ mirrored, mirror }: StepContext, step: PreparedStep, together = false): SentPart[] {
    if (!mirrored || mirror === undefined || mirror === null) return [];
    return [{ sql: mirrorSql(mirror, step, together), purpose: `writing ${mirror.table}` }];
}

function ledgerParts(statements: readonly string[]): SentPart[] {
    return statements.map((sql) => ({ sql, purpose: "writing schemaward's ledger" }));
}

/**
 * All of a batch, from BEGIN to COMMIT.
 * @param first to be done as the role that logs in, before anything else
 */
export function batchParts(context: StepContext, batch: Batch, first: readonly string[] = []): SentPart[] {
    const [step] = batch;
    const start = [...first, withoutTemporary];
    if (batch.length === 1) {
        const unit = unitOf(step);
        const whole = { last: true, several: false, prepare: [] };
        const keeping = context.keeping.get(keepingKey(step));
        return [...scriptParts(context, unit, start, keeping), ...recording(context, step, unit, whole)];
    }
    return [
        ...freshSession(context, start),
        "BEGIN",
        ...batch.flatMap((one, i) => [...(i === 0 ? [] : freshSession(context)), ...briefParts(context, one)]),
        ...ourRole,
        ...ending,
    ];
}

function unitOf(step: PreparedStep): Unit {
    return onlyTransaction(step) ?? nothing;
}

/** Of a script that `isBrief`: it can neither defer a constraint nor change the session, so that there is less to be put right after it. */
function briefParts(context: StepContext, step: PreparedStep): SentPart[] {
    return [
        shortWait(context),
        ...unitOf(step).statements,
        ...historyRow(context, step, true),
        ...(context.role === undefined ? [] : ourRole),
        ...ledgerParts(ledgerSql(context, step)),
    ];
}

/**
 * Milliseconds from its beginning until which a batch waits for locks: meanwhile nobody gets at what its earlier steps hold.
 * One that is not soon there is waited for by a step alone.
 */
const batchLockTimeoutMs = 100;

function shortWait({ settings }: StepContext): SentPart {
    // 0 stands for no limit.
    const own = settings.lockTimeoutMs;
    const most = own === 0 ? batchLockTimeoutMs : Math.min(own, batchLockTimeoutMs);
    const passed =
        "extract(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.transaction_timestamp()) OPERATOR(pg_catalog.*) 1000";
    return {
        sql: `SELECT pg_catalog.set_config('lock_timeout', greatest(1, ${most} OPERATOR(pg_catalog.-) (${passed})::integer)::pg_catalog.text, false)`,
        purpose: "preparing the session",
    };
}

function mirrorSql(shape: MirrorShape, step: PreparedStep, together: boolean): string {
    return step.direction === "up"
        ? mirrorApplied(shape, step, mayWriteMirror(step), together)
        : mirrorUndone(shape, step);
}

function ledgerSql({ set, format, runId, who }: StepContext, step: PreparedStep): string[] {
    const { version, name, script } = step;
    if (step.direction === "down") return recordUndone({ set, version, checksum: script.checksum, runId });
    return recordApplied({ set, version, name, format, up: script, down: step.down, origin: "applied", runId, who });
}

const namesMirror = new RegExp(mirrorTable, "i");

/** Whether a script may have made, changed or dropped the history table: only one that names it, or a schema, can. */
export function mayChangeMirror({ script }: PreparedStep): boolean {
    return namesMirror.test(script.sql) || /\bschema\b/i.test(script.sql);
}

/** Whether a script may have written a row of it: also by a function of its own. */
function mayWriteMirror(step: PreparedStep): boolean {
    return mayChangeMirror(step) || /\b(?:select|do|call)\b/i.test(step.script.sql);
}
