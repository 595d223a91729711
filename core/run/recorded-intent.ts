import { z } from "zod";
import { disconnect, openDatabase } from "../connection";
import type { Declaration } from "../declaration";
import { readRecordedPlan } from "../history/recorded-run";

/** What a run was to do besides going to a version, by the plan that it has recorded. */
export interface RecordedIntent {
    /** Whether it kept what it dropped, or loaded back what was kept. */
    readonly keepsData: boolean;
    /** Name of the snapshot that it was to restore; null: it ran scripts. */
    readonly restores: string | null;
}

/** Of both kinds of plans, whatever schemaward wrote them. */
const recordedSchema = z.object({
    steps: z
        .array(
            z.object({
                losses: z.array(z.object({ kept: z.boolean().optional() })).optional(),
                loads: z.array(z.unknown()).optional(),
            }),
        )
        .optional(),
    snapshot: z.object({ name: z.string() }).nullable().optional(),
    format: z.string().optional(),
});

/** @throws FailedError when the database does not answer */
export async function readIntent({ connection }: Declaration, runId: string): Promise<RecordedIntent> {
    const client = await openDatabase(connection).connect("resume");
    try {
        const plan = recordedSchema.safeParse(await readRecordedPlan(client, runId)).data;
        const steps = plan?.steps ?? [];
        return {
            keepsData: steps.some((s) => s.losses?.some((l) => l.kept === true) === true || s.loads !== undefined),
            restores: plan?.format?.includes("restore-plan") === true ? (plan.snapshot?.name ?? null) : null,
        };
    } finally {
        await disconnect(client);
    }
}
