import type { LedgerRow } from "./ledger";

/** An applied version as a snapshot's manifest has it: with the SHA-256 of its up script as of apply. */
export interface AppliedVersion {
    readonly version: string;
    readonly checksum: string;
}

/** In the order of applying. */
export function appliedVersions(rows: readonly LedgerRow[]): AppliedVersion[] {
    return rows.map(({ version, upChecksum }) => ({ version, checksum: upChecksum }));
}

/** Whether the same was applied, in the same order. */
export function isSameApplied(a: readonly AppliedVersion[], b: readonly AppliedVersion[]): boolean {
    return (
        a.length === b.length &&
        a.every(({ version, checksum }, i) => version === b[i]?.version && checksum === b[i].checksum)
    );
}
