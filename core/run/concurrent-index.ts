import type { Node } from "libpg-query";
import type { Client } from "pg";
import { FailedError } from "../errors";
import { nameOf, shown } from "../sql/identifiers";
import { as } from "../sql/nodes";
import { parser } from "../sql/parser";
import type { Statement } from "../sql/statement";

/** An index that CREATE INDEX CONCURRENTLY builds; undefined for every other statement. */
export interface ConcurrentIndex {
    /** Its own name, not quoted; undefined when PostgreSQL chooses it. */
    readonly name: string | undefined;
    /** The table, as written, quoted. */
    readonly table: string;
    readonly node: Node;
}

export function concurrentIndexOf(statement: Statement): ConcurrentIndex | undefined {
    const body = as<{
        concurrent?: boolean;
        idxname?: string;
        relation?: { schemaname?: string; relname?: string };
    }>(statement.node, "IndexStmt");
    if (body?.concurrent !== true) return undefined;
    return { name: body.idxname, table: shown(nameOf(body.relation)), node: statement.node };
}

/** Invalid indexes of the table, by qualified name; under the session's search_path. */
export async function invalidIndexes(client: Client, index: ConcurrentIndex): Promise<string[]> {
    const { rows } = await client.query<{ name: string }>({
        text: `SELECT format('%I.%I', n.nspname, c.relname) AS name
                 FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE i.indrelid = to_regclass($1) AND NOT i.indisvalid AND ($2::text IS NULL OR c.relname = $2)
                ORDER BY 1`,
        values: [index.table, index.name ?? null],
    });
    return rows.map((r) => r.name);
}

/**
 * Whether the index exists and is valid. Of one whose name PostgreSQL chooses: whether the table has one that is defined alike, as far as its
 * text tells; it need not be had twice.
 */
export async function isBuilt(client: Client, index: ConcurrentIndex): Promise<boolean> {
    const { rows } = await client.query<{ definition: string }>({
        text: `SELECT pg_catalog.pg_get_indexdef(c.oid) AS definition
                 FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
                WHERE i.indrelid = to_regclass($1) AND i.indisvalid AND ($2::text IS NULL OR c.relname = $2)`,
        values: [index.table, index.name ?? null],
    });
    if (index.name !== undefined) return rows.length > 0;
    return rows.some(({ definition }) => {
        const node = parser().parseSync(definition).stmts?.[0]?.stmt;
        return node !== undefined && essence(node) === essence(index.node);
    });
}

const besideTheIndex = new Set(["idxname", "relation", "concurrent", "if_not_exists"]);

/** An index's definition without what it is called, where it stands in a text, and how it is built. */
function essence(node: Node): string {
    const said = as<Record<string, unknown>>(node, "IndexStmt") ?? {};
    const told = Object.entries({ accessMethod: "btree", ...said }).filter(([key]) => !besideTheIndex.has(key));
    return JSON.stringify(told.sort(), (key, value: unknown) => (key === "location" ? null : value));
}

/**
 * Drops what an earlier try of ours left invalid, so that the index can be built anew.
 * @throws FailedError when somebody is building on that table right now
 */
export async function dropLeftovers(client: Client, index: ConcurrentIndex, file: string, line: number): Promise<void> {
    const leftovers = await invalidIndexes(client, index);
    if (leftovers.length === 0) return;
    const { rows } = await client.query<{ pid: number }>({
        text: "SELECT pid FROM pg_catalog.pg_stat_progress_create_index WHERE relid = to_regclass($1)",
        values: [index.table],
    });
    if (rows[0] !== undefined) {
        throw new FailedError({
            what: `Server process ${rows[0].pid} is building an index on ${index.table} right now.`,
            where: { file, line, object: leftovers.join(", ") },
            state: "The index is not valid yet; nothing was dropped.",
            next: "Wait until it has ended and run again.",
        });
    }
    for (const name of leftovers) await client.query(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`);
}
