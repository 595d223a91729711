import type { Client } from "pg";

/** Looks from another session at what a backend waits for, and can end its statement. */
export interface Watch {
    /** Last seen blockers, for an error's text; undefined: none were seen. */
    readonly blockers: string | undefined;
    /** Why the statement was ended from here. */
    readonly ended: "deadline" | "interrupted" | undefined;
    stop(): void;
}

export interface WatchOptions {
    /** Milliseconds after which the backend's statement is cancelled; undefined: never. */
    readonly deadlineMs?: number;
    /** Milliseconds that a wait for a lock may take: it is looked at several times in between. */
    readonly lockTimeoutMs: number;
    readonly signal?: AbortSignal;
    onBlocked(by: string): void;
}

const longestPollMs = 200;
const shortestPollMs = 20;

/** Watches the backend `pid` from the session `guard` until `stop` is called. */
export function watchBackend(guard: Client, pid: number, options: WatchOptions): Watch {
    const state: { blockers: string | undefined; ended: Watch["ended"] } = { blockers: undefined, ended: undefined };
    let asking = false;
    let announced = "";
    const poll = setInterval(
        () => {
            if (asking) return;
            asking = true;
            blockersOf(guard, pid)
                .then((by) => {
                    if (by === undefined) return;
                    state.blockers = by;
                    if (by !== announced) options.onBlocked(by);
                    announced = by;
                })
                .catch(() => undefined)
                .finally(() => {
                    asking = false;
                });
        },
        Math.max(shortestPollMs, Math.min(longestPollMs, options.lockTimeoutMs / 4)),
    );
    const end = (why: "deadline" | "interrupted"): void => {
        state.ended = why;
        guard.query("SELECT pg_cancel_backend($1)", [pid]).catch(() => undefined);
    };
    const deadline = options.deadlineMs === undefined ? undefined : setTimeout(end, options.deadlineMs, "deadline");
    const onAbort = (): void => {
        end("interrupted");
    };
    if (options.signal?.aborted === true) onAbort();
    options.signal?.addEventListener("abort", onAbort);
    return {
        get blockers() {
            return state.blockers;
        },
        get ended() {
            return state.ended;
        },
        stop: () => {
            clearInterval(poll);
            clearTimeout(deadline);
            options.signal?.removeEventListener("abort", onAbort);
        },
    };
}

async function blockersOf(guard: Client, pid: number): Promise<string | undefined> {
    const { rows } = await guard.query<{ text: string | null }>({
        text: `SELECT string_agg(format('pid %s (%s, %s, %s since %s)', a.pid, coalesce(nullif(a.application_name, ''), 'no name'), a.usename,
                                        a.state, to_char(coalesce(a.xact_start, a.backend_start) AT TIME ZONE 'UTC', 'HH24:MI:SS"Z"')), '; '
                                 ORDER BY a.pid) AS text
                 FROM unnest(pg_blocking_pids($1)) AS b(pid) JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid`,
        values: [pid],
    });
    return rows[0]?.text ?? undefined;
}
