import type { Node, parseSync } from "libpg-query";
import { doBody } from "./do-block";
import { type Routine, routineOf } from "./routine";
import { parser } from "./parser";
import { typeText, type TypeName } from "./identifiers";
import { isPlainUsing } from "./judge/type-change";
import { isLosslessCommand } from "./lossless-commands";
import { as, calledAsAttributes, calledFunctions, nodeType, strings, walk } from "./nodes";
import { effectOutside } from "./outside";
import { type Code, plpgsqlCode } from "./plpgsql-code";
import { oddRowChange, rowChangesOf, type RowChange } from "./row-changes";
import { namedIn, type Named } from "./wired-functions";

/** Through what a piece of code may set off other code. */
export interface Reach {
    /** Unqualified names of the functions it calls. */
    readonly calls: readonly string[];
    readonly changes: readonly RowChange[];
    readonly named: Named;
}

/** What a DO block or a function's body can do that a look at the catalog afterwards does not show. */
export interface BodyEffects extends Reach {
    /** Words for the plan: `DELETE`, `EXECUTE`; absent: none seen. */
    readonly hidden?: string;
    /** What would act outside the database. */
    readonly outside?: string;
    /** Names among `calls` that are written as calls; the others may be columns. */
    readonly functions: readonly string[];
    /** Whether it reads tables of the user, or something else that a shadow has otherwise. */
    readonly reads: boolean;
    /** Whether it makes, changes or drops objects. */
    readonly defines: boolean;
    /** Whether among these is what takes rows or values along. */
    readonly drops: boolean;
    /** Whether what it does may not be the same where rows are: it reads some, or goes on after an error that only rows raise. */
    readonly depends: boolean;
}

/**
 * Reads the body of a DO block or function. Needs the parser loaded (`loadParser`).
 * @param create the whole DO or CREATE FUNCTION statement
 * @param body its text between the quotes
 */
export function readBody(create: string, body: string, language: string): BodyEffects {
    const outside = effectOutside(body);
    const outsidePart = outside === undefined ? {} : { outside };
    if (language === "internal" || language === "c") return nothing;
    const code = language === "plpgsql" ? plpgsqlCode(create) : language === "sql" ? sqlCode(body) : undefined;
    const effects = code?.queries.map(queryEffects) ?? [undefined];
    if (code === undefined || effects.includes(undefined)) return { ...outsidePart, ...fromText(body, language) };
    const all = effects.filter((e) => e !== undefined);
    const called = all.flatMap((e) => e.functions);
    // What the code makes and calls itself.
    for (const { name, effects: own } of all.flatMap((e) => e.made)) if (called.includes(name)) all.push(own);
    const words = all.flatMap((e) => e.words);
    const [drops, defines, reads] = [all.some((e) => e.drops), all.some((e) => e.defines), all.some((e) => e.reads)];
    // Where it runs and how many rows there are is not the same on a shadow.
    const asks = telling.exec(body)?.[0];
    if (asks !== undefined && (drops || defines)) words.push(`an answer of ${asks.toLowerCase()}`);
    const changes = all.flatMap((e) => e.changes);
    return {
        ...outsidePart,
        ...hiddenPart(words),
        calls: [...all.flatMap((e) => e.calls), ...callsInDefaults(create)],
        functions: called,
        changes,
        named: {
            relations: [...new Set(all.flatMap((e) => e.named.relations))],
            types: [...new Set(all.flatMap((e) => e.named.types))],
        },
        reads,
        defines,
        drops,
        depends: reads || code.catchesRows || (code.branches && changes.length > 0),
    };
}

/** A function's parameters may have defaults that call others. */
function callsInDefaults(create: string): string[] {
    if (!/^\s*create\b[^]*?(?:\bdefault\b|=)/i.test(create)) return [];
    const calls: string[] = [];
    try {
        walk(parser().parseSync(create), (type, node) => {
            if (type === "FunctionParameter") calls.push(...calledFunctions(node["defexpr"]));
        });
    } catch {
        // A body that cannot be read is told of as such.
    }
    return calls;
}

