import { openDatabase } from "../connection";
import type { Declaration } from "../declaration";
import { BadInputError } from "../errors";
import { prepareLedger, readSystemIdentifier } from "../history/ledger-tables";
import { clearProgress, recordApplied, recordUndone } from "../history/ledger-write";
import { mirrorApplied, mirrorUndone } from "../history/schema-migrations";
import { readMigrations } from "../plan/build";
import { searchPath } from "../plan/plan-over";
import { readState } from "../plan/read-state";
import { readLedger } from "../history/ledger";
import { identifyRun } from "./identity";
import { openSessions } from "./sessions";
import { prepareSessions } from "./step";

export interface Resolved {
    readonly version: string;
    readonly changed: boolean;
}

/**
 * Records a migration as applied or as rolled back, in ledger and history table, without running anything. Recording an
 * applied one again takes over the script's text as it is on disk now. What an unfinished run noted of it is forgotten.
 * @throws BadInputError for a version that is not on disk (applied) or not in the ledger (rolled back)
 */
export async function resolveHistory(
    declaration: Declaration,
    projectDir: string,
    version: string,
    state: "applied" | "rolled-back",
): Promise<Resolved> {
    const set = await readMigrations(declaration, projectDir);
    const identity = identifyRun();
    const sessions = await openSessions(openDatabase(declaration.connection), {
        identity,
        settings: declaration.run,
        waitMs: 0,
        report: () => undefined,
    });
    const { guard } = sessions;
    try {
        if (declaration.run.searchPath.length > 0) await guard.query(`SET search_path = ${searchPath(declaration)}`);
        const { mirror, adopted } = await readState(guard, declaration, set);
        const migration = set.find(version);
        if (state === "applied" && migration === undefined) throw unknown(version, `${set.dir} has no such migration`);
        const before = await readLedger(guard, declaration.set);
        const row = before.rows.find((r) => set.compare(r.version, version) === 0);
        if (state === "rolled-back" && row === undefined && !adopted.some((r) => set.compare(r.version, version) === 0))
            throw unknown(version, "the ledger does not have it as applied");
        await prepareLedger(
            guard,
            declaration.set,
            declaration.declarer ?? { project: "", stack: "", environment: "" },
            await readSystemIdentifier(guard),
        );
        const key = {
            version: migration?.version ?? row?.version ?? version,
            name: migration?.name ?? row?.name ?? "",
        };
        const stored = { set: declaration.set, runId: null, who: identity.who };
        await guard.query("BEGIN");
        try {
            const taken = adopted.flatMap((old) => {
                const m = set.find(old.version);
                return m === undefined || m.version === key.version
                    ? []
                    : recordApplied({ ...stored, ...m, format: set.format, origin: "adopted" });
            });
            const undone =
                row === undefined ? [] : recordUndone({ ...stored, version: row.version, checksum: row.upChecksum });
            const applied =
                state === "applied" && migration !== undefined
                    ? recordApplied({ ...stored, ...migration, format: set.format, origin: "resolved" })
                    : [];
            const history =
                mirror === undefined
                    ? []
                    : [state === "applied" ? mirrorApplied(mirror, key, true) : mirrorUndone(mirror, key)];
            await guard.query(history.join(";\n"));
            await prepareSessions(sessions);
            const ledger = [...taken, ...undone, ...applied, clearProgress(declaration.set)];
            await guard.query(ledger.join(";\n"));
            await guard.query("COMMIT");
        } catch (error) {
            await guard.query("ROLLBACK").catch(() => undefined);
            throw error;
        }
        const changed = (row !== undefined) !== (state === "applied") || row?.upChecksum !== migration?.up.checksum;
        return { version: key.version, changed };
    } finally {
        await sessions.close();
    }
}

function unknown(version: string, why: string): BadInputError {
    return new BadInputError({
        what: `Version ${version} cannot be resolved: ${why}.`,
        where: { object: version },
        state: "Nothing was changed.",
        next: "Look at `schemaward status`.",
    });
}
