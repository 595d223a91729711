import type { Client } from "pg";
import { Query } from "../driver";

/** What pg calls on a query object while its answer arrives; its typings leave these out. */
interface QueryInternals {
    handleCommandComplete(message: unknown, connection: unknown): void;
    handleDataRow(message: { readonly fields: readonly (string | null)[] }): void;
}

export interface AnswerHandlers {
    /** Called for each row with the index of the statement that it is of; without it, rows are thrown away. */
    readonly onRow?: (statement: number, fields: readonly (string | null)[]) => void;
    /** Called while the answer's end is being read, before anything of a next one. */
    readonly onAnswered?: () => void;
}

/** Thrown in place of pg's error: how many statements of the text had been done. */
export class ScriptError extends Error {
    constructor(
        readonly completed: number,
        override readonly cause: unknown,
    ) {
        super(cause instanceof Error ? cause.message : String(cause));
    }
}

/**
 * Runs several statements in one round trip with the simple protocol, keeps none of their rows and counts them, so that
 * the one that fails is known even when PostgreSQL gives no position.
 * @throws ScriptError
 */
export async function runStatements(
    client: Client,
    text: string,
    { onRow, onAnswered }: AnswerHandlers = {},
): Promise<void> {
    let completed = 0;
    await new Promise<void>((resolve, reject) => {
        const query = new Query(text);
        const internals = query as unknown as QueryInternals;
        const original = internals.handleCommandComplete.bind(query);
        internals.handleCommandComplete = (message, connection) => {
            completed++;
            original(message, connection);
        };
        internals.handleDataRow = ({ fields }) => onRow?.(completed, fields);
        query.on("end", () => {
            onAnswered?.();
            resolve();
        });
        query.on("error", (error) => {
            onAnswered?.();
            reject(new ScriptError(completed, error));
        });
        client.query(query);
    });
}