const nothing: BodyEffects = {
    calls: [],
    functions: [],
    changes: [],
    named: { relations: [], types: [] },
    reads: false,
    defines: false,
    drops: false,
    depends: false,
};

function sqlCode(body: string): Code {
    return { queries: [sqlText(body)], branches: false, catchesRows: false };
}

/** A body as statements: that of the standard's form is in the words of pg_get_function_sqlbody. */
function sqlText(body: string): string {
    const atomic = /^\s*BEGIN\s+ATOMIC\b([\s\S]*)\bEND\s*$/i.exec(body)?.[1];
    return atomic ?? body.replace(/^\s*RETURN\b/i, "SELECT");
}

/** Questions that a shadow answers otherwise than the live database. */
const telling =
    /\b(?:current_database|current_catalog|pg_stat\w*|reltuples|relpages|n_live_tup|inet_server_\w+|pg_(?:total_)?relation_size|pg_table_size|pg_database_size|pg_postmaster_start_time)\b|\bcurrent_setting\s*\(\s*'[^']*\./i;

function hiddenPart(words: readonly string[]): { hidden?: string } {
    return words.length === 0 ? {} : { hidden: [...new Set(words)].join(", ") };
}

/** Whether an ALTER COLUMN … TYPE works values out otherwise than by a cast to the new type. */
function convertsFreely(command: Readonly<Record<string, unknown>>): boolean {
    if (command["subtype"] !== "AT_AlterColumnType") return false;
    const { typeName, raw_default: using } =
        as<{ typeName?: TypeName; raw_default?: Node }>(command["def"] as Node, "ColumnDef") ?? {};
    const unresolved = (): undefined => undefined;
    return !isPlainUsing(using, String(command["name"]), typeText(typeName, true, unresolved), unresolved);
}

interface QueryEffects extends Reach {
    readonly words: string[];
    readonly functions: readonly string[];
    readonly drops: boolean;
    /** Whether it reads a table that is not a catalog. */
    readonly reads: boolean;
    readonly defines: boolean;
    /** Functions that it makes. */
    readonly made: readonly { readonly name: string; readonly effects: QueryEffects }[];
}

/** Statements that leave the schema as it is. */
const schemaless =
    /^(?:Select|Insert|Update|Delete|Merge|Truncate|Return|Call|VariableSet|VariableShow|Transaction|Prepare|Execute|Deallocate|Explain|Copy|Lock|Notify|Listen|Unlisten|ConstraintsSet|DeclareCursor|Fetch|ClosePortal|Discard|Vacuum|Reindex|RefreshMatView)Stmt$/;

/** Whether a statement makes, changes or drops what is in a schema; temporary tables are in none. */
function isDefinition(type: string, node: Node): boolean {
    const body = as<Record<string, unknown>>(node, type) ?? {};
    const into = (body["into"] as { rel?: { relpersistence?: string } } | undefined)?.rel ?? body["relation"];
    if (type === "CreateStmt" || type === "CreateTableAsStmt")
        return (into as { relpersistence?: string } | undefined)?.relpersistence !== "t";
    return !schemaless.test(type);
}

const changing: Readonly<Record<string, string>> = {
    DeleteStmt: "DELETE",
    UpdateStmt: "UPDATE",
    MergeStmt: "MERGE",
    TruncateStmt: "TRUNCATE",
    ExecuteStmt: "EXECUTE",
};

/** Catalogs whose rows a shadow has not, or has otherwise. */
const ofData = /^pg_(?:largeobject|sequences?$)/;
/** Functions whose answer a shadow has otherwise, too. */
const counters = ["nextval", "currval", "lastval"];

