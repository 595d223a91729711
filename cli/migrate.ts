import { createInterface } from "node:readline/promises";
import type { Declaration } from "../core/declaration";
import { BadInputError } from "../core/errors";
import type { Plan } from "../core/plan/plan";
import { migrate } from "../core/run/run";
import { interruptible } from "./interruptible";
import { print, progressReporter } from "./output";
import { readTarget, type Target, type TargetFlags } from "./target";

/** The flags of a command that runs scripts. */
export interface RunFlags extends TargetFlags {
    readonly json?: boolean;
    readonly yes?: boolean;
    readonly allowDataLoss?: boolean;
    readonly wait: string;
    /** Of `resume`. */
    readonly ignoreVersions?: boolean;
}

/** `schemaward migrate`: plans under the lock, asks, runs. */
export async function migrateCommand(rawFlags: TargetFlags): Promise<void> {
    const flags = rawFlags as RunFlags & { readonly to?: string };
    await runTo(flags, readTarget(flags), flags.to);
}

/**
 * Goes to a version, and says how that went.
 * @param to absent: the version that is declared
 * @param resumes see `RunOptions`
 */
export async function runTo(flags: RunFlags, target: Target, to?: string, resumes?: string): Promise<void> {
    const json = flags.json === true;
    const { declaration, ...asked } = target;
    const interactive = process.stdin.isTTY && !json;
    if (flags.yes !== true && !interactive) {
        throw new BadInputError({
            what: "There is nobody to ask here.",
            state: "Nothing was touched.",
            next: "Give --yes, after looking at `schemaward plan`.",
        });
    }
    const waitSeconds = Number(flags.wait);
    if (!Number.isFinite(waitSeconds) || waitSeconds < 0)
        throw new BadInputError({
            what: `--wait ${flags.wait} is no number of seconds.`,
            next: "Give a number, 0 or more.",
        });
    await interruptible(async (signal) => {
        const result = await migrate(
            { ...declaration, version: to ?? declaration.version, policy: policyFor(declaration, flags) },
            {
                ...asked,
                looseVersion: to !== undefined,
                ...(flags.stack === undefined ? { approveWith: "--allow-data-loss" } : {}),
                // Where nothing that might be found could stop the run, finding it is not waited for.
                observe:
                    flags.yes === true && (flags.stack === undefined || flags.allowDataLoss === true)
                        ? observeFor(flags)
                        : "full",
                ...(resumes === undefined ? {} : { resumes }),
                ...(flags.ignoreVersions === undefined ? {} : { ignoreVersions: flags.ignoreVersions }),
                waitMs: waitSeconds * 1000,
                report: progressReporter(json),
                signal,
                ...(flags.yes === true ? {} : { confirm: ask }),
            },
        );
        const { plan, changed, version, snapshot, runId, heldFor } = result;
        print(json, { ok: true, changed, version, snapshot, runId, heldFor, plan }, [
            changed ? `done: at ${version ?? "0"}` : `nothing to do: at ${version ?? "0"}`,
            ...(heldFor.length === 0
                ? []
                : [
                      `TRAFFIC STAYS STOPPED: ${heldFor.join("; ")}`,
                      `deploy what accepts ${version ?? "0"}, then: schemaward resume ${asked.commandFlags}`,
                  ]),
        ]);
    }, rollsBack);
}

/** What Ctrl-C does: the server rolls back. */
export const rollsBack = "the migration that runs is rolled back";

function observeFor(flags: RunFlags): "quick" | "lossless" {
    return flags.allowDataLoss === true ? "quick" : "lossless";
}

/** `--allow-data-loss` stands for the approval of what is shown; `maxRowsLost` and a policy of `always` hold on. */
function policyFor(declaration: Declaration, flags: RunFlags): Declaration["policy"] {
    const { policy } = declaration;
    if (flags.allowDataLoss === true) return policy.approval === "always" ? policy : { ...policy, approval: "never" };
    return policy;
}

async function ask(plan: Plan): Promise<boolean> {
    const prompt = createInterface({ input: process.stdin, output: process.stderr });
    try {
        const lost = plan.lost.rows + plan.lost.values;
        const question =
            lost > 0 || plan.lost.unknown ? "Data will be lost. Type yes to go on: " : "Type yes to go on: ";
        return (await prompt.question(question)).trim() === "yes";
    } finally {
        prompt.close();
    }
}
