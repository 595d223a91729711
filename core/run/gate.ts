import type { Client } from "pg";
import type { Declaration } from "../declaration";
import { FailedError, RefusedError } from "../errors";
import { recordGate, recordHeld, recordResumed } from "../history/ledger-gates";
import { recordStep } from "../history/ledger-runs";
import { readSystemIdentifier } from "../history/ledger-tables";
import { judgeResume } from "../policy/stop-traffic";
import { type Cluster, openCluster, type Right } from "../traffic/cluster";
import { findApps } from "../traffic/find";
import { flowing, releaseParts, resumeParts, stopParts } from "../traffic/gate";
import type { GatePart, GateTools } from "../traffic/part";
import { strangers } from "../traffic/strangers";
import { joinParts, kindOf, needCluster, partText } from "../traffic/parts";
import { defaultTraffic } from "../traffic-settings";
import type { Report } from "./events";
import type { RunIdentity } from "./identity";

/** What a gate is worked with. */
export interface GateSetting {
    readonly declaration: Declaration;
    readonly identity: RunIdentity;
    readonly runId: string;
    /** Session that holds the run's lock; it may become another. */
    readonly client: () => Client;
    readonly report: Report;
    readonly compare: (a: string, b: string) => number;
}

/** Seconds for Kubernetes to answer when traffic is to come in again, where nothing else is set. */
const defaultResumeSeconds = 60;
/** Milliseconds between two looks, while scripts run, at whether somebody has let traffic in. */
const watchEveryMs = 1000;

/**
 * Traffic that is stopped, as far as the ledger knows, with what lets it in again. The ledger is written before anything is touched, and after
 * all is as it was; whoever comes after a run that died finds it there.
 */
export class Gate {
    private cluster: Cluster | undefined;
    private owner: string | undefined;
    private parts: readonly GatePart[];

    /** @param held what the ledger has as stopped */
    constructor(
        private readonly setting: GateSetting,
        held: readonly unknown[] | undefined,
    ) {
        this.parts = (held ?? []) as readonly GatePart[];
        this.isStopped = held !== undefined;
        this.wasFoundStopped = this.isStopped;
    }

    /** Whether it was stopped by a run before this one, which may have changed the schema. */
    readonly wasFoundStopped: boolean;

    /** Whether the ledger has traffic as stopped. */
    isStopped: boolean;

    /** Whether there was something to stop, be it in again or not. */
    get wasStopped(): boolean {
        return this.parts.length > 0;
    }

    /**
     * Sees that everything that stopping and resuming take is allowed.
     * @throws RefusedError naming each right that is missing; nothing was touched
     */
    async preflight(parts: readonly GatePart[]): Promise<void> {
        const all = joinParts(this.parts, parts);
        if (!needCluster(all)) return;
        const rights = new Map(
            all.flatMap((part) => kindOf(part).rights(part)).map((right) => [rightText(right), right]),
        );
        const missing = await untouched((await this.openCluster()).missing([...rights.values()]));
        if (missing.length === 0) return;
        throw new RefusedError({
            what: "Traffic cannot be stopped: this login lacks rights in Kubernetes.",
            where: { object: this.cluster?.server ?? "Kubernetes" },
            detail: missing.map(rightText),
            state: "Nothing was touched.",
            next: "Give it what is named (docs/traffic.md has the Role that suffices), or log in as somebody who may.",
        });
    }

    /**
     * Stops traffic and waits until it has ended. What an earlier run has stopped is gone on with.
     * @throws FailedError, RefusedError; what is stopped by then is in the ledger
     */
    async stop(parts: readonly GatePart[], signal: AbortSignal | undefined): Promise<void> {
        const { declaration, identity, runId, report } = this.setting;
        this.parts = joinParts(this.parts, parts);
        report({ type: "gate-stopping", parts: this.parts.map(partText) });
        const tools = await this.tools();
        await recordGate(tools.client, declaration.set, {
            runId,
            parts: this.parts,
            who: identity.who,
            host: identity.host,
        });
        this.isStopped = true;
        const started = performance.now();
        try {
            await stopParts(this.parts, tools, {
                drainMs: this.drainMs,
                signal,
                onWaiting: (why) => {
                    report({ type: "gate-waiting", why });
                },
            });
        } catch (error) {
            if (signal?.aborted !== true) throw error;
            throw new FailedError({
                what: "Interrupted while traffic was being stopped.",
                next: "Run the same command again.",
                cause: error,
            });
        }
        await recordStep(tools.client, runId, "gated");
        report({ type: "gate-stopped", seconds: (performance.now() - started) / 1000 });
    }

    /**
     * Looks once more, right before the first script: a snapshot takes its time.
     * @throws FailedError naming who let traffic in
     */
    async check(): Promise<void> {
        if (!this.isStopped) return;
        const why = [...(await flowing(this.parts, await this.tools())), ...(await this.others())];
        if (why.length > 0) throw cameThrough(why);
    }

    /** Looks again and again while scripts run; aborts when somebody has let traffic in. */
    watch(): { readonly signal: AbortSignal; stop(): void; readonly why: () => Error | undefined } {
        const controller = new AbortController();
        let looking = false;
        let ended = false;
        let error: Error | undefined;
        const look = async (): Promise<void> => {
            try {
                const why = await flowing(this.parts, await this.tools());
                // Once it has ended traffic may come in.
                if (why.length === 0 || ended) return;
                error = cameThrough(why);
                controller.abort();
            } catch {
                // Kubernetes does not answer now: nothing is known to have changed.
            } finally {
                looking = false;
            }
        };
        const timer = setInterval(() => {
            if (looking) return;
            looking = true;
            void look();
        }, watchEveryMs);
        timer.unref();
        return {
            signal: controller.signal,
            stop: () => {
                ended = true;
                clearInterval(timer);
            },
            why: () => error,
        };
    }

