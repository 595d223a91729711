import { openDatabase } from "../connection";
import type { Declaration } from "../declaration";
import { BadInputError, RefusedError } from "../errors";
import type { Ledger } from "../history/ledger";
import { prepareLedger, readSystemIdentifier, recordSet } from "../history/ledger-tables";
import { clearProgress, recordApplied, recordResolved, recordUndone } from "../history/ledger-write";
import { mirrorApplied, mirrorUndone } from "../history/schema-migrations";
import { readMigrations } from "../plan/build";
import { judgeAssumedSet } from "../plan/other-sets";
import { sessionSettings } from "../plan/read-ahead";
import { readState } from "../plan/read-state";
import { judgeOwnership } from "../policy/ownership";
import { scriptPath } from "../sql/script-path";
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
 * @param setIsAssumed see `Presentation`
 * @throws BadInputError for a version that is not on disk (applied) or neither in the ledger nor begun (rolled back); RefusedError where the
 * ledger is another declarer's
 */
export async function resolveHistory(
    declaration: Declaration,
    projectDir: string,
    version: string,
    state: "applied" | "rolled-back",
    setIsAssumed = false,
): Promise<Resolved> {
    const set = await readMigrations(declaration, projectDir);
    const identity = identifyRun();
    const database = openDatabase(declaration.connection);
    const sessions = await openSessions(database, {
        identity,
        settings: declaration.run,
        waitMs: 0,
        report: () => undefined,
    });
    const { guard } = sessions;
    try {
        const path = scriptPath(sessionSettings(database, declaration), "session");
        if (path !== undefined) await guard.query(path);
        const { ledger, mirror, adopted } = await readState(guard, declaration, set);
        refuseOthers(ledger, declaration, setIsAssumed);
        const migration = set.find(version);
        if (state === "applied" && migration === undefined) throw unknown(version, `${set.dir} has no such migration`);
        const isIt = (r: { readonly version: string }): boolean => set.compare(r.version, version) === 0;
        const row = ledger.rows.find(isIt);
        const isAdopted = adopted.some(isIt);
        const begun = ledger.progress !== undefined && isIt(ledger.progress) ? ledger.progress : undefined;
        if (state === "rolled-back" && row === undefined && !isAdopted && begun === undefined)
            throw unknown(version, "the ledger does not have it as applied");
        await prepareLedger(guard);
        const system = await readSystemIdentifier(guard);
        const key = {
            version: migration?.version ?? row?.version ?? version,
            name: migration?.name ?? row?.name ?? "",
        };
        const stored = { set: declaration.set, format: set.format, runId: null, who: identity.who };
        const resolved =
            state === "applied" && migration !== undefined
                ? ({ ...stored, ...migration, origin: "resolved" } as const)
                : undefined;
        const asked =
            resolved === undefined
                ? []
                : row === undefined
                  ? recordApplied(resolved)
                  : [recordResolved(resolved, row.version)];
        // In the order of the history table, also the one that is asked for: the way back undoes in the order of these rows.
        const taken = adopted.flatMap((old) => {
            if (isIt(old)) return asked;
            const m = set.find(old.version);
            return m === undefined ? [] : recordApplied({ ...stored, ...m, origin: "adopted" });
        });
        const undone =
            state === "rolled-back" && row !== undefined
                ? recordUndone({ ...stored, version: row.version, checksum: row.upChecksum })
                : [];
        await guard.query("BEGIN");
        try {
            await recordSet(guard, declaration.set, declaration.declarer, system);
            const history =
                mirror === undefined
                    ? []
                    : [state === "applied" ? mirrorApplied(mirror, key, true) : mirrorUndone(mirror, key)];
            await guard.query(history.join(";\n"));
            await prepareSessions(sessions);
            const rows = [
                ...taken,
                ...undone,
                ...(isAdopted ? [] : asked),
                ...(begun === undefined ? [] : [clearProgress(declaration.set, begun.version)]),
            ];
            await guard.query(rows.join(";\n"));
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

/** A history is corrected by who may migrate by it: on a clone, or in another stack's database, it would be the wrong one. */
function refuseOthers(ledger: Ledger, { declarer, adopt, set }: Declaration, setIsAssumed: boolean): void {
    const refusal =
        judgeOwnership(ledger.owner, declarer, adopt) ?? (setIsAssumed ? judgeAssumedSet(ledger, set) : undefined);
    if (refusal === undefined) return;
    throw new RefusedError({
        what: refusal.text,
        state: "Nothing was changed.",
        next: `Allow it with: ${refusal.allow}`,
    });
}

function unknown(version: string, why: string): BadInputError {
    return new BadInputError({
        what: `Version ${version} cannot be resolved: ${why}.`,
        where: { object: version },
        state: "Nothing was changed.",
        next: "Look at `schemaward status`.",
    });
}
