import { randomUUID } from "node:crypto";
import type { Client } from "pg";
import { RefusedError } from "../errors";

/** A connection with the mark that its server session was given. */
interface Marked {
    readonly client: Client;
    readonly mark: string;
    /** The session's server process. */
    readonly pid: number;
    /** OID of its database: another one under the same name has another. */
    readonly database: string;
}

/** Of the guard and of the worker. */
export type MarkedSessions = readonly [Marked, Marked];

/** Turns that a pool has to give one of the connections another session, once it is known that there is one. */
const turns = 8;

/**
 * A transaction pooler gives each transaction any server session, so that a session's lock protects nothing. It shows: each connection
 * marks its session, and does not find the mark again while the other holds a transaction open. Whose turn it is does not simply alternate, as
 * it does in a pool that hands its sessions out in a circle.
 * @returns to be looked at again when the locks are taken
 */
export async function refusePooler(guard: Client, worker: Client): Promise<MarkedSessions> {
    const sessions = [await mark(guard), await mark(worker)] as const;
    await whileHeld(sessions[1], sessions);
    // A server's own number for the session is what it tells the client; a pooler tells one of its own.
    const pooled = sessions.some(({ client, pid }) => (client as { processID?: number | null }).processID !== pid);
    for (let turn = 0; pooled && turn < turns; turn++) await whileHeld(sessions[turn % 3 === 0 ? 0 : 1], sessions);
    return sessions;
}

/**
 * Looks whether both connections still are where they were marked; to be asked before a script resets the marks.
 * @throws RefusedError
 */
export async function requireSame(sessions: MarkedSessions): Promise<void> {
    await Promise.all(sessions.map(find));
}

async function whileHeld({ client }: Marked, sessions: MarkedSessions): Promise<void> {
    await client.query("BEGIN");
    try {
        await requireSame(sessions);
    } finally {
        await client.query("ROLLBACK");
    }
}

async function mark(client: Client): Promise<Marked> {
    const value = randomUUID();
    const { rows } = await client.query<{ pid: number; database: string }>(
        `SELECT pg_catalog.pg_backend_pid() AS pid,
                (SELECT oid::pg_catalog.text FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()) AS database,
                pg_catalog.set_config('schemaward.session', '${value}', false)`,
    );
    return { client, mark: value, pid: rows[0]?.pid ?? 0, database: rows[0]?.database ?? "" };
}

async function find({ client, mark, pid }: Marked): Promise<void> {
    const { rows } = await client.query<{ pid: number; mark: string | null }>(
        "SELECT pg_catalog.pg_backend_pid() AS pid, pg_catalog.current_setting('schemaward.session', true) AS mark",
    );
    if (rows[0]?.mark === mark && rows[0].pid === pid) return;
    throw new RefusedError({
        what: "The connection goes through a transaction pooler (PgBouncer with pool_mode = transaction, or the like).",
        state: "Nothing was touched.",
        next: "Point the connection at PostgreSQL itself, or at a pool in session mode.",
    });
}
