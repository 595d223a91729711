import { randomUUID } from "node:crypto";
import type { Client } from "pg";
import type { Declaration, Declarer } from "../declaration";
import { SchemawardError } from "../errors";
import {
    forgetCatalog,
    recordMirror,
    recordPlan,
    recordRunEnd,
    recordRunGivenUp,
    recordRunStart,
    recordSnapshot,
    recordStep,
} from "../history/ledger-runs";
import { changeOwner, prepareLedger, readSystemIdentifier, recordSet } from "../history/ledger-tables";
import { ledgerStatements, recordApplied } from "../history/ledger-write";
import { runLocks } from "../run-locks";
import type { Plan } from "../plan/plan";
import type { Planned } from "../plan/plan-over";
import { readCatalog, toObjects } from "../sql/catalog";
import { readCatalogStamp } from "../sql/catalog-stamp";
import type { CatalogObject } from "../sql/observation";
import type { RunIdentity } from "./identity";
import type { Sessions } from "./sessions";
import { prepareSessions } from "./step";

/**
 * What a run writes of itself into the ledger as it goes: planned, snapshotted, scripts begun, verified, and its end; each migration
 * writes its own step in its own transaction. Whoever comes after a run that died reads there how far it came. Written over the guard's session, where
 * no script runs.
 */
export class Journal {
    readonly runId = randomUUID();
    private begun = false;
    /** Whether a script may have changed something. */
    private scriptsBegun = false;

    constructor(
        private readonly declaration: Declaration,
        private readonly identity: RunIdentity,
        /** Those in use, which may become others. */
        private readonly sessions: () => Sessions | undefined,
    ) {}

    /**
     * Before anything is done: makes the ledger where there is none, takes over another tool's history where it is to be adopted, and writes
     * what is going to be done. All of it stays when the run then comes to nothing.
     * @param newOwner who takes the set over from another declarer, where somebody does
     */
    async begin({ plan, set, state }: Planned, newOwner: Declarer | undefined): Promise<void> {
        const { runId, identity, declaration } = this;
        const guard = this.guard();
        const system = await readSystemIdentifier(guard);
        await prepareLedger(guard);
        const { direction, from, to, digest } = plan;
        const run = { id: runId, set: declaration.set, direction, from, to, digest, plan, ...identity };
        const adopted = state.adopted.flatMap((row) => {
            const m = set.find(row.version);
            if (m === undefined) return [];
            const recorded = { set: declaration.set, ...m, format: set.format, origin: "adopted", runId } as const;
            return recordApplied({ ...recorded, who: identity.who });
        });
        // Only in the transaction: what is still to be counted is counted under the session's own.
        await guard.query("BEGIN; SET LOCAL search_path = pg_catalog");
        try {
            await recordSet(guard, declaration.set, declaration.declarer, system);
            if (newOwner !== undefined) await changeOwner(guard, declaration.set, newOwner, system);
            await recordRunStart(guard, run);
            if (adopted.length > 0) {
                await guard.query([...ledgerStatements(runLocks), ...adopted, "DEALLOCATE ALL"].join(";\n"));
                await recordMirror(guard, declaration.set, state.mirror?.table ?? null);
            }
            await guard.query("COMMIT");
        } catch (error) {
            await guard.query("ROLLBACK").catch(() => undefined);
            throw error;
        }
        this.begun = true;
    }

    async recounted(plan: Plan): Promise<void> {
        await recordPlan(this.guard(), this.runId, plan);
    }

    async snapshotted(snapshot: string): Promise<void> {
        await recordSnapshot(this.guard(), this.runId, snapshot);
    }

    /** Right before the first script: from here on what changes in the schema is this run's work. */
    async beginScripts(): Promise<void> {
        const sessions = this.inUse();
        await prepareSessions(sessions);
        await forgetCatalog(sessions.guard, this.declaration.set);
        this.scriptsBegun = true;
    }

    async verified(): Promise<void> {
        await recordStep(this.guard(), this.runId, "verified");
    }

    /** @param mirror name of the history table, where known */
    async done(schema: SchemaNow, mirror: string | null): Promise<void> {
        await recordRunEnd(this.guard(), this.run(), null, { ...schema, mirror });
    }

    /** Never throws: the error that ended the run is what a person has to see. */
    async failed(error: unknown, mirror: string | null): Promise<void> {
        if (!this.begun) return;
        const text = error instanceof SchemawardError ? error.parts.what : String(error);
        try {
            const guard = this.guard();
            if (this.scriptsBegun)
                await recordRunEnd(guard, this.run(), text, { ...(await readSchema(guard)), mirror });
            else await recordRunGivenUp(guard, this.runId, text);
        } catch {
            // Then the ledger says that it never wrote its end, which is so.
        }
    }

    private run(): { readonly id: string; readonly set: string } {
        return { id: this.runId, set: this.declaration.set };
    }

    private guard(): Client {
        return this.inUse().guard;
    }

    private inUse(): Sessions {
        const sessions = this.sessions();
        if (sessions === undefined) throw new Error("The run has no session.");
        return sessions;
    }
}

export interface SchemaNow {
    readonly stamp: string;
    readonly catalog: readonly CatalogObject[];
}

/** Both of one moment: what others change after it shows as drift. */
export async function readSchema(guard: Client): Promise<SchemaNow> {
    await guard.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    try {
        return { stamp: await readCatalogStamp(guard), catalog: toObjects(await readCatalog(guard)) };
    } finally {
        await guard.query("ROLLBACK").catch(() => undefined);
    }
}
