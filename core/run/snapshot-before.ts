import type { Database } from "../connection";
import type { Declaration, Declarer } from "../declaration";
import { FailedError, SchemawardError } from "../errors";
import { appliedVersions } from "../history/applied";
import type { Planned } from "../plan/plan-over";
import { archiveBytes } from "../snapshots/archive";
import { openStore } from "../snapshots/stores";
import { takeSnapshot } from "../snapshots/take";
import type { RunOptions } from "./options";

/** Whose snapshots those are that only the command's flags ask for. */
export const nobody: Declarer = { project: "", stack: "", environment: "db" };

/**
 * Writes, reads and deletes a small object in the store that a snapshot is demanded in.
 * @throws FailedError naming what is missing; nothing was touched
 */
export async function probeBefore(store: string, projectDir: string): Promise<void> {
    try {
        await openStore(store, projectDir).probe();
    } catch (error) {
        if (!(error instanceof SchemawardError)) throw error;
        throw new FailedError({
            ...error.parts,
            what: `The snapshot before the migration cannot be had, so nothing is begun. ${error.parts.what}`,
            where: error.parts.where ?? { object: store },
            state: "Nothing was touched: traffic flows, and the database is as it was.",
            cause: error,
        });
    }
}

/**
 * Takes the pre-migration snapshot, verified, before the first script.
 * @returns its name; null when no store is declared, or it is not demanded and not to be had
 * @throws FailedError when it is demanded and cannot be had
 */
export async function snapshotBefore(
    declaration: Declaration,
    { plan, state }: Planned,
    database: Database,
    options: Pick<RunOptions, "projectDir" | "report" | "signal">,
): Promise<string | null> {
    const { store, jobs, encryption } = declaration.snapshot;
    if (store === undefined) return null;
    const name = plan.snapshot?.name ?? "";
    const started = Date.now();
    try {
        const manifest = await takeSnapshot({
            database,
            store: openStore(store, options.projectDir),
            declarer: declaration.declarer ?? nobody,
            set: declaration.set,
            ...(declaration.app === undefined ? {} : { app: declaration.app }),
            from: plan.from,
            to: plan.to,
            applied: appliedVersions(state.applied),
            ...(jobs === undefined ? {} : { jobs }),
            ...(encryption === undefined ? {} : { encryption }),
            onProgress: ({ bytes, estimate }) => {
                options.report({ type: "snapshot-progress", name, bytes, estimate });
            },
            ...(options.signal === undefined ? {} : { signal: options.signal }),
        });
        const seconds = (Date.now() - started) / 1000;
        options.report({ type: "snapshot-done", name: manifest.name, bytes: archiveBytes(manifest), seconds });
        return manifest.name;
    } catch (error) {
        if (!(error instanceof SchemawardError)) throw error;
        if (!declaration.snapshot.required && options.signal?.aborted !== true) {
            options.report({ type: "snapshot-skipped", why: error.parts.what });
            return null;
        }
        throw new FailedError({
            what: `The snapshot before the migration cannot be had, so no script was run. ${error.parts.what}`,
            where: error.parts.where ?? { object: store },
            detail: error.parts.detail ?? [],
            state: "The database is as it was; nothing incomplete is in the store.",
            next: error.parts.next ?? "Correct the store and run again.",
            cause: error,
        });
    }
}
