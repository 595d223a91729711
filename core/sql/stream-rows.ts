import type { Client, QueryConfig } from "pg";
import { Query } from "../driver";

/** What pg calls on a query object while its answer arrives; its typings leave it out. */
interface QueryInternals {
    handleCommandComplete(message: unknown, connection: unknown): void;
}

/**
 * Runs several statements in one round trip and hands each row over as it arrives, as an array: whole catalogs are read
 * without holding their rows twice.
 * @param onRow gets the statement's position in the text, from 0, and its row
 * @throws pg's DatabaseError, and what `onRow` throws
 */
export async function streamRows(
    client: Client,
    text: string,
    onRow: (statement: number, row: unknown[]) => void,
): Promise<void> {
    let statement = 0;
    let failure: unknown;
    await new Promise<void>((resolve, reject) => {
        const query = new Query<unknown[]>({ text, rowMode: "array" } as QueryConfig);
        const internals = query as unknown as QueryInternals;
        const original = internals.handleCommandComplete.bind(query);
        internals.handleCommandComplete = (message, connection) => {
            statement++;
            original(message, connection);
        };
        query.on("row", (row: unknown[]) => {
            try {
                if (failure === undefined) onRow(statement, row);
            } catch (error) {
                failure = error;
            }
        });
        query.on("end", () => {
            resolve();
        });
        query.on("error", reject);
        client.query(query);
    });
    if (failure !== undefined) throw failure as Error;
}
