import { BadInputError } from "../core/errors";
import { resolveHistory } from "../core/run/resolve";
import { print } from "./output";
import { readTarget, type TargetFlags } from "./target";

interface ResolveFlags extends TargetFlags {
    readonly json?: boolean;
    readonly applied?: string;
    readonly rolledBack?: string;
}

/** `schemaward resolve --applied V | --rolled-back V`: corrects ledger and history table, runs no script. */
export async function resolveCommand(rawFlags: TargetFlags): Promise<void> {
    const flags: ResolveFlags = rawFlags;
    const { declaration, projectDir, setIsAssumed } = readTarget(flags);
    const { applied, rolledBack } = flags;
    if ((applied === undefined) === (rolledBack === undefined))
        throw new BadInputError({ what: "What is to be resolved?", next: "Give --applied V or --rolled-back V." });
    const state = applied === undefined ? "rolled-back" : "applied";
    const version = applied ?? rolledBack ?? "";
    const outcome = await resolveHistory(declaration, projectDir, version, state, setIsAssumed);
    print(flags.json === true, { ok: true, ...outcome }, [
        outcome.changed
            ? `${outcome.version} is now recorded as ${state}`
            : `${outcome.version} was recorded as ${state} already`,
    ]);
}
