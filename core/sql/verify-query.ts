import type { VerifyQuery } from "../declaration";
import { BadInputError } from "../errors";
import { as, nodeType } from "./nodes";
import { splitScriptSync } from "./split";

/** A query of one value, and where it stands. */
export interface PlacedQuery {
    /** Without a semicolon at its end; it may end with a comment. */
    readonly sql: string;
    readonly file: string;
    /** 1-based line where it begins. */
    readonly line: number;
}

/**
 * A verify query: one SELECT (or VALUES), which can stand where an expression can. Needs `loadParser` done.
 * @param file where it stands, for people
 * @throws BadInputError with file and line for anything else
 */
export function verifyQueryOf({ file, sql }: { readonly file: string; readonly sql: string }): PlacedQuery {
    const statements = splitScriptSync(sql, file);
    const [first, second] = statements;
    if (first === undefined) throw notOneQuery(file, 1, "is empty");
    if (second !== undefined) throw notOneQuery(file, second.line, "holds more than one statement");
    const select = as<{ readonly intoClause?: unknown; readonly lockingClause?: unknown }>(first.node, "SelectStmt");
    if (select === undefined) throw notOneQuery(file, first.line, `holds a ${nodeType(first.node)}, which is no query`);
    if (select.intoClause !== undefined || select.lockingClause !== undefined)
        throw notOneQuery(file, first.line, "makes a table or locks rows");
    return { sql: first.sql, file, line: first.line };
}

/** A stack's verify query, in the same way. */
export function stackQueryOf({ name, sql }: VerifyQuery): PlacedQuery {
    return verifyQueryOf({ file: `verify "${name}"`, sql });
}

function notOneQuery(file: string, line: number, why: string): BadInputError {
    return new BadInputError({
        what: `The verify query ${why}; it has to be one SELECT that yields one value, true or not.`,
        where: { file, line },
        state: "Nothing was touched.",
        next: "Join what is to be checked by AND in one SELECT; or take it away.",
    });
}
