import type { Observation } from "../sql/observation";
import { stackQueryOf } from "../sql/verify-query";
import type { MigrationSet } from "../migrations/set";
import type { DecidedStep } from "./decide";
import { RelationReader } from "./live-facts";
import { relationsOf } from "./drop-losses";
import { findLosses } from "./losses";
import { losesNothingAtAll, observeSteps, type ObserveSources } from "./observe-steps";
import type { PlanStep } from "./plan";
import { type PlanProgress, stepCounter } from "./progress";
import { planStep } from "./plan-step";
import { prepareSteps, type PreparedStep } from "./prepare";
import type { DatabaseState } from "./read-state";

/** What steps are planned from. */
export interface StepSources extends ObserveSources {
    readonly set: MigrationSet;
    readonly state: DatabaseState;
    /** Milliseconds that one question to the live database may take. */
    readonly timeoutMs: number;
    readonly onProgress?: PlanProgress;
}

/** Steps, and what they do and destroy. */
export interface PlannedSteps {
    readonly steps: readonly PreparedStep[];
    readonly planSteps: readonly PlanStep[];
    /** Counts once more what they destroy, by what was found out before; undefined where nothing can be lost. In a transaction as before. */
    readonly recount: (() => Promise<readonly PlanStep[]>) | undefined;
}

/**
 * Takes the scripts of the decided steps apart, finds out what each does, and counts what each destroys.
 * @throws BadInputError naming file and line of what does not parse, pg's DatabaseError
 */
export async function planSteps(decided: readonly DecidedStep[], sources: StepSources): Promise<PlannedSteps> {
    const { live, mode, set, state, timeoutMs } = sources;
    const ahead = new RelationReader(live);
    const steps = await prepareSteps(decided, mirrorSchema(sources));
    for (const query of sources.declaration.verify ?? []) stackQueryOf(query);
    const onStep = stepCounter(steps.length, sources.onProgress);
    const onObservation = (observation: Observation): void => {
        ahead.expect(relationsOf(observation));
        onStep();
    };
    const observations = await observeSteps({ ...sources, onObservation, onStep }, set, state, steps);
    const isSafe = mode === "none" || losesNothingAtAll(observations);
    const count = async (relations: RelationReader): Promise<readonly PlanStep[]> => {
        const asked = { historyTable: state.mirror?.table, timeoutMs };
        const losses = isSafe ? [] : await findLosses(live, relations, steps, observations, asked);
        const planned: PlanStep[] = [];
        for (const [i, step] of steps.entries())
            planned.push(await planStep(relations, step, observations[i], losses[i] ?? []));
        if (sources.declaration.keepData !== true || mode === "none") return planned;
        const { markKept } = require("./keep-data.js") as typeof import("./keep-data");
        return markKept(live, sources.declaration.set, planned);
    };
    return {
        steps,
        planSteps: await count(ahead),
        recount: isSafe ? undefined : async () => count(new RelationReader(live)),
    };
}

/** Where the history table is, or will be when a script makes it. */
function mirrorSchema({ declaration, state }: StepSources): string | undefined {
    if (declaration.history.mirror === "none") return undefined;
    return state.mirror?.schema ?? declaration.run.searchPath[0] ?? "public";
}
