import { resolve } from "node:path";
import { type Database, openDatabase } from "../connection";
import { explainFailure } from "../plan/database-failure";
import type { Declaration, Declarer } from "../declaration";
import { RefusedError } from "../errors";
import { buildPlan, readMigrations } from "../plan/build";
import type { Plan } from "../plan/plan";
import type { Planned } from "../plan/plan-over";
import { isUnverified } from "../plan/last-run-text";
import { renderPlan } from "../plan/render-text";
import { pathText } from "../sql/script-path";
import { identifyRun } from "./identity";
import { Journal, readSchema } from "./journal";
import { Notices } from "./notices";
import type { RunOptions, RunResult } from "./options";
import { outcomeOf } from "./outcome";
import { runSteps } from "./run-steps";
import { openSessions, type Sessions } from "./sessions";
import { prepareSessions, type StepContext } from "./step";
import { verify } from "./verify";

/** The plan made under the lock may not be carried out; nothing was changed. */
export class PlanRefused extends RefusedError {
    /** @param snapshot taken before it was counted anew what would be lost, and was too much by then */
    constructor(
        readonly plan: Plan,
        snapshot: string | null = null,
    ) {
        super({
            what: `Going from ${plan.from ?? "0"} to ${plan.to ?? "0"} is refused.`,
            where: { object: plan.set },
            detail: plan.refusals.flatMap((r) => [r.text, `  allow it with: ${r.allow}`]),
            state:
                snapshot === null
                    ? "Nothing was touched."
                    : `No script was run. The snapshot ${snapshot} stays; rows were written since the plan was shown.`,
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
    const run = new Run(declaration, options);
    try {
        return await run.go();
    } catch (error) {
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

class Run {
    /** What a person must know when something unforeseen ends the run now. */
    state = "No script was run.";
    private readonly identity = identifyRun();
    private readonly database: Database;
    private sessions: Sessions | undefined;

    constructor(
        private readonly declaration: Declaration,
        private readonly options: RunOptions,
    ) {
        this.database = openDatabase(declaration.connection);
    }

    async go(): Promise<RunResult> {
        const { declaration, options, database, identity } = this;
        // Read while the sessions are opened; what is wrong with the files is told by the plan.
        const set = readMigrations(declaration, options.projectDir);
        set.catch(() => undefined);
        const sessions = await this.open(options.waitMs);
        const planned = await buildPlan(declaration, {
            projectDir: options.projectDir,
            observe: options.observe,
            client: sessions.guard,
            set,
            onProgress: (done, count) => {
                options.report({ type: "planning", done, count });
            },
            ...(options.looseVersion === undefined ? {} : { looseVersion: options.looseVersion }),
            ...(options.resource === undefined ? {} : { resource: options.resource }),
            ...(options.approveWith === undefined ? {} : { approveWith: options.approveWith }),
            ...(options.setIsAssumed === undefined ? {} : { setIsAssumed: options.setIsAssumed }),
            ...(options.commandFlags === undefined ? {} : { commandFlags: options.commandFlags }),
        });
        const { steps } = planned;
        let { plan } = planned;
        if (options.resumes !== undefined && plan.lastRun?.id !== options.resumes) throw nothingToResume();
        options.report({ type: "plan", lines: renderPlan(plan) });
        if (plan.refusals.length > 0) throw new PlanRefused(plan);
        const journal = new Journal(declaration, identity, () => this.sessions);
        const context: StepContext = {
            set: declaration.set,
            format: planned.set.format,
            runId: journal.runId,
            who: identity.who,
            role: database.role,
            searchPath: pathText(declaration.run.searchPath),
            settings: declaration.run,
            afterReset: sessions.afterReset,
            mirrored: declaration.history.mirror !== "none",
            signal: options.signal,
            report: options.report,
            notices: new Notices(options.report),
            mirror: null,
        };
        const newOwner = newOwnerOf(declaration, planned);
        const idle = steps.length === 0 && plan.adopt === null && newOwner === undefined;
        if (idle && !isUnverified(plan)) {
            if (plan.verify.length > 0) await verify(sessions.worker, declaration, planned, context, null);
            return { plan, changed: false, version: plan.to, snapshot: null, runId: null };
        }
        if (options.confirm !== undefined && !(await options.confirm(plan))) throw notConfirmed();

        const historyTable = (): string | null => (context.mirror ?? planned.state.mirror)?.table ?? null;
        try {
            await journal.begin(planned, newOwner);
            if (plan.adopt !== null)
                options.report({ type: "adopted", versions: plan.adopt.versions, table: plan.adopt.table });
            const snapshot = await this.takeSnapshot(planned, sessions.guard);
            if (snapshot !== null) await journal.snapshotted(snapshot);
            if (planned.recount !== undefined && (snapshot !== null || options.confirm !== undefined)) {
                plan = await planned.recount();
                if (plan.refusals.length > 0) {
                    options.report({ type: "plan", lines: renderPlan(plan) });
                    throw new PlanRefused(plan, snapshot);
                }
                await journal.recounted(plan);
            }
            await journal.beginScripts();
            const last = await runSteps(context, sessions, planned, {
                reopen: () => this.reopen(),
                fail: (error, done) => Promise.reject(outcomeOf(error, { planned, done, snapshot })),
            });
            this.state = `All scripts have taken effect; the database is at ${plan.to ?? "0"}.`;
            const schema = readSchema(last.guard);
            schema.catch(() => undefined);
            const version = await verify(last.worker, declaration, planned, context, snapshot);
            await journal.done(await schema, historyTable());
            options.report({ type: "verified", version: version ?? "0" });
            return { plan, changed: true, version, snapshot, runId: journal.runId };
        } catch (error) {
            await journal.failed(error, historyTable());
            throw error;
        } finally {
            await this.recordIncident(journal.runId, plan);
        }
    }

    /** Of each run that goes back, where the stack says so. What is wrong with the file is told; the database is as it is. */
    private async recordIncident(runId: string, { direction }: Plan): Promise<void> {
        const { incidents, set } = this.declaration;
        const guard = this.sessions?.guard;
        if (incidents === undefined || guard === undefined || (direction !== "back" && direction !== "both")) return;
        const { report, projectDir } = this.options;
        const { postIncident, readIncident, writeIncident } = require("./incident.js") as typeof import("./incident");
        const tell = (error: unknown): void => {
            report({ type: "incident-failed", why: error instanceof Error ? error.message : String(error) });
        };
        try {
            const incident = await readIncident(guard, set, runId);
            if (incident === undefined) return;
            const { dir, webhook } = incidents;
            if (webhook !== undefined) await postIncident(incident, webhook.env).catch(tell);
            if (dir !== undefined)
                report({ type: "incident", file: writeIncident(incident, resolve(projectDir, dir)) });
        } catch (error) {
            tell(error);
        }
    }

    private async takeSnapshot(planned: Planned, guard: Sessions["guard"]): Promise<string | null> {
        if (this.declaration.snapshot.store === undefined || planned.steps.length === 0) return null;
        // Loaded here: most of what a snapshot needs, a run without one does not.
        const { snapshotBefore } = require("./snapshot-before.js") as typeof import("./snapshot-before");
        return snapshotBefore(this.declaration, planned, this.database, guard, this.options);
    }

    async close(): Promise<void> {
        await this.sessions?.close();
    }

    private async open(waitMs: number): Promise<Sessions> {
        this.sessions = await openSessions(this.database, {
            identity: this.identity,
            settings: this.declaration.run,
            waitMs,
            report: this.options.report,
        });
        return this.sessions;
    }

    /** After a broken connection: the old session may still be at work, and has its lock until it has ended. */
    private async reopen(): Promise<Sessions> {
        await this.sessions?.close();
        const sessions = await this.open(60_000);
        await prepareSessions(sessions);
        return sessions;
    }
}

function nothingToResume(): RefusedError {
    return new RefusedError({
        what: "The run that was to be resumed has ended well by now, or another has worked on this database since.",
        state: "Nothing was touched by this run.",
        next: "Look at `schemaward status`.",
    });
}

function notConfirmed(): RefusedError {
    return new RefusedError({
        what: "Not confirmed.",
        state: "Nothing was touched.",
        next: "Run again and answer yes, or give --yes.",
    });
}

/** Who takes the set over: a declarer that is not the one in its ledger. */
function newOwnerOf({ declarer }: Declaration, { state }: Planned): Declarer | undefined {
    const owner = state.ledger.owner?.declarer;
    if (owner === undefined || declarer === undefined) return undefined;
    const same =
        owner.project === declarer.project &&
        owner.stack === declarer.stack &&
        owner.environment === declarer.environment;
    return same ? undefined : declarer;
}
