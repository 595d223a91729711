import type { Client } from "pg";
import type { Database } from "../connection";
import type { Declaration } from "../declaration";
import type { MigrationSet } from "../migrations/set";
import { judge, losslessKind } from "../sql/judge";
import type { Observation, ObservedStep } from "../sql/observation";
import { observe } from "../sql/observe";
import { openShadow } from "../sql/shadow";
import { type PreparedStep, statementsOf } from "./prepare";
import type { DatabaseState } from "./read-state";

/**
 * How thoroughly effects are found out.
 * - `full`: on a shadow, else by parser and catalog.
 * - `lossless`: not at all where every statement is of a kind that can lose nothing, else as `full`.
 * - `quick`: not at all where every statement is of a kind that can lose nothing, else by parser and catalog; for a run
 *   whose losses are allowed beforehand.
 * - `none`: not at all; for a status.
 */
export type ObserveMode = "full" | "lossless" | "quick" | "none";

/** One observation for each step. */
export async function observeSteps(
    live: Client,
    database: Database,
    declaration: Declaration,
    set: MigrationSet,
    state: DatabaseState,
    steps: readonly PreparedStep[],
    mode: ObserveMode,
): Promise<Observation[]> {
    if (steps.length === 0) return [];
    if (mode === "none") return steps.map(() => unseen("not asked for"));
    if (mode !== "full" && steps.every((s) => statementsOf(s).every(losslessKind)))
        return steps.map(() => unseen("every statement is of a kind that loses nothing"));
    const observed = steps.map((step): ObservedStep => ({
        label: `${step.version} ${step.direction}`,
        statements: statementsOf(step),
        transactional: step.shape.units.every((u) => u.transactional),
    }));
    const settings = {
        ...(database.role === undefined ? {} : { role: database.role }),
        searchPath: declaration.run.searchPath,
    };
    if (mode === "quick") return judge(live, observed, settings);
    const applied = state.applied.map(({ version }) => ({
        version,
        sql: set.find(version)?.up.sql ?? state.stored.get(version)?.up ?? "",
    }));
    const shadow = await openShadow(database, live, { applied });
    if ("reason" in shadow) {
        const judged = await judge(live, observed, settings);
        return judged.map((o) => ({ ...o, reason: o.reason ?? shadow.reason }));
    }
    try {
        return await observe(shadow, observed, settings);
    } finally {
        await shadow.close();
    }
}

function unseen(reason: string): Observation {
    return {
        method: "skipped",
        reason,
        added: [],
        changed: [],
        renamed: [],
        dropped: [],
        locks: [],
        rewrites: [],
        opaque: [],
    };
}
