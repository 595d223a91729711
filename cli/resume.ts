import { RefusedError } from "../core/errors";
import { buildPlan } from "../core/plan/build";
import { lastRunText } from "../core/plan/last-run-text";
import { type RunFlags, runTo } from "./migrate";
import { print } from "./output";
import { readTarget, type TargetFlags } from "./target";

/**
 * `schemaward resume`: goes on with a run that failed or was cut off, to where it was to lead; with `--undo`, back to where it began. The
 * run's own record says both, so it needs neither the Pulumi state nor its lock.
 */
export async function resumeCommand(rawFlags: TargetFlags): Promise<void> {
    const flags = rawFlags as RunFlags & { readonly undo?: boolean };
    const target = readTarget(flags);
    const { declaration, ...asked } = target;
    const { plan } = await buildPlan(declaration, { ...asked, observe: "none" });
    const run = plan.lastRun;
    if (run === null) {
        const version = plan.from;
        print(flags.json === true, { ok: true, changed: false, version, snapshot: null, runId: null, plan: null }, [
            `nothing to resume: the last run ended well, at ${version ?? "0"}`,
        ]);
        return;
    }
    if (run.outcome === "running" && Number(flags.wait) === 0)
        throw new RefusedError({
            what: `There is nothing to resume yet: ${lastRunText(run)}.`,
            state: "Nothing was touched.",
            next: "Wait until it has ended (--wait SECONDS does), or end it where it runs.",
        });
    if (flags.json !== true) process.stderr.write(`last run: ${lastRunText(run)}\n`);
    await runTo(flags, target, (flags.undo === true ? run.from : run.to) ?? "0", run.id);
}
