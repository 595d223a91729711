import { randomUUID } from "node:crypto";
import type { Client } from "pg";
import { openDatabase } from "../connection";
import type { Declaration } from "../declaration";
import { FailedError, RefusedError } from "../errors";
import { type Progress, readLedger } from "../history/ledger";
import { recordRunEnd, recordRunStart } from "../history/ledger-runs";
import { changeOwner, prepareLedger, readSystemIdentifier } from "../history/ledger-tables";
import { recordApplied } from "../history/ledger-write";
import { buildPlan, type Planned, searchPath } from "../plan/build";
import type { ObserveMode } from "../plan/observe-steps";
import type { Plan } from "../plan/plan";
import { renderPlan } from "../plan/render-text";
import type { PreparedStep } from "../plan/prepare";
import { readState } from "../plan/read-state";
import { readCatalog, toObjects } from "../sql/catalog";
import { readCatalogStamp } from "../sql/catalog-stamp";
import type { Report } from "./events";
import { executeStep } from "./execute";
import { identifyRun } from "./identity";
import { outcomeOf } from "./outcome";
import { openSessions, type Sessions } from "./sessions";
import { snapshotBefore } from "./snapshot-before";
import { ConnectionLost, locksHeld, prepareSessions, type StepContext, type StepFailed } from "./step";

export interface RunOptions {
    /** Project's root: relative folders and stores are relative to it. */
    readonly projectDir: string;
    readonly resource?: string;
    readonly commandFlags?: string;
    /** See PlanOptions. */
    readonly approveWith?: string;
    readonly observe: ObserveMode;
    /** Milliseconds to wait for another run on the same database. */
    readonly waitMs: number;
    readonly report: Report;
    /** Asked with the plan made under the lock; answering false refuses. */
    readonly confirm?: (plan: Plan) => Promise<boolean>;
    /** Aborting cancels the migration that runs; it is rolled back, and what came before stays. */
    readonly signal?: AbortSignal;
}

export interface RunResult {
    readonly plan: Plan;
    /** False: there was nothing to do, and nothing was written. */
    readonly changed: boolean;
    /** Where the database is now; null: nothing is applied. */
    readonly version: string | null;
    /** Name of the snapshot taken, if one was. */
    readonly snapshot: string | null;
    readonly runId: string | null;
}

/** The plan made under the lock may not be carried out; nothing was changed. */
export class PlanRefused extends RefusedError {
    constructor(readonly plan: Plan) {
        super({
            what: `Going from ${plan.from ?? "0"} to ${plan.to ?? "0"} is refused.`,
            where: { object: plan.set },
            detail: plan.refusals.flatMap((r) => [r.text, `  allow it with: ${r.allow}`]),
            state: "Nothing was touched.",
            next: "Read the plan above; then allow it as named, or change what is declared.",
        });
    }
}

/**
 * Brings the database to the declared version: takes the lock, plans again under it, holds the plan against the policy,
 * takes the snapshot, runs the scripts one after the other, checks where the database is.
 * @throws BadInputError, RefusedError (PlanRefused with the plan), FailedError saying what stays and what to do
 */
export async function migrate(declaration: Declaration, options: RunOptions): Promise<RunResult> {
    const identity = identifyRun();
    const database = openDatabase(declaration.connection);
    const open = (): Promise<Sessions> =>
        openSessions(database, {
            identity,
            settings: declaration.run,
            waitMs: options.waitMs,
            report: options.report,
        });
    let sessions = await open();
    try {
        const planned = await buildPlan(declaration, {
            projectDir: options.projectDir,
            observe: options.observe,
            client: sessions.guard,
            ...(options.resource === undefined ? {} : { resource: options.resource }),
            ...(options.approveWith === undefined ? {} : { approveWith: options.approveWith }),
            ...(options.commandFlags === undefined ? {} : { commandFlags: options.commandFlags }),
        });
        const { plan, steps } = planned;
        options.report({ type: "plan", lines: renderPlan(plan) });
        if (plan.refusals.length > 0) throw new PlanRefused(plan);
        if (steps.length === 0 && plan.adopt === null && !ownerChanges(declaration, planned))
            return { plan, changed: false, version: plan.to, snapshot: null, runId: null };
        if (options.confirm !== undefined && !(await options.confirm(plan)))
            throw new RefusedError({
                what: "Not confirmed.",
                state: "Nothing was touched.",
                next: "Run again and answer yes, or give --yes.",
            });

        const runId = randomUUID();
        const snapshot = await snapshotBefore(declaration, planned, database, sessions.guard, options);
        await prepare(sessions, declaration, planned, { ...identity, runId, snapshot });
        if (plan.adopt !== null)
            options.report({ type: "adopted", versions: plan.adopt.versions, table: plan.adopt.table });
        const context: StepContext = {
            set: declaration.set,
            format: planned.set.format,
            runId,
            who: identity.who,
            role: database.role,
            searchPath: searchPath(declaration),
            settings: declaration.run,
            mirrored: declaration.history.mirror !== "none",
            signal: options.signal,
            report: options.report,
            mirror: null,
        };
        const reopen = async (): Promise<Sessions> => {
            await sessions.close();
            sessions = await openSessions(database, {
                identity,
                settings: declaration.run,
                waitMs: 60_000,
                report: options.report,
            });
            await prepareSessions(sessions);
            return sessions;
        };
        await runSteps(context, sessions, planned, reopen, async (error, done) => {
            await finish(sessions.guard, context, planned, error.message).catch(() => undefined);
            throw outcomeOf(error, { planned, done, snapshot });
        });
        const version = await verify(sessions.worker, declaration, planned, context, snapshot);
        await finish(sessions.guard, context, planned, null);
        options.report({ type: "verified", version: version ?? "0" });
        return { plan, changed: true, version, snapshot, runId };
    } finally {
        await sessions.close();
    }
}