    /**
     * Lets traffic in again when what would start accepts the schema; otherwise it stays stopped, and others may change what is stopped.
     * @param at where the schema is
     * @returns what is waited for; empty: nothing, traffic is in again
     * @throws FailedError when it could not be let in, with the commands that do it by hand
     */
    async end(at: string | null, ignoreVersions = false): Promise<readonly string[]> {
        if (!this.isStopped) return [];
        const waits = ignoreVersions ? [] : await this.waitsFor(at);
        if (waits.length === 0) {
            await this.resume();
            return [];
        }
        await this.hold(waits);
        return waits;
    }

    /** Lets traffic in again, whatever would start: where the schema is as it was before. */
    async resume(): Promise<void> {
        if (!this.isStopped) return;
        const { declaration, report } = this.setting;
        const tools = await this.tools(this.resumePatience);
        const started = performance.now();
        await resumeParts(this.parts, tools);
        await recordResumed(tools.client, declaration.set);
        this.isStopped = false;
        report({
            type: "gate-resumed",
            parts: this.parts.map(partText),
            seconds: (performance.now() - started) / 1000,
        });
    }

    /** Writes that traffic stays stopped, and lets others change what is. */
    async hold(waits: readonly string[]): Promise<void> {
        if (!this.isStopped) return;
        const { declaration, report } = this.setting;
        // Known before all else: the rest may fail.
        await recordHeld(this.setting.client(), declaration.set, waits.join("; "));
        const tools = await this.tools(this.resumePatience);
        await releaseParts(this.parts, tools);
        // Workloads at zero keep traffic out by themselves; those that come up with another version have to reach the database.
        const letGo = this.parts.some((p) => p.kind === "workload")
            ? this.parts.filter((p) => p.kind === "sessions")
            : [];
        await resumeParts(letGo, tools);
        report({ type: "gate-held", waits, parts: this.parts.map(partText) });
    }

    /** What of it lets traffic in by hand. */
    byHand(): string[] {
        return this.parts.map((part) => kindOf(part).byHand(part));
    }

    texts(): string[] {
        return this.parts.map(partText);
    }

    close(): void {
        this.cluster?.close();
        this.cluster = undefined;
    }

    /** Sessions that nothing keeps out: a late CronJob, somebody's psql. Looked for where sessions are a part of the gate. */
    private async others(): Promise<string[]> {
        const { traffic } = this.setting.declaration;
        if (traffic?.sessions === undefined) return [];
        const { roles, ignore } = traffic.sessions;
        const found = await strangers(this.setting.client(), roles, ignore);
        return found.map(
            (session) =>
                `another session is in the database, ${session} (traffic.sessions.ignore names those that do no harm)`,
        );
    }

    private get drainMs(): number {
        return (this.setting.declaration.traffic ?? defaultTraffic).drainSeconds * 1000;
    }

    private async waitsFor(at: string | null): Promise<readonly string[]> {
        const { declaration, compare } = this.setting;
        const { traffic, app, policy } = declaration;
        if (traffic === undefined) return [];
        const apps = await findApps(traffic, async () => this.openCluster(this.resumePatience));
        return judgeResume({ apps, app, at, rows: policy.compatibility, compare });
    }

    private get resumePatience(): number {
        return (this.setting.declaration.traffic?.kubernetes?.resumeSeconds ?? defaultResumeSeconds) * 1000;
    }

    private async tools(patience?: number): Promise<GateTools> {
        const client = this.setting.client();
        this.owner ??= await ownerOf(client, this.setting.declaration.set);
        return {
            cluster: needCluster(this.parts) ? await this.openCluster(patience) : undefined,
            client,
            owner: this.owner,
            runId: this.setting.runId,
            drainMs: this.drainMs,
            say: (text) => {
                this.setting.report({ type: "gate-note", text });
            },
        };
    }

    private async openCluster(patience?: number): Promise<Cluster> {
        this.cluster ??= await openCluster(this.setting.declaration.traffic?.kubernetes);
        if (patience !== undefined) this.cluster.patience = patience;
        return this.cluster;
    }
}

/** Who has stopped something, so that two databases cannot let in again what the other has stopped. */
async function ownerOf(client: Client, set: string): Promise<string> {
    const { rows } = await client.query<{ database: string }>("SELECT pg_catalog.current_database() AS database");
    return [(await readSystemIdentifier(client)) ?? "unknown", rows[0]?.database ?? "", set].join("/");
}

function rightText({ verb, group, resource, namespace }: Right): string {
    return `${verb} ${resource}${group === "" ? "" : ` (${group})`} in namespace ${namespace}`;
}

/** What is asked before anything is touched: an error says so. */
async function untouched<T>(asked: Promise<T>): Promise<T> {
    try {
        return await asked;
    } catch (error) {
        if (error instanceof FailedError) throw new FailedError({ ...error.parts, state: "Nothing was touched." });
        if (error instanceof RefusedError) throw new RefusedError({ ...error.parts, state: "Nothing was touched." });
        throw error;
    }
}

function cameThrough(why: readonly string[]): FailedError {
    const [first = "", ...more] = why;
    return new FailedError({
        what: `Traffic came through the gate: ${first}.`,
        detail: more.slice(0, 10),
        next: "Find out who that was and see that it does not happen again; then run the same command again.",
    });
}
