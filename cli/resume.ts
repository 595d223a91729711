import { RefusedError } from "../core/errors";
import { buildPlan } from "../core/plan/build";
import { lastRunText } from "../core/plan/last-run-text";
import type { Plan } from "../core/plan/plan";
import { heldText } from "../core/plan/traffic-text";
import { readIntent } from "../core/run/recorded-intent";
import { interruptible } from "./interruptible";
import { rollsBack, type RunFlags, runTo } from "./migrate";
import { print, progressReporter } from "./output";
import { readTarget, type Target, type TargetFlags } from "./target";

/**
 * `schemaward resume`: goes on with a run that failed or was cut off, to where it was to lead; with `--undo`, back to where it began. The
 * run's own record says both, so it needs neither the Pulumi state nor its lock. Of a run that ended well it only lets traffic in again.
 */
export async function resumeCommand(rawFlags: TargetFlags): Promise<void> {
    const flags = rawFlags as RunFlags & { readonly undo?: boolean };
    const target = readTarget(flags);
    const { declaration, ...asked } = target;
    const { plan } = await buildPlan(declaration, { ...asked, observe: "none" });
    const run = plan.lastRun;
    if (run === null && plan.held !== null) {
        await letTrafficIn(flags, target, plan.from, plan.held);
        return;
    }
    if (run === null) {
        const version = plan.from;
        print(flags.json === true, { ...nothingRun, version }, [
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
    if (run.direction === "restore" && flags.undo === true)
        throw new RefusedError({
            what: "A restore is not undone by scripts.",
            state: "Nothing was touched.",
            next:
                run.snapshot === null
                    ? "What was there before is kept as a database of its own (schemaward snapshot databases)."
                    : `Restore what was there before: schemaward snapshot restore ${run.snapshot} ${asked.commandFlags}`.trim(),
        });
    if (flags.json !== true) process.stderr.write(`last run: ${lastRunText(run)}\n`);
    if (plan.held !== null && flags.json !== true) process.stderr.write(`${heldText(plan.held)}\n`);
    // The rest of a run that keeps what it drops keeps, too.
    const { keepsData } = await readIntent(declaration, run.id);
    const all = keepsData && declaration.keepData === undefined ? { ...flags, keepData: true } : flags;
    await runTo(all, target, (flags.undo === true ? run.from : run.to) ?? "0", run.id);
}

const nothingRun = { ok: true, changed: false, snapshot: null, runId: null, heldFor: [], plan: null };

async function letTrafficIn(
    flags: RunFlags,
    { declaration, projectDir }: Target,
    version: string | null,
    held: NonNullable<Plan["held"]>,
): Promise<void> {
    const json = flags.json === true;
    if (!json) process.stderr.write(`${heldText(held)}\n`);
    const { restores } = await readIntent(declaration, held.runId);
    if (restores !== null && !json)
        process.stderr.write(
            `it was stopped for a restore of ${restores} that was cut off before it had changed anything: schemaward snapshot restore does it; this only lets traffic in\n`,
        );
    const { resumeTraffic } = require("../core/run/resume-traffic.js") as typeof import("../core/run/resume-traffic");
    const ignoreVersions = flags.ignoreVersions === true;
    await interruptible(async (signal) => {
        const waitMs = Number(flags.wait) * 1000;
        await resumeTraffic(declaration, {
            projectDir,
            report: progressReporter(json),
            signal,
            waitMs,
            ignoreVersions,
        });
    }, rollsBack);
    print(json, { ...nothingRun, version }, [`traffic is in again, at ${version ?? "0"}`]);
}
