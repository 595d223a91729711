import type { Declaration } from "../../declaration";
import { columnOf, qualify } from "../../plan/names";
import type { PlanStep } from "../../plan/plan";
import type { PreparedStep } from "../../plan/prepare";
import { unquote } from "../../sql/identifiers";
import { insertsConstantsOnly } from "../../sql/seeds";
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
    prepared: readonly PreparedStep[],
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
                after: guardSql(dropped.map(keptObject), place),
            });
        }
        if (step.direction === "up" && (step.loads ?? []).length > 0) {
            const script = prepared.find((p) => keepingKey(p) === keepingKey(step));
            keeping.set(keepingKey(step), {
                before: beforeLoadSql(place),
                after: loadSql(place, seededBy(script, step)),
            });
        }
    }
    return keeping;
}

/** Tables whose rows from the script itself give way to the kept ones. */
function seededBy(script: PreparedStep | undefined, { loads = [] }: PlanStep): string[] {
    const only = script?.shape.units;
    // Between two transactions others may write into what the first has made.
    if (only?.length !== 1) return [];
    const statements = only[0]?.statements ?? [];
    return loads.map(({ object }) => qualify(object)).filter((table) => insertsConstantsOnly(statements, table));
}

function keptObject({ kind, object }: PlanStep["losses"][number]): KeptObject {
    if (kind === "table dropped") return { kind: "table", table: qualify(object), name: qualify(object) };
    const [table, column] = columnOf(object);
    return { kind: "column", table, column: unquote(column), name: `${table}.${column}` };
}
