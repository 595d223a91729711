import type { Client } from "pg";
import { type Database, disconnect } from "../../connection";
import { firstLineOf } from "../../errors";
import type { Report } from "../events";
import { dropExpired } from "./left-behind";
import { connectBeside, type Kept, readMarked } from "./server-databases";

/** The databases that restores have put away of the one that a client is connected to. */
export async function readKeptDatabases(client: Client): Promise<readonly Kept[]> {
    const { rows } = await client.query<{ name: string }>("SELECT pg_catalog.current_database()::text AS name");
    const { kept } = await readMarked(client);
    return kept.filter((k) => k.of === rows[0]?.name);
}

/** The same from another database, under the lock of restoring. */
export async function dropExpiredBeside(beside: Client, live: string, report: Report): Promise<void> {
    try {
        const names = await dropExpired(beside, live, new Date());
        if (names.length > 0) report({ type: "databases-dropped", names });
    } catch (error) {
        report({ type: "retention-failed", why: firstLineOf(error) });
    }
}

/**
 * Drops what restores have put away of a database and whose time is over; when a run has ended well. What goes wrong with it is told and is no fault
 * of the run.
 * @param client to that database
 */
export async function dropExpiredAfter(client: Client, database: Database, report: Report): Promise<void> {
    try {
        const now = new Date();
        const [expired] = (await readKeptDatabases(client)).filter((k) => new Date(k.until) <= now);
        if (expired === undefined) return;
        const beside = await connectBeside(database, expired.of);
        try {
            report({ type: "databases-dropped", names: await dropExpired(beside, expired.of, now) });
        } finally {
            await disconnect(beside);
        }
    } catch (error) {
        report({ type: "retention-failed", why: firstLineOf(error) });
    }
}
