import type { Client } from "pg";

interface Key {
    readonly from: string;
    readonly to: string;
    /** pg_constraint's confdeltype: c cascade, n set null, d set default, a and r refuse. */
    readonly onDelete: string;
}

/** Who loses rows or values when rows of another table go. Tables are named as `format('%I.%I')` does: `public.feature_flags`. */
export class ForeignKeys {
    private readonly byTarget = new Map<string, Key[]>();
    private readonly parents = new Map<string, string[]>();
    private readonly children = new Map<string, string[]>();

    constructor(
        keys: readonly Key[],
        inheritance: readonly { readonly child: string; readonly parent: string; readonly partition: boolean }[],
    ) {
        for (const key of keys) push(this.byTarget, key.to, key);
        for (const { child, parent, partition } of inheritance) {
            push(this.children, parent, child);
            // A key to a partitioned table binds each partition; one to an inheritance parent binds the parent alone.
            if (partition) push(this.parents, child, parent);
        }
    }

    /** Tables whose rows go or change with rows of this one, by ON DELETE CASCADE, SET NULL, SET DEFAULT; itself, where it refers to itself. */
    followers(table: string): string[] {
        return this.reach(table, ({ onDelete }) =>
            onDelete === "c" ? "on" : onDelete === "n" || onDelete === "d" ? "end" : "no",
        );
    }

    /** Tables with any key to this one, or to such a table: TRUNCATE … CASCADE takes them too. */
    referrers(table: string): string[] {
        return this.reach(table, () => "on").filter((other) => other !== table);
    }

    private reach(start: string, follow: (key: Key) => "on" | "end" | "no"): string[] {
        const reached = new Set<string>();
        const asked = new Set<string>();
        const queue = [start];
        for (let table = queue.pop(); table !== undefined; table = queue.pop()) {
            if (asked.has(table)) continue;
            asked.add(table);
            for (const each of [table, ...this.all(this.parents, table), ...this.all(this.children, table)])
                for (const key of this.byTarget.get(each) ?? []) {
                    const way = follow(key);
                    if (way !== "no") reached.add(key.from);
                    if (way === "on") queue.push(key.from);
                }
        }
        return [...reached].sort();
    }

    private all(next: ReadonlyMap<string, readonly string[]>, table: string): string[] {
        return (next.get(table) ?? []).flatMap((other) => [other, ...this.all(next, other)]);
    }
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
    const list = map.get(key);
    if (list === undefined) map.set(key, [value]);
    else list.push(value);
}

/** Reads all foreign keys of the database, in one trip. @throws pg's DatabaseError */
export async function readForeignKeys(client: Client): Promise<ForeignKeys> {
    const named = (oid: string): string =>
        `(SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ${oid})`;
    // Of a partitioned table's key each partition has a copy, which says nothing new.
    const keys = await client.query<Key>(
        `SELECT ${named("conrelid")} AS "from", ${named("confrelid")} AS "to", confdeltype::text AS "onDelete"
           FROM pg_catalog.pg_constraint WHERE contype = 'f' AND conparentid = 0`,
    );
    const inheritance = await client.query<{ child: string; parent: string; partition: boolean }>(
        `SELECT ${named("inhrelid")} AS child, ${named("inhparent")} AS parent, k.relispartition AS partition
           FROM pg_catalog.pg_inherits JOIN pg_catalog.pg_class k ON k.oid = inhrelid AND k.relkind NOT IN ('i', 'I')`,
    );
    return new ForeignKeys(keys.rows, inheritance.rows);
}
