import { resolve } from "node:path";
import { type Database, openDatabase } from "../connection";
import type { Declaration, Declarer } from "../declaration";
import { wasRestored } from "../history/recorded-run";
import { buildPlan, readMigrations } from "../plan/build";
import { isUnverified } from "../plan/last-run-text";
import type { Plan } from "../plan/plan";
import type { Planned } from "../plan/plan-over";
import { renderPlan } from "../plan/render-text";
import { pathText } from "../sql/script-path";
import { afterFailure, type FailedRun, interruptedBy, type Undo, unfinishedRun } from "./after-failure";
import { Gate } from "./gate";
import { identifyRun } from "./identity";
import { Journal, readSchema } from "./journal";
import { keepingOf } from "./keep/keeping";
import {
    anotherDatabase,
    endIfInterrupted,
    notConfirmed,
    nothingToResume,
    PlanRefused,
    restoreFirst,
} from "./not-begun";
import { Notices } from "./notices";
import type { RunOptions, RunResult } from "./options";
import { outcomeOf } from "./outcome";
import { runSteps } from "./run-steps";
import { openSessions, type Sessions } from "./sessions";
import { smokeAfter } from "./smoke-after";
import { prepareSessions, type StepContext } from "./step";
import { verify } from "./verify";

/** One run, from the lock to its end. */
export class Run {
    /** What a person must know when something unforeseen ends the run now. */
    state = "No script was run.";
    /** What takes back what a failed run has done, where the stack wants that. */
    undo: Undo | undefined;
    private readonly identity = identifyRun();
    private readonly database: Database;
    private sessions: Sessions | undefined;
    gate: Gate | undefined;

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
            // What is kept has to be known.
            observe: declaration.keepData === true ? "full" : options.observe,
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
        await this.refuseBeforeRestore(sessions.guard, planned);
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
            keeping: new Map(),
            signal: options.signal,
            report: options.report,
            notices: new Notices(options.report),
            mirror: null,
        };
        const newOwner = newOwnerOf(declaration, planned);
        const gate = this.gateOf(planned, journal.runId);
        const idle = steps.length === 0 && plan.adopt === null && newOwner === undefined;
        if (idle && !isUnverified(plan)) {
            if (plan.verify.length > 0) await verify(sessions.worker, declaration, planned, context, null);
            const waits = await gate.end(plan.to, options.ignoreVersions);
            return { plan, changed: false, version: plan.to, snapshot: null, runId: null, heldFor: waits };
        }
        // Where it is not, traffic may come through, whatever an earlier run has left stopped.
        const stops = plan.traffic?.stop === true;
        if (stops) await gate.preflight(planned.gateParts);
        if (options.confirm !== undefined && !(await options.confirm(plan))) throw notConfirmed();
        endIfInterrupted(options.signal);
        if (stops) await this.probeStore(planned);

        const historyTable = (): string | null => (context.mirror ?? planned.state.mirror)?.table ?? null;
        let watch: ReturnType<Gate["watch"]> | undefined;
        let snapshot: string | null = null;
        let phase: FailedRun["phase"] = "running";
        try {
            await journal.begin(planned, newOwner);
            if (plan.adopt !== null)
                options.report({ type: "adopted", versions: plan.adopt.versions, table: plan.adopt.table });
            if (stops) await gate.stop(planned.gateParts, options.signal);
            snapshot = await this.takeSnapshot(planned);
            if (snapshot !== null) await journal.snapshotted(snapshot);
            if (
                planned.recount !== undefined &&
                (snapshot !== null || gate.isStopped || options.confirm !== undefined)
            ) {
                plan = await planned.recount();
                if (plan.refusals.length > 0) {
                    options.report({ type: "plan", lines: renderPlan(plan) });
                    throw new PlanRefused(plan, snapshot);
                }
                await journal.recounted(plan);
            }
            if (stops) await gate.check();
            watch = stops && steps.length > 0 ? gate.watch() : undefined;
            context.signal = anyOf(options.signal, watch?.signal);
            context.keeping = keepingOf(declaration, plan.steps, steps, {
                runId: journal.runId,
                historyTable: historyTable() ?? undefined,
            });
            await journal.beginScripts();
            const last = await runSteps(context, sessions, planned, {
                reopen: () => this.reopen(),
                fail: (error, done) => Promise.reject(outcomeOf(error, { planned, done, snapshot })),
            });
            watch?.stop();
            this.state = `All scripts have taken effect; the database is at ${plan.to ?? "0"}.`;
            const schema = readSchema(last.guard);
            schema.catch(() => undefined);
            const version = await verify(last.worker, declaration, planned, context, snapshot);
            const schemaNow = await schema;
            await journal.verified();
            phase = "verified";
            const waits = await gate.end(plan.to, options.ignoreVersions);
            phase = "resumed";
            if (waits.length === 0) await smokeAfter(declaration, gate, options, this.state);
            await journal.done(schemaNow, historyTable());
            options.report({ type: "verified", version: version ?? "0" });
            if (snapshot !== null) await this.deleteOldSnapshots();
            await this.dropExpired(last.guard);
            return { plan, changed: true, version, snapshot, runId: journal.runId, heldFor: waits };
        } catch (error) {
            watch?.stop();
            const failed = await afterFailure(interruptedBy(watch?.why(), error), {
                ...{ declaration, planned, gate, phase, snapshot, report: options.report },
                interrupted: options.signal?.aborted === true,
                client: () => this.anyGuard(),
            });
            this.undo = failed.undo;
            // For an error that has no place for it.
            this.state = `${this.state} ${failed.traffic}`.trim();
            await journal.failed(failed.error, historyTable());
            if (error instanceof PlanRefused) throw new PlanRefused(error.plan, error.snapshot, failed.traffic);
            throw failed.error;
        } finally {
            await this.recordIncident(journal.runId, plan);
        }
    }

    /** Scripts are not run over a database that is declared to be another one. */
    private async refuseBeforeRestore(guard: Sessions["guard"], { state: { ledger } }: Planned): Promise<void> {
        const { restoreFrom, set } = this.declaration;
        if (restoreFrom === undefined || (ledger.exists && (await wasRestored(guard, set, restoreFrom)))) return;
        throw restoreFirst(restoreFrom, this.declaration);
    }

    private gateOf({ state, set }: Planned, runId: string): Gate {
        const { declaration, identity, options } = this;
        const client = (): Sessions["guard"] => {
            if (this.sessions === undefined) throw new Error("The run has no session.");
            return this.sessions.guard;
        };
        const compare = (a: string, b: string): number => set.compare(a, b);
        const setting = { declaration, identity, runId, client, report: options.report, compare };
        this.gate = new Gate(setting, state.ledger.gate?.parts);
        return this.gate;
    }

    /** The guard's session; another where that one is gone. */
    private async anyGuard(): Promise<Sessions["guard"]> {
        try {
            if (this.sessions !== undefined) {
                await this.sessions.guard.query("SELECT 1");
                return this.sessions.guard;
            }
        } catch {
            // Below.
        }
        return (await this.reopen()).guard;
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

    /** What the store lacks is known before traffic is stopped. */
    private async probeStore({ steps }: Planned): Promise<void> {
        const { store, required } = this.declaration.snapshot;
        if (store === undefined || !required || steps.length === 0) return;
        const { probeBefore } = require("./snapshot-before.js") as typeof import("./snapshot-before");
        await probeBefore(store, this.options.projectDir);
    }

    private async takeSnapshot(planned: Planned): Promise<string | null> {
        if (this.declaration.snapshot.store === undefined || planned.steps.length === 0) return null;
        // Loaded here: most of what a snapshot needs, a run without one does not.
        const { snapshotBefore } = require("./snapshot-before.js") as typeof import("./snapshot-before");
        return snapshotBefore(this.declaration, planned, this.database, this.options);
    }

    /** Databases that restores have put away and whose time is over. */
    private async dropExpired(guard: Sessions["guard"]): Promise<void> {
        // What looks closer is loaded where there is any.
        const { rows } = await guard.query<{ kept: boolean }>(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_shdescription WHERE description LIKE 'schemaward keeps %') AS kept",
        );
        if (rows[0]?.kept !== true) return;
        const { dropExpiredAfter } = require("./restore/expired.js") as typeof import("./restore/expired");
        await dropExpiredAfter(guard, this.database, this.options.report);
    }

    private async deleteOldSnapshots(): Promise<void> {
        if (this.declaration.snapshot.keep === undefined) return;
        const { retentionAfter } = require("./retention-after.js") as typeof import("./retention-after");
        await retentionAfter(this.declaration, this.options);
    }

    /** Writes, when it has ended, that traffic stays stopped. */
    async hold(): Promise<void> {
        if (this.gate === undefined) return;
        await this.open(this.options.waitMs);
        await this.gate.hold([unfinishedRun]);
    }

    async close(): Promise<void> {
        this.gate?.close();
        const sessions = this.sessions;
        this.sessions = undefined;
        await sessions?.close();
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
        const before = this.sessions?.database;
        await this.sessions?.close();
        const sessions = await this.open(60_000);
        if (before !== undefined && sessions.database !== before) throw anotherDatabase();
        await prepareSessions(sessions);
        return sessions;
    }
}

function anyOf(...signals: readonly (AbortSignal | undefined)[]): AbortSignal | undefined {
    const given = signals.filter((signal) => signal !== undefined);
    return given.length > 1 ? AbortSignal.any(given) : given[0];
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
