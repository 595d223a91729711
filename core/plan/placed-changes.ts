import type { Observation } from "../sql/observation";
import type { Statement } from "../sql/statement";
import { type RowChange, stepRowChanges } from "./dml";
import { changedRelations } from "./earlier-rows";
import { quoted } from "./names";
import { type PreparedStep } from "./prepare";
import { partsOfRange, type Place, ScriptNames } from "./script-names";

/** A statement with what it does to rows, in names of the live database. */
export interface PlacedStatement {
    readonly statement: Statement;
    readonly changes: readonly PlacedChange[];
    /** Relations whose rows it may change otherwise, too: INSERT, a new column. */
    readonly touches: readonly Place[];
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
                    changes: (changes.get(statement) ?? []).map((change) => placeOf(change, names)),
                    touches: changedRelations(statement).map((range) => names.place(partsOfRange(range))),
                });
                names.follow(statement);
            }
            names.endUnit();
        }
        names.endStep(observations[index]?.renamed);
        return placed;
    });
}

function placeOf(change: RowChange, names: ScriptNames): PlacedChange {
    const place = names.place(change.relation);
    const columns = new Map(
        place === "made"
            ? []
            : place.live.map((live) => [quoted(live), new Map(change.columns.map((c) => [c, names.column(live, c)]))]),
    );
    return { change, place, column: (live, column) => columns.get(quoted(live))?.get(column) ?? column };
}

/** All names of live relations that are asked for. */
export function namesIn(statements: readonly PlacedStatement[]): string[] {
    const places = statements.flatMap(({ changes, touches }) => [...changes.map(({ place }) => place), ...touches]);
    return places.flatMap((place) => (place === "made" ? [] : place.live.map(quoted)));
}
