import type { Declaration } from "../declaration";
import { FailedError, RefusedError } from "../errors";
import type { Plan } from "../plan/plan";

/** The plan made under the lock may not be carried out; nothing was changed. */
export class PlanRefused extends RefusedError {
    /** @param snapshot taken before it was counted anew what would be lost, and was too much by then */
    constructor(
        readonly plan: Plan,
        readonly snapshot: string | null = null,
        /** What became of traffic; empty: nothing. */
        traffic = "",
    ) {
        super({
            what: `Going from ${plan.from ?? "0"} to ${plan.to ?? "0"} is refused.`,
            where: { object: plan.set },
            detail: plan.refusals.flatMap((r) => [r.text, `  allow it with: ${r.allow}`]),
            state: [
                snapshot !== null
                    ? `No script was run. The snapshot ${snapshot} stays; rows were written since the plan was shown.`
                    : traffic === ""
                      ? "Nothing was touched."
                      : "No script was run.",
                ...(traffic === "" ? [] : [traffic]),
            ].join(" "),
            next: "Read the plan above; then allow it as named, or change what is declared.",
        });
    }
}

/** What was to be resumed is over. */
export function nothingToResume(): RefusedError {
    return new RefusedError({
        what: "The run that was to be resumed has ended well by now, or another has worked on this database since.",
        state: "Nothing was touched by this run.",
        next: "Look at `schemaward status`.",
    });
}

/** A person was asked, and did not say yes. */
export function notConfirmed(): RefusedError {
    return new RefusedError({
        what: "Not confirmed.",
        state: "Nothing was touched.",
        next: "Run again and answer yes, or give --yes.",
    });
}

/** What was planned while somebody interrupted need not be begun. @throws FailedError */
export function endIfInterrupted(signal: AbortSignal | undefined): void {
    if (signal?.aborted !== true) return;
    throw new FailedError({
        what: "Interrupted before anything was done.",
        state: "Nothing was touched.",
        next: "Run the same command again.",
    });
}

/** A run of scripts while a restore is declared that was not done. */
export function restoreFirst(restoreFrom: string, { declarer }: Declaration): RefusedError {
    const stack = declarer === undefined || declarer.stack === "" ? "" : ` --stack ${declarer.stack}`;
    return new RefusedError({
        what: `The database is declared to be restored from ${restoreFrom}, and was not yet.`,
        where: { object: "restoreFrom" },
        state: "Nothing was touched.",
        next: `Restore it: pulumi up, or schemaward snapshot restore ${restoreFrom}${stack}; or take restoreFrom out of the stack's file.`,
    });
}

/** A restore has put another database in the place of the one that a run was for. */
export function anotherDatabase(): FailedError {
    return new FailedError({
        what: "The database has been restored meanwhile: another one is in the place of the one that this run was for.",
        state: "What this run has done is in the database that was put away (schemaward snapshot databases); nothing was done in the restored one.",
        next: "Look at the plan of the restored database, and run again what is still wanted.",
    });
}
