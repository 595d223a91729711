import type { parseSync } from "libpg-query";
import { BadInputError } from "../errors";
import { lineAt, lineEnds } from "../lines";
import { findPsqlOnly, skipBlank } from "./lexical";
import { loadParser, parser } from "./parser";
import { redactSql } from "./sensitive";
import type { Statement } from "./statement";

/**
 * Splits a script into statements with PostgreSQL's own grammar.
 * @param file named in errors
 * @throws BadInputError for psql meta-commands, inline COPY data and SQL that does not parse, with file and line
 */
export async function splitScript(sql: string, file: string): Promise<Statement[]> {
    await loadParser();
    return splitScriptSync(sql, file);
}

/** The same, at once; needs `loadParser` done. */
export function splitScriptSync(sql: string, file: string): Statement[] {
    const alien = findPsqlOnly(sql);
    if (alien !== undefined) {
        const meta = alien.kind === "meta-command";
        throw new BadInputError({
            what: meta
                ? `\`${redactSql(alien.text.trim()).slice(0, 60)}\` is a psql meta-command, not SQL.`
                : "COPY … FROM STDIN has its data in the script, which only psql can read.",
            where: { file, line: lineAt(sql, alien.offset) },
            state: "Nothing was touched.",
            next: meta
                ? "Write what it does as SQL, or leave it out: schemaward is not psql."
                : "Write the rows as INSERT … VALUES.",
        });
    }
    const { stmts } = parse(sql, file);
    const toOffset = byteOffsets(sql);
    const statements: Statement[] = [];
    let line = 1;
    let counted = 0;
    for (const raw of stmts ?? []) {
        if (raw.stmt === undefined) continue;
        const start = toOffset(raw.stmt_location ?? 0);
        // The grammar leaves the length out for the last statement when no semicolon closes it.
        const length = raw.stmt_len ?? 0;
        const end = length === 0 ? sql.length : toOffset((raw.stmt_location ?? 0) + length);
        const offset = skipBlank(sql, start);
        line += lineEnds(sql, counted, offset);
        counted = offset;
        statements.push({ sql: sql.slice(offset, end).trimEnd(), line, offset, node: raw.stmt });
    }
    return statements;
}

function parse(sql: string, file: string): ReturnType<typeof parseSync> {
    try {
        // The parser takes no empty text.
        return skipBlank(sql, 0) >= sql.length ? { version: 0, stmts: [] } : parser().parseSync(sql);
    } catch (error) {
        const details = parser().hasSqlDetails(error) ? error.sqlDetails : undefined;
        const message = error instanceof Error ? error.message : String(error);
        const offset = codePointOffset(sql, details?.cursorPosition ?? 0);
        const atColon = sql[offset] === ":" || sql[offset - 1] === ":";
        throw new BadInputError({
            what: `PostgreSQL's parser says: ${withoutLiteral(redactSql(details?.message ?? message))}`,
            where: { file, line: lineAt(sql, offset) },
            state: "Nothing was touched.",
            next: atColon
                ? "If this is a psql variable: schemaward is not psql, write the value."
                : "Correct the script. (The grammar is that of PostgreSQL 18.)",
        });
    }
}

/** What the parser stopped at may be a secret, with the word that says so before it. */
function withoutLiteral(message: string): string {
    return message.replace(/(\bnear )"(?:[a-z]&?)?'[^]*"$/i, "$1a string");
}

/** Maps UTF-8 byte offsets, which the parser gives, to UTF-16 offsets. Must be asked in ascending order. */
function byteOffsets(sql: string): (bytes: number) => number {
    if (Buffer.byteLength(sql, "utf8") === sql.length) return (bytes) => bytes;
    let atBytes = 0;
    let at = 0;
    return (bytes) => {
        if (bytes < atBytes) atBytes = at = 0;
        while (atBytes < bytes && at < sql.length) {
            const code = sql.codePointAt(at) ?? 0;
            atBytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
            at += code < 0x10000 ? 1 : 2;
        }
        return at;
    };
}

/** The parser counts its error positions in code points. */
function codePointOffset(sql: string, position: number): number {
    let at = 0;
    for (let n = 0; n < position && at < sql.length; n++) at += (sql.codePointAt(at) ?? 0) < 0x10000 ? 1 : 2;
    return at;
}
