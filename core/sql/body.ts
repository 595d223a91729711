import type { Node, parseSync } from "libpg-query";
import { literalOf } from "./do-block";
import { parser } from "./parser";
import { typeText, type TypeName } from "./identifiers";
import { isPlainUsing } from "./judge/type-change";
import { calledFunctions, as, nodeType, strings, walk } from "./nodes";
import { effectOutside } from "./outside";
import { rowChangesOf, type RowChange } from "./row-changes";
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
    /** Whether it reads tables of the user. */
    readonly reads: boolean;
    /** Whether it makes, changes or drops objects. */
    readonly defines: boolean;
}

/**
 * Reads the body of a DO block or function. Needs the parser loaded (`loadParser`).
 * @param create the whole DO or CREATE FUNCTION statement
 * @param body its text between the quotes
 */
export function readBody(create: string, body: string, language: string): BodyEffects {
    const outside = effectOutside(body);
    const outsidePart = outside === undefined ? {} : { outside };
    if (language === "internal" || language === "c") return { ...nothing, reads: false, defines: false };
    const queries = language === "plpgsql" ? plpgsqlQueries(create) : language === "sql" ? [sqlText(body)] : undefined;
    if (queries === undefined) return { ...outsidePart, ...fromText(body, language) };
    const effects = queries.map(queryEffects);
    if (effects.includes(undefined)) return { ...outsidePart, ...fromText(body, language) };
    const all = effects.filter((e) => e !== undefined);
    const words = all.flatMap((e) => e.words);
    // Where it runs and how many rows there are is not the same on a shadow.
    const asks = telling.exec(body)?.[0];
    if (asks !== undefined && all.some((e) => e.drops || e.defines)) words.push(`an answer of ${asks.toLowerCase()}`);
    if (all.some((e) => e.drops) && all.some((e) => e.reads) && language === "plpgsql")
        words.push("drops depending on rows");
    return {
        ...outsidePart,
        ...hiddenPart(words),
        calls: all.flatMap((e) => e.calls),
        changes: all.flatMap((e) => e.changes),
        named: {
            relations: [...new Set(all.flatMap((e) => e.named.relations))],
            types: [...new Set(all.flatMap((e) => e.named.types))],
        },
        reads: all.some((e) => e.reads),
        defines: all.some((e) => e.defines),
    };
}

const nothing: Reach = { calls: [], changes: [], named: { relations: [], types: [] } };

/** A body as statements: that of the standard's form is in the words of pg_get_function_sqlbody. */
function sqlText(body: string): string {
    const atomic = /^\s*BEGIN\s+ATOMIC\b([\s\S]*)\bEND\s*$/i.exec(body)?.[1];
    return atomic ?? body.replace(/^\s*RETURN\b/i, "SELECT");
}

/** Questions that a shadow answers otherwise than the live database. */
const telling =
    /\b(?:current_database|current_catalog|pg_stat\w*|reltuples|relpages|n_live_tup|inet_server_\w+|pg_(?:total_)?relation_size|pg_table_size|pg_database_size|pg_postmaster_start_time)\b/i;

function hiddenPart(words: readonly string[]): { hidden?: string } {
    return words.length === 0 ? {} : { hidden: [...new Set(words)].join(", ") };
}

/** All SQL texts of a PL/pgSQL body; dynamic ones as the word EXECUTE. Undefined when the parser does not get through. */
function plpgsqlQueries(create: string): string[] | undefined {
    try {
        const queries: string[] = [];
        walk(parser().parsePlPgSQLSync(create), (type, node) => {
            if (type === "PLpgSQL_stmt_dynexecute" || type === "PLpgSQL_stmt_dynfors") {
                const text = as<{ query?: string }>(node["query"] as never, "PLpgSQL_expr")?.query ?? "";
                const literal = literalOf(text);
                if (literal !== undefined) queries.push(literal);
                else queries.push(...(dynamicDdl(text) ?? ["EXECUTE dynamic"]));
            }
            if (type !== "PLpgSQL_expr") return;
            const query = String(node["query"]);
            // Modes of PostgreSQL's RawParseMode: 0 a statement, 2 an expression, 3 to 5 assignments.
            const mode = Number(node["parseMode"] ?? 0);
            queries.push(mode === 0 ? query : `SELECT ${mode === 2 ? query : query.replace(/^[^=]*?:?=/, "")}`);
        });
        return queries;
    } catch {
        return undefined;
    }
}

