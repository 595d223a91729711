import type { Client } from "pg";

/** Keys of a run's two advisory locks, bigints in decimal. */
export interface RunLocks {
    /** Held by the guard's session, where no script runs. */
    readonly guard: string;
    /** Held by the worker's session. */
    readonly worker: string;
}

/**
 * One run per database. The guard's session holds the first lock for the whole run: no script runs in it, so none can free it.
 * The worker's session holds the second: when its process is killed, the guard's lock goes at once, while the worker's backend may
 * still be busy with a statement; a new run waits for both.
 */
export const runLocks: RunLocks = { guard: "8318822943420493165", worker: "8318822943420493166" };

/** Of a row of pg_locks: the key as it was given. */
export const keyOfLock = "((classid::bigint OPERATOR(pg_catalog.<<) 32) OPERATOR(pg_catalog.|) objid::bigint)";

/** Who holds a lock of this database, for people; undefined: no other session than this client's. */
export async function lockHolder(client: Client, key: string): Promise<string | undefined> {
    const { rows } = await client.query<{ text: string }>(
        `SELECT pg_catalog.format('%s, server process %s, since %s',
                       CASE WHEN a.application_name OPERATOR(pg_catalog.<>) '' THEN a.application_name ELSE 'an unnamed session' END, a.pid,
                       pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"')) AS text
           FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid OPERATOR(pg_catalog.=) l.pid
          WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory' AND l.granted AND ${keyOfLock} OPERATOR(pg_catalog.=) ${key}
            AND l.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()
            AND l.database OPERATOR(pg_catalog.=) (SELECT oid FROM pg_catalog.pg_database
                                                    WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database())`,
    );
    return rows[0]?.text;
}
