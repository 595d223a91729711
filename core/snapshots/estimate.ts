import type { Client } from "pg";

/** Longest wait for a table that somebody holds exclusively, before the size of its last VACUUM or ANALYZE has to do. */
const lockWaitMs = 500;

/**
 * Bytes that `pg_dump -Fc` will write, roughly: right within a factor of three for most data, and far too much for very
 * repetitive rows. Tables compress to about 30 %; TOASTed values and large objects mostly are compressed already;
 * indexes and materialized views are not dumped. Needs no rights beyond CONNECT.
 * @param client in a transaction
 */
export async function estimateBytes(client: Client): Promise<number> {
    await client.query(`SAVEPOINT schemaward_size; SET LOCAL lock_timeout = ${String(lockWaitMs)}`);
    try {
        return await estimateWith(client, "pg_catalog.pg_relation_size(c.oid)");
    } catch (error) {
        // 55P03: locked; 57014: the transaction's own time limit came first.
        if (!["55P03", "57014"].includes(String((error as { code?: unknown }).code))) throw error;
        await client.query("ROLLBACK TO SAVEPOINT schemaward_size");
        return await estimateWith(client, "c.relpages::int8 * pg_catalog.current_setting('block_size')::int8");
    } finally {
        await client.query("ROLLBACK TO SAVEPOINT schemaward_size; RELEASE SAVEPOINT schemaward_size");
    }
}

/** @param size SQL for the bytes of relation c */
async function estimateWith(client: Client, size: string): Promise<number> {
    const { rows } = await client.query<{ plain: string; packed: string }>(
        `SELECT coalesce(sum(${size}) FILTER (WHERE c.relkind = 'r' AND n.nspname !~ '^pg_'), 0) AS plain,
                coalesce(sum(${size})
                         FILTER (WHERE c.relkind = 't' OR c.oid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass), 0) AS packed
           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind IN ('r', 't') AND c.relpersistence <> 't' AND n.nspname <> 'information_schema'
            AND (c.relkind <> 't' OR NOT EXISTS (
                    SELECT FROM pg_catalog.pg_class o WHERE o.reltoastrelid = c.oid
                       AND (o.relnamespace = 'pg_catalog'::pg_catalog.regnamespace OR o.relkind = 'm')))`,
    );
    const { plain, packed } = rows[0] ?? { plain: "0", packed: "0" };
    return Math.round(20_000 + 0.3 * Number(plain) + Number(packed));
}

/**
 * Seconds that writing and verifying such an archive takes, roughly: pg_dump compresses on one core, some 12 MB of archive a
 * second on a small machine.
 * @param bytes as from `estimateBytes`
 */
export function estimateSeconds(bytes: number): number {
    return Math.ceil(1 + bytes / 12_000_000);
}

/**
 * Both estimates at once, for a plan.
 * @param client in a transaction
 */
export async function estimateSnapshot(client: Client): Promise<{ readonly bytes: number; readonly seconds: number }> {
    const bytes = await estimateBytes(client);
    return { bytes, seconds: estimateSeconds(bytes) };
}