/**
 * DDL whose names are put in at run time: the catalog shows what it did.
 * @returns statements of the same kind and with the same calls, or undefined when the text does not begin with a DDL word
 */
function dynamicDdl(expression: string): string[] | undefined {
    const verb = /^\(*\s*(?:format\s*\(\s*)?[eE]?'\s*(create|alter|comment|grant|revoke|drop)\b/i.exec(expression)?.[1];
    if (
        verb === undefined ||
        /\b(?:delete\s+from|truncate|merge\s+into|insert\s+into|update\s+[\w"%])/i.test(expression) ||
        // ALTER … TYPE … USING takes values that no catalog shows.
        (/^alter$/i.test(verb) && /\busing\b/i.test(expression))
    )
        return undefined;
    const calls = [...expression.matchAll(/(\w+)\s*\(/g)].map(([, name]) => `SELECT "${name ?? ""}"()`);
    return [/^(?:drop|alter)$/i.test(verb) ? "DROP TABLE dynamic" : "CREATE SCHEMA dynamic", ...calls];
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
    readonly drops: boolean;
    /** Whether it reads a table that is not a catalog. */
    readonly reads: boolean;
    readonly defines: boolean;
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

function queryEffects(query: string): QueryEffects | undefined {
    let statements: ReturnType<typeof parseSync>["stmts"];
    try {
        statements = parser().parseSync(query).stmts ?? [];
    } catch {
        return undefined;
    }
    const words: string[] = [];
    const calls: string[] = [];
    const changes: RowChange[] = [];
    const named: Named[] = [];
    let drops = false;
    let reads = false;
    let defines = false;
    for (const { stmt } of statements) {
        if (stmt === undefined) continue;
        const type = nodeType(stmt);
        drops ||= type === "DropStmt" || type === "AlterTableStmt" || type === "AlterTypeStmt";
        defines ||= isDefinition(type, stmt);
        const queries = type === "SelectStmt" || type in changing || type === "InsertStmt";
        calls.push(...calledFunctions(stmt));
        changes.push(...rowChangesOf(stmt));
        named.push(namedIn(stmt));
        walk(stmt, (t, node) => {
            // Rows that follow may set it off.
            if (t === "CreateTrigStmt") calls.push(strings(node["funcname"] as Node[]).at(-1) ?? "");
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
                const catalog =
                    schema === "information_schema" ||
                    schema === "pg_catalog" ||
                    String(node["relname"]).startsWith("pg_");
                reads ||= !catalog;
            }
        });
    }
    return {
        words,
        calls,
        changes,
        named: { relations: named.flatMap((n) => n.relations), types: named.flatMap((n) => n.types) },
        drops,
        reads,
        defines,
    };
}

/** For languages and bodies that cannot be parsed: by words, and so with false alarms. */
function fromText(body: string, language: string): Omit<BodyEffects, "outside"> {
    const bare = body.replace(/--.*$/gm, " ").replace(/'(?:[^']|'')*'/g, " ");
    if (language !== "plpgsql" && language !== "sql")
        return { ...nothing, hidden: `${language} code`, reads: true, defines: true };
    const words = [...bare.matchAll(/\b(?:delete\s+from|update|truncate|merge\s+into|insert\s+into|execute)\b/gi)].map(
        ([w]) => w.toUpperCase(),
    );
    const calls = [...bare.matchAll(/(\w+)\s*\(/g)].map(([, name]) => (name ?? "").toLowerCase());
    const defines = /\b(?:create|alter|drop|comment|grant|revoke)\b/i.test(bare);
    return { ...nothing, ...hiddenPart(words), calls, reads: /\bfrom\b/i.test(bare), defines };
}