function ownerChanges(declaration: Declaration, { state }: Planned): boolean {
    const owner = state.ledger.owner?.declarer;
    const wanted = declaration.declarer;
    return (
        owner !== undefined &&
        wanted !== undefined &&
        (owner.project !== wanted.project || owner.stack !== wanted.stack || owner.environment !== wanted.environment)
    );
}

/** Writes ledger tables, owner, adopted rows and the run's own row. */
async function prepare(
    sessions: Sessions,
    declaration: Declaration,
    planned: Planned,
    run: {
        readonly who: string;
        readonly host: string;
        readonly pid: number;
        readonly runId: string;
        readonly snapshot: string | null;
    },
): Promise<void> {
    const { guard } = sessions;
    const { plan, set, state } = planned;
    const declarer = declaration.declarer ?? { project: "", stack: "", environment: "" };
    const system = await readSystemIdentifier(guard);
    await prepareLedger(guard, declaration.set, declarer, system);
    await prepareSessions(sessions);
    await guard.query("BEGIN");
    try {
        if (ownerChanges(declaration, planned)) await changeOwner(guard, declaration.set, declarer, system);
        await recordRunStart(guard, {
            id: run.runId,
            set: declaration.set,
            direction: plan.direction,
            from: plan.from,
            to: plan.to,
            digest: plan.digest,
            plan,
            snapshot: run.snapshot,
            who: run.who,
            host: run.host,
            pid: run.pid,
        });
        const { runId, who } = run;
        const adopted = state.adopted.flatMap((row) => {
            const m = set.find(row.version);
            if (m === undefined) return [];
            return recordApplied({ set: declaration.set, ...m, format: set.format, origin: "adopted", runId, who });
        });
        await guard.query([...adopted, locksHeld(sessions)].join(";\n"));
        await guard.query("COMMIT");
    } catch (error) {
        await guard.query("ROLLBACK").catch(() => undefined);
        throw error;
    }
}

async function runSteps(
    context: StepContext,
    first: Sessions,
    { steps, state }: Planned,
    reopen: () => Promise<Sessions>,
    fail: (error: StepFailed | ConnectionLost | Error, done: number) => Promise<never>,
): Promise<void> {
    let sessions = first;
    for (const [index, step] of steps.entries()) {
        const { direction, version, name } = step;
        const place = { index: index + 1, count: steps.length, direction, version, name };
        context.report({ type: "step-start", ...place });
        const forward = (message: { message?: string | undefined }): void => {
            context.report({ type: "notice", version, text: message.message ?? "" });
        };
        const started = Date.now();
        sessions.worker.on("notice", forward);
        try {
            await executeStep(context, sessions, step, progressOf(step, state.ledger.progress));
        } catch (error) {
            if (!(error instanceof ConnectionLost)) return await fail(asError(error), index);
            // Never run it again blindly: the ledger knows whether the COMMIT took effect.
            let after: Sessions;
            try {
                after = await reopen();
            } catch (again) {
                return await fail(new ConnectionLost(step, again), index);
            }
            if (!(await tookEffect(after.guard, context.set, step))) return await fail(error, index);
            sessions = after;
            context.mirror = null;
        } finally {
            sessions.worker.off("notice", forward);
        }
        context.report({ type: "step-done", ...place, ms: Date.now() - started });
    }
}

async function tookEffect(client: Client, set: string, step: PreparedStep): Promise<boolean> {
    const ledger = await readLedger(client, set);
    const isApplied = ledger.rows.some((row) => row.version === step.version);
    return isApplied === (step.direction === "up");
}

function progressOf(step: PreparedStep, progress: Progress | undefined): Progress | undefined {
    return progress?.version === step.version && progress.direction === step.direction ? progress : undefined;
}

function asError(error: unknown): Error {
    return error instanceof Error ? error : new Error(String(error));
}

/** Reads ledger and history table again and compares them with what the plan promised. */
async function verify(
    client: Client,
    declaration: Declaration,
    { plan, set, steps }: Planned,
    context: StepContext,
    snapshot: string | null,
): Promise<string | null> {
    await client.query("RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL");
    if (context.searchPath !== "") await client.query(`SET search_path = ${context.searchPath}`);
    const state = await readState(client, declaration, set);
    const applied = new Set(state.applied.map((row) => row.version));
    const wrong = steps.filter((s) => applied.has(s.version) !== (s.direction === "up")).map((s) => s.version);
    if (wrong.length === 0 && state.refusals.length === 0) return plan.to;
    throw new FailedError({
        what: `All scripts have run, but ${wrong.length > 0 ? `the ledger is wrong on ${wrong.join(", ")}` : "the history table differs from the ledger"}.`,
        where: { object: declaration.set },
        detail: state.refusals.map((r) => r.text),
        state: `The scripts' effects stay.${snapshot === null ? "" : ` Snapshot: ${snapshot}.`}`,
        next: "Look at schemaward status; correct the history with schemaward resolve.",
    });
}

async function finish(client: Client, context: StepContext, planned: Planned, error: string | null): Promise<void> {
    const stamp = await readCatalogStamp(client);
    const catalog = toObjects(await readCatalog(client));
    const mirror = (context.mirror ?? planned.state.mirror)?.table ?? null;
    await recordRunEnd(client, { id: context.runId, set: context.set }, error, { stamp, catalog, mirror });
}
