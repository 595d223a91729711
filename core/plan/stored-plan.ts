import type { Client } from "pg";
import { readRecordedPlan } from "../history/recorded-run";
import type { Plan } from "./plan";

/** The plan that a run was to carry out; undefined: of another version of schemaward, whose form and digests are others. */
export async function readStoredPlan(client: Client, runId: string): Promise<Plan | undefined> {
    // Loaded where a plan is read back: making one needs no zod.
    const { planSchema } = require("./plan-schema.js") as typeof import("./plan-schema");
    const stored = planSchema.safeParse(await readRecordedPlan(client, runId));
    return stored.success ? (stored.data as Plan) : undefined;
}
