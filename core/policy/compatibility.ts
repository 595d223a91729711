import { satisfies, valid, validRange } from "semver";
import type { CompatibilityRow } from "../declaration";

/** What is to run on which schema. */
export interface AppAndSchema {
    /** Version of the application that will run; undefined: not declared. */
    readonly app: string | undefined;
    /** Where the plan leads; null: nothing applied. */
    readonly target: string | null;
    /** Compares two versions of the schema, as the set does. */
    readonly compare: (a: string, b: string) => number;
}

export interface CompatibilityVerdict {
    /** Schema versions that the application accepts, `020–026`; null: no row speaks of it. */
    readonly accepts: string | null;
    readonly refusal: { readonly code: string; readonly text: string; readonly allow: string } | undefined;
}

/**
 * Whether the application that will run accepts the schema that a plan leads to: never a database beyond what the application supports.
 * Where several rows speak of a version, each of them accepts what it says.
 * @param rows the seeds' matrix, application versions as semver ranges (a prerelease counts as its release)
 */
export function judgeCompatibility(
    { app, target, compare }: AppAndSchema,
    rows: readonly CompatibilityRow[],
): CompatibilityVerdict {
    if (app === undefined)
        return refused(null, {
            text: "policy.compatibility says which application accepts which schema, and no application is declared.",
            allow: "app: the version that will run on it",
        });
    if (valid(app) === null)
        return refused(null, {
            text: `App ${app} is no semantic version, so policy.compatibility cannot speak of it.`,
            allow: "app: a version like 1.2.9",
        });
    const wrong = rows.find((row) => validRange(row.app) === null);
    if (wrong !== undefined)
        return refused(null, {
            text: `policy.compatibility: "${wrong.app}" is no range of versions.`,
            allow: "a range like 1.2.x there",
        });
    const mine = rows.filter((row) => speaksOf(row, app));
    if (mine.length === 0)
        return refused(null, {
            text: `No row of policy.compatibility speaks of app ${app}.`,
            allow: `a row for it in policy.compatibility; or app: one of ${rows.map((row) => row.app).join(", ")}`,
        });
    const takes = (row: CompatibilityRow): boolean => holds(row, target, compare);
    const accepts = mine.map((row) => `${row.from}–${row.to}`).join(", ");
    if (mine.some(takes)) return { accepts, refusal: undefined };
    const others = rows.filter(takes).map((row) => row.app);
    return refused(accepts, {
        text: `App ${app} accepts the schema at ${accepts}, and this leads to ${target ?? "0"}.`,
        allow: `${others.length === 0 ? "" : `app: one of ${others.join(", ")}, which accept ${target ?? "0"}; or `}version: one that app ${app} accepts`,
    });
}

/** Whether some row says that a version of the application runs on a version of the schema. */
export function accepts(
    app: string,
    schema: string | null,
    rows: readonly CompatibilityRow[],
    compare: (a: string, b: string) => number,
): boolean {
    return valid(app) !== null && rows.some((row) => speaksOf(row, app) && holds(row, schema, compare));
}

function speaksOf({ app: range }: CompatibilityRow, app: string): boolean {
    return satisfies(app, range, { includePrerelease: true });
}

/** Whether a version of the schema is between a row's two, both among them. */
function holds({ from, to }: CompatibilityRow, schema: string | null, compare: AppAndSchema["compare"]): boolean {
    const at = schema ?? "0";
    return compare(from, at) <= 0 && (to === "latest" || compare(at, to) <= 0);
}

function refused(accepts: string | null, why: { readonly text: string; readonly allow: string }): CompatibilityVerdict {
    return { accepts, refusal: { code: "compatibility", ...why } };
}
