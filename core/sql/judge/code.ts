import type { Node } from "libpg-query";
import { readBody } from "../body";
import type { FunctionEffects } from "../function-effects";
import { nameOf } from "../identifiers";
import type { JudgeContext } from "./context";
import { losslessKind, noBystanders } from "../lossless";
import { relationKinds } from "./kinds";
import { parser } from "../parser";
import { as, nodeType, strings, walk } from "../nodes";
import { parseName } from "./references";
import { oddRowChange, rowChangesOf } from "../row-effects";
import type { Statement } from "../statement";

/** Statements that only define what runs later: the functions in them are not called now. */
const defining =
    /^(?:CreateFunction|View|Rule|CreateTrig|CreatePolicy|AlterPolicy|CreateDomain|AlterDomain|CreateEventTrig|Define|CreateOpClass|CreateCast|Comment|Grant|AlterFunction|Prepare)Stmt$/;

/** Looks into the functions that a statement calls, and into the triggers and rules of the tables whose rows it changes. */
export async function judgeCalls(context: JudgeContext, statement: Statement): Promise<void> {
    const type = nodeType(statement.node);
    if (defining.test(type)) return;
    const calls: string[] = [];
    walk(statement.node, (t, body) => {
        if (t === "FuncCall") calls.push(strings(body["funcname"] as Node[]).at(-1) ?? "");
    });
    const call = as<{ funccall?: { funcname?: Node[] } }>(statement.node, "CallStmt")?.funccall?.funcname;
    if (call !== undefined) calls.push(strings(call).at(-1) ?? "");
    report(context, await context.routines.of(calls), type === "CallStmt" ? "procedure" : "function");
    await judgeRowTriggers(context, statement.node);
}

function report(context: JudgeContext, effects: FunctionEffects, what: string): void {
    if (effects.outside !== undefined) context.unsure(`${effects.outside} acts outside this database`);
    const words = [
        ...(effects.hidden === undefined ? [] : [effects.hidden]),
        ...(effects.defines ? ["changes of the schema"] : []),
        ...effects.compiled.map((name) => `compiled code in ${name}`),
    ];
    if (words.length > 0) context.unsure(`${what} with ${words.join(", ")}`);
}

