import type { LibpqEnvironment } from "../connection";
import { diskFull, FailedError } from "../errors";
import { startTool, type Ended } from "./tool";

export interface RestoreRequest {
    /** Absolute paths. */
    readonly pgRestore: string;
    /** Of one object, or of several: the first has all but the rows that are in the others. */
    readonly files: readonly string[];
    /** How to reach the server, password included. */
    readonly libpq: LibpqEnvironment;
    /** Name of the empty database that it is restored into. */
    readonly database: string;
    /** Connections at a time. */
    readonly jobs: number;
    readonly signal: AbortSignal | undefined;
}

/**
 * Restores an archive into an empty database, with owners, grants and default privileges as they were; the first error ends it. pg_restore and
 * its workers are gone when this returns.
 * @throws FailedError saying what is missing; what was restored by then stays in that database
 */
export async function restoreArchive(request: RestoreRequest): Promise<void> {
    const { files, jobs } = request;
    const [first = ""] = files;
    if (files.length < 2) {
        await run(request, [`--jobs=${String(jobs)}`, first], request.signal);
        return;
    }
    const stop = new AbortController();
    const signal = request.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, request.signal]);
    await run(request, ["--section=pre-data", first], signal);
    const waiting = [...files];
    const work = async (): Promise<void> => {
        for (let file = waiting.pop(); file !== undefined; file = waiting.pop())
            await run(request, ["--section=data", file], signal);
    };
    const workers = Array.from({ length: Math.min(jobs, files.length) }, async () =>
        work().catch((error: unknown) => {
            stop.abort();
            throw error;
        }),
    );
    const ended = await Promise.allSettled(workers);
    const failure = ended.find((e) => e.status === "rejected");
    // The others were only ended by it.
    if (failure !== undefined) throw failure.reason;
    await run(request, ["--section=post-data", `--jobs=${String(jobs)}`, first], signal);
}

async function run(request: RestoreRequest, args: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    const restore = startTool(
        request.pgRestore,
        [
            // A name alone may be taken for a connection string.
            `--dbname=dbname='${request.database.replace(/[\\']/g, "\\$&")}'`,
            "--exit-on-error",
            "--no-password",
            ...args,
        ],
        { ...request.libpq, PGAPPNAME: "schemaward pg_restore" },
    );
    restore.stdin.end();
    restore.stdout.resume();
    const abort = (): void => void restore.stop();
    signal?.addEventListener("abort", abort, { once: true });
    try {
        if (signal?.aborted === true) abort();
        const ended = await restore.ended;
        if (request.signal?.aborted === true)
            throw new FailedError({ what: "Interrupted while the snapshot was restored.", next: again });
        if (!ended.ok) throw failed(ended);
    } finally {
        signal?.removeEventListener("abort", abort);
        await restore.stop();
    }
}

const again = "Run the same command again.";

/** What to do, by what pg_restore says (its messages are English: LC_ALL=C). */
const advice: readonly (readonly [RegExp, string])[] = [
    [/No space left on device|could not (?:extend|write)/, `${diskFull.next}, then run the same command again.`],
    [/role ".*" does not exist/, "Make that role (CREATE ROLE), then run the same command again."],
    [/extension ".*" is not available|could not open extension control file/, "Install that extension on the server."],
    [
        /must be (?:owner|member|able to SET ROLE)|permission denied/,
        "Let a role restore it that is a member of each owner (docs/permissions.md), or a superuser.",
    ],
    [
        /server closed the connection|terminating connection|connection to server/,
        "The server or the network ended the connection: look into the server's log, then run the same command again.",
    ],
];

function failed(ended: Ended): FailedError {
    const text = ended.lines.join("\n");
    return new FailedError({
        what: `pg_restore failed (${ended.how}).`,
        detail: ended.lines,
        next: advice.find(([says]) => says.test(text))?.[1] ?? "Correct what it says, then run the same command again.",
    });
}
