import type { Client } from "pg";
import { isRestOf, planDigest } from "./digest";
import type { LastRun, Plan } from "./plan";
import { readStoredPlan } from "./stored-plan";

/**
 * Digests of the plans whose approval covers this one: that of the run before, where this plan does the very rest of it, and that
 * of the plan whose rest it was itself. So what was cut off goes on without being approved a second time.
 */
export async function restOf(
    client: Client,
    plan: Pick<Plan, "steps" | "to">,
    lastRun: LastRun | null,
): Promise<readonly string[]> {
    if (plan.steps.length === 0 || lastRun === null || lastRun.outcome === "running" || lastRun.done.length === 0)
        return [];
    const whole = await readStoredPlan(client, lastRun.id);
    if (whole === undefined) return [];
    if (planDigest(whole) !== whole.digest || !isRestOf(plan, whole, lastRun.done)) return [];
    return [whole.digest, ...whole.approval.restOf];
}
