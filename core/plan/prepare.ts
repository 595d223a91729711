import { setImmediate } from "node:timers/promises";
import { BadInputError } from "../errors";
import { isOwnRowMaintenance } from "../history/own-row";
import { firstLine } from "../lines";
import type { Script } from "../migrations/set";
import { refuseBackslashLiterals } from "../sql/conforming-strings";
import { refuseLockRelease, type ScriptShape, shapeScript } from "../sql/script";
import { redactSql } from "../sql/sensitive";
import { loadParser } from "../sql/parser";
import { splitScriptSync } from "../sql/split";
import type { Statement } from "../sql/statement";
import { type PlacedQuery, verifyQueryOf } from "../sql/verify-query";
import type { DecidedStep } from "./decide";

/** A statement that the run's own write takes the place of. */
export interface Replaced {
    readonly line: number;
    /** First line of the statement. */
    readonly text: string;
}

/** A decided step with its script taken apart: what the shadow observes and the run executes. */
export interface PreparedStep extends DecidedStep {
    readonly shape: ScriptShape;
    readonly replaced: readonly Replaced[];
    /** What `verify` asks. */
    readonly verifyQuery: PlacedQuery | undefined;
}

const stepsPerTurn = 20;

/**
 * Parses the scripts of all steps before anything is touched.
 * @param mirrorSchema where the history table is whose rows of this set are written by us; undefined: there is none
 * @throws BadInputError naming file and line
 */
export async function prepareSteps(
    steps: readonly DecidedStep[],
    mirrorSchema: string | undefined,
): Promise<PreparedStep[]> {
    if (steps.length > 0) await loadParser();
    const prepared: PreparedStep[] = [];
    for (const step of steps) {
        const verifyQuery = step.verify === undefined ? undefined : verifyQueryOf(step.verify);
        prepared.push({ ...step, ...takeApart(step, mirrorSchema), verifyQuery });
        // Lets answers of the server in.
        if (prepared.length % stepsPerTurn === 0) await setImmediate();
    }
    return prepared;
}

/**
 * Takes one script apart, by the rules that hold for every script.
 * @throws BadInputError naming file and line
 */
export function takeApart(
    step: Pick<DecidedStep, "direction" | "version" | "name"> & { readonly script: Pick<Script, "file" | "sql"> },
    mirrorSchema: string | undefined,
): Pick<PreparedStep, "shape" | "replaced"> {
    const { file, sql } = step.script;
    const all = splitScriptSync(sql, file);
    refuseLockRelease(all, file);
    refuseBackslashLiterals(all, file);
    const maintenance = mirrorSchema === undefined ? [] : all.filter((s) => isOwnRowMaintenance(s, step, mirrorSchema));
    const shape = shapeScript(
        all.filter((s) => !maintenance.includes(s)),
        sql,
        file,
    );
    if (step.direction === "down" && shape.units.every(({ statements }) => statements.length === 0)) {
        throw new BadInputError({
            what: `The down script of ${step.version} ${all.length === 0 ? "is empty" : "does nothing but write its row of the history table"}: it would undo nothing, yet the version would count as undone.`,
            where: { file, line: 1 },
            state: "Nothing was touched.",
            next: "Write what undoes the migration; if truly nothing is to be done, write SELECT 1 with a comment why.",
        });
    }
    return {
        shape,
        replaced: maintenance.map((s) => ({ line: s.line, text: redactSql(firstLine(s.sql)) })),
    };
}

/** All statements of a step, in order. */
export function statementsOf(step: PreparedStep): Statement[] {
    return step.shape.units.flatMap((u) => u.statements);
}
