import { literalOf } from "./do-block";
import { as, walk } from "./nodes";
import { parser } from "./parser";

/** The SQL texts of a body, and how it goes through them. */
export interface Code {
    readonly queries: readonly string[];
    /** Whether some statements are run under a condition, or more than once. */
    readonly branches: boolean;
    /** Whether something is done after an error that may come from rows. */
    readonly catchesRows: boolean;
}

/** A PL/pgSQL body; dynamic SQL texts count as the word EXECUTE. Undefined when the parser does not get through. */
export function plpgsqlCode(create: string): Code | undefined {
    const queries: string[] = [];
    let [branches, catchesRows] = [false, false];
    try {
        walk(parser().parsePlPgSQLSync(create), (type, node) => {
            const dynamic = node["dynquery"] ?? (type.startsWith("PLpgSQL_stmt_dyn") ? node["query"] : undefined);
            if (dynamic !== undefined) {
                const text = as<{ query?: string }>(dynamic as never, "PLpgSQL_expr")?.query ?? "";
                const literal = literalOf(text);
                if (literal !== undefined) queries.push(literal);
                else queries.push(...(dynamicDdl(text) ?? ["EXECUTE dynamic"]));
            }
            if (/^PLpgSQL_stmt_(?:if|case|loop|while|for\w*|dynfors|exit)$/.test(type)) branches = true;
            if (type === "PLpgSQL_exception") catchesRows ||= actsOnRows(node);
            if (type !== "PLpgSQL_expr") return;
            const query = String(node["query"]);
            // Modes of PostgreSQL's RawParseMode: 0 a statement, 2 an expression, 3 to 5 assignments.
            const mode = Number(node["parseMode"] ?? 0);
            queries.push(mode === 0 ? query : `SELECT ${mode === 2 ? query : query.replace(/^[^=]*?:?=/, "")}`);
        });
    } catch {
        return undefined;
    }
    return { queries, branches, catchesRows };
}

/** Conditions that the catalog alone decides. */
const ofCatalog =
    /^(?:duplicate|undefined|invalid_schema|invalid_object|dependent|syntax|feature_not|wrong_object|ambiguous)/;

/** Whether an exception handler does something, and may be entered for what rows there are. */
function actsOnRows(handler: Readonly<Record<string, unknown>>): boolean {
    let [acts, byRows] = [false, false];
    walk(handler["conditions"], (type, { condname }) => {
        if (type === "PLpgSQL_condition" && !ofCatalog.test(String(condname))) byRows = true;
    });
    walk(handler["action"], (type) => {
        if (/^PLpgSQL_stmt_(?!raise|null|block|assign|return$)/.test(type)) acts = true;
    });
    return acts && byRows;
}

/**
 * DDL whose names are put in at run time: the catalog shows what it did.
 * @returns statements of the same kind and with the same calls, or undefined when the text does not begin with a DDL word, or may have more than DDL
 */
function dynamicDdl(expression: string): string[] | undefined {
    const verb = /^\(*\s*(?:format\s*\(\s*)?[eE]?'\s*(create|alter|comment|grant|revoke|drop)\b/i.exec(expression)?.[1];
    if (
        verb === undefined ||
        /\b(?:delete\s+from|truncate|merge\s+into|insert\s+into|do\s+|call\s+|update\s+[\w"%])/i.test(expression) ||
        // ALTER … TYPE … USING takes values that no catalog shows.
        (/^alter$/i.test(verb) && /\busing\b/i.test(expression)) ||
        // A second statement that is put in, or a function whose name is.
        /;\s*(?:'\s*\|\||%)/.test(expression) ||
        /\b(?:select|function|procedure|default|check)\b[^']*%(?:\d+\$)?[Is]\s*\(/i.test(expression)
    )
        return undefined;
    const calls = [...expression.matchAll(/(?:"([^"]+)"|(\w+))\s*\(/g)].map(
        ([, quoted, plain]) => `SELECT "${quoted ?? plain?.toLowerCase() ?? ""}"()`,
    );
    const loses =
        /^drop$/i.test(verb) || (/^alter$/i.test(verb) && /\b(?:drop|type|detach)\b|%s|\|\|/i.test(expression));
    return [loses ? "DROP TABLE dynamic" : "CREATE SCHEMA dynamic", ...calls];
}
