import type { Node } from "libpg-query";
import { as } from "./nodes";
import type { RangeVar } from "./identifiers";
import type { LockTaken } from "./observation";
import type { Statement } from "./statement";

/** Table-level lock modes, weakest first, as PostgreSQL's manual orders them (13.3.1, table 13.2). */
export const lockModes = [
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
] as const;
export type LockMode = (typeof lockModes)[number];

export function weightOf(mode: string): number {
    return lockModes.indexOf(mode as LockMode);
}

/** The strongest lock of each relation, strongest first, without those weaker than SHARE. */
export function strongestLocks(locks: readonly LockTaken[]): LockTaken[] {
    const strongest = new Map<string, LockTaken>();
    for (const lock of locks) {
        const known = strongest.get(lock.relation);
        if (known === undefined || weightOf(lock.mode) > weightOf(known.mode)) strongest.set(lock.relation, lock);
    }
    return [...strongest.values()]
        .filter(({ mode }) => weightOf(mode) >= weightOf("SHARE"))
        .sort((a, b) => weightOf(b.mode) - weightOf(a.mode) || (a.relation < b.relation ? -1 : 1));
}

/** The index of a table's constraint as observations name it: the constraint's name, in the table's schema. */
export function indexName(
    table: { readonly name: string; readonly localName: string },
    constraintName: string,
): string {
    return table.name.slice(0, table.name.length - table.localName.length) + constraintName;
}

/**
 * Relations that a statement locks ACCESS EXCLUSIVE, of those that run outside of a transaction block: VACUUM FULL, which also
 * writes them anew, and DETACH PARTITION CONCURRENTLY. CREATE, DROP and REINDEX … CONCURRENTLY and a plain VACUUM take
 * SHARE UPDATE EXCLUSIVE. Source: the commands' pages in the manual.
 */
export function ownTransaction({ node }: Statement): { readonly locks: RangeVar[]; readonly rewrites: RangeVar[] } {
    const vacuum = as<{ options?: Node[]; rels?: Node[] }>(node, "VacuumStmt");
    const full = (vacuum?.options ?? []).some((o) => as<{ defname?: string }>(o, "DefElem")?.defname === "full");
    const rewrites = (full ? (vacuum?.rels ?? []) : []).flatMap(
        (rel) => as<{ relation?: RangeVar }>(rel, "VacuumRelation")?.relation ?? [],
    );
    const detached = (as<{ cmds?: Node[] }>(node, "AlterTableStmt")?.cmds ?? []).flatMap((item) => {
        const command = as<{ def?: Node }>(item, "AlterTableCmd");
        const partition = as<{ name?: RangeVar; concurrent?: boolean }>(command?.def, "PartitionCmd");
        return partition?.concurrent === true && partition.name !== undefined ? [partition.name] : [];
    });
    return { locks: [...rewrites, ...detached], rewrites };
}
