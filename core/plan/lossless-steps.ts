import type { Node } from "libpg-query";
import type { Client } from "pg";
import { type Bystanders, losslessKind, makesBystander, noBystanders } from "../sql/lossless";
import { implicitFunctionExists } from "../sql/implicit-functions";
import { wiredFunctionExists } from "../sql/wired-functions";
import { callableNames, walk } from "../sql/nodes";
import { routineOf } from "../sql/routine";
import { type PreparedStep, statementsOf } from "./prepare";

/** Whether all statements are of kinds that lose nothing, and nothing in the database or in the steps makes them do more than they say. */
export async function losesNothing(live: Client, steps: readonly PreparedStep[]): Promise<boolean> {
    const statements = steps.flatMap(statementsOf);
    // Most of what loses something is told without a question to the database.
    if (!statements.every((statement) => losslessKind(statement, noBystanders))) return false;
    const nodes = statements.map(({ node }) => node);
    const names = [...new Set(callableNames(nodes))];
    if (makesOneOf(names, nodes)) return false;
    const { callsOwn, onRows, onDefinitions } = await readBystanders(live, names);
    if (callsOwn) return false;
    const bystanders = { onRows: onRows || statements.some(makesBystander), onDefinitions };
    return (
        (!bystanders.onRows && !bystanders.onDefinitions) ||
        statements.every((statement) => losslessKind(statement, bystanders))
    );
}

/** Whether the steps make a function of one of these names. */
function makesOneOf(names: readonly string[], nodes: readonly Node[]): boolean {
    let makes = false;
    walk(nodes, (type, routine) => {
        makes ||= type === "CreateFunctionStmt" && names.includes(routineOf(routine).name);
    });
    return makes;
}

/** Whatever their volatility says: what is declared IMMUTABLE may call what is not. */
const own = "l.lanname NOT IN ('c', 'internal')";

interface Found extends Bystanders {
    /** Whether a name that is called is also that of a function of the database's users: it may be the one that is meant. */
    readonly callsOwn: boolean;
}

/** @param names that are called */
async function readBystanders(live: Client, names: readonly string[]): Promise<Found> {
    const { rows } = await live.query<Found>({
        text: `SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D')
                OR EXISTS (SELECT FROM pg_catalog.pg_rewrite WHERE oid >= 16384 AND rulename <> '_RETURN')
                OR ${wiredFunctionExists(own)} OR ${implicitFunctionExists(own)} AS "onRows",
                EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE evtenabled <> 'D') AS "onDefinitions",
                EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
                         WHERE p.oid >= 16384 AND ${own} AND p.proname = ANY ($1::name[])) AS "callsOwn"`,
        values: [names],
    });
    return rows[0] ?? { onRows: true, onDefinitions: true, callsOwn: true };
}
