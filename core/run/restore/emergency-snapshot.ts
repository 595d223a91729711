import type { Client } from "pg";
import { appliedVersions } from "../../history/applied";
import { recordSnapshot } from "../../history/ledger-runs";
import { archiveBytes } from "../../snapshots/archive";
import { listSnapshots } from "../../snapshots/contents";
import type { SnapshotStore } from "../../snapshots/store";
import { takeSnapshot } from "../../snapshots/take";
import { nobody } from "../snapshot-before";
import type { LastRestore } from "./left-behind";
import type { FoundFacts } from "./read-facts";
import type { RestoreSetting } from "./setting";

/**
 * Takes a snapshot of what a restore is going to put away, when nobody writes to it any more.
 * @param guard session with the run's lock
 * @returns its name; null: none is wanted
 */
export async function emergencySnapshot(
    { declaration, database, store, options, facts, plan, taken }: RestoreSetting,
    guard: Client,
    runId: string,
): Promise<string | null> {
    const { report, signal } = options;
    if (!options.emergency) return null;
    if (taken !== undefined) {
        report({ type: "restore-step", text: `${taken} has what is there: nothing was written since` });
        await recordSnapshot(guard, runId, taken);
        return taken;
    }
    const { jobs, encryption } = declaration.snapshot;
    const started = Date.now();
    const manifest = await takeSnapshot({
        kind: "emergency",
        database,
        store,
        declarer: declaration.declarer ?? nobody,
        set: declaration.set,
        ...(declaration.app === undefined ? {} : { app: declaration.app }),
        from: facts.at,
        to: plan.to,
        applied: appliedVersions(facts.ledger.rows),
        ...(jobs === undefined ? {} : { jobs }),
        ...(encryption === undefined ? {} : { encryption }),
        onProgress: ({ bytes, estimate }) => {
            report({ type: "snapshot-progress", name: plan.emergency ?? "", bytes, estimate });
        },
        ...(signal === undefined ? {} : { signal }),
    });
    await recordSnapshot(guard, runId, manifest.name);
    const seconds = (Date.now() - started) / 1000;
    report({ type: "snapshot-done", name: manifest.name, bytes: archiveBytes(manifest), seconds });
    return manifest.name;
}

/**
 * The emergency snapshot of a restore that was cut off, if traffic was stopped all the time since.
 * @param last the set's last restore
 */
export async function stillValid(
    store: SnapshotStore,
    { ledger: { gate } }: FoundFacts,
    last: LastRestore | undefined,
): Promise<string | undefined> {
    // Once it is in its place, what is there is another database.
    if (last === undefined || last.isSwapped || last.snapshot === null || gate?.runId !== last.id) return undefined;
    const there = await listSnapshots(store);
    return there.some((m) => m.name === last.snapshot) ? last.snapshot : undefined;
}
