import type { Node } from "libpg-query";
import type { Client } from "pg";
import { type Bystanders, losslessKind, makesBystander, noBystanders } from "../sql/lossless";
import { implicitFunctionExists } from "../sql/implicit-functions";
import { wiredFunctionExists } from "../sql/wired-functions";
import { calledAsAttributes, calledFunctions, strings, walk } from "../sql/nodes";
import type { Statement } from "../sql/statement";
import { type PreparedStep, statementsOf } from "./prepare";

/** Whether all statements are of kinds that lose nothing, and nothing in the database or in the steps makes them do more than they say. */
export async function losesNothing(live: Client, steps: readonly PreparedStep[]): Promise<boolean> {
    const statements = steps.flatMap(statementsOf);
    // Most of what loses something is told without a question to the database.
    if (!statements.every((statement) => losslessKind(statement, noBystanders))) return false;
    if (await callsOwnFunctions(live, statements)) return false;
    const { onRows, onDefinitions } = await readBystanders(live);
    const bystanders = { onRows: onRows || statements.some(makesBystander), onDefinitions };
    return (
        (!bystanders.onRows && !bystanders.onDefinitions) ||
        statements.every((statement) => losslessKind(statement, bystanders))
    );
}

/** Whether a name that is called is also that of a function of the database's users or of the plan: it may be the one that is meant. */
async function callsOwnFunctions(live: Client, statements: readonly Statement[]): Promise<boolean> {
    const nodes = statements.map(({ node }) => node);
    const names = [...new Set([...calledFunctions(nodes), ...calledAsAttributes(nodes)])];
    if (names.length === 0) return false;
    const made = new Set<string>();
    walk(nodes, (type, { funcname }) => {
        if (type === "CreateFunctionStmt") made.add(strings(funcname as Node[]).at(-1) ?? "");
    });
    if (names.some((name) => made.has(name))) return true;
    const { rows } = await live.query<{ some: boolean }>({
        text: `SELECT EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
                               WHERE p.oid >= 16384 AND ${own} AND p.proname = ANY ($1::name[])) AS some`,
        values: [names],
    });
    return rows[0]?.some !== false;
}

/** Whatever their volatility says: what is declared IMMUTABLE may call what is not. */
const own = "l.lanname NOT IN ('c', 'internal')";

async function readBystanders(live: Client): Promise<Bystanders> {
    const { rows } = await live.query<Bystanders>(
        `SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D')
                OR EXISTS (SELECT FROM pg_catalog.pg_rewrite WHERE oid >= 16384 AND rulename <> '_RETURN')
                OR ${wiredFunctionExists(own)} OR ${implicitFunctionExists(own)} AS "onRows",
                EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE evtenabled <> 'D') AS "onDefinitions"`,
    );
    return rows[0] ?? { onRows: true, onDefinitions: true };
}
