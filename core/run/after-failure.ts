import type { Client } from "pg";
import type { Declaration } from "../declaration";
import { BadInputError, FailedError, firstLineOf, RefusedError, SchemawardError } from "../errors";
import { readLedger } from "../history/ledger";
import { hasChangedSinceGate } from "../history/ledger-gates";
import { spelled } from "../migrations/set";
import type { Planned } from "../plan/plan-over";
import type { Gate } from "./gate";
import type { Report } from "./events";

/** A run that has failed, as far as what becomes of it hangs on that. */
export interface FailedRun {
    readonly declaration: Declaration;
    readonly planned: Planned;
    readonly gate: Gate;
    /** `verified`: the schema is as it has to be, and traffic was to come in again. `resumed`: it had. */
    readonly phase: "running" | "verified" | "resumed";
    /** Whether a person has interrupted it, who wants to leave. */
    readonly interrupted: boolean;
    /** Session with the run's lock; a new one where the old one is gone. */
    readonly client: () => Promise<Client>;
    /** Name of the snapshot that it took before its first script; null: none. */
    readonly snapshot: string | null;
    readonly report: Report;
}

export interface Aftermath {
    /** What ended the run, with what became of traffic. */
    readonly error: unknown;
    /** What became of traffic, for an error that has no place for it; empty: nothing. */
    readonly traffic: string;
    /** What takes back what it has done, where the stack wants that. */
    readonly undo: Undo | undefined;
}

/** How what a run has done is taken back: by scripts that lead to the declared version, or by a snapshot. */
export interface Undo {
    readonly declaration: Declaration;
    /** Name of the snapshot that is restored; null: scripts do it. */
    readonly snapshot: string | null;
}

/** What is waited for where a run has left the schema half-way. */
export const unfinishedRun = "the run that failed is finished or undone";

/**
 * What becomes of a run that failed: where nothing has taken effect since traffic was stopped it is let in again; else it stays stopped, or
 * what was done is to be taken back. What an earlier run has left half-way is not this one's to take back: it is held.
 */
export async function afterFailure(error: unknown, failed: FailedRun): Promise<Aftermath> {
    const { gate, phase } = failed;
    if (phase === "verified") return withTraffic(error, heldText(gate, "The schema is as it has to be."), true);
    const touched = phase === "resumed" || (await isTouched(failed));
    const undo = touched === true && !failed.interrupted && !gate.wasFoundStopped ? undoOf(failed) : undefined;
    if (!gate.isStopped || phase === "resumed") return { error, traffic: "", undo };
    let why = "";
    try {
        if (touched === false) {
            await gate.resume();
            return withTraffic(error, "Traffic is let in again.");
        }
        if (touched === true && undo === undefined) await gate.hold([unfinishedRun]);
    } catch (again) {
        failed.report({ type: "gate-note", text: firstLineOf(again) });
        if (touched === false) why = firstLineOf(again);
    }
    return undo === undefined ? withTraffic(error, heldText(gate, why)) : { error, traffic: "", undo };
}

/** @param done whether all scripts have taken effect, so that an error is no refusal, whatever it was */
function withTraffic(error: unknown, traffic: string, done = false): Aftermath {
    return { error: withState(error, traffic, done), traffic, undo: undefined };
}

/** The same error, with more to say of what state things are in. */
export function withState(error: unknown, more: string, done = false): unknown {
    if (!(error instanceof SchemawardError)) return error;
    const { state } = error.parts;
    // It was said by what had touched nothing itself.
    const before = state === undefined || (done && !(error instanceof FailedError)) ? "" : `${state} `;
    const parts = { ...error.parts, state: `${before}${more}` };
    if (done || error instanceof FailedError) return new FailedError(parts);
    if (error.constructor === RefusedError) return new RefusedError(parts);
    // What is more than its parts (a refused plan) stays what it is.
    return error.constructor === BadInputError ? new BadInputError(parts) : error;
}

/** That traffic stays stopped, and how it comes in again. */
export function heldText(gate: Gate, first = ""): string {
    return `${first} TRAFFIC STAYS STOPPED (${gate.texts().join(" ")}): schemaward resume finishes what is left and lets it in, with --undo it goes back first; traffic alone, by hand: ${gate.byHand().join("; ")}.`.trim();
}

/** What a stack wants done with what a run has left; undefined: nothing, a person looks. */
function undoOf(failed: FailedRun): Undo | undefined {
    const { declaration, gate, snapshot, phase } = failed;
    switch (declaration.traffic?.onFailure) {
        case "roll-back":
            return { declaration: undoing(failed), snapshot: null };
        case "restore":
            // With traffic in, rows have come since the snapshot that only what is there has.
            if (!gate.isStopped || phase === "resumed" || snapshot === null) return undefined;
            return { declaration: restoring(failed), snapshot };
        default:
            return undefined;
    }
}

/** Goes back to where the run began, without another snapshot, and lets in what ran there. */
function undoing({ declaration, planned, gate }: FailedRun): Declaration {
    const { compatibility: _, ...policy } = declaration.policy;
    const { app: __, restoreFrom: ___, traffic, ...rest } = declaration;
    return {
        ...rest,
        version: planned.plan.from ?? "0",
        // With traffic stopped nobody has written what going back could lose.
        policy: gate.isStopped ? { ...policy, approval: "never" } : policy,
        snapshot: { required: false },
        ...(traffic === undefined ? {} : { traffic: { ...traffic, onFailure: "hold", smoke: [] } }),
    };
}

/** By the snapshot that the run took when traffic was stopped: whatever rows there are more of now are the run's own. */
function restoring(failed: FailedRun): Declaration {
    const { policy, ...rest } = undoing(failed);
    const { maxRowsLost: _, ...unlimited } = policy;
    return { ...rest, policy: unlimited, snapshot: failed.declaration.snapshot };
}

/** Whether anything has taken effect, of this plan or since traffic was stopped; undefined: the database does not say. */
async function isTouched({ planned: { state, set }, declaration, client }: FailedRun): Promise<boolean | undefined> {
    const versions = (rows: readonly { readonly version: string }[]): string =>
        rows
            .map((row) => spelled(set, row.version))
            .sort()
            .join();
    try {
        const session = await client();
        const { exists, rows, progress } = await readLedger(session, declaration.set);
        // Before the run wrote anything, there may have been none.
        if (!exists) return false;
        // What was adopted was so before.
        if (progress !== undefined || versions(rows) !== versions(state.applied)) return true;
        return await hasChangedSinceGate(session, declaration.set);
    } catch {
        return undefined;
    }
}

/** The reason for which a script was interrupted, in place of the word that it was. */
export function interruptedBy(why: Error | undefined, error: unknown): unknown {
    if (!(why instanceof FailedError)) return error;
    const [what = ""] = (error instanceof SchemawardError ? error.parts.what : String(error)).split("\n");
    const state = error instanceof SchemawardError ? error.parts.state : undefined;
    return new FailedError({
        ...why.parts,
        detail: [what, ...(why.parts.detail ?? [])],
        ...(state === undefined ? {} : { state }),
    });
}
