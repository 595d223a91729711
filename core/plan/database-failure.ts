import { DatabaseError } from "../driver";
import { diskFull, FailedError } from "../errors";
import { redactSql } from "../sql/sensitive";

/** What was being done, for the account of an error that came from the server or the network. */
export interface FailedWork {
    /** The beginning of a sentence: `Planning failed`. */
    readonly what: string;
    readonly state: string;
    /** What to do next, by SQLSTATE; `""` for a broken connection. */
    readonly next: Readonly<Record<string, string>>;
}

/**
 * Turns an error of the server or of the connection into one for people. Any other error is a fault of ours and is returned as it
 * is.
 */
export function explainFailure(error: unknown, work: FailedWork): unknown {
    if (error instanceof DatabaseError) {
        const first = error.code === diskFull.code ? diskFull.next : "Look into the server's log";
        return new FailedError({
            what: `${work.what}: ${redactSql(error.message)}`,
            detail: [`SQLSTATE ${error.code ?? "unknown"}`],
            state: work.state,
            next: work.next[error.code ?? ""] ?? `${first} and run again.`,
            cause: error,
        });
    }
    if (!isBrokenConnection(error)) return error;
    return new FailedError({
        what: `${work.what}: the connection broke (${error.message}).`,
        state: work.state,
        next: work.next[""] ?? "See that the server runs and can be reached, then run again.",
        cause: error,
    });
}

/** Whether the driver or the network says that the connection is gone. */
export function isBrokenConnection(error: unknown): error is Error {
    if (!(error instanceof Error)) return false;
    const { code } = error as NodeJS.ErrnoException;
    return (
        /^(?:Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout)/.test(
            error.message,
        ) ||
        ["ECONNRESET", "EPIPE", "ETIMEDOUT", "ECONNREFUSED", "ENOTFOUND", "EHOSTUNREACH", "ECONNABORTED"].includes(
            code ?? "",
        )
    );
}
