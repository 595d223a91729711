import type { Node } from "libpg-query";
import { as } from "./nodes";
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

/**
 * Locks of SHARE and above, and rewrites, of the statements that run outside of a transaction block and take any.
 * CREATE, DROP and REINDEX … CONCURRENTLY and a plain VACUUM take SHARE UPDATE EXCLUSIVE. Source: the commands' pages in the manual.
 */
export function ownTransaction({ node }: Statement): { readonly locks: LockTaken[]; readonly rewrites: string[] } {
    const vacuum = as<{ options?: Node[]; rels?: Node[] }>(node, "VacuumStmt");
    const full = (vacuum?.options ?? []).some((o) => as<{ defname?: string }>(o, "DefElem")?.defname === "full");
    const named = (full ? (vacuum?.rels ?? []) : []).flatMap((rel) => {
        const relation = as<{ relation?: Record<string, unknown> }>(rel, "VacuumRelation")?.relation;
        return relation === undefined ? [] : [relationName(relation)];
    });
    const detached: string[] = [];
    for (const item of as<{ cmds?: Node[] }>(node, "AlterTableStmt")?.cmds ?? []) {
        const command = as<{ subtype?: string; def?: Node }>(item, "AlterTableCmd");
        const partition = as<{ name?: Record<string, unknown>; concurrent?: boolean }>(command?.def, "PartitionCmd");
        if (partition?.concurrent === true && partition.name !== undefined) detached.push(relationName(partition.name));
    }
    return {
        locks: [...named, ...detached].map((relation) => ({ mode: "ACCESS EXCLUSIVE", relation })),
        rewrites: named,
    };
}

/** A relation as written, `public.` left out. */
function relationName(relation: Readonly<Record<string, unknown>>): string {
    const name = String(relation["relname"]);
    const schema = relation["schemaname"];
    return typeof schema === "string" && schema !== "public" ? `${schema}.${name}` : name;
}
