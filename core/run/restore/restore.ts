import { disconnect, openDatabase } from "../../connection";
import type { Declaration } from "../../declaration";
import { BadInputError, RefusedError } from "../../errors";
import { compareNumbers } from "../../migrations/set";
import { explainFailure } from "../../plan/database-failure";
import { readMigrations } from "../../plan/build";
import type { Manifest } from "../../snapshots/manifest";
import { openStore } from "../../snapshots/stores";
import type { SnapshotStore } from "../../snapshots/store";
import { whileInUse } from "../../snapshots/in-use";
import { identifyRun } from "../identity";
import { endIfInterrupted, notConfirmed } from "../not-begun";
import { openSessions, type Sessions } from "../sessions";
import { chooseSnapshot } from "./choose-snapshot";
import { dropExpiredBeside } from "./expired";
import { stillValid } from "./emergency-snapshot";
import type { RestoreOptions, RestoreResult } from "./options";
import { dropLeftBehind, findLastRestore, isToBeFinished, mendKilledSwap, refusedAsLocked } from "./left-behind";
import { readFacts } from "./read-facts";
import { planRestore } from "./plan-restore";
import type { RestorePlan, RestoreQuestion } from "./restore-plan";
import { RestoreRun } from "./restore-run";
import { renderRestore } from "./restore-text";
import { connectBeside, nameOfDatabase, takeRestoreLock } from "./server-databases";

/** The restore may not be carried out; nothing was changed. */
export class RestoreRefused extends RefusedError {
    constructor(readonly plan: RestorePlan) {
        super({
            what: `Restoring ${plan.snapshot.name} is refused.`,
            where: { object: plan.database },
            detail: plan.refusals.flatMap((r) => [r.text, `  allow it with: ${r.allow}`]),
            state: "Nothing was touched.",
            next: "Read the plan above; then allow it as named, or name another snapshot.",
        });
    }
}

/**
 * Works out what a restore would do; only reads.
 * @throws BadInputError when there is no such snapshot, FailedError when store or database do not answer
 */
export async function buildRestorePlan(
    asked: Declaration,
    options: Pick<RestoreOptions, "projectDir" | "snapshot"> & Parameters<typeof planRestore>[2],
): Promise<RestorePlan> {
    const store = storeOf(asked, options.projectDir);
    const manifest = await chooseSnapshot(store, options.snapshot, asked, options.setIsAssumed);
    const declaration = withSet(asked, manifest, options);
    const compare = await comparison(declaration, options.projectDir);
    const client = await openDatabase(declaration.connection).connect("plan restore", { pipeline: true });
    try {
        const facts = await readFacts(client, declaration, { manifest, requested: options.snapshot, compare });
        return planRestore(declaration, facts, options);
    } finally {
        await disconnect(client);
    }
}

/**
 * Restores a database from a snapshot: stops traffic, takes a snapshot of what is there, restores into a database beside it, checks that against
 * the manifest, swaps the two, lets traffic in again. Killed at any moment, the same call again gets it done.
 * @throws BadInputError, RefusedError (RestoreRefused with the plan), FailedError saying what state things are in
 */
export async function restore(declaration: Declaration, options: RestoreOptions): Promise<RestoreResult> {
    const store = storeOf(declaration, options.projectDir);
    const { name } = await chooseSnapshot(store, options.snapshot, declaration, options.setIsAssumed);
    return whileInUse(store, name, async () => {
        // Once more under the mark: from here on retention leaves it alone.
        const manifest = await chooseSnapshot(store, name, declaration);
        return restoreFrom(manifest, store, withSet(declaration, manifest, options), options);
    });
}

async function restoreFrom(
    manifest: Manifest,
    store: SnapshotStore,
    declaration: Declaration,
    options: RestoreOptions,
): Promise<RestoreResult> {
    const database = openDatabase(declaration.connection);
    const compare = await comparison(declaration, options.projectDir);
    const identity = identifyRun();
    const live = await nameOfDatabase(database);
    const beside = await connectBeside(database, live);
    let sessions: Sessions | undefined;
    let run: RestoreRun | undefined;
    try {
        if (!(await takeRestoreLock(beside, live, options.waitMs))) throw refusedAsLocked(live);
        await mendKilledSwap(beside, live);
        const { report, signal, waitMs } = options;
        sessions = await openSessions(database, { identity, settings: declaration.run, waitMs, report });
        // Only what is declared is ever looked up again.
        const requested = declaration.restoreFrom === options.snapshot ? options.snapshot : manifest.name;
        const facts = await readFacts(sessions.guard, declaration, {
            manifest,
            requested,
            compare,
        });
        const plan = planRestore(declaration, facts, options);
        const last = facts.ledger.exists ? await findLastRestore(sessions.guard, declaration.set) : undefined;
        const unfinished = last !== undefined && isToBeFinished(last, facts.ledger, manifest.name) ? last : undefined;
        if (unfinished === undefined) {
            report({ type: "plan", lines: renderRestore(plan) });
            if (plan.refusals.length > 0) throw new RestoreRefused(plan);
            if (options.confirm !== undefined && !(await options.confirm(plan))) throw notConfirmed();
            // What was approved is done; but only by whose database it is.
        } else if (facts.refusals.length > 0) throw new RestoreRefused(plan);
        endIfInterrupted(signal);
        await dropLeftBehind(beside, live, last);
        // Room for what comes; what this restore puts away has its time before it.
        if (unfinished === undefined) await dropExpiredBeside(beside, live, report);
        const taken = await stillValid(store, facts, last);
        run = new RestoreRun(
            { declaration, options, database, live, beside, identity, store, manifest, plan, facts, taken, unfinished },
            sessions,
        );
        return await run.go();
    } catch (error) {
        throw explainFailure(error, {
            what: "The restore failed",
            state: `${live} is as it was, unless it was said above that another is in its place.`,
            next: { "": "See that the server runs, then run the same command again." },
        });
    } finally {
        await (run ?? sessions)?.close();
        await disconnect(beside);
    }
}

function withSet(declaration: Declaration, { set }: Manifest, { setIsAssumed }: RestoreQuestion): Declaration {
    return setIsAssumed === true ? { ...declaration, set } : declaration;
}

function storeOf({ snapshot: { store } }: Declaration, projectDir: string): SnapshotStore {
    if (store !== undefined) return openStore(store, projectDir);
    throw new BadInputError({
        what: "No store of snapshots is declared.",
        where: { object: "snapshot.store" },
        state: "Nothing was touched.",
        next: "Name it: snapshot.store in the stack's file, or --store.",
    });
}

/** How versions compare; where the set's files are not at hand, by their numbers. */
async function comparison(declaration: Declaration, projectDir: string): Promise<(a: string, b: string) => number> {
    try {
        const set = await readMigrations(declaration, projectDir);
        return (a, b) => set.compare(a, b);
    } catch (error) {
        if (!(error instanceof BadInputError)) throw error;
        return compareNumbers;
    }
}
