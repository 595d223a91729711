import type { Client } from "pg";
import type { Declaration } from "../declaration";
import { BadInputError } from "../errors";
import { estimateSnapshot } from "../snapshots/estimate";
import { snapshotName } from "../snapshots/name";
import { openStore } from "../snapshots/stores";
import type { PlannedSnapshot } from "./plan";

/** Why there can be no snapshot, as far as the declaration tells; undefined when there can. */
export function storeProblem({ snapshot }: Declaration, projectDir: string): string | undefined {
    try {
        if (snapshot.store === undefined) return "No store is declared to keep it in.";
        openStore(snapshot.store, projectDir);
        return undefined;
    } catch (error) {
        if (!(error instanceof BadInputError)) throw error;
        return error.parts.what;
    }
}

/** What the plan says of the snapshot before it; the time in its name is left open. */
export async function planSnapshot(client: Client, declaration: Declaration): Promise<PlannedSnapshot> {
    const estimate = await estimateSnapshot(client);
    const name = snapshotName({
        environment: declaration.declarer?.environment ?? "db",
        kind: "pre-migration",
        ...(declaration.app === undefined ? {} : { app: declaration.app }),
        taken: new Date(0),
    });
    return {
        store: declaration.snapshot.store ?? "",
        name: name.replace(/_\d{8}_\d{6}$/, "_<UTC>"),
        estimatedBytes: estimate.bytes,
        estimatedSeconds: estimate.seconds,
        required: declaration.snapshot.required,
    };
}
