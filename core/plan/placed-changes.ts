import type { Observation } from "../sql/observation";
import type { Statement } from "../sql/statement";
import { type RowChange, stepRowChanges } from "./dml";
import { changedRelations } from "./earlier-rows";
import { quoted } from "./names";
import { type PreparedStep } from "./prepare";
import { isMade, partsOfRange, type Place, reach, ScriptNames } from "./script-names";

/** A statement with what it does to rows, in names of the live database. */
export interface PlacedStatement {
    readonly statement: Statement;
    readonly changes: readonly PlacedChange[];
    /** Relations whose rows it may change otherwise, too: INSERT, a new column. */
    readonly touches: readonly Place[];
    /** Tables that have taken in others by then. */
    readonly grown: readonly (readonly string[])[];
}

export interface PlacedChange {
    readonly change: RowChange;
    readonly place: Place;
    /** Names that a column has now, by live relation. */
    readonly column: (live: readonly string[], column: string) => string;
}

/** Follows the names through all steps, in order. */
export function placeChanges(
    steps: readonly PreparedStep[],
    observations: readonly Observation[],
): PlacedStatement[][] {
    const names = new ScriptNames();
    return steps.map((step, index) => {
        const changes = stepRowChanges(step.shape.units.flatMap((u) => u.statements));
        const placed: PlacedStatement[] = [];
        for (const { statements } of step.shape.units) {
            for (const statement of statements) {
                placed.push({
                    statement,
                    changes: (changes.get(statement) ?? []).flatMap((change) => placesOf(change, names)),
                    touches: changedRelations(statement).flatMap((range) => reach(names.place(partsOfRange(range)))),
                    grown: names.grownTables,
                });
                names.follow(statement);
            }
            names.endUnit();
        }
        names.endStep(observations[index]?.renamed);
        return placed;
    });
}

/** A change of a relation that the scripts make is one of all that it stands over, too. */
function placesOf(change: RowChange, names: ScriptNames): PlacedChange[] {
    const [first, ...others] = reach(names.place(change.relation));
    if (first === undefined) return [];
    const through: RowChange = {
        ...change,
        columns: change.kind === "values converted" ? change.columns : [],
        where: change.kind === "rows truncated" ? "" : undefined,
    };
    return [placeOf(change, first, names), ...others.map((place) => placeOf(through, place, names))];
}

function placeOf(written: RowChange, place: Place, names: ScriptNames): PlacedChange {
    const lives = isMade(place) ? [] : place.live;
    const columns = new Map(
        lives.map((live) => [quoted(live), new Map(written.columns.map((c) => [c, names.column(live, c)]))]),
    );
    // A parent's column may have got this name, with its partitions' and children's.
    const perhaps = written.columns.some(
        (c) => names.isRenamed(c) && lives.some((live) => names.column(live, c) === c),
    );
    const change = perhaps && written.kind === "rows updated" ? { ...written, columns: [] } : written;
    return { change, place, column: (live, column) => columns.get(quoted(live))?.get(column) ?? column };
}

/** All names of live relations that are asked for. */
export function namesIn(statements: readonly PlacedStatement[]): string[] {
    const places = statements.flatMap(({ changes, touches }) => [...changes.map(({ place }) => place), ...touches]);
    const live = places.flatMap((place) => (isMade(place) ? [] : place.live));
    // Each statement has those of the statements before it as well.
    return [...live, ...(statements.at(-1)?.grown ?? [])].map(quoted);
}
