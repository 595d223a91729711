import type { Client } from "pg";
import type { Declaration } from "../declaration";
import { type Ledger, type LedgerRow, readLedger, readStoredSql, type StoredSql } from "../history/ledger";
import { type MirrorShape, readMirror } from "../history/schema-migrations";
import type { MigrationSet } from "../migrations/set";
import { adoptedRows, historyDifference } from "./adopt";
import { allAnswered } from "./first-failure";
import { type Refusal, storedSqlNeeded } from "./decide";

/** What a database says of its own version. */
export interface DatabaseState {
    readonly ledger: Ledger;
    /** In the order of applying: the ledger's rows, or those adopted from the history table. */
    readonly applied: readonly LedgerRow[];
    /** Scripts as of apply, where deciding may need them. */
    readonly stored: ReadonlyMap<string, StoredSql>;
    /** Rows that a run has yet to take over into the ledger. */
    readonly adopted: readonly LedgerRow[];
    readonly mirror: MirrorShape | undefined;
    readonly refusals: readonly Refusal[];
}

/** What is written in a database, before it is held against the files. */
export interface History {
    readonly ledger: Ledger;
    readonly mirror: MirrorShape | undefined;
    /** Of the history table, as written there. */
    readonly versions: readonly (string | null)[];
}

/**
 * Reads ledger and history table, and holds them against the set.
 * @param client with the migrations' search_path
 * @throws BadInputError when a history is to be adopted whose scripts are not on disk
 */
export async function readState(client: Client, declaration: Declaration, set: MigrationSet): Promise<DatabaseState> {
    return stateOf(client, declaration, set, await readHistory(client, declaration));
}

/**
 * Reads ledger and history table, both at the same time, and nothing else.
 * @param onAsked called when everything is asked for and answers are still on their way, with whether there is a ledger at all; for a client
 * with `pipeline`
 */
export async function readHistory(
    client: Client,
    declaration: Declaration,
    onAsked?: (ledger: boolean) => void,
): Promise<History> {
    let asking = 2;
    let exists = false;
    const asked = (): void => {
        if (--asking === 0) onAsked?.(exists);
    };
    const ledger = readLedger(client, declaration.set, (found) => {
        exists = found;
        asked();
    });
    const table = readTable(client, declaration, asked);
    await allAnswered([ledger, table]);
    return { ledger: await ledger, ...(await table) };
}

async function readTable(
    client: Client,
    { history }: Declaration,
    onAsked: () => void,
): Promise<Omit<History, "ledger">> {
    if (history.mirror !== "none") return readMirror(client, onAsked);
    onAsked();
    return { mirror: undefined, versions: [] };
}

/** @throws BadInputError when a history is to be adopted whose scripts are not on disk */
export async function stateOf(
    client: Client,
    declaration: Declaration,
    set: MigrationSet,
    { ledger, mirror, versions }: History,
): Promise<DatabaseState> {
    if (!ledger.exists) {
        const refusals = sharedMirror(ledger, mirror, declaration.set);
        // A table that no other set of this database keeps in step is this one's.
        const isOurs = mirror !== undefined && versions.length > 0 && refusals.length === 0;
        const adopted = isOurs ? adoptedRows(set, versions, mirror.table) : [];
        return { ledger, applied: adopted, stored: new Map(), adopted, mirror, refusals };
    }
    const stored = await readStoredSql(client, declaration.set, storedSqlNeeded(set, ledger.rows));
    const refusals =
        mirror === undefined
            ? []
            : [
                  ...sharedMirror(ledger, mirror, declaration.set),
                  ...historyRefusals(historyDifference(set, ledger.rows, versions), mirror.table),
              ];
    return { ledger, applied: ledger.rows, stored, adopted: [], mirror, refusals };
}

/** Two sets in one history table could not be told apart: `007` of one is not that of the other. */
function sharedMirror(ledger: Ledger, mirror: MirrorShape | undefined, set: string): Refusal[] {
    const other = ledger.sets.find((s) => s.name !== set && s.mirror !== null && s.mirror === mirror?.table);
    if (other === undefined) return [];
    return [
        {
            code: "history-shared",
            text: `${other.mirror ?? ""} is kept in step with the set ${other.name}; a second set cannot share it.`,
            allow: "history.mirror: none for this set; or a table of its own, in the first schema of run.searchPath",
        },
    ];
}

function historyRefusals(
    { onlyInLedger, onlyInTable }: { onlyInLedger: readonly string[]; onlyInTable: readonly string[] },
    table: string,
): Refusal[] {
    const refusals: Refusal[] = [];
    if (onlyInLedger.length > 0) {
        refusals.push({
            code: "history-differs",
            text: `${table} no longer has ${onlyInLedger.join(", ")}, which the ledger has as applied: somebody has rolled back by hand.`,
            allow: `schemaward resolve --rolled-back ${onlyInLedger.at(-1) ?? ""} if its down script was run; else put the row back`,
        });
    }
    if (onlyInTable.length > 0) {
        refusals.push({
            code: "history-differs",
            text: `${table} has ${onlyInTable.join(", ")}, which the ledger does not know: somebody has migrated by hand.`,
            allow: `schemaward resolve --applied ${onlyInTable[0] ?? ""} if its script was run; else delete the row`,
        });
    }
    return refusals;
}
