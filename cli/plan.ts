import { buildPlan } from "../core/plan/build";
import { renderPlan } from "../core/plan/render-text";
import { exitCodes } from "../core/errors";
import { print } from "./output";
import { readTarget, type TargetFlags } from "./target";

/** `schemaward plan --to V`: exits with 2 when the plan is refused. */
export async function plan(flags: TargetFlags & { readonly json?: boolean; readonly to?: string }): Promise<void> {
    const { declaration, projectDir, commandFlags } = readTarget(flags);
    const wanted = flags.to === undefined ? declaration : { ...declaration, version: flags.to };
    const planned = await buildPlan(wanted, {
        projectDir,
        commandFlags,
        observe: "full",
        looseVersion: flags.to !== undefined,
    });
    print(flags.json === true, planned.plan, renderPlan(planned.plan));
    if (planned.plan.refusals.length > 0) process.exitCode = exitCodes.refused;
}
