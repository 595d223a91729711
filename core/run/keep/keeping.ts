import type { Declaration } from "../../declaration";
import { columnOf, qualify } from "../../plan/names";
import type { PlanStep } from "../../plan/plan";
import { unquote } from "../../sql/identifiers";
import { guardSql, keepSql, type KeptObject } from "./keep-sql";
import { beforeLoadSql, loadSql } from "./load-sql";

/** SQL that belongs into a step's transaction beside its script; as the role that logs in, with search_path = pg_catalog. */
export interface StepKeeping {
    readonly before: string;
    readonly after: string;
}

export type Keeping = ReadonlyMap<string, StepKeeping>;

/** Key of a step. */
export function keepingKey({ direction, version }: Pick<PlanStep, "direction" | "version">): string {
    return `${direction} ${version}`;
}

/** What steps keep of what they destroy, and load back of what was kept; none where a stack does not want it. */
export function keepingOf(
    declaration: Declaration,
    steps: readonly PlanStep[],
    run: { readonly runId: string; readonly historyTable: string | undefined },
): Keeping {
    const keeping = new Map<string, StepKeeping>();
    if (declaration.keepData !== true) return keeping;
    for (const step of steps) {
        const place = { set: declaration.set, version: step.version, runId: run.runId };
        if (step.direction === "down" && step.losses.length > 0) {
            const dropped = step.losses.filter(({ kind }) => kind === "table dropped" || kind === "column dropped");
            const objects = dropped.filter((loss) => loss.kept === true).map(keptObject);
            keeping.set(keepingKey(step), {
                before: keepSql(objects, place, run.historyTable),
                after: guardSql(dropped.map(keptObject)),
            });
        }
        if (step.direction === "up" && (step.loads ?? []).length > 0)
            keeping.set(keepingKey(step), { before: beforeLoadSql(place), after: loadSql(place) });
    }
    return keeping;
}

function keptObject({ kind, object }: PlanStep["losses"][number]): KeptObject {
    if (kind === "table dropped") return { kind: "table", table: qualify(object), name: qualify(object) };
    const [table, column] = columnOf(object);
    return { kind: "column", table, column: unquote(column), name: `${table}.${column}` };
}
