import type { Observation } from "../sql/observation";
import type { MigrationSet } from "../migrations/set";
import type { DecidedStep } from "./decide";
import { RelationReader } from "./live-facts";
import { findLosses, relationsOf } from "./losses";
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

/**
 * Takes the scripts of the decided steps apart, finds out what each does, and counts what each destroys.
 * @throws BadInputError naming file and line of what does not parse, pg's DatabaseError
 */
export async function planSteps(
    decided: readonly DecidedStep[],
    sources: StepSources,
): Promise<{ steps: readonly PreparedStep[]; planSteps: readonly PlanStep[] }> {
    const { live, declaration, mode, set, state, timeoutMs } = sources;
    const relations = new RelationReader(live);
    const steps = await prepareSteps(decided, declaration.history.mirror !== "none");
    const onStep = stepCounter(steps.length, sources.onProgress);
    const onObservation = (observation: Observation): void => {
        relations.expect(relationsOf(observation));
        onStep();
    };
    const observations = await observeSteps({ ...sources, onObservation, onStep }, set, state, steps);
    const losses =
        mode === "none" || losesNothingAtAll(observations)
            ? []
            : await findLosses(live, relations, steps, observations, {
                  historyTable: state.mirror?.table,
                  timeoutMs,
              });
    const planned: PlanStep[] = [];
    for (const [i, step] of steps.entries())
        planned.push(await planStep(relations, step, observations[i], losses[i] ?? []));
    return { steps, planSteps: planned };
}
