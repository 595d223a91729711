import { disconnect, openDatabase } from "../../connection";
import type { Declaration } from "../../declaration";
import { FailedError } from "../../errors";
import { readLedger } from "../../history/ledger";
import { wasRestored } from "../../history/recorded-run";

/**
 * What a declaration wants restored and what was not yet: its `restoreFrom`, until the ledger says that it was done. Once done it is never done
 * again, be it still declared: a `latest` that is left in a stack's file would throw away what comes after it.
 * @returns a snapshot's name or `latest`; undefined: nothing
 * @throws FailedError when the database does not answer
 */
export async function pendingRestore(declaration: Declaration): Promise<string | undefined> {
    const { restoreFrom, set, connection } = declaration;
    if (restoreFrom === undefined) return undefined;
    const client = await openDatabase(connection)
        .connect("plan", { pipeline: true })
        .catch((error: unknown) => {
            if (takesNoConnections(error)) return undefined;
            throw error;
        });
    // A restore that was killed in the moment before it was done has left it so; the next one goes on.
    if (client === undefined) return restoreFrom;
    try {
        const { exists } = await readLedger(client, set);
        return exists && (await wasRestored(client, set, restoreFrom)) ? undefined : restoreFrom;
    } finally {
        await disconnect(client);
    }
}

function takesNoConnections(error: unknown): boolean {
    return error instanceof FailedError && (error.cause as { code?: unknown } | undefined)?.code === "55000";
}
