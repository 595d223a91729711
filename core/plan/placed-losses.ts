import { unquote } from "../sql/identifiers";
import type { RowChange } from "./dml";
import type { EarlierRows } from "./earlier-rows";
import type { RelationFacts } from "./live-facts";
import { qualify, quoted, splitLast, withoutPublic } from "./names";
import type { PlacedChange, PlacedStatement } from "./placed-changes";
import { isMade, type Made } from "./script-names";
import { byKey, type Candidate, fromStatement, type LossContext, unplaced } from "./statement-losses";

/** What is known when a statement's turn comes. */
export interface Sight {
    readonly facts: ReadonlyMap<string, RelationFacts>;
    /** Relations that earlier statements of the plan have changed. */
    readonly touched: Set<string>;
    /** Tables that the plan makes, with none that exist in them. */
    readonly made: ReadonlySet<string>;
    readonly earlier: EarlierRows;
    readonly context: LossContext;
}

/** What a statement that changes rows destroys, and its changes as they are asked of the live database. */
export function fromPlaced(
    step: number,
    each: PlacedStatement,
    sight: Sight,
): { inLive: RowChange[]; candidates: Candidate[] } {
    const inLive: RowChange[] = [];
    const candidates: Candidate[] = [];
    for (const placed of each.changes) {
        if (isMade(placed.place)) {
            candidates.push(...fromMade(step, placed.change, placed.place, sight));
            continue;
        }
        const changes = inLiveNames(each, placed, sight);
        if (changes.length === 0) candidates.push(unplaced(step, placed.change));
        inLive.push(...changes);
        for (const change of changes)
            candidates.push(...fromStatement(step, change, sight.facts, sight.touched, sight.made, sight.context));
    }
    return { inLive, candidates };
}

/** The rows of a table that the plan makes are no loss; those that keys lead to are. */
function fromMade(step: number, change: RowChange, { names }: Made, { made, context }: Sight): Candidate[] {
    const targets = new Set(names.map((parts) => qualify(quoted(parts))));
    return [...targets]
        .flatMap((target) => context.keys.followersOfMade(target, change))
        .filter((table) => !made.has(withoutPublic(table)))
        .map((table) => byKey(step, change, table));
}

/** A change as it must be asked of the live database; none when nobody can tell what table it concerns. */
function inLiveNames(each: PlacedStatement, { change, place, column }: PlacedChange, sight: Sight): RowChange[] {
    const { facts, earlier } = sight;
    if (isMade(place)) return [];
    const live = place.live.find((parts) => facts.has(quoted(parts)));
    const known = live === undefined ? undefined : facts.get(quoted(live));
    if (live === undefined || known === undefined)
        return place.live.length === 1 ? [{ ...change, relation: place.live[0] ?? [] }] : [];
    const isView = known.behind.length > 0;
    if (hasGrown(known, each, sight) || (isView && earlier.mayHaveRemadeViews)) return [];
    // What a view shows by then cannot be counted now.
    if (isView && !earlier.areUntouched)
        return known.behind.map((table) => ({ ...change, relation: partsOf(table), columns: [], where: undefined }));
    const asNow = change.where === "" || earlier.areAsNow(each.statement, known.qualified);
    return [
        {
            ...change,
            relation: live,
            columns: change.columns.map((c) => column(live, c)),
            where: asNow ? change.where : undefined,
        },
    ];
}

/** Whether the plan has put other tables under one, or under a partition of it. */
function hasGrown(
    { qualified, behind }: RelationFacts,
    { grown }: PlacedStatement,
    { facts, context }: Sight,
): boolean {
    if (grown.length === 0) return false;
    const kin = new Set([qualified, ...behind].flatMap((table) => context.keys.kin(table)));
    return grown.some((parts) => kin.has(facts.get(quoted(parts))?.qualified ?? ""));
}

function partsOf(qualified: string): string[] {
    return splitLast(qualified).map(unquote);
}

/** The live relations whose rows may be others after a statement. */
export function touchedBy({ changes, touches }: PlacedStatement, { facts, context: { keys } }: Sight): string[] {
    const places = [...changes.map(({ place }) => place), ...touches];
    const relations = places.flatMap((place) =>
        isMade(place)
            ? place.names.flatMap((parts) => keys.followers(qualify(quoted(parts))))
            : place.live.flatMap((parts) => facts.get(quoted(parts)) ?? []).flatMap((f) => [f.qualified, ...f.behind]),
    );
    return relations
        .flatMap((relation) => [relation, ...(changes.length > 0 ? keys.followers(relation) : [])])
        .flatMap((relation) => keys.kin(relation));
}
