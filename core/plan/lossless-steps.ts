import type { Client } from "pg";
import { type Bystanders, losslessKind, makesBystander, noBystanders } from "../sql/lossless";
import { implicitFunctionExists } from "../sql/implicit-functions";
import { wiredFunctionExists } from "../sql/wired-functions";
import { type PreparedStep, statementsOf } from "./prepare";

/** Whether all statements are of kinds that lose nothing, and nothing in the database or in the steps makes them do more than they say. */
export async function losesNothing(live: Client, steps: readonly PreparedStep[]): Promise<boolean> {
    const statements = steps.flatMap(statementsOf);
    // Most of what loses something is told without a question to the database.
    if (!statements.every((statement) => losslessKind(statement, noBystanders))) return false;
    const { onRows, onDefinitions } = await readBystanders(live);
    const bystanders = { onRows: onRows || statements.some(makesBystander), onDefinitions };
    return (
        (!bystanders.onRows && !bystanders.onDefinitions) ||
        statements.every((statement) => losslessKind(statement, bystanders))
    );
}

const ownVolatile = "p.provolatile = 'v' AND l.lanname NOT IN ('c', 'internal')";

async function readBystanders(live: Client): Promise<Bystanders> {
    const { rows } = await live.query<Bystanders>(
        `SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D')
                OR EXISTS (SELECT FROM pg_catalog.pg_rewrite WHERE oid >= 16384 AND rulename <> '_RETURN')
                OR ${wiredFunctionExists(ownVolatile)} OR ${implicitFunctionExists(ownVolatile)} AS "onRows",
                EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE evtenabled <> 'D') AS "onDefinitions"`,
    );
    return rows[0] ?? { onRows: true, onDefinitions: true };
}
