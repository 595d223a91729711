import { createInterface } from "node:readline/promises";
import type { Declaration } from "../core/declaration";
import { BadInputError } from "../core/errors";

/** The flags of a command that changes a database. */
export interface ConfirmFlags {
    readonly json?: boolean;
    readonly yes?: boolean;
    readonly allowDataLoss?: boolean;
    /** Seconds. */
    readonly wait: string;
}

/**
 * Who is asked before a plan is carried out; undefined: nobody, by `--yes`.
 * @param losesData whether the question says so
 * @throws BadInputError where there is nobody to ask
 */
export function confirmation<Plan>(
    flags: ConfirmFlags,
    losesData: (plan: Plan) => boolean,
): ((plan: Plan) => Promise<boolean>) | undefined {
    if (flags.yes === true) return undefined;
    if (!process.stdin.isTTY || flags.json === true)
        throw new BadInputError({
            what: "There is nobody to ask here.",
            state: "Nothing was touched.",
            next: "Give --yes, after looking at the plan.",
        });
    return async (plan) => {
        const prompt = createInterface({ input: process.stdin, output: process.stderr });
        try {
            const lost = losesData(plan) ? "Data will be lost. " : "";
            return (await prompt.question(`${lost}Type yes to go on: `)).trim() === "yes";
        } finally {
            prompt.close();
        }
    };
}

/** Milliseconds to wait for another run. @throws BadInputError */
export function waitOf({ wait }: ConfirmFlags): number {
    const seconds = Number(wait);
    if (Number.isFinite(seconds) && seconds >= 0) return seconds * 1000;
    throw new BadInputError({ what: `--wait ${wait} is no number of seconds.`, next: "Give a number, 0 or more." });
}

/** `--allow-data-loss` stands for the approval of what is shown; `maxRowsLost` and a policy of `always` hold on. */
export function policyFor({ policy }: Declaration, { allowDataLoss }: ConfirmFlags): Declaration["policy"] {
    if (allowDataLoss === true) return policy.approval === "always" ? policy : { ...policy, approval: "never" };
    return policy;
}
