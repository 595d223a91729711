import { setImmediate } from "node:timers/promises";
import type { Client } from "pg";
import type { Database } from "../connection";
import type { Declaration } from "../declaration";
import { readStoredCatalog } from "../history/ledger";
import { formatNamed } from "../migrations/formats";
import { headOf, type MigrationSet } from "../migrations/set";
import { readCatalogStamp, readStampBasis } from "../sql/catalog-stamp";
import { scriptPath } from "../sql/script-path";
import { serverMajor } from "../sql/server-major";
import type { GatePart } from "../traffic/part";
import { appliedAfter } from "./applied-after";
import { assemblePlan, type Presentation } from "./assemble";
import { explainFailure } from "./database-failure";
import { decide, type Decision, isBeyond } from "./decide";
import { allAnswered, firstFailure } from "./first-failure";
import { lookBack } from "./last-run";
import type { ObserveMode } from "./observe-steps";
import type { Drift, Plan } from "./plan";
import type { PlannedSteps, StepSources } from "./plan-steps";
import type { PreparedStep } from "./prepare";
import type { PlanProgress } from "./progress";
import { readAhead, sessionSettings } from "./read-ahead";
import { type DatabaseState, readHistory, stateOf } from "./read-state";
import type { TrafficPlan, TrafficSources } from "./traffic";

/** What is asked of a plan. */
export interface PlanQuestion extends Presentation {
    readonly observe: ObserveMode;
    /** Whether the version may be written without its leading zeros: for the command line, not for a stack's file. */
    readonly looseVersion?: boolean;
    /** Milliseconds that one question to the live database may take. */
    readonly timeoutMs?: number;
    readonly onProgress?: PlanProgress;
    /** Called when the server is at work on the longest of the first questions; or when none is asked. */
    readonly onAsked?: () => void;
}

/** A plan with what a run needs besides. */
export interface Planned {
    readonly plan: Plan;
    readonly set: MigrationSet;
    readonly state: DatabaseState;
    readonly steps: readonly PreparedStep[];
    /** What traffic comes through; empty where it was not looked at. */
    readonly gateParts: readonly GatePart[];
    /**
     * The plan with what would be lost counted anew, over the same connection: rows are written while a person reads it, and while a
     * snapshot is taken. Undefined where nothing can be lost.
     */
    readonly recount: (() => Promise<Plan>) | undefined;
}

/** Milliseconds for a count or a catalog query on the live database before an estimate has to do. */
const defaultTimeoutMs = 10_000;
/** Milliseconds that a question to the live database may wait for a lock. */
const lockTimeoutMs = 3_000;

/**
 * Plans over an open connection, in a READ ONLY transaction of its own.
 * @throws as buildPlan
 */
export async function planOver(
    client: Client,
    database: Database,
    declaration: Declaration,
    options: PlanQuestion,
    files: Promise<MigrationSet>,
): Promise<Planned> {
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    // Nothing is waited for that only has to come first.
    const ahead = beginReading(client, database, declaration, timeoutMs);
    // What judges steps asks for all at once, and what it asks hangs on the version.
    if (options.observe === "quick") ahead.push(serverMajor(client));
    try {
        const first = allAnswered([...ahead]);
        first.catch(() => undefined);
        let stamp: Promise<string> | undefined;
        const reading = readHistory(client, declaration, (ledger) => {
            if (ledger) {
                // Asked for behind all else: the server works at it while the answers are read and compared with the files.
                stamp = readCatalogStamp(client, basis);
                stamp.catch(() => undefined);
                ahead.push(stamp);
            }
            options.onAsked?.();
        });
        const basis = readStampBasis(client);
        basis.catch(() => undefined);
        ahead.push(basis);
        const history = await reading;
        await first;
        const set = await files;
        const state = await stateOf(client, declaration, set, history);
        const situation = { set, applied: state.applied, target: declaration.version };
        const model =
            options.observe === "quick" && isBeyond(situation) ? readAhead(client, database, declaration) : undefined;
        if (model !== undefined) {
            ahead.push(model);
            // Once it is under way, the server needs the time that deciding takes.
            await setImmediate();
        }
        const decision = decide({
            ...situation,
            stored: state.stored,
            looseVersion: options.looseVersion ?? false,
            outOfOrder: declaration.policy.outOfOrder,
            downFile: (version) => formatNamed(set.format).downFile(version),
        });
        const { steps, planSteps, recount } = await stepsOf(decision, {
            live: client,
            database,
            declaration,
            mode: options.observe,
            set,
            state,
            timeoutMs,
            model,
            ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
        });
        const drift = await findDrift(client, declaration.set, state, stamp);
        const before = await lookBack(client, state.ledger.lastRun, declaration.policy, {
            steps: planSteps,
            to: decision.to,
        });
        const snapshot = await snapshotOf(steps, client, declaration, options.projectDir);
        const compare = (a: string, b: string): number => set.compare(a, b);
        const traffic = await trafficOf(options.observe, {
            client,
            declaration,
            decision,
            planSteps,
            passed: () => [decision.from, ...steps.map((_, i) => headOf(set, appliedAfter({ state, steps }, i + 1)))],
            compare,
        });
        const parts = { state, decision, compare, steps, drift, traffic, ...before, ...snapshot };
        return {
            plan: assemblePlan(declaration, options, { ...parts, planSteps }),
            set,
            state,
            steps,
            gateParts: traffic?.parts ?? [],
            recount:
                recount === undefined
                    ? undefined
                    : async () =>
                          lookAgain(client, database, declaration, timeoutMs, async () =>
                              assemblePlan(declaration, options, { ...parts, planSteps: await recount() }),
                          ),
        };
    } catch (error) {
        throw planningFailed(await firstFailure(error, ahead), timeoutMs);
    } finally {
        // Also what turned out not to be needed must not go on in somebody else's transaction.
        await Promise.allSettled(ahead);
        await client.query("ROLLBACK").catch(() => undefined);
    }
}

