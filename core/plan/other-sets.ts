import type { Ledger } from "../history/ledger";
import type { Refusal } from "./decide";

/**
 * Whether a set whose name nobody gave may begin a history of its own: where the database has that of another set, it is hardly the one
 * that is meant, and all scripts would be run from the first.
 * @returns undefined when it may
 */
export function judgeAssumedSet(ledger: Ledger, set: string): Refusal | undefined {
    const others = onlyOthers(ledger, set);
    if (others.length === 0) return undefined;
    return {
        code: "other-set",
        text: `This database has the history of ${others.map((name) => `the set ${name}`).join(", ")}, and none of a set named ${set}: all scripts would be run from the first.`,
        allow: `--set ${others[0] ?? ""}, if that is meant; or --set ${set}, to begin another one`,
    };
}

/** The sets whose history a database has, where it has none of this one. */
export function onlyOthers({ exists, sets }: Ledger, set: string): string[] {
    return exists ? [] : sets.map(({ name }) => name).filter((name) => name !== set);
}
