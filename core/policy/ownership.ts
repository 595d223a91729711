import type { Declarer } from "../declaration";

/** Whose the ledger is, and on which cluster it was written. */
export interface Owned {
    readonly declarer: Declarer;
    readonly systemIdentifier: string | null;
}

/** How `adopt` names a ledger's owner: `physioflow/prod`. */
export function ownerName({ project, stack }: Declarer): string {
    return `${project}/${stack}`;
}

/**
 * Whether this declarer may work on a ledger that says it is somebody's: a second stack, a renamed one, or a clone of
 * another environment's database is refused until it is adopted by name.
 * @param owner undefined: it is nobody's yet
 * @param declarer undefined: by the command's flags alone, which say nothing of it
 * @param adopt name of the owner that it is taken over from
 * @returns undefined when it may
 */
export function judgeOwnership(
    owner: Owned | undefined,
    declarer: Declarer | undefined,
    adopt: string | undefined,
): { readonly code: string; readonly text: string; readonly allow: string } | undefined {
    if (owner === undefined || declarer === undefined) return undefined;
    const theirs = ownerName(owner.declarer);
    // Written by the command with flags alone: nobody's yet.
    if (owner.declarer.project === "" && owner.declarer.stack === "") return undefined;
    if (theirs === ownerName(declarer) && owner.declarer.environment === declarer.environment) return undefined;
    if (adopt === theirs) return undefined;
    return {
        code: "other-owner",
        text: `This database's ledger belongs to ${theirs} (environment ${owner.declarer.environment}); declared here is ${ownerName(declarer)} (${declarer.environment}). It may be a clone, or the stack was renamed.`,
        allow: `adopt: ${theirs}, if this database is meant`,
    };
}