/** Begins the transaction in which a database is looked at. @returns what was asked, not waited for */
function beginReading(
    client: Client,
    database: Database,
    declaration: Declaration,
    timeoutMs: number,
): Promise<unknown>[] {
    // With row_security off a count that policies would make smaller fails instead.
    const asked: Promise<unknown>[] = [
        client.query(
            `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL jit = off; SET LOCAL statement_timeout = ${timeoutMs}; SET LOCAL lock_timeout = ${lockTimeoutMs}; SET LOCAL row_security = off`,
        ),
    ];
    const path = scriptPath(sessionSettings(database, declaration), "transaction");
    if (path !== undefined) asked.push(client.query(path));
    for (const answer of asked) answer.catch(() => undefined);
    return asked;
}

/** Looks at a database once more. */
async function lookAgain<T>(
    client: Client,
    database: Database,
    declaration: Declaration,
    timeoutMs: number,
    look: () => Promise<T>,
): Promise<T> {
    try {
        await Promise.all(beginReading(client, database, declaration, timeoutMs));
        return await look();
    } catch (error) {
        throw planningFailed(error, timeoutMs);
    } finally {
        await client.query("ROLLBACK").catch(() => undefined);
    }
}

/** What the steps do and destroy; what finds that out is loaded when there are any. */
async function stepsOf(decision: Decision, sources: StepSources): Promise<PlannedSteps> {
    if (decision.steps.length === 0) return { steps: [], planSteps: [], recount: undefined };
    const { planSteps } = require("./plan-steps.js") as typeof import("./plan-steps");
    return planSteps(decision.steps, sources);
}

/** What traffic comes through; what finds that out is loaded where traffic is declared. */
async function trafficOf(observe: ObserveMode, sources: TrafficSources): Promise<TrafficPlan | undefined> {
    // Who only asks where the database is, asks no cluster.
    if (sources.declaration.traffic === undefined || observe === "none") return undefined;
    const { planTraffic } = require("./traffic.js") as typeof import("./traffic");
    return planTraffic(sources);
}

/** What is to be said of the snapshot before the steps, where there are any. */
async function snapshotOf(
    steps: readonly PreparedStep[],
    client: Client,
    declaration: Declaration,
    projectDir: string,
): Promise<{ readonly snapshot: Plan["snapshot"]; readonly noStore: string | undefined }> {
    if (steps.length === 0) return { snapshot: null, noStore: undefined };
    const { planSnapshot, storeProblem } = require("./snapshot-estimate.js") as typeof import("./snapshot-estimate");
    return {
        snapshot: declaration.snapshot.store === undefined ? null : await planSnapshot(client, declaration),
        noStore: storeProblem(declaration, projectDir),
    };
}

/** What a person can do about an error of the server while planning. */
function planningFailed(error: unknown, timeoutMs: number): unknown {
    return explainFailure(error, {
        what: "Planning failed",
        state: "Nothing was touched: planning only reads.",
        next: {
            "55P03":
                "Somebody holds a lock on a table or on the catalog (pg_locks says who). Let that end and plan again.",
            "57014": `The server did not answer within ${timeoutMs / 1000} s; most likely somebody holds a lock on a table (pg_locks says who). Let that end and plan again.`,
            "42501":
                "Grant the role that logs in what it lacks; planning needs CONNECT, USAGE on the schemas and SELECT on the tables.",
        },
    });
}

async function findDrift(
    client: Client,
    set: string,
    { ledger }: DatabaseState,
    stamp: Promise<string> | undefined,
): Promise<Drift[]> {
    if (stamp === undefined || ledger.catalogStamp === null || (await stamp) === ledger.catalogStamp) return [];
    const stored = await readStoredCatalog(client, set);
    if (stored === undefined) return [];
    const { compareCatalogs, fromObjects, readCatalog } =
        require("../sql/catalog.js") as typeof import("../sql/catalog");
    const differences = compareCatalogs(fromObjects(stored), await readCatalog(client));
    return differences.map((d) => ({ what: d.change, kind: d.object.kind, name: d.object.name }));
}
