import { firstLine } from "../lines";

/** A piece of a script that only psql understands. */
export interface PsqlOnly {
    readonly kind: "meta-command" | "inline COPY data";
    /** UTF-16 offset in the script. */
    readonly offset: number;
    readonly text: string;
}

const identifierPart = /[\p{L}\p{N}_$]/u;
const copyFromStdin = /^copy\b[^;]*\bfrom\s+stdin\b/i;

/**
 * Finds the first thing that is psql's and not SQL: a backslash outside quotes and comments, or COPY … FROM STDIN with
 * its data in the script. PostgreSQL's parser only reports a syntax error there, somewhere.
 * Quoting as in PostgreSQL's scan.l with standard_conforming_strings on.
 */
export function findPsqlOnly(sql: string): PsqlOnly | undefined {
    let statement = skipBlank(sql, 0);
    for (let i = statement; i < sql.length;) {
        const end = quotedEnd(sql, i) ?? commentEnd(sql, i);
        if (end !== undefined) {
            i = end;
        } else if (sql[i] === "\\") {
            return { kind: "meta-command", offset: i, text: firstLine(sql.slice(i)) };
        } else if (sql[i] === ";") {
            if (copyFromStdin.test(sql.slice(statement, i)))
                return { kind: "inline COPY data", offset: statement, text: sql.slice(statement, i) };
            statement = i = skipBlank(sql, i + 1);
        } else {
            i++;
        }
    }
    return copyFromStdin.test(sql.slice(statement))
        ? { kind: "inline COPY data", offset: statement, text: sql.slice(statement) }
        : undefined;
}

/** What scan.l skips: a no-break space is part of a name. */
const space = /[ \t\n\r\f\v]/;

/** The offset of the first character at or after `offset` that is neither white space nor in a comment. */
export function skipBlank(sql: string, offset: number): number {
    let i = offset;
    for (;;) {
        while (i < sql.length && space.test(sql[i] ?? "")) i++;
        const end = commentEnd(sql, i);
        if (end === undefined) return i;
        i = end;
    }
}

/** Where the comment that begins at `i` ends (exclusive); undefined if none begins there. Block comments nest. */
function commentEnd(sql: string, i: number): number | undefined {
    if (sql.startsWith("--", i)) {
        const length = sql.slice(i).search(/[\n\r]/);
        return length === -1 ? sql.length : i + length + 1;
    }
    if (!sql.startsWith("/*", i)) return undefined;
    let depth = 1;
    let at = i + 2;
    while (at < sql.length && depth > 0) {
        if (sql.startsWith("/*", at)) {
            depth++;
            at += 2;
        } else if (sql.startsWith("*/", at)) {
            depth--;
            at += 2;
        } else {
            at++;
        }
    }
    return at;
}

function quotedEnd(sql: string, i: number): number | undefined {
    const char = sql[i];
    if (char === "'") return closing(sql, i + 1, "'", isEscapeString(sql, i));
    if (char === '"') return closing(sql, i + 1, '"', false);
    if (char !== "$" || (i > 0 && identifierPart.test(sql[i - 1] ?? ""))) return undefined;
    const tag = /^\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/u.exec(sql.slice(i, i + 70))?.[0];
    if (tag === undefined) return undefined;
    const end = sql.indexOf(tag, i + tag.length);
    return end === -1 ? sql.length : end + tag.length;
}

/** Whether the quote at `i` has the prefix E, as a word of its own. */
function isEscapeString(sql: string, i: number): boolean {
    return /^[eE]$/.test(sql[i - 1] ?? "") && !identifierPart.test(sql[i - 2] ?? " ");
}

function closing(sql: string, from: number, quote: string, backslash: boolean): number {
    for (let i = from; i < sql.length; i++) {
        if (backslash && sql[i] === "\\") i++;
        else if (sql[i] === quote) {
            if (sql[i + 1] !== quote) return i + 1;
            i++;
        }
    }
    return sql.length;
}
