import type { Client } from "pg";
import type { Database } from "../connection";
import type { Declaration } from "../declaration";
import type { MigrationSet } from "../migrations/set";
import { losesNothing } from "./lossless-steps";
import type { Model } from "../sql/judge/model";
import type { Observation, ObservedStep } from "../sql/observation";
import { type PreparedStep, statementsOf } from "./prepare";
import { sessionSettings } from "./read-ahead";
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

/** So many steps are observed even where nothing is at stake, to say early which of them would fail. */
const longPlan = 100;

/** Where steps are observed, and how. */
export interface ObserveSources {
    readonly live: Client;
    readonly database: Database;
    readonly declaration: Declaration;
    readonly mode: ObserveMode;
    /** What `readAhead` has begun to read. */
    readonly model: Promise<Model> | undefined;
}

/** What observing goes by. */
export interface ObserveContext extends ObserveSources {
    /** Told of a step as soon as it is judged, where it is. */
    readonly onObservation: (observation: Observation) => void;
    /** Told of a step as soon as it was tried on the shadow. */
    readonly onStep: () => void;
}

const losslessReason = "every statement is of a kind that loses nothing";

/** Whether nothing was looked at because there is nothing to lose. */
export function losesNothingAtAll(observations: readonly Observation[]): boolean {
    return observations.every(({ method, reason }) => method === "skipped" && reason === losslessReason);
}

/** One observation for each step. */
export async function observeSteps(
    { live, database, declaration, mode, model, onObservation, onStep }: ObserveContext,
    set: MigrationSet,
    state: DatabaseState,
    steps: readonly PreparedStep[],
): Promise<Observation[]> {
    if (steps.length === 0) return [];
    if (mode === "none") return steps.map(() => unseen("not asked for"));
    // What loses nothing can still be in the way of an application that goes on.
    const decidesTraffic = declaration.traffic?.stopTraffic === "when-unsafe";
    if (mode !== "full" && !decidesTraffic && (await losesNothing(live, steps)))
        return steps.map(() => unseen(losslessReason));
    if (steps.length > longPlan && (await isEmpty(live, state.mirror?.table)))
        return steps.map(() =>
            unseen(`more than ${longPlan} steps, on a database that has nothing to lose or to lock`),
        );
    const observed = steps.map((step): ObservedStep => ({
        label: `${step.version} ${step.direction}`,
        statements: statementsOf(step),
        transactional: step.shape.units.every((u) => u.transactional),
    }));
    const settings = sessionSettings(database, declaration);
    // Loaded here, as what follows: what has nothing to observe does not wait for them.
    const { judge } = require("../sql/judge.js") as typeof import("../sql/judge");
    if (mode === "quick")
        return judge(live, observed, settings, { ...(model === undefined ? {} : { model }), onObservation });
    const { observe } = require("../sql/observe.js") as typeof import("../sql/observe");
    const { openShadow } = require("../sql/shadow.js") as typeof import("../sql/shadow");
    const applied = state.applied.map(({ version }) => ({
        version,
        sql: set.find(version)?.up.sql ?? state.stored.get(version)?.up ?? "",
    }));
    const shadow = await openShadow(database, live, { applied });
    if ("reason" in shadow) {
        const judged = await judge(live, observed, settings, { onObservation });
        return judged.map((o) => ({ ...o, reason: o.reason ?? shadow.reason }));
    }
    try {
        return await observe(shadow, observed, settings, onStep);
    } finally {
        await shadow.close();
    }
}

/** Whether there is no table, sequence, view or large object but our own. */
async function isEmpty(live: Client, historyTable: string | undefined): Promise<boolean> {
    const { rows } = await live.query<{ empty: boolean }>({
        text: `SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                       WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S') AND n.nspname <> 'schemaward'
                         AND n.nspname !~ '^pg_' AND c.oid IS DISTINCT FROM to_regclass($1))
                   AND NOT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata) AS empty`,
        values: [historyTable ?? null],
    });
    return rows[0]?.empty === true;
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
