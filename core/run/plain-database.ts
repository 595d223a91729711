import type { Client } from "pg";

/**
 * Whether making or dropping a table is no more in this database than it says: with event triggers it runs somebody's code, with partitions
 * it may take any number of locks.
 */
export async function isPlain(client: Client): Promise<boolean> {
    const { rows } = await client.query<{ plain: boolean }>(
        `SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE evtenabled <> 'D')
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits) AS plain`,
    );
    return rows[0]?.plain === true;
}
