import type { Declaration } from "../declaration";
import { firstLineOf } from "../errors";
import { explainFailure } from "../plan/database-failure";
import { heldText, type Undo, withState } from "./after-failure";
import type { RunOptions, RunResult } from "./options";
import { Run } from "./run-once";

/**
 * Brings the database to the declared version: takes the lock, plans again under it, holds the plan against the policy,
 * takes the snapshot, runs the scripts one after the other, checks where the database is.
 * @throws BadInputError, RefusedError (PlanRefused with the plan), FailedError saying what stays and what to do
 */
export async function migrate(declaration: Declaration, options: RunOptions): Promise<RunResult> {
    const run = new Run(declaration, options);
    try {
        return await run.go();
    } catch (error) {
        await run.close();
        if (run.undo !== undefined)
            throw await (run.undo.snapshot === null ? rollBack : restoreSnapshot)(run, run.undo, error, options);
        throw explainFailure(error, {
            what: "The run failed",
            state: run.state,
            next: {
                "": "See that the server runs, then run the same command again: it reads the ledger and goes on from there.",
            },
        });
    } finally {
        await run.close();
    }
}

/** Goes back to where a failed run began. @returns the error that ended it, with what became of that */
async function rollBack(
    failed: Run,
    { declaration: undo }: Undo,
    error: unknown,
    options: RunOptions,
): Promise<unknown> {
    const { confirm: _, resumes: __, ...same } = options;
    options.report({ type: "gate-note", text: `the run has failed, so it is taken back to ${undo.version}` });
    const back = new Run(undo, { ...same, looseVersion: true });
    try {
        const { heldFor } = await back.go();
        const waits = heldFor.length === 0 ? "" : ` Traffic stays stopped: ${heldFor.join("; ")}.`;
        return withState(error, `All was taken back: the database is at ${undo.version} again, as before.${waits}`);
    } catch (again) {
        const gate = back.gate ?? failed.gate;
        const why = `Taking it back to ${undo.version} failed as well: ${firstLineOf(again)}`;
        if (gate?.isStopped !== true) return withState(error, `${why} See schemaward status.`);
        // Refused before it began, it has not written what the failed run left to it.
        await back.close();
        if (back.gate === undefined) await failed.hold().catch(() => undefined);
        return withState(error, heldText(gate, why));
    } finally {
        await back.close();
    }
}

/** Restores the snapshot that a failed run has taken. @returns the error that ended it, with what became of that */
async function restoreSnapshot(
    failed: Run,
    { declaration, snapshot }: Undo,
    error: unknown,
    options: RunOptions,
): Promise<unknown> {
    // Loaded here: no other run needs it.
    const { restore } = require("./restore/restore.js") as typeof import("./restore/restore");
    const name = snapshot ?? "";
    options.report({ type: "gate-note", text: `the run has failed, so its snapshot is restored: ${name}` });
    try {
        const { kept, heldFor, version } = await restore(declaration, {
            ...{ snapshot: name, emergency: false, declaredVersionCounts: false },
            ...{ projectDir: options.projectDir, report: options.report, waitMs: options.waitMs },
            ...(options.signal === undefined ? {} : { signal: options.signal }),
        });
        const waits = heldFor.length === 0 ? "" : ` Traffic stays stopped: ${heldFor.join("; ")}.`;
        return withState(
            error,
            `The snapshot ${name} was restored: the database is at ${version ?? "0"} again, as before. What the run has left is kept as ${kept ?? "nothing"}.${waits}`,
        );
    } catch (again) {
        const why = `Restoring ${name} failed as well: ${firstLineOf(again)}`;
        if (failed.gate?.isStopped !== true) return withState(error, `${why} See schemaward status.`);
        await failed.hold().catch(() => undefined);
        return withState(error, heldText(failed.gate, why));
    }
}
