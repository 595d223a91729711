import type { Node } from "libpg-query";
import { as, walk } from "./nodes";
import { parser } from "./parser";

/** A DO block's text and language. */
export function doBody(node: Node): { body: string; language: string } {
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
export interface Inner {
    readonly node: Node;
    readonly sql: string;
    /** False: it may not run, or run more than once. */
    readonly always: boolean;
}

type Body = Readonly<Record<string, unknown>>;

/** The SQL statements of a PL/pgSQL block in order; undefined when the parser does not get through. */
export function innerStatements(create: string): { statements: Inner[]; unseen: boolean } | undefined {
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
                if (type === "PLpgSQL_stmt_dynfors" || body["dynquery"] !== undefined) state.unseen = true;
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
export function literalOf(expression: string): string | undefined {
    const target = as<{ targetList?: Node[] }>(
        parser().parseSync(`SELECT ${expression}`).stmts?.[0]?.stmt,
        "SelectStmt",
    )?.targetList;
    const value = as<{ val?: Node }>(target?.[0], "ResTarget")?.val;
    return target?.length === 1 ? as<{ sval?: { sval?: string } }>(value, "A_Const")?.sval?.sval : undefined;
}
