import type { Client } from "pg";
import type { Declaration } from "../declaration";
import { FailedError } from "../errors";
import type { Planned } from "../plan/plan-over";
import { readState } from "../plan/read-state";
import { scriptPath } from "../sql/script-path";
import { resetSession, type StepContext } from "./step";

/** Reads ledger and history table again and compares them with what the plan promised. */
export async function verify(
    client: Client,
    declaration: Declaration,
    { plan, set, steps }: Planned,
    context: StepContext,
    snapshot: string | null,
): Promise<string | null> {
    await client.query(resetSession(context).join("; "));
    const path = scriptPath({ ...context, searchPath: declaration.run.searchPath }, "session");
    if (path !== undefined) await client.query(path);
    const state = await readState(client, declaration, set);
    const applied = new Set(state.applied.map((row) => row.version));
    const wrong = steps.filter((s) => applied.has(s.version) !== (s.direction === "up")).map((s) => s.version);
    if (wrong.length === 0 && state.refusals.length === 0) return plan.to;
    throw new FailedError({
        what: `All scripts have run, but ${wrong.length > 0 ? `the ledger is wrong on ${wrong.join(", ")}` : "the history table differs from the ledger"}.`,
        where: { object: declaration.set },
        detail: state.refusals.map((r) => r.text),
        state: `The scripts' effects stay.${snapshot === null ? "" : ` Snapshot: ${snapshot}.`}`,
        next: "Look at schemaward status; correct the history with schemaward resolve.",
    });
}
