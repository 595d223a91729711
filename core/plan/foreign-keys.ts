import type { Client } from "pg";
import type { RowChange } from "./dml";
import { qualify } from "./names";

interface Key {
    readonly from: string;
    readonly to: string;
    /** pg_constraint's confdeltype: c cascade, n set null, d set default, a and r refuse. */
    readonly onDelete: string;
    /** confupdtype, likewise. */
    readonly onUpdate: string;
    /** Columns of `from`, and those of `to` that they refer to. */
    readonly columns: readonly string[];
    readonly referred: readonly string[];
    /** Whether the plan makes it. */
    readonly isMade?: boolean;
}

interface Changed {
    readonly table: string;
    readonly columns: readonly string[];
}

/** Who loses rows or values when rows of another table go. Tables are named as `format('%I.%I')` does: `public.feature_flags`. */
export class ForeignKeys {
    private readonly byTarget = new Map<string, Key[]>();
    private readonly parents = new Map<string, string[]>();
    private readonly ancestors = new Map<string, string[]>();
    private readonly children = new Map<string, string[]>();

    constructor(
        keys: readonly Key[],
        inheritance: readonly { readonly child: string; readonly parent: string; readonly partition: boolean }[],
    ) {
        for (const key of keys) push(this.byTarget, key.to, key);
        for (const { child, parent, partition } of inheritance) {
            push(this.children, parent, child);
            push(this.ancestors, child, parent);
            // A key to a partitioned table binds each partition; one to an inheritance parent binds the parent alone.
            if (partition) push(this.parents, child, parent);
        }
    }

    /** Tables whose rows go or change with rows of this one, by ON DELETE CASCADE, SET NULL, SET DEFAULT; itself, where it refers to itself. */
    followers(table: string): string[] {
        return this.reach({ table, columns: [] }, ({ onDelete }) =>
            onDelete === "c" ? "on" : onDelete === "n" || onDelete === "d" ? "end" : "no",
        );
    }

    /** Tables with any key to this one, or to such a table: TRUNCATE … CASCADE takes them too. */
    referrers(table: string): string[] {
        return this.reach({ table, columns: [] }, () => "on").filter((other) => other !== table);
    }

    /**
     * Tables whose values change with values of this one, by ON UPDATE CASCADE, SET NULL, SET DEFAULT.
     * @param columns that change, as the catalog has them; none: any of them
     */
    updateFollowers(table: string, columns: readonly string[]): string[] {
        return this.reach({ table, columns }, ({ onUpdate, referred }, changed) => {
            const hit = changed.length === 0 || referred.length === 0 || referred.some((c) => changed.includes(c));
            return hit && "cnd".includes(onUpdate) ? "on" : "no";
        });
    }

    /**
     * Those that a key of the plan's own leads to from a table that the plan makes; what had its name before is another.
     * @param change of rows of it
     */
    followersOfMade(table: string, { kind, cascade }: Pick<RowChange, "kind" | "cascade">): string[] {
        const own = (this.byTarget.get(table) ?? []).filter((key) => key.isMade === true);
        const followed = own.flatMap(({ from, onDelete, onUpdate }) => {
            if (kind === "rows truncated") return cascade ? [from, ...this.referrers(from)] : [];
            const deletes = kind === "rows deleted";
            if (!"cnd".includes(deletes ? onDelete : onUpdate)) return [];
            return [from, ...(deletes ? this.followers(from) : this.updateFollowers(from, []))];
        });
        return [...new Set(followed)];
    }

    /** A table with those that its rows are seen in, and those whose rows are seen in it: partitions, inheritance. */
    kin(table: string): string[] {
        return [table, ...this.all(this.ancestors, table), ...this.all(this.children, table)];
    }

    /**
     * A key that the plan makes counts from then on.
     * @param table as the catalog names it
     * @param definition as pg_get_constraintdef writes it
     */
    addMade(table: string, definition: string): void {
        const to = /\bREFERENCES (?:ONLY )?((?:"(?:[^"]|"")+"|[\w$]+)(?:\.(?:"(?:[^"]|"")+"|[\w$]+))?)/.exec(
            definition,
        )?.[1];
        if (to === undefined || !definition.startsWith("FOREIGN KEY")) return;
        const action = (event: string): string => {
            const [, word = "NO"] = new RegExp(`ON ${event} (CASCADE|SET NULL|SET DEFAULT)`).exec(definition) ?? [];
            return { CASCADE: "c", "SET NULL": "n", "SET DEFAULT": "d" }[word] ?? "a";
        };
        const key = { from: qualify(table), to: qualify(to), onDelete: action("DELETE"), onUpdate: action("UPDATE") };
        // Its columns are not looked at: any change counts.
        push(this.byTarget, key.to, { ...key, columns: [], referred: [], isMade: true });
    }

    /** @param follow whether a key leads to its table, and on from there; asked with the columns that change in the table it refers to */
    private reach(start: Changed, follow: (key: Key, columns: readonly string[]) => "on" | "end" | "no"): string[] {
        const reached = new Set<string>();
        const asked = new Set<string>();
        const queue = [start];
        for (let item = queue.pop(); item !== undefined; item = queue.pop()) {
            const { table, columns } = item;
            const seen = JSON.stringify([table, columns]);
            if (asked.has(seen)) continue;
            asked.add(seen);
            for (const each of [table, ...this.all(this.parents, table), ...this.all(this.children, table)])
                for (const key of this.byTarget.get(each) ?? []) {
                    const way = follow(key, columns);
                    if (way !== "no") reached.add(key.from);
                    if (way === "on") queue.push({ table: key.from, columns: key.columns });
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

/** Reads all foreign keys of the database, in two trips. @throws pg's DatabaseError */
export async function readForeignKeys(client: Client): Promise<ForeignKeys> {
    const named = (oid: string): string =>
        `(SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ${oid})`;
    const columns = (relation: string, numbers: string): string =>
        `ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = ${relation} AND a.attnum = ANY (${numbers}))`;
    // Of a partitioned table's key each partition has a copy, which says nothing new.
    const keys = await client.query<Key>(
        `SELECT ${named("conrelid")} AS "from", ${named("confrelid")} AS "to", confdeltype::text AS "onDelete", confupdtype::text AS "onUpdate",
                ${columns("conrelid", "conkey")} AS columns, ${columns("confrelid", "confkey")} AS referred
           FROM pg_catalog.pg_constraint WHERE contype = 'f' AND conparentid = 0`,
    );
    const inheritance = await client.query<{ child: string; parent: string; partition: boolean }>(
        `SELECT ${named("inhrelid")} AS child, ${named("inhparent")} AS parent, k.relispartition AS partition
           FROM pg_catalog.pg_inherits JOIN pg_catalog.pg_class k ON k.oid = inhrelid AND k.relkind NOT IN ('i', 'I')`,
    );
    return new ForeignKeys(keys.rows, inheritance.rows);
}
