import type { Client } from "pg";
import { readBody } from "./body";

/** What functions do, those that they call included. */
export interface FunctionEffects {
    readonly hidden?: string;
    readonly outside?: string;
    /** Whether some body reads tables. */
    readonly reads: boolean;
}

/**
 * Looks into the bodies of user functions, following their calls. All functions of a name count, whatever their arguments and schema.
 * @param names unqualified; those of pg_catalog alone have no effects
 */
export async function functionEffects(client: Client, names: readonly string[]): Promise<FunctionEffects> {
    const seen = new Set<string>();
    const hidden: string[] = [];
    let outside: string | undefined;
    let reads = false;
    for (let todo = [...new Set(names)]; todo.length > 0;) {
        for (const name of todo) seen.add(name);
        const { rows } = await client.query<{ name: string; language: string; definition: string; body: string }>({
            text: `SELECT p.proname AS name, l.lanname AS language, pg_catalog.pg_get_functiondef(p.oid) AS definition,
                       coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) AS body
                     FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
                    WHERE p.prokind IN ('f', 'p') AND p.oid >= 16384 AND p.proname = ANY ($1::name[]) AND l.lanname NOT IN ('c', 'internal')`,
            values: [todo],
        });
        const next = new Set<string>();
        for (const row of rows) {
            const effects = readBody(row.definition, row.body, row.language);
            if (effects.hidden !== undefined) hidden.push(effects.hidden);
            outside ??= effects.outside;
            reads ||= effects.reads;
            for (const call of effects.calls) if (!seen.has(call)) next.add(call);
        }
        todo = [...next];
    }
    return {
        ...(hidden.length === 0 ? {} : { hidden: [...new Set(hidden)].join(", ") }),
        ...(outside === undefined ? {} : { outside }),
        reads,
    };
}
