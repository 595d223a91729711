import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "pg";
import { FailedError } from "../../errors";
import type { DatabaseProperties } from "./database-properties";
import { type Kept, keptComment, type Making, makingComment } from "./server-databases";

export interface Swap {
    /** The database that is replaced, as it was before. */
    readonly live: DatabaseProperties;
    /** The restored one. */
    readonly fresh: Making;
    /** What the replaced one is called afterwards, and until when. */
    readonly kept: Kept;
}

/** Milliseconds for sessions to end that were told to. */
const patienceMs = 30_000;

/**
 * Puts a restored database in the place of the live one: nobody may connect to either, all sessions are ended, and both get their new names in one
 * transaction, with what comes with the name (comment, connection limit). Killed before that transaction, it leaves a live database that nobody may connect to, which `openAgain` mends; after it all is done.
 * @param client to another database of the server
 * @throws FailedError; the live database then has its name and takes connections
 */
export async function swapDatabases(client: Client, swap: Swap): Promise<void> {
    const { live, fresh, kept } = swap;
    const name = (text: string): string => client.escapeIdentifier(text);
    const comment = (database: string, text: string | null): string =>
        `COMMENT ON DATABASE ${name(database)} IS ${text === null ? "NULL" : client.escapeLiteral(text)}`;
    try {
        await client.query(comment(fresh.name, makingComment({ ...fresh, swapping: true })));
        for (const database of [live.name, fresh.name])
            await client.query(`ALTER DATABASE ${name(database)} ALLOW_CONNECTIONS false`);
        await rename(
            client,
            [live.name, fresh.name],
            [
                "BEGIN",
                `ALTER DATABASE ${name(live.name)} IS_TEMPLATE false`,
                `ALTER DATABASE ${name(live.name)} RENAME TO ${name(kept.name)}`,
                `ALTER DATABASE ${name(fresh.name)} RENAME TO ${name(live.name)}`,
                comment(kept.name, keptComment(kept)),
                comment(live.name, live.comment),
                `ALTER DATABASE ${name(live.name)} CONNECTION LIMIT ${String(live.connectionLimit)}`,
                ...(live.isTemplate ? [`ALTER DATABASE ${name(live.name)} IS_TEMPLATE true`] : []),
                `ALTER DATABASE ${name(kept.name)} ALLOW_CONNECTIONS true`,
                `ALTER DATABASE ${name(live.name)} ALLOW_CONNECTIONS true`,
                "COMMIT",
            ].join("; "),
        );
    } catch (error) {
        await client.query("ROLLBACK").catch(() => undefined);
        await openAgain(client, live.name).catch(() => undefined);
        if (error instanceof FailedError) throw error;
        throw new FailedError({
            what: `The restored database could not be put in the place of ${live.name}: ${error instanceof Error ? error.message : String(error)}.`,
            where: { object: live.name },
            next: "The role that logs in has to own the database (or be a member of its owner) and have CREATEDB; then run the same command again.",
            cause: error,
        });
    }
}

/** Lets a database take connections again that a killed swap has left without. */
export async function openAgain(client: Client, live: string): Promise<void> {
    await client.query(`ALTER DATABASE ${client.escapeIdentifier(live)} ALLOW_CONNECTIONS true`);
}

/** Ends the sessions and renames; again where one was just logging in, or the server itself wrote to the catalog's row. */
async function rename(client: Client, databases: readonly string[], sql: string): Promise<void> {
    const deadline = Date.now() + patienceMs;
    for (;;) {
        await endSessions(client, databases);
        try {
            await client.query(sql);
            return;
        } catch (error) {
            const { code, message = "" } = error as { readonly code?: unknown; readonly message?: string };
            const passes = code === "55006" || (code === "XX000" && message.includes("concurrently"));
            if (!passes || Date.now() > deadline) throw error;
            await client.query("ROLLBACK");
        }
    }
}

async function endSessions(client: Client, databases: readonly string[]): Promise<void> {
    const deadline = Date.now() + patienceMs;
    for (;;) {
        const { rows } = await client.query<{ who: string }>({
            text: `SELECT pg_catalog.format('%s (%s, server process %s)', coalesce(a.usename::text, 'a role that is gone'),
                              CASE WHEN a.application_name <> '' THEN a.application_name ELSE 'unnamed' END, a.pid) AS who,
                          pg_catalog.pg_terminate_backend(a.pid)
                     FROM pg_catalog.pg_stat_activity a
                     -- Workers of the server itself, which have no role, make way when the database is renamed.
                    WHERE a.datname = ANY ($1::text[]) AND a.usesysid IS NOT NULL`,
            values: [databases],
        });
        if (rows.length === 0) return;
        if (Date.now() > deadline)
            throw new FailedError({
                what: `Sessions do not end: ${rows
                    .slice(0, 3)
                    .map((row) => row.who)
                    .join(", ")}.`,
                where: { object: databases[0] ?? "" },
                next: "See what they wait for (pg_stat_activity), end them, then run the same command again.",
            });
        await pause(50);
    }
}

/** Sessions that `swapDatabases` could not end, of roles that are superusers and of others. */
export async function sessionsBeyondUs(
    client: Client,
    live: string,
): Promise<{ readonly superusers: readonly string[]; readonly others: readonly string[] }> {
    const { rows } = await client.query<{ who: string; superuser: boolean }>({
        text: `SELECT DISTINCT a.usename::text AS who, r.rolsuper AS superuser
                 FROM pg_catalog.pg_stat_activity a JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid
                WHERE a.datname = $1 AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = SESSION_USER)
                  AND (r.rolsuper OR NOT (pg_catalog.pg_has_role(a.usesysid, 'USAGE') OR pg_catalog.pg_has_role('pg_signal_backend', 'USAGE')))
                ORDER BY 1`,
        values: [live],
    });
    const named = (superuser: boolean): string[] => rows.filter((r) => r.superuser === superuser).map((r) => r.who);
    return { superusers: named(true), others: named(false) };
}