function queryEffects(query: string): QueryEffects | undefined {
    let statements: ReturnType<typeof parseSync>["stmts"];
    try {
        statements = parser().parseSync(query).stmts ?? [];
    } catch {
        return undefined;
    }
    const words: string[] = [];
    const calls: string[] = [];
    const functions: string[] = [];
    const changes: RowChange[] = [];
    const named: Named[] = [];
    const made: { name: string; effects: QueryEffects }[] = [];
    let drops = false;
    let reads = false;
    let defines = false;
    for (const { stmt } of statements) {
        if (stmt === undefined) continue;
        const type = nodeType(stmt);
        drops ||= type === "DropStmt" || type === "AlterTypeStmt" || (type === "AlterTableStmt" && mayLose(stmt));
        defines ||= isDefinition(type, stmt);
        const queries = type === "SelectStmt" || type in changing || type === "InsertStmt";
        functions.push(...calledFunctions(stmt));
        calls.push(...calledAsAttributes(stmt));
        changes.push(...rowChangesOf(stmt));
        named.push(namedIn(stmt));
        const odd = oddRowChange(stmt);
        if (odd !== undefined) words.push(odd);
        if (type === "DoStmt") {
            const { body, language } = doBody(stmt);
            const own = asQuery(readBody(query, body, language));
            words.push(...own.words);
            calls.push(...own.calls);
            functions.push(...own.functions);
            changes.push(...own.changes);
            named.push(own.named);
            [drops, reads, defines] = [drops || own.drops, reads || own.reads, defines || own.defines];
        }
        const routine = as<Routine>(stmt, "CreateFunctionStmt");
        if (routine !== undefined) {
            const { name, body = query, language } = routineOf(routine);
            made.push({ name, effects: asQuery(readBody(query, body, language)) });
        }
        walk(stmt, (t, node) => {
            // Rows that follow may set it off.
            if (t === "CreateTrigStmt") functions.push(strings(node["funcname"] as Node[]).at(-1) ?? "");
            if (t === "RuleStmt") words.push("CREATE RULE");
            if (t === "AlterTableCmd" && convertsFreely(node)) words.push("ALTER … TYPE … USING");
            const word = changing[t];
            if (word !== undefined) words.push(word);
            if (
                t === "InsertStmt" &&
                (node["onConflictClause"] as { action?: string } | undefined)?.action === "ONCONFLICT_UPDATE"
            )
                words.push("INSERT … ON CONFLICT DO UPDATE");
            if (t === "RangeVar" && queries) {
                const schema = node["schemaname"];
                const name = String(node["relname"]);
                const catalog = schema === "information_schema" || schema === "pg_catalog" || name.startsWith("pg_");
                reads ||= !catalog || ofData.test(name);
            }
        });
    }
    calls.push(...functions);
    return {
        words,
        calls,
        functions,
        changes,
        named: { relations: named.flatMap((n) => n.relations), types: named.flatMap((n) => n.types) },
        drops,
        reads: reads || functions.some((name) => counters.includes(name)),
        defines,
        made,
    };
}

function asQuery({ hidden, ...effects }: BodyEffects): QueryEffects {
    return { ...effects, words: hidden === undefined ? [] : [hidden], made: [] };
}

/** Whether an ALTER TABLE has a part that can take values along. */
function mayLose(node: Node): boolean {
    return as<{ cmds?: Node[] }>(node, "AlterTableStmt")?.cmds?.every(isLosslessCommand) !== true;
}

/** For languages and bodies that cannot be parsed: by words, and so with false alarms. */
function fromText(body: string, language: string): Omit<BodyEffects, "outside"> {
    const bare = body.replace(/--.*$/gm, " ").replace(/'(?:[^']|'')*'/g, " ");
    if (language !== "plpgsql" && language !== "sql")
        return { ...nothing, hidden: `${language} code`, reads: true, defines: true, drops: true, depends: true };
    const words = [...bare.matchAll(/\b(?:delete\s+from|update|truncate|merge\s+into|insert\s+into|execute)\b/gi)].map(
        ([w]) => w.toUpperCase(),
    );
    const calls = [...bare.matchAll(/(\w+)\s*\(/g)].map(([, name]) => (name ?? "").toLowerCase());
    const defines = /\b(?:create|alter|drop|comment|grant|revoke)\b/i.test(bare);
    const drops = /\b(?:drop|alter)\b/i.test(bare);
    return {
        ...nothing,
        ...hiddenPart(words),
        calls,
        functions: calls,
        drops,
        depends: drops,
        reads: /\bfrom\b/i.test(bare),
        defines,
    };
}
