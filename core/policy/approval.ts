import type { PolicySettings } from "../declaration";

/** What the rules look at; a plan has it all. */
export interface Judged {
    readonly changes: boolean;
    readonly losesData: boolean;
    /** Rows and values lost that could be counted. */
    readonly lost: number;
    readonly unknownLoss: boolean;
    readonly changedDowns: readonly string[];
    readonly digest: string;
    /** Digests of plans of which this is the rest. */
    readonly restOf: readonly string[];
}

export interface Verdict {
    readonly needed: boolean;
    readonly given: boolean;
    readonly refusals: readonly { readonly code: string; readonly text: string; readonly allow: string }[];
}

/** Whether a plan may be carried out under a stack's policy. A refusal names the key that allows it. */
export function judgeApproval(plan: Judged, policy: PolicySettings): Verdict {
    const refusals: { code: string; text: string; allow: string }[] = [];
    const changedDown = policy.changedDown === "approve" && plan.changedDowns.length > 0;
    const needed =
        plan.changes &&
        (policy.approval === "always" || (policy.approval === "data-loss" && plan.losesData) || changedDown);
    const given = policy.approvedPlan !== undefined && [plan.digest, ...plan.restOf].includes(policy.approvedPlan);
    if (needed && !given) {
        const why = plan.losesData
            ? "it loses data"
            : changedDown
              ? `the down script of ${plan.changedDowns.join(", ")} is not the one stored at apply`
              : "policy.approval is always";
        const other = policy.approvedPlan === undefined ? "" : ` (approved is another one, ${policy.approvedPlan})`;
        refusals.push({
            code: "approval",
            text: `This plan needs approval: ${why}${other}.`,
            allow: `policy.approvedPlan: "${plan.digest}", once somebody has read the plan`,
        });
    }
    const limit = policy.maxRowsLost;
    if (plan.losesData && limit !== undefined && plan.lost > limit) {
        refusals.push({
            code: "max-rows-lost",
            text: `${plan.lost} rows and values would be lost; allowed are ${limit}.`,
            allow: `policy.maxRowsLost: ${plan.lost}, or fewer rows`,
        });
    }
    if (plan.unknownLoss && limit !== undefined && !given) {
        refusals.push({
            code: "unknown-loss",
            text: `Some loss is unknown or only estimated, so it cannot be held against policy.maxRowsLost (${limit}).`,
            allow: `policy.approvedPlan: "${plan.digest}", once somebody has read what the plan marks as unknown or estimated (about)`,
        });
    }
    return { needed, given, refusals };
}
