import { randomUUID } from "node:crypto";
import type { Client } from "pg";
import { disconnect } from "../../connection";
import { defaultRestore } from "../../declaration";
import { FailedError, firstLineOf, SchemawardError } from "../../errors";
import { carryLedger } from "../../history/ledger-carry";
import { hasChangedSinceGate } from "../../history/ledger-gates";
import { recordRunEnd, recordRunGivenUp, recordRunStart, recordStep } from "../../history/ledger-runs";
import { prepareLedger, readSystemIdentifier, recordSet } from "../../history/ledger-tables";
import { keyOf } from "../../snapshots/encryption";
import { timeInName } from "../../snapshots/name";
import { withLocalArchive } from "../../snapshots/local-archive";
import { heldText, withState } from "../after-failure";
import { Gate } from "../gate";
import { readSchema } from "../journal";
import { openSessions, type Sessions } from "../sessions";
import { smokeAfter } from "../smoke-after";
import { checkedText, checkRestored } from "./check-restored";
import { readProperties } from "./database-properties";
import { emergencySnapshot } from "./emergency-snapshot";
import { makeFresh } from "./fresh-database";
import type { RestoreResult } from "./options";
import type { LastRestore } from "./left-behind";
import {
    connectBesideAgain,
    derivedName,
    dropDatabase,
    freeName,
    type Kept,
    type Making,
    readMarked,
    withConnection,
} from "./server-databases";
import { needOf } from "./server-needs";
import type { RestoreSetting } from "./setting";
import { openAgain, swapDatabases } from "./swap";

/**
 * One restore, from the archive to traffic that is in again. Until the swap the live database is as it was; after it, all that is left is to let
 * traffic in.
 */
export class RestoreRun {
    readonly runId: string;
    private readonly time = new Date();
    private isBegun = false;
    /** Undefined: the server did not say. */
    private isSwapped: boolean | undefined = false;
    private readonly gate: Gate;
    private readonly making: Making;
    /** Another one where that one broke. */
    private beside: Client;

    /** @param sessions with the run's lock; they become others with the swap */
    constructor(
        private readonly setting: RestoreSetting,
        private sessions: Sessions,
    ) {
        const { declaration, identity, options, facts, live, manifest } = setting;
        const client = (): Client => this.sessions.guard;
        this.runId = setting.unfinished?.id ?? randomUUID();
        this.beside = setting.beside;
        this.gate = new Gate(
            { declaration, identity, runId: this.runId, client, report: options.report, compare: facts.compare },
            facts.ledger.gate?.parts,
        );
        this.making = {
            name: derivedName(live, `_restoring_${this.runId.slice(0, 8)}`),
            of: live,
            run: this.runId,
            snapshot: manifest.name,
            begun: this.time.toISOString(),
            swapping: false,
        };
    }

    async go(): Promise<RestoreResult> {
        const { setting, gate } = this;
        try {
            return await (setting.unfinished === undefined ? this.restore() : this.finish(setting.unfinished));
        } catch (error) {
            throw await this.failed(error);
        } finally {
            gate.close();
        }
    }

    private async restore(): Promise<RestoreResult> {
        const { setting, gate } = this;
        const { store, manifest, options, facts } = setting;
        const { signal, report } = options;
        if (facts.gate !== null) await gate.preflight(facts.parts);
        report({ type: "restore-step", text: `reading ${manifest.name}` });
        let emergency: string | null = null;
        const key = keyOf(setting.declaration.snapshot.encryption);
        await withLocalArchive(store, manifest, { signal, key }, async (files) => {
            await needOf(this.beside, files[0] ?? "", manifest);
            // Known before traffic is stopped for it.
            if (options.emergency) await store.probe();
            await this.begin();
            if (facts.gate !== null) await gate.stop(facts.parts, signal);
            emergency = await emergencySnapshot(setting, this.sessions.guard, this.runId);
            await this.restoreBeside(files);
        });
        throwIfInterrupted(signal);
        const kept = await this.swap();
        this.isSwapped = true;
        this.sessions = await this.openSessions();
        report({
            type: "restore-step",
            text: `in its place; what was there is kept as ${kept.name} until ${kept.until}`,
        });
        return this.letIn(emergency, kept.name);
    }

