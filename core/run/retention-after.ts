import type { Declaration } from "../declaration";
import { SchemawardError } from "../errors";
import { prune } from "../snapshots/prune";
import { rulesOf } from "../snapshots/retention";
import { openStore } from "../snapshots/stores";
import type { RunOptions } from "./options";
import { nobody } from "./snapshot-before";

/**
 * Deletes the snapshots that the stack does not keep, once a run that took one has ended well. What goes wrong with it is told and is no
 * fault of the run: the database is where it was to be.
 */
export async function retentionAfter(
    { snapshot, declarer = nobody, set }: Declaration,
    { projectDir, report, signal }: Pick<RunOptions, "projectDir" | "report" | "signal">,
): Promise<void> {
    if (snapshot.keep === undefined || snapshot.store === undefined) return;
    try {
        const { deleted, decisions, swept, freedBytes } = await prune(
            openStore(snapshot.store, projectDir),
            rulesOf(snapshot.keep),
            { environment: declarer.environment, set, ...(signal === undefined ? {} : { signal }) },
        );
        const mine = decisions.filter(({ reasons }) => !(reasons as readonly string[]).includes("elsewhere"));
        if (deleted.length + swept.length > 0)
            report({ type: "retention", deleted, swept, kept: mine.length - deleted.length, freedBytes });
    } catch (error) {
        const why = error instanceof SchemawardError ? error.parts.what : String(error);
        report({ type: "retention-failed", why });
    }
}
