import { isBrokenConnection } from "./database-failure";

/** In a transaction that an error has ended, every later question fails, for that alone. */
const abortedTransaction = "25P02";

/**
 * Waits for questions that were asked one behind the other in one transaction.
 * @throws the error that ended the transaction or the connection, rather than those that followed from it
 */
export async function allAnswered(asked: readonly Promise<unknown>[]): Promise<void> {
    const failures = await failuresOf(asked);
    if (failures.length > 0) throw failures.find((f) => !isConsequence(f)) ?? failures[0];
}

/** The error that is meant: where the transaction or the connection had ended by then, that of what was asked before. */
export async function firstFailure(error: unknown, asked: readonly Promise<unknown>[]): Promise<unknown> {
    if (!isConsequence(error)) return error;
    return (await failuresOf(asked)).find((f) => !isConsequence(f)) ?? error;
}

async function failuresOf(asked: readonly Promise<unknown>[]): Promise<unknown[]> {
    const results = await Promise.allSettled(asked);
    return results.flatMap((r) => (r.status === "rejected" ? [r.reason as unknown] : []));
}

/** The server gives its reason for leaving to the question it was at; those behind it only see the connection end. */
function isConsequence(error: unknown): boolean {
    return (error as { code?: unknown }).code === abortedTransaction || isBrokenConnection(error);
}
