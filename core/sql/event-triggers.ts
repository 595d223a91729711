import type { Node } from "libpg-query";
import type { Client } from "pg";
import { as, nodeType } from "./nodes";
import { calling, functionEffects } from "./function-effects";

/** Kinds of statements, by the grammar's name, that event triggers do not see. Source: the manual's event trigger firing matrix. */
const unseen =
    /^(?:Insert|Update|Delete|Merge|Truncate|Select|Call|Copy|VariableSet|VariableShow|Discard|Prepare|Deallocate|Execute|DeclareCursor|Fetch|ClosePortal|ConstraintsSet|Lock|Cluster|Vacuum|Transaction|Do|Explain)Stmt$/;

export function isSeenByEventTriggers(node: Node): boolean {
    const makesTable = as<{ intoClause?: unknown }>(node, "SelectStmt")?.intoClause !== undefined;
    return makesTable || !unseen.test(nodeType(node));
}

/** What the event triggers of a database do that a look at the catalog afterwards does not show; undefined: nothing. */
export async function hiddenInEventTriggers(client: Client): Promise<string | undefined> {
    const { rows } = await client.query<{ name: string }>(
        `SELECT DISTINCT p.proname AS name FROM pg_catalog.pg_event_trigger e
            JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid WHERE e.evtenabled <> 'D'`,
    );
    return (await functionEffects(client, calling(rows.map(({ name }) => name)))).hidden;
}
