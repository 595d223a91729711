import type { LedgerRow } from "../history/ledger";
import { type MigrationSet, spelled } from "../migrations/set";
import { BadInputError } from "../errors";

/**
 * The ledger rows that stand for a history that only another tool's table holds. The scripts are taken as they are on
 * disk now: nobody kept them at apply.
 * @param versions as the history table has them; null for a row that names none
 * @throws BadInputError when a version has no script on disk
 */
export function adoptedRows(set: MigrationSet, versions: readonly (string | null)[], table: string): LedgerRow[] {
    const found = new Set<string>();
    for (const version of versions) {
        const migration = version === null ? undefined : set.find(version);
        if (migration === undefined) {
            throw new BadInputError({
                what: `${table} says that ${version ?? "a row without a version"} is applied, and ${set.dir} has no such migration.`,
                where: { object: table },
                state: "Nothing was touched.",
                next: "Put the script back, or correct the row by hand, before schemaward takes this database over.",
            });
        }
        found.add(migration.version);
    }
    return set.migrations
        .filter((m) => found.has(m.version))
        .map((m, index) => ({
            version: m.version,
            name: m.name,
            format: set.format,
            upFile: m.up.file,
            upChecksum: m.up.checksum,
            downFile: m.down?.file ?? null,
            downChecksum: m.down?.checksum ?? null,
            seq: index + 1,
            origin: "adopted",
            appliedBy: table,
            appliedAt: new Date(0),
            durationMs: 0,
        }));
}

/** Versions on which the ledger and the other tool's table disagree. */
export function historyDifference(
    set: MigrationSet,
    ledger: readonly LedgerRow[],
    versions: readonly (string | null)[],
): { onlyInLedger: string[]; onlyInTable: string[] } {
    // Mostly they agree to the letter and in the order of applying, and nothing needs to be looked up.
    if (versions.length === ledger.length && ledger.every((row, index) => row.version === versions[index]))
        return { onlyInLedger: [], onlyInTable: [] };
    const spell = (version: string): string => spelled(set, version);
    const inTable = new Set(versions.filter((v) => v !== null).map(spell));
    const inLedger = new Set(ledger.map((row) => spell(row.version)));
    return {
        onlyInLedger: [...inLedger].filter((v) => !inTable.has(v)),
        onlyInTable: [...inTable].filter((v) => !inLedger.has(v)),
    };
}
