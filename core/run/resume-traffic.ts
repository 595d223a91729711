import type { Client } from "pg";
import { openDatabase } from "../connection";
import type { Declaration } from "../declaration";
import { RefusedError } from "../errors";
import { hasChangedSinceGate } from "../history/ledger-gates";
import { readJournal, type RecordedRun } from "../history/recorded-run";
import { headOf } from "../migrations/set";
import { readMigrations } from "../plan/build";
import { sessionSettings } from "../plan/read-ahead";
import { readState } from "../plan/read-state";
import { judgeOwnership } from "../policy/ownership";
import { scriptPath } from "../sql/script-path";
import { Gate } from "./gate";
import { identifyRun } from "./identity";
import type { RunOptions } from "./options";
import { openSessions } from "./sessions";
import { smokeAfter } from "./smoke-after";

/** How traffic is let in again outside of a run. */
export type ResumeOptions = Pick<RunOptions, "projectDir" | "report" | "signal" | "waitMs" | "ignoreVersions">;

/**
 * Lets traffic in again that a run has left stopped, when what would start accepts the schema as it is; then asks the smoke checks. Under
 * the run's lock. Where nothing is stopped it does nothing.
 * @returns whether something was stopped
 * @throws RefusedError saying what is waited for, and how to go on without it
 */
export async function resumeTraffic(declaration: Declaration, options: ResumeOptions): Promise<boolean> {
    const set = await readMigrations(declaration, options.projectDir);
    const identity = identifyRun();
    const database = openDatabase(declaration.connection);
    const { report } = options;
    const sessions = await openSessions(database, {
        identity,
        settings: declaration.run,
        waitMs: options.waitMs,
        report,
    });
    const { guard } = sessions;
    let gate: Gate | undefined;
    try {
        const path = scriptPath(sessionSettings(database, declaration), "session");
        if (path !== undefined) await guard.query(path);
        const { ledger } = await readState(guard, declaration, set);
        if (ledger.gate === undefined) return false;
        const refusal = judgeOwnership(ledger.owner, declaration.declarer, declaration.adopt);
        if (refusal !== undefined)
            throw new RefusedError({
                what: refusal.text,
                state: "Traffic stays stopped.",
                next: `Allow it with: ${refusal.allow}`,
            });
        const at = headOf(
            set,
            ledger.rows.map((row) => row.version),
        );
        const compare = (a: string, b: string): number => set.compare(a, b);
        const client = (): typeof guard => guard;
        gate = new Gate(
            { declaration, identity, runId: ledger.gate.runId, client, report, compare },
            ledger.gate.parts,
        );
        const { lastRun } = ledger;
        const ended =
            lastRun?.status === "done" ||
            (await isVerified(guard, lastRun)) ||
            // Then the schema is the one that traffic came through to.
            !(await hasChangedSinceGate(guard, declaration.set));
        if (!ended && options.ignoreVersions !== true) throw unfinished(gate, at);
        const waits = await gate.end(at, options.ignoreVersions);
        if (waits.length > 0) throw stillHeld(gate, waits, declaration);
        await smokeAfter(declaration, gate, options, `Traffic is in again; the database is at ${at ?? "0"}.`);
        return true;
    } finally {
        gate?.close();
        await sessions.close();
    }
}

/** Whether a run came to where it led, and only what comes after that failed. */
async function isVerified(client: Client, run: RecordedRun | undefined): Promise<boolean> {
    if (run === undefined) return false;
    const journal = await readJournal(client, run.id);
    return journal.some((line) => line.kind === "verified");
}

function unfinished(gate: Gate, at: string | null): RefusedError {
    return new RefusedError({
        what: "The run that stopped traffic has not ended well, so it is not let in again.",
        state: `TRAFFIC STAYS STOPPED (${gate.texts().join(" ")}). The database is at ${at ?? "0"}.`,
        next: "Finish it: run the same command again, or schemaward resume; schemaward resume --undo goes back to where it began.",
    });
}

function stillHeld(gate: Gate, waits: readonly string[], { declarer }: Declaration): RefusedError {
    const command = `schemaward resume${declarer === undefined || declarer.stack === "" ? "" : ` --stack ${declarer.stack}`}`;
    return new RefusedError({
        what: `Traffic is not let in again: ${waits.join("; ")}.`,
        where: { object: "policy.compatibility" },
        state: `TRAFFIC STAYS STOPPED (${gate.texts().join(" ")}).`,
        next: `Deploy an application that accepts the schema, then pulumi up, or ${command}. What is there may be started all the same: ${command} --ignore-versions.`,
    });
}
