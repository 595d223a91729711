import { parseColumn } from "../../core/sql/column-definition";
import type { CatalogChange, Observation } from "../../core/sql/observation";

/** How a judgement compares with what was observed. */
export interface Comparison {
    /** What happened and was neither said nor covered by an opaque statement: must be empty. */
    readonly missed: readonly string[];
    /** Everything in which the two are not the same. */
    readonly differences: readonly string[];
}

function describe(change: CatalogChange): string {
    const { object, liveName, victim, renamedFrom } = change;
    return [
        object.kind,
        object.name,
        ...(liveName === undefined ? [] : [`(live ${liveName})`]),
        ...(renamedFrom === undefined ? [] : [`was ${renamedFrom}`]),
        ...(victim === true ? ["VICTIM"] : []),
        ...(object.of === undefined ? [] : [`of ${object.of}`]),
    ].join(" ");
}

/** With the types, from which losses are told. */
function describeChange(change: CatalogChange): string {
    const type = (definition: string | undefined): string => parseColumn(definition ?? "").type;
    return change.object.kind === "column"
        ? `${describe(change)}: ${type(change.before)} → ${type(change.object.definition)}`
        : describe(change);
}

const lists = {
    dropped: (o: Observation) => o.dropped.map(describe),
    changed: (o: Observation) => o.changed.map(describeChange),
    renamed: (o: Observation) => o.renamed.map(describe),
    added: (o: Observation) => o.added.map(describe),
    locks: (o: Observation) => o.locks.map(({ mode, relation }) => `${mode} on ${relation}`),
    rewrites: (o: Observation) => o.rewrites,
};

/** What must not be missed; changes and additions may be listed with a reason. */
const strict = ["dropped", "renamed", "locks", "rewrites"] as const;

export function compareObservations(observed: Observation, judged: Observation): Comparison {
    if (observed.wouldFail !== undefined || observed.method !== "observed") {
        const why = observed.wouldFail?.message ?? observed.reason ?? "";
        return { missed: [], differences: judged.opaque.length > 0 ? [] : [`fails: ${why}`] };
    }
    const differences: string[] = [];
    const missed: string[] = [];
    for (const [list, of] of Object.entries(lists)) {
        const [seen, said] = [of(observed), of(judged)];
        const less = seen.filter((item) => !said.includes(item));
        const more = said.filter((item) => !seen.includes(item));
        differences.push(
            ...less.map((item) => `${list} not judged: ${item}`),
            ...more.map((item) => `${list} not observed: ${item}`),
        );
        if ((strict as readonly string[]).includes(list) && judged.opaque.length === 0)
            missed.push(...less.map((item) => `${list}: ${item}`));
    }
    const lines = (o: Observation): string => [...new Set(o.opaque.map(({ line }) => line))].sort().join(",");
    if (lines(observed) !== lines(judged))
        differences.push(`opaque observed ${JSON.stringify(observed.opaque)}, judged ${JSON.stringify(judged.opaque)}`);
    return { missed, differences };
}
