import { setImmediate } from "node:timers/promises";
import type { Client } from "pg";
import { byKindAndName } from "./catalog";
import { schemaChanges } from "./difference";
import { droppedNames } from "./dropped-names";
import { JudgeContext } from "./judge/context";
import { judgeStatement } from "./judge/dispatch";
import { Savepoints } from "./judge/session";
import { lostAttributes } from "./lost-attributes";
import { strongestLocks } from "./locks";
import type { Model } from "./judge/model";
import { readModel, readOwners, readAvailable } from "./judge/model-read";
import { walk } from "./nodes";
import type { CatalogChange, Observation, ObservedStep, SessionSettings } from "./observation";
import { RoutineEffects } from "./judge/routine-effects";

export interface JudgeOptions {
    /** What `readModel` reads with the same settings, where that was begun already. */
    readonly model?: Promise<Model>;
    /** Told of each step as soon as it is judged. */
    readonly onObservation?: (observation: Observation) => void;
}

const stepsPerTurn = 20;

/**
 * Judges what steps do, one after the other, from their parse trees, the catalog and pg_depend alone; nothing is run. Says in doubt too
 * much rather than too little; what it does not understand is opaque.
 * @param live needs CONNECT and SELECT on the catalogs; may be in a READ ONLY transaction; with `pipeline`
 * @throws pg's DatabaseError
 */
export async function judge(
    live: Client,
    steps: readonly ObservedStep[],
    settings: SessionSettings,
    { model: read, onObservation }: JudgeOptions = {},
): Promise<Observation[]> {
    const model = await (read ?? readModel(live, settings));
    const said = saidBy(steps);
    if (said.has("GrantStmt") || said.has("AlterDefaultPrivilegesStmt") || said.has("DoStmt"))
        for (const [id, owner] of await readOwners(live)) model.owners.set(id, owner);
    if (said.has("CreateExtensionStmt") || said.has("DoStmt")) await readAvailable(live, model);
    const routines = new RoutineEffects(live);
    const names = model.names();
    const observations: Observation[] = [];
    for (const step of steps) {
        model.mark();
        const context = new JudgeContext(model, routines);
        const savepoints = new Savepoints();
        model.path.reset();
        model.path.resetUser();
        for (const statement of step.statements) {
            await judgeStatement(context, statement, savepoints);
            if (!step.transactional) model.endTransaction();
        }
        model.endTransaction();
        // A run may open another session for the next step.
        model.forgetTemporary();
        const { before, after } = model.changes();
        const changes = schemaChanges(before, after, names, new Map(), droppedNames(step.statements));
        for (const why of lostAttributes(changes.changed, () => model.allBefore()))
            context.opaque.push({ line: step.statements[0]?.line ?? 1, why });
        const observation: Observation = {
            method: "parsed",
            added: sorted(changes.added),
            changed: sorted(changes.changed),
            renamed: sorted(changes.renamed),
            dropped: sorted(changes.dropped),
            locks: strongestLocks(context.visibleLocks()),
            rewrites: [...context.rewrites].sort(),
            opaque: context.opaque,
        };
        observations.push(observation);
        onObservation?.(observation);
        // Lets answers to other questions in.
        if (observations.length % stepsPerTurn === 0) await setImmediate();
    }
    return observations;
}

/** The types of all nodes in the steps' parse trees; a DO block may have any within it. */
function saidBy(steps: readonly ObservedStep[]): Set<string> {
    const types = new Set<string>();
    for (const { statements } of steps) for (const { node } of statements) walk([node], (type) => types.add(type));
    return types;
}

function sorted(changes: readonly CatalogChange[]): CatalogChange[] {
    return changes.toSorted((a, b) => byKindAndName(a.object, b.object));
}