    /** The database is in its place; what is left is traffic. */
    private async finish(unfinished: LastRestore): Promise<RestoreResult> {
        const { manifest, options, live } = this.setting;
        this.isBegun = true;
        this.isSwapped = true;
        const text = `${live} was restored from ${manifest.name} already; what is left is to let traffic in`;
        options.report({ type: "restore-step", text });
        const { kept } = await readMarked(this.beside);
        return this.letIn(unfinished.snapshot, kept.find((k) => k.run === this.runId)?.name ?? null);
    }

    private async letIn(emergency: string | null, kept: string | null): Promise<RestoreResult> {
        const { gate } = this;
        const { declaration, options, plan, manifest } = this.setting;
        const waits = await gate.end(manifest.from, options.ignoreVersions);
        if (waits.length === 0) await smokeAfter(declaration, gate, options, this.state());
        await this.end(null);
        const { runId } = this;
        return { plan, version: manifest.from, snapshot: manifest.name, emergency, kept, runId, heldFor: waits };
    }

    /** Of the sessions in use, which are others after the swap. */
    async close(): Promise<void> {
        await this.sessions.close();
        if (this.beside !== this.setting.beside) await disconnect(this.beside);
    }

    /** Before anything is touched: what is going to be done, in the ledger of the database as it is. */
    private async begin(): Promise<void> {
        const { declaration, identity, plan, facts } = this.setting;
        const { guard } = this.sessions;
        await prepareLedger(guard);
        await guard.query("BEGIN");
        try {
            await recordSet(guard, declaration.set, declaration.declarer, await readSystemIdentifier(guard));
            await recordRunStart(guard, {
                id: this.runId,
                set: declaration.set,
                direction: "restore",
                from: facts.at,
                to: plan.to,
                digest: plan.digest,
                plan: { ...plan, making: this.making.name },
                ...identity,
            });
            await guard.query("COMMIT");
        } catch (error) {
            await guard.query("ROLLBACK").catch(() => undefined);
            throw error;
        }
        this.isBegun = true;
    }

    /** Everything that comes before the swap, in a database that nobody uses. */
    private async restoreBeside(files: readonly string[]): Promise<void> {
        const { beside } = this;
        const { database, manifest, options, live, declaration } = this.setting;
        const { report, signal } = options;
        const jobs = options.jobs ?? declaration.restore?.jobs ?? defaultRestore.jobs;
        const like = await readProperties(beside, live);
        if (like === undefined) throw new Error(`${live} is not there`);
        throwIfInterrupted(signal);
        report({ type: "restore-step", text: `into ${this.making.name}, beside ${live}` });
        await makeFresh({
            ...{ database, beside, like, manifest, files, jobs, signal, report },
            making: this.making,
        });
        throwIfInterrupted(signal);
        const fresh = database.sibling(this.making.name);
        const checked = await checkRestored(fresh, manifest, jobs);
        report({ type: "restore-step", text: checkedText(checked) });
        await recordStep(this.sessions.guard, this.runId, "restored");
        // Loaded by what stops traffic or has stopped it: looked at once more before what nobody can write to any more.
        await this.gate.check();
        await withConnection(fresh, "restore", async (client) => {
            await carryLedger(this.sessions.guard, client);
            // True in the very moment in which this database is in its place.
            await recordStep(client, this.runId, "swapped");
        });
    }

    private async swap(): Promise<Kept> {
        const { live, manifest, declaration } = this.setting;
        const days = declaration.restore?.keepDays ?? defaultRestore.keepDays;
        const now = new Date();
        const beside = await this.besideAlive();
        const like = await readProperties(beside, live);
        if (like === undefined) throw new Error(`${live} is not there`);
        const kept: Kept = {
            name: await freeName(beside, live, `_before_${timeInName(now)}`),
            of: live,
            run: this.runId,
            snapshot: manifest.name,
            replaced: now.toISOString(),
            until: new Date(now.getTime() + days * 86_400_000).toISOString(),
            comment: like.comment,
        };
        // Our own sessions would be in the way, and with them goes the lock of runs; that of restores holds, in the other database.
        await this.sessions.close();
        try {
            await swapDatabases(beside, { live: like, fresh: this.making, kept });
        } catch (error) {
            // The answer may have been lost: what the databases are called now is what counts.
            this.isSwapped = await this.isInPlace(kept).catch(() => undefined);
            if (this.isSwapped !== true) throw error;
        }
        return kept;
    }

