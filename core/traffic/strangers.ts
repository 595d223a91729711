import type { Client } from "pg";
import { keyOfLock, runLocks } from "../run-locks";

/** Of a row `a` of pg_stat_activity: whether it is in this database. */
export const inThisDatabase = `a.datid OPERATOR(pg_catalog.=) (SELECT oid FROM pg_catalog.pg_database
                                                                WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database())`;

/**
 * Of a row `a` of pg_stat_activity: whether it is schemaward's own, of this process or another. All its sessions have such a name; one
 * whose name a script or a pooler has changed is known by the lock.
 */
export const isOurs = `(a.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
    OR pg_catalog.starts_with(COALESCE(a.application_name, ''), 'schemaward ')
    OR a.pid OPERATOR(pg_catalog.=) ANY (
        SELECT l.pid FROM pg_catalog.pg_locks l
         WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory' AND l.granted AND l.pid IS NOT NULL
           AND l.database OPERATOR(pg_catalog.=) a.datid
           AND ${keyOfLock} OPERATOR(pg_catalog.=) ANY (ARRAY[${runLocks.guard}, ${runLocks.worker}])))`;

interface Stranger {
    readonly pid: number;
    readonly application: string;
    readonly role: string;
    readonly state: string | null;
    readonly since: string | null;
    readonly us: string;
}

/**
 * Who else is in this database: sessions that are neither schemaward's, nor of roles that are kept out. A late CronJob or somebody's psql.
 * @param gated roles that are kept out
 * @param ignore roles and application names that do no harm
 * @returns for people: `pid 123 (psql, dba, idle since 12:03:04Z)`; pid, application and role are shown to everybody
 */
export async function strangers(
    client: Client,
    gated: readonly string[],
    ignore: readonly string[],
): Promise<readonly string[]> {
    const { rows } = await client.query<Stranger>(
        `SELECT a.pid, COALESCE(a.application_name, '') AS application,
                COALESCE(a.usename, a.usesysid::pg_catalog.text)::pg_catalog.text AS role, a.state,
                pg_catalog.to_char(a.state_change AT TIME ZONE 'UTC', 'HH24:MI:SS"Z"') AS since, CURRENT_USER::pg_catalog.text AS us
           FROM pg_catalog.pg_stat_activity a
          WHERE ${inThisDatabase} AND NOT ${isOurs}
            -- What the server does for itself has no role; whoever may not see what a session is, sees it as a client's.
            AND a.usesysid IS NOT NULL AND COALESCE(a.backend_type, 'client backend') OPERATOR(pg_catalog.=) 'client backend'
            AND NOT COALESCE(a.usename OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.text[]), false)
            AND NOT COALESCE(a.application_name OPERATOR(pg_catalog.=) ANY ($2::pg_catalog.text[]), false)
          ORDER BY a.pid`,
        [[...gated, ...ignore], ignore],
    );
    return rows.map(text);
}

function text({ pid, application, role, state, since, us }: Stranger): string {
    const doing = since === null ? `what it does is hidden from ${us}` : `${state ?? "there"} since ${since}`;
    return `pid ${pid} (${application === "" ? "" : `${application}, `}${role}, ${doing})`;
}
