import { buildPlan } from "../core/plan/build";
import { exitCodes } from "../core/errors";
import { print, progressReporter } from "./output";
import { readTarget, type TargetFlags } from "./target";

/** `schemaward plan --to V`: exits with 2 when the plan is refused. */
export async function planCommand(
    flags: TargetFlags & { readonly json?: boolean; readonly to?: string; readonly keepData?: boolean },
): Promise<void> {
    const { declaration, ...asked } = readTarget(flags);
    const json = flags.json === true;
    if (declaration.restoreFrom !== undefined && flags.to === undefined) {
        const { planDeclaredRestore } = require("./snapshot-restore.js") as typeof import("./snapshot-restore");
        if (await planDeclaredRestore(declaration, asked, json)) return;
    }
    const wanted = {
        ...declaration,
        version: flags.to ?? declaration.version,
        ...(flags.keepData === undefined ? {} : { keepData: flags.keepData }),
    };
    const report = progressReporter(json);
    const { plan } = await buildPlan(wanted, {
        ...asked,
        ...(flags.stack === undefined ? { approveWith: "--allow-data-loss, with migrate" } : {}),
        observe: "full",
        looseVersion: flags.to !== undefined,
        onProgress: (done, count) => {
            report({ type: "planning", done, count });
        },
    });
    if (json) print(true, plan, []);
    else {
        // Loaded only now: before, each file holds up the connection.
        const { renderPlan } = require("../core/plan/render-text.js") as typeof import("../core/plan/render-text");
        report({ type: "plan", lines: renderPlan(plan) });
    }
    if (plan.refusals.length > 0) process.exitCode = exitCodes.refused;
}