/** Triggers and rules on a table can do more than the statement says. */
async function judgeRowTriggers(context: JudgeContext, node: Node): Promise<void> {
    const { model } = context;
    const odd = oddRowChange(node);
    if (odd !== undefined) context.unsure(odd);
    for (const { range, events } of rowChangesOf(node)) {
        const table = model.find(relationKinds, nameOf(range));
        const event = events.join("|");
        for (const each of table === undefined ? [] : [table, ...model.children(table)])
            for (const part of model.parts(each)) {
                const onEvent = new RegExp(` ON (?:${event}) TO `).test(part.definition);
                if (part.kind === "rule" && onEvent && !/ DO (?:INSTEAD |ALSO )?NOTHING;?$/.test(part.definition))
                    context.unsure(`rule ${part.name} may do something else`);
                const applies = new RegExp(`\\b(?:${event})\\b`).test(part.definition.split(" ON ", 1)[0] ?? "");
                if (part.kind !== "trigger" || !applies || part.definition.endsWith(" DISABLED")) continue;
                const name = /EXECUTE (?:FUNCTION|PROCEDURE) (.*?)\(/.exec(part.definition)?.[1] ?? "";
                report(context, await context.routines.of([parseName(name).name]), `trigger ${part.name}`);
            }
    }
}

/** Event triggers run code when the schema changes. */
export async function judgeEventTriggers(context: JudgeContext): Promise<void> {
    const names = context.model
        .all("event trigger")
        .flatMap((t) => /(\S+)\(\)(?: ([ODRA]))?/.exec(t.definition) ?? [])
        .flatMap((match, i, all) => (i % 3 === 1 && all[i + 1] !== "D" ? [parseName(match).name] : []));
    const effects = await context.routines.of(names);
    if (effects.hidden !== undefined || effects.defines)
        context.unsure(`event trigger with ${effects.hidden ?? "changes of the schema"}`);
}

/** A DO block's text and language. */
function doBody(node: Node): { body: string; language: string } {
    let body = "";
    let language = "plpgsql";
    walk(node, (type, item) => {
        if (type !== "DefElem") return;
        const text = as<{ sval?: string }>(item["arg"] as Node, "String")?.sval ?? "";
        if (item["defname"] === "language") language = text.toLowerCase();
        else body = text;
    });
    return { body, language };
}

/** One statement of a DO block. */
interface Inner {
    readonly node: Node;
    readonly sql: string;
    /** False: it may not run, or run more than once. */
    readonly always: boolean;
}

/**
 * A DO block. What it does to the schema in statements of its own is judged as if it stood outside; where that may or may not happen,
 * only what can lose nothing counts as seen.
 */
export async function judgeDo(
    context: JudgeContext,
    statement: Statement,
    judgeInner: (inner: Statement, perhaps: boolean) => Promise<void>,
): Promise<void> {
    const { body, language } = doBody(statement.node);
    const own = readBody(statement.sql, body, language);
    if (own.outside !== undefined) context.unsure(`${own.outside} acts outside this database`);
    if (own.hidden !== undefined) context.unsure(`DO block with ${own.hidden}`);
    report(context, await context.routines.of(own.calls), "DO block");
    const inner = language === "plpgsql" ? innerStatements(statement.sql) : undefined;
    if (inner === undefined) {
        if (own.defines) context.unsure("DO block with changes of the schema");
        return;
    }
    if (inner.unseen) context.unsure("DO block with EXECUTE");
    for (const { node, sql, always } of inner.statements) {
        const judged: Statement = { ...statement, node, sql };
        if (!always && !losslessKind(judged, noBystanders))
            context.unsure(`DO block that does this only sometimes: ${firstWords(sql)}`);
        await judgeInner(judged, !always);
    }
}

function firstWords(sql: string): string {
    const line = sql.trim().split("\n", 1)[0] ?? "";
    return line.length > 60 ? `${line.slice(0, 57)}…` : line;
}

type Body = Readonly<Record<string, unknown>>;

/** The SQL statements of a PL/pgSQL block in order; undefined when the parser does not get through. */
function innerStatements(create: string): { statements: Inner[]; unseen: boolean } | undefined {
    const collected: Inner[] = [];
    const state = { unseen: false, mayHaveLeft: false };
    try {
        const tree = parser().parsePlPgSQLSync(create) as {
            plpgsql_funcs?: { PLpgSQL_function?: { action?: unknown } }[];
        };
        for (const { PLpgSQL_function: parsed } of tree.plpgsql_funcs ?? []) visit(parsed?.action, true);
    } catch {
        return undefined;
    }
    return { statements: collected, unseen: state.unseen };

    function visit(node: unknown, always: boolean): void {
        if (Array.isArray(node)) {
            for (const item of node) visit(item, always);
            return;
        }
        if (typeof node !== "object" || node === null) return;
        const [type = "", content] = Object.entries(node)[0] ?? [];
        const body = content as Body;
        const certain = always && !state.mayHaveLeft;
        switch (type) {
            case "PLpgSQL_stmt_block":
                // What an exception handler catches was undone.
                visit(body["body"], always && body["exceptions"] === undefined);
                walkHandlers(body["exceptions"]);
                return;
            case "PLpgSQL_stmt_execsql":
                parseInto(queryOf(body["sqlstmt"]), certain);
                return;
            case "PLpgSQL_stmt_perform":
            case "PLpgSQL_stmt_call":
                parseInto(queryOf(body["expr"]), certain);
                return;
            case "PLpgSQL_stmt_dynexecute": {
                const text = literalOf(queryOf(body["query"]));
                if (text === undefined) state.unseen = true;
                else parseInto(text, certain);
                return;
            }
            case "PLpgSQL_stmt_return":
            case "PLpgSQL_stmt_exit":
                // Behind it nothing is certain any more.
                state.mayHaveLeft = true;
                return;
            default:
                if (type === "PLpgSQL_stmt_dynfors") state.unseen = true;
                for (const value of Object.values(body)) if (isBody(value)) visit(value, false);
        }
    }

    function walkHandlers(exceptions: unknown): void {
        walk(exceptions, (type, body) => {
            if (type === "PLpgSQL_exception") visit(body["action"], false);
        });
    }

    function parseInto(sql: string, always: boolean): void {
        for (const { stmt } of parser().parseSync(sql).stmts ?? [])
            if (stmt !== undefined) collected.push({ node: stmt, sql, always });
    }
}

/** A list of statements, or of branches with such lists. */
function isBody(value: unknown): boolean {
    return (
        Array.isArray(value) &&
        value.some((item) => /^PLpgSQL_(?:stmt_|if_elsif|case_when)/.test(Object.keys(item as object)[0] ?? ""))
    );
}

function queryOf(expression: unknown): string {
    return (expression as { PLpgSQL_expr?: { query?: string } } | undefined)?.PLpgSQL_expr?.query ?? "";
}

/** The text of an expression that is one literal. */
function literalOf(expression: string): string | undefined {
    const target = as<{ targetList?: Node[] }>(
        parser().parseSync(`SELECT ${expression}`).stmts?.[0]?.stmt,
        "SelectStmt",
    )?.targetList;
    const value = as<{ val?: Node }>(target?.[0], "ResTarget")?.val;
    return target?.length === 1 ? as<{ sval?: { sval?: string } }>(value, "A_Const")?.sval?.sval : undefined;
}