    private async isInPlace(kept: Kept): Promise<boolean> {
        const beside = await this.besideAlive();
        const { kept: all } = await readMarked(beside);
        if (all.some((one) => one.name === kept.name && one.run === kept.run)) return true;
        await openAgain(beside, this.setting.live);
        return false;
    }

    /** The session beside the database; another one where that one broke. */
    private async besideAlive(): Promise<Client> {
        try {
            await this.beside.query("SELECT 1");
        } catch {
            const { database, live, beside } = this.setting;
            if (this.beside !== beside) await disconnect(this.beside);
            this.beside = await connectBesideAgain(database, live);
        }
        return this.beside;
    }

    private async openSessions(): Promise<Sessions> {
        const { database, declaration, identity, options } = this.setting;
        const { report } = options;
        return openSessions(database, { identity, settings: declaration.run, waitMs: 60_000, report });
    }

    private async end(error: string | null): Promise<void> {
        const { declaration } = this.setting;
        const { guard } = this.sessions;
        const schema = { ...(await readSchema(guard)), mirror: null };
        await recordRunEnd(guard, { id: this.runId, set: declaration.set }, error, schema);
    }

    private state(): string {
        const { manifest, live } = this.setting;
        return `${live} is restored from ${manifest.name} and is at ${manifest.from ?? "0"}.`;
    }

    /** What a failure leaves: before the swap nothing of it, and traffic as it was; after it a restored database. */
    private async failed(error: unknown): Promise<unknown> {
        const known =
            error instanceof SchemawardError
                ? error
                : new FailedError({ what: `The restore failed: ${firstLineOf(error)}`, cause: error });
        const text = known.parts.what;
        if (this.isSwapped) {
            await this.end(text).catch(() => undefined);
            const state = this.gate.isStopped ? heldText(this.gate, this.state()) : this.state();
            return withState(known, state, true);
        }
        const { live } = this.setting;
        if (this.isSwapped === undefined) {
            const unknown = `The server does not answer, so it is not known whether the restored database is in the place of ${live}; the same command again finds out, and goes on.`;
            return withState(known, this.gate.isStopped ? heldText(this.gate, unknown) : unknown, true);
        }
        const dropped = this.besideAlive().then(async (beside) => dropDatabase(beside, this.making.name));
        const left = await dropped.then(
            () => "",
            (again: unknown) =>
                ` ${this.making.name} is still there (${firstLineOf(again)}) and is dropped by the next restore.`,
        );
        if (!this.isBegun) return known;
        const unchanged = `${live} is as it was.${left}`;
        try {
            await this.sessions.guard.query("SELECT 1").catch(async () => {
                this.sessions = await this.openSessions();
            });
            const { guard } = this.sessions;
            await recordRunGivenUp(guard, this.runId, text);
            if (!this.gate.isStopped) return withState(known, unchanged, true);
            // What another run has left half-way is not to be let in by this one.
            if (await hasChangedSinceGate(guard, this.setting.declaration.set))
                return withState(known, heldText(this.gate, unchanged), true);
            await this.gate.resume();
            return withState(known, `${unchanged} Traffic is let in again.`, true);
        } catch (again) {
            this.setting.options.report({ type: "gate-note", text: firstLineOf(again) });
            return withState(known, this.gate.isStopped ? heldText(this.gate, unchanged) : unchanged, true);
        }
    }
}

function throwIfInterrupted(signal: AbortSignal | undefined): void {
    if (signal?.aborted !== true) return;
    throw new FailedError({ what: "Interrupted.", next: "Run the same command again." });
}
