import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "pg";
import { type Database, disconnect } from "../connection";
import type { RunSettings } from "../declaration";
import { RefusedError } from "../errors";
import { keyOfLock, lockHolder, runLocks } from "../run-locks";
import type { RunEvent } from "./events";
import type { RunIdentity } from "./identity";
import { refusePooler, requireSame } from "./pooler";
import { lostParameters, type StartParameters } from "./start-parameters";

/** The two connections of a run, with the lock. */
export interface Sessions {
    /** Plans, writes the run's record, watches. Runs no script. */
    readonly guard: Client;
    /** Runs the scripts. */
    readonly worker: Client;
    /** OID of the database. */
    readonly database: string;
    /** Server process of the worker's session. */
    readonly workerPid: number;
    /** What the worker's session needs after each RESET ALL: parameters that a pooler kept from it; mostly none. */
    readonly afterReset: readonly string[];
    close(): Promise<void>;
}

export interface LockOptions {
    readonly identity: RunIdentity;
    readonly settings: RunSettings;
    /** Milliseconds to wait for another run; 0: refuse at once. */
    readonly waitMs: number;
    report(event: RunEvent): void;
}

/** Both are idle while a person reads, and while a snapshot is taken. */
const neverIdle: StartParameters = { idle_session_timeout: "0" };
const guardParameters: StartParameters = { idle_in_transaction_session_timeout: "0", jit: "off" };

function workerParameters({ lockTimeoutMs, statementTimeoutMs }: RunSettings): StartParameters {
    return {
        lock_timeout: String(lockTimeoutMs),
        statement_timeout: String(statementTimeoutMs),
        idle_in_transaction_session_timeout: "0",
        ...neverIdle,
        // Makes the server end a statement soon after this process died.
        client_connection_check_interval: "2000",
    };
}

/**
 * Opens both connections and takes the locks by polling: a blocking wait would deadlock with CREATE INDEX CONCURRENTLY,
 * which waits for every older transaction.
 * @throws RefusedError naming the holder when another run goes on, for a standby, and for a transaction pooler
 */
export async function openSessions(database: Database, options: LockOptions): Promise<Sessions> {
    const label = `run ${options.identity.who}@${options.identity.host}:${options.identity.pid}`;
    const parameters = workerParameters(options.settings);
    const opening = [
        database.connect(label, { parameters: guardParameters, pipeline: true }),
        // A step is sent while the server is still at work on the one before.
        database.connect(label, { parameters, pipeline: true }),
    ] as const;
    opening[1].catch(() => undefined);
    try {
        const guard = await opening[0];
        // First: the other one's parameters are not known to a server that is too old.
        await refuseStandby(guard);
        const worker = await opening[1];
        const sessions = await refusePooler(guard, worker);
        await takeLock(guard, runLocks.guard, options);
        await takeLock(worker, runLocks.worker, options);
        const [afterReset, lost] = await Promise.all([
            lostParameters(worker, parameters),
            // Not at its start, where a server that is too old would not know this one.
            lostParameters(guard, { ...guardParameters, ...neverIdle }),
            requireSame(sessions),
        ]);
        if (lost.length > 0) await guard.query(lost.join(";\n"));
        const { pid: workerPid, database: oid } = sessions[1];
        const open = { guard, worker, workerPid, afterReset, database: oid };
        return {
            ...open,
            close: async () => {
                // Ending the sessions frees the locks, also where a script left the connection in a bad state.
                await Promise.all([disconnect(open.worker), disconnect(open.guard)]);
            },
        };
    } catch (error) {
        const opened = await Promise.allSettled(opening);
        await Promise.all(opened.flatMap((o) => (o.status === "fulfilled" ? [disconnect(o.value)] : [])));
        throw error;
    }
}

/** Takes the worker's lock again when a script (DISCARD ALL, …) has freed it; false: another run has it. */
export async function keepWorkerLock(worker: Client): Promise<boolean> {
    const { rows } = await worker.query<{ held: boolean }>(
        // Under whatever search_path a script has left: see ledgerStatements.
        `SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype OPERATOR(pg_catalog.=) 'advisory' AND granted
                           AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND ${keyOfLock} OPERATOR(pg_catalog.=) ${runLocks.worker})
                OR pg_catalog.pg_try_advisory_lock(${runLocks.worker}) AS held`,
    );
    return rows[0]?.held === true;
}

async function takeLock(client: Client, key: string, options: LockOptions): Promise<void> {
    const deadline = Date.now() + options.waitMs;
    for (let first = true; ; first = false) {
        const { rows } = await client.query<{ taken: boolean }>(
            `SELECT pg_catalog.pg_try_advisory_lock(${key}) AS taken`,
        );
        if (rows[0]?.taken === true) return;
        const holder = (await lockHolder(client, key)) ?? "it has just ended";
        if (Date.now() >= deadline) {
            throw new RefusedError({
                what: `Another run works on this database: ${holder}.`,
                state: "Nothing was touched by this run.",
                next: "Wait until it has ended. If its process is gone, the server frees the lock within seconds; if it hangs, end it where it runs.",
            });
        }
        if (first) options.report({ type: "waiting-for-lock", holder });
        await pause(100 + Math.random() * 100);
    }
}

async function refuseStandby(client: Client): Promise<void> {
    const { rows } = await client.query<{ standby: boolean; version: string }>(
        "SELECT pg_catalog.pg_is_in_recovery() AS standby, pg_catalog.current_setting('server_version_num') AS version",
    );
    if (rows[0]?.standby === true) {
        throw new RefusedError({
            what: "This server is a standby: it can only be read.",
            state: "Nothing was touched.",
            next: "Point the connection at the primary.",
        });
    }
    if (Number(rows[0]?.version) < 140000) {
        throw new RefusedError({
            what: `The server has version ${rows[0]?.version ?? "unknown"}; schemaward needs PostgreSQL 14 or newer.`,
            state: "Nothing was touched.",
            next: "Upgrade the server.",
        });
    }
}
