import { type Declaration, defaultPolicy, defaultRestore, defaultRunSettings } from "../core/declaration";
import { exitCodes } from "../core/errors";
import { pendingRestore } from "../core/run/restore/declared";
import { buildRestorePlan, restore } from "../core/run/restore/restore";
import type { RestorePlan } from "../core/run/restore/restore-plan";
import { renderRestore } from "../core/run/restore/restore-text";
import { type ConfirmFlags, confirmation, policyFor, waitOf } from "./confirm";
import { interruptible } from "./interruptible";
import { print, progressReporter } from "./output";
import { readSnapshotTarget, type SnapshotFlags } from "./snapshot-target";
import { readTarget, type Target } from "./target";

interface RestoreFlags extends SnapshotFlags, ConfirmFlags {
    readonly dryRun?: boolean;
    readonly jobs?: number;
    readonly keepDays?: number;
    /** False by `--no-emergency-snapshot`. */
    readonly emergencySnapshot: boolean;
    readonly adopt?: string;
    readonly ignoreVersions?: boolean;
}

/** `schemaward snapshot restore NAME`: shows what would be lost, asks, restores. With `--dry-run` exits with 2 when it is refused. */
export async function restoreCommand(
    name: string,
    rawFlags: SnapshotFlags & { readonly wait: string; readonly emergencySnapshot: boolean },
): Promise<void> {
    const flags = rawFlags as RestoreFlags;
    const json = flags.json === true;
    const { declaration, projectDir } = declarationFor(flags);
    const question = {
        projectDir,
        snapshot: name,
        emergency: flags.emergencySnapshot,
        declaredVersionCounts: false,
        setIsAssumed: flags.stack === undefined && flags.set === undefined,
        commandFlags: flagsAgain(flags),
        ...(flags.stack === undefined ? { approveWith: "--allow-data-loss" } : {}),
        ...(flags.adopt === undefined ? {} : { adopt: flags.adopt }),
    };
    if (flags.dryRun === true) {
        show(await buildRestorePlan(declaration, question), json);
        return;
    }
    const confirm = confirmation(flags, (_: RestorePlan) => true);
    const waitMs = waitOf(flags);
    await interruptible(async (signal) => {
        const { plan, ...result } = await restore(declaration, {
            ...question,
            waitMs,
            signal,
            report: progressReporter(json),
            ...(flags.jobs === undefined ? {} : { jobs: flags.jobs }),
            ...(flags.ignoreVersions === undefined ? {} : { ignoreVersions: flags.ignoreVersions }),
            ...(confirm === undefined ? {} : { confirm }),
        });
        const { version, snapshot, kept, emergency, heldFor } = result;
        print(json, { ok: true, changed: true, ...result, plan }, [
            `restored from ${snapshot}: at ${version ?? "0"}`,
            `what was there before: ${[...(kept === null ? [] : [`the database ${kept}`]), ...(emergency === null ? [] : [`the snapshot ${emergency}`])].join(", and ")}`,
            ...(heldFor.length === 0
                ? []
                : [
                      `TRAFFIC STAYS STOPPED: ${heldFor.join("; ")}`,
                      `deploy what accepts ${version ?? "0"}, then: schemaward resume${flags.stack === undefined ? "" : ` --stack ${flags.stack}`}`,
                  ]),
        ]);
    }, "before the swap all is left as it was, and traffic is let in again");
}

/**
 * Shows the restore that a stack declares and that was not done.
 * @returns false: there is none
 */
export async function planDeclaredRestore(
    declaration: Declaration,
    { projectDir, commandFlags }: Omit<Target, "declaration">,
    json: boolean,
): Promise<boolean> {
    const snapshot = await pendingRestore(declaration);
    if (snapshot === undefined) return false;
    const question = { projectDir, snapshot, commandFlags, emergency: true, declaredVersionCounts: true };
    show(await buildRestorePlan(declaration, question), json);
    return true;
}

function show(plan: RestorePlan, json: boolean): void {
    print(json, plan, renderRestore(plan));
    if (plan.refusals.length > 0) process.exitCode = exitCodes.refused;
}

/** What the flags declare, in the form in which a stack does. */
function declarationFor(flags: RestoreFlags): { readonly declaration: Declaration; readonly projectDir: string } {
    // What is wrong with the flags is told as by the other commands.
    const target = readSnapshotTarget(flags);
    const store = flags.store === undefined ? {} : { store: flags.store };
    const keep = (before: Declaration["restore"]): Pick<Declaration, "restore"> =>
        flags.keepDays === undefined ? {} : { restore: { ...(before ?? defaultRestore), keepDays: flags.keepDays } };
    if (flags.stack !== undefined) {
        const { stack, set } = flags;
        const { declaration, projectDir } = readTarget({ stack, ...(set === undefined ? {} : { set }) });
        return {
            projectDir,
            declaration: {
                ...declaration,
                ...keep(declaration.restore),
                snapshot: { ...declaration.snapshot, ...store },
                policy: policyFor(declaration, flags),
            },
        };
    }
    const declaration: Declaration = {
        set: target.set,
        // Without it nobody says whose snapshots are meant.
        ...(flags.environment === undefined ? {} : { declarer: target.declarer }),
        migrations: { dir: "", format: "numbered" },
        version: "latest",
        connection: target.connection,
        history: { mirror: "schema_migrations" },
        snapshot: { required: false, ...store },
        policy: defaultPolicy,
        run: defaultRunSettings,
        ...keep(undefined),
    };
    return {
        projectDir: process.cwd(),
        declaration: { ...declaration, policy: policyFor(declaration, flags) },
    };
}

/** The flags as they were given, without the URL: it may hold a password. */
function flagsAgain({
    stack,
    store,
    environment,
    set,
    url,
    adopt,
    jobs,
    keepDays,
    emergencySnapshot,
}: RestoreFlags): string {
    const secret = url === undefined ? undefined : "…";
    const named = { stack, store, environment, set, url: secret, adopt, jobs, "keep-days": keepDays };
    return Object.entries(named)
        .flatMap(([name, value]) => (value === undefined ? [] : [`--${name} ${value}`]))
        .concat(emergencySnapshot ? [] : ["--no-emergency-snapshot"])
        .join(" ");
}
