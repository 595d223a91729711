import type { Client } from "pg";
import { readBody, type BodyEffects, type Reach } from "./body";
import { reactionsTo } from "./row-triggers";
import { wiredFunctions } from "./wired-functions";

/** What functions do, those that they call included. */
export interface FunctionEffects {
    readonly hidden?: string;
    readonly outside?: string;
    /** Whether some body reads tables. */
    readonly reads: boolean;
    /** Whether some body makes, changes or drops objects. */
    readonly defines: boolean;
    /** Whether among these is what takes rows or values along. */
    readonly drops: boolean;
    /** Whether what they do may not be the same where rows are. */
    readonly depends: boolean;
    /** Names of functions of extensions, compiled and VOLATILE: nothing tells what they do. */
    readonly compiled: readonly string[];
    /** Rows that some body changes. What the database's own triggers and rules do about it is in the other members. */
    readonly changes: Reach["changes"];
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

/** A call of functions by their unqualified names. */
export function calling(names: readonly string[]): Reach {
    return { calls: names, changes: [], named: { relations: [], types: [] } };
}

/**
 * Looks into the bodies of user functions, following their calls, and the triggers, rules, defaults and checks of the tables that the bodies
 * name. All functions of a name count, whatever their arguments and schema, and all tables of an unqualified name.
 * @param root of the names those of pg_catalog alone have no effects
 * @param made functions by name that count besides those of the database
 */
export async function functionEffects(
    client: Client,
    root: Reach,
    made: ReadonlyMap<string, readonly RoutineSource[]> = new Map(),
): Promise<FunctionEffects> {
    // Of each name the trigger that led to it, if one did.
    const seen = new Map<string, string>();
    const looked = new Set<string>();
    const compiled = new Set<string>();
    const hidden: string[] = [];
    const all: BodyEffects[] = [];
    for (let reached: readonly (Reach & { via: string })[] = [{ ...root, via: "" }]; reached.length > 0;) {
        const todo = new Map<string, string>();
        const call = (name: string, via: string): void => {
            if (!seen.has(name)) todo.set(name, todo.get(name) ?? via);
        };
        for (const { calls, changes, named, via } of reached) {
            for (const name of calls) call(name, via);
            const isNew = (what: unknown): boolean => {
                const key = JSON.stringify(what);
                return !looked.has(key) && looked.add(key).has(key);
            };
            const fresh = changes.filter(({ range: { schemaname, relname }, events }) =>
                isNew([schemaname, relname, events]),
            );
            for (const { name, functions, isRule } of await reactionsTo(client, fresh, true)) {
                if (isRule) hidden.push(`${name}, which may do something else`);
                for (const each of functions) call(each, ` by ${name}`);
            }
            if (isNew(named)) for (const each of await wiredFunctions(client, named, true)) call(each, via);
        }
        for (const [name, via] of todo) seen.set(name, via);
        const found = (await readBodies(client, [...todo.keys()], made, compiled)).map((body) => ({
            ...body,
            via: seen.get(body.name) ?? "",
        }));
        hidden.push(...found.flatMap(({ hidden: words, via }) => (words === undefined ? [] : `${words}${via}`)));
        all.push(...found);
        reached = found;
    }
    const outside = all.find((effects) => effects.outside !== undefined)?.outside;
    return {
        ...(hidden.length === 0 ? {} : { hidden: [...new Set(hidden)].join(", ") }),
        ...(outside === undefined ? {} : { outside }),
        reads: all.some((effects) => effects.reads),
        defines: all.some((effects) => effects.defines),
        drops: all.some((effects) => effects.drops),
        depends: all.some((effects) => effects.depends),
        compiled: [...compiled],
        changes: all.flatMap((effects) => effects.changes),
    };
}

/** @param compiled is added to */
async function readBodies(
    client: Client,
    names: readonly string[],
    made: ReadonlyMap<string, readonly RoutineSource[]>,
    compiled: Set<string>,
): Promise<(BodyEffects & { readonly name: string })[]> {
    if (names.length === 0) return [];
    const { rows } = await client.query<RoutineSource & { name: string; volatile: boolean }>({
        text: `SELECT p.proname AS name, l.lanname AS language, p.provolatile = 'v' AS volatile,
                       coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) AS body,
                       CASE WHEN l.lanname NOT IN ('c', 'internal') THEN pg_catalog.pg_get_functiondef(p.oid) ELSE '' END AS create
                     FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
                    WHERE p.prokind IN ('f', 'p') AND p.oid >= 16384 AND p.proname = ANY ($1::name[])`,
        values: [names],
    });
    const found: (BodyEffects & { name: string })[] = [];
    for (const { name, language, create, body, volatile } of rows) {
        if (language !== "c" && language !== "internal") found.push({ ...readBody(create, body, language), name });
        else if (volatile && !generators.test(name)) compiled.add(name);
    }
    for (const name of names)
        for (const { create, body, language } of made.get(name) ?? [])
            found.push({ ...readBody(create, body, language), name });
    return found;
}
