import type { Client } from "pg";
import { readBody, type BodyEffects } from "./body";

/** What functions do, those that they call included. */
export interface FunctionEffects {
    readonly hidden?: string;
    readonly outside?: string;
    /** Whether some body reads tables. */
    readonly reads: boolean;
    /** Whether some body makes, changes or drops objects. */
    readonly defines: boolean;
    /** Names of functions of extensions, compiled and VOLATILE: nothing tells what they do. */
    readonly compiled: readonly string[];
}

/** A function that is not, or not yet, in the database. */
export interface RoutineSource {
    /** The whole CREATE FUNCTION statement. */
    readonly create: string;
    /** Its text between the quotes. */
    readonly body: string;
    readonly language: string;
}

/** VOLATILE functions of the extensions that PostgreSQL ships, which only make values. */
const generators =
    /^(?:uuid_generate_\w+|gen_random_(?:uuid|bytes)|gen_salt|crypt|random\w*|normal_rand|uuid_v?\d\w*|uuidv\d|ulid\w*|earth|nextval|clock_\w+)$/;

/**
 * Looks into the bodies of user functions, following their calls. All functions of a name count, whatever their arguments and schema.
 * @param names unqualified; those of pg_catalog alone have no effects
 * @param made functions by name that count besides those of the database
 */
export async function functionEffects(
    client: Client,
    names: readonly string[],
    made: ReadonlyMap<string, readonly RoutineSource[]> = new Map(),
): Promise<FunctionEffects> {
    const seen = new Set<string>();
    const compiled = new Set<string>();
    const all: BodyEffects[] = [];
    for (let todo = [...new Set(names)]; todo.length > 0;) {
        for (const name of todo) seen.add(name);
        const { rows } = await client.query<{
            name: string;
            language: string;
            definition: string;
            body: string;
            volatile: boolean;
        }>({
            text: `SELECT p.proname AS name, l.lanname AS language, p.provolatile = 'v' AS volatile,
                       coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) AS body,
                       CASE WHEN l.lanname NOT IN ('c', 'internal') THEN pg_catalog.pg_get_functiondef(p.oid) ELSE '' END AS definition
                     FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
                    WHERE p.prokind IN ('f', 'p') AND p.oid >= 16384 AND p.proname = ANY ($1::name[])`,
            values: [todo],
        });
        const found: BodyEffects[] = [];
        for (const row of rows) {
            if (row.language !== "c" && row.language !== "internal")
                found.push(readBody(row.definition, row.body, row.language));
            else if (row.volatile && !generators.test(row.name)) compiled.add(row.name);
        }
        for (const name of todo)
            for (const { create, body, language } of made.get(name) ?? []) found.push(readBody(create, body, language));
        all.push(...found);
        todo = [...new Set(found.flatMap((effects) => effects.calls))].filter((call) => !seen.has(call));
    }
    const hidden = all.flatMap((effects) => effects.hidden ?? []);
    const outside = all.find((effects) => effects.outside !== undefined)?.outside;
    return {
        ...(hidden.length === 0 ? {} : { hidden: [...new Set(hidden)].join(", ") }),
        ...(outside === undefined ? {} : { outside }),
        reads: all.some((effects) => effects.reads),
        defines: all.some((effects) => effects.defines),
        compiled: [...compiled],
    };
}
