import type { Plan } from "../core/plan/plan";
import { migrate } from "../core/run/run";
import { type ConfirmFlags, confirmation, policyFor, waitOf } from "./confirm";
import { interruptible } from "./interruptible";
import { print, progressReporter } from "./output";
import { readTarget, type Target, type TargetFlags } from "./target";

/** The flags of a command that runs scripts. */
export interface RunFlags extends TargetFlags, ConfirmFlags {
    /** Keep what is dropped, load back what was kept. */
    readonly keepData?: boolean;
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
    const confirm = confirmation(flags, ({ lost }: Plan) => lost.rows + lost.values > 0 || lost.unknown);
    const waitMs = waitOf(flags);
    await interruptible(async (signal) => {
        const result = await migrate(
            {
                ...declaration,
                version: to ?? declaration.version,
                policy: policyFor(declaration, flags),
                ...(flags.keepData === undefined ? {} : { keepData: flags.keepData }),
            },
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
                waitMs,
                report: progressReporter(json),
                signal,
                ...(confirm === undefined ? {} : { confirm }),
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
