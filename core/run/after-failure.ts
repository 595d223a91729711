import type { Client } from "pg";
import type { Declaration } from "../declaration";
import { FailedError, RefusedError, SchemawardError } from "../errors";
import { readLedger } from "../history/ledger";
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
    readonly report: Report;
}

export interface Aftermath {
    /** What ended the run, with what became of traffic. */
    readonly error: unknown;
    /** What takes back what it has done, where the stack wants that. */
    readonly rollBack: Declaration | undefined;
}

/**
 * What becomes of a run that failed: where nothing has taken effect traffic is let in again; else it stays stopped, or what was done
 * is to be taken back.
 */
export async function afterFailure(error: unknown, failed: FailedRun): Promise<Aftermath> {
    const { gate, phase, declaration } = failed;
    if (phase === "verified")
        return { error: held(error, gate, "The schema is as it has to be."), rollBack: undefined };
    const touched = phase === "resumed" || (await isTouched(failed));
    const wantsBack = declaration.traffic?.onFailure === "roll-back" && !failed.interrupted;
    const rollBack = touched === true && wantsBack ? undoing(failed) : undefined;
    if (!gate.isStopped || phase === "resumed") return { error, rollBack };
    try {
        if (touched === false) {
            await gate.resume();
            return { error: withState(error, "Traffic is let in again."), rollBack };
        }
        if (touched === true && rollBack === undefined) await gate.hold(["the run that failed is finished or undone"]);
    } catch (again) {
        failed.report({ type: "gate-note", text: firstLine(again) });
    }
    return { error: rollBack === undefined ? held(error, gate) : error, rollBack };
}

/** The same error, with more to say of what state things are in. */
export function withState(error: unknown, more: string): unknown {
    if (!(error instanceof SchemawardError)) return error;
    const parts = { ...error.parts, state: error.parts.state === undefined ? more : `${error.parts.state} ${more}` };
    // What is more than its parts (a refused plan) stays what it is.
    if (error.constructor === RefusedError) return new RefusedError(parts);
    return error instanceof FailedError ? new FailedError(parts) : error;
}

export function firstLine(error: unknown): string {
    const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    return line;
}

function held(error: unknown, gate: Gate, first = ""): unknown {
    return withState(
        error,
        `${first} TRAFFIC STAYS STOPPED (${gate.texts().join(" ")}): schemaward resume finishes what is left and lets it in, with --undo it goes back first; traffic alone, by hand: ${gate.byHand().join("; ")}.`.trim(),
    );
}

/** Goes back to where the run began, without another snapshot, and lets in what ran there. */
function undoing({ declaration, planned, gate }: FailedRun): Declaration {
    const { compatibility: _, ...policy } = declaration.policy;
    const { app: __, traffic, ...rest } = declaration;
    return {
        ...rest,
        version: planned.plan.from ?? "0",
        // With traffic stopped nobody has written what going back could lose.
        policy: gate.isStopped ? { ...policy, approval: "never" } : policy,
        snapshot: { required: false },
        ...(traffic === undefined ? {} : { traffic: { ...traffic, onFailure: "hold", smoke: [] } }),
    };
}

/** Whether anything of the plan has taken effect; undefined: the database does not say. */
async function isTouched({ planned: { state }, declaration, client }: FailedRun): Promise<boolean | undefined> {
    try {
        const { rows, progress } = await readLedger(await client(), declaration.set);
        if (progress !== undefined) return true;
        // Before the run wrote anything, there may have been no ledger.
        if (rows.length === 0 && !state.ledger.exists) return false;
        return rows.map((row) => row.version).join() !== state.applied.map((row) => row.version).join();
    } catch {
        return undefined;
    }
}
