import type { Client } from "pg";
import type { Declaration } from "../declaration";
import { DatabaseError } from "../driver";
import { FailedError } from "../errors";
import { linesOf } from "../lines";
import type { Plan } from "../plan/plan";
import type { Planned } from "../plan/plan-over";
import { readState } from "../plan/read-state";
import { loadParser } from "../sql/parser";
import { scriptPath } from "../sql/script-path";
import { redactSql } from "../sql/sensitive";
import { stackQueryOf } from "../sql/verify-query";
import { freshSession, resetSession, type StepContext } from "./step";

/**
 * Reads ledger and history table again and compares them with what the plan promised; then asks the stack's own queries.
 * @throws FailedError naming what is not as it has to be
 */
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
    if (wrong.length === 0 && state.refusals.length === 0) {
        await askQueries(client, declaration, plan, context, snapshot);
        return plan.to;
    }
    throw new FailedError({
        what: `All scripts have run, but ${wrong.length > 0 ? `the ledger is wrong on ${wrong.join(", ")}` : "the history table differs from the ledger"}.`,
        where: { object: declaration.set },
        detail: state.refusals.map((r) => r.text),
        state: `The scripts' effects stay.${snapshot === null ? "" : ` Snapshot: ${snapshot}.`}`,
        next: "Look at schemaward status; correct the history with schemaward resolve.",
    });
}

/** As the scripts' role and under its search_path, reading only. */
async function askQueries(
    client: Client,
    { verify = [] }: Declaration,
    plan: Plan,
    context: StepContext,
    snapshot: string | null,
): Promise<void> {
    if (verify.length === 0) return;
    // Where there was nothing to do, nothing was parsed yet.
    await loadParser();
    const queries = verify.map((query) => ({ name: query.name, ...stackQueryOf(query) }));
    await client.query([...freshSession(context), "BEGIN READ ONLY"].join("; "));
    for (const { name, sql } of queries) {
        const why = await answerTo(client, sql);
        if (why === undefined) continue;
        throw new FailedError({
            what: `Verification failed: ${name}: ${why}`,
            where: { object: "verify" },
            detail: linesOf(redactSql(sql)).map((line) => `| ${line}`),
            state: `The scripts' effects stay; the database is at ${plan.to ?? "0"}.${snapshot === null ? "" : ` Snapshot from before: ${snapshot}.`}`,
            next: `Put right what is wrong and run the same command again, which only asks again; or go back with version "${plan.from ?? "0"}".`,
        });
    }
    await client.query("ROLLBACK");
}

/** @returns why the answer is not true; undefined: it is */
async function answerTo(client: Client, sql: string): Promise<string | undefined> {
    try {
        const { rows } = await client.query<{ ok: boolean }>(`SELECT (${sql}\n) IS TRUE AS ok`);
        return rows[0]?.ok === true ? undefined : "it does not yield true.";
    } catch (error) {
        if (!(error instanceof DatabaseError)) throw error;
        return `${redactSql(error.message)} (SQLSTATE ${error.code ?? "unknown"}).`;
    }
}
