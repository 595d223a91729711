import { DatabaseError } from "../driver";
import { SchemawardError } from "../errors";
import { lineAt, linesOf } from "../lines";
import type { PreparedStep } from "../plan/prepare";
import { redactSql } from "../sql/sensitive";
import type { Statement } from "../sql/statement";
import { ScriptError } from "./script-query";

/** What PostgreSQL said of a script that failed, and where in the script it was. */
export interface ScriptFailure {
    readonly file: string;
    readonly line: number;
    readonly message: string;
    readonly sqlstate: string;
    /** Lines for people: statement, SQLSTATE, detail, hint, context, blockers. Redacted. */
    readonly detail: readonly string[];
}

/** One of our own statements, and what it is for. */
export interface OwnPart {
    readonly sql: string;
    readonly purpose: string;
    /** What of the set it comes from, where not from the script. */
    readonly at?: { readonly file: string; readonly line: number; readonly sql: string };
}

/** A statement of a script, or one of our own, or a setting of the session. */
export type SentPart = Statement | OwnPart | string;

/** What the server says when a verify query does not yield true. */
export const verifyFailed = "its verify query does not yield true";

/** A text sent at once, with what is needed to find a failing statement in it. */
export interface SentScript {
    readonly text: string;
    /** One for each statement of the text, in order. */
    readonly parts: readonly { readonly offset: number; readonly part: SentPart }[];
}

/** Joins our own statements and a script's into one text. A line break ends a comment that a statement may end with. */
export function joinStatements(items: readonly SentPart[]): SentScript {
    const texts = items.map((part) => `${typeof part === "string" ? part : part.sql}\n;\n`);
    let end = 0;
    const parts = items.map((part, i) => {
        const offset = end;
        end += texts[i]?.length ?? 0;
        return { offset, part };
    });
    return { text: texts.join(""), parts };
}

/** Turns what the driver threw into the account of a script's failure. */
export function describeFailure(error: unknown, step: PreparedStep, sent: SentScript | undefined): ScriptFailure {
    const cause = causeOf(error);
    const failing = sent === undefined || !(error instanceof ScriptError) ? undefined : sent.parts[error.completed];
    const statement = typeof failing?.part === "object" && "node" in failing.part ? failing.part : undefined;
    const at = typeof failing?.part === "object" && "at" in failing.part ? failing.part.at : undefined;
    const db = cause instanceof DatabaseError ? cause : undefined;
    const message = redactSql(cause instanceof Error ? cause.message : String(cause));
    let line = statement?.line ?? 1;
    if (statement !== undefined && failing !== undefined && sent !== undefined && db?.position !== undefined) {
        // PostgreSQL counts code points from 1.
        const before = [...sent.text].slice(0, Number(db.position) - 1).join("").length - failing.offset;
        if (before >= 0) line = statement.line + lineAt(statement.sql, before) - 1;
    }
    const from = statement ?? at;
    const shown = from === undefined ? [] : excerpt(redactSql(from.sql));
    if (at !== undefined && message.includes(verifyFailed))
        return { file: at.file, line: at.line, message: verifyFailed, sqlstate: "none", detail: shown };
    return {
        file: at?.file ?? step.script.file,
        line: at?.line ?? line,
        message,
        sqlstate: db?.code ?? "no answer",
        detail: [
            ...shown,
            ...(statement === undefined ? [`while ${purposeOf(failing?.part)}`] : []),
            ...(db?.code === undefined ? [] : [`SQLSTATE ${db.code}`]),
            ...(db?.detail === undefined ? [] : [`Detail: ${redactSql(db.detail)}`]),
            ...(db?.hint === undefined ? [] : [`Hint: ${redactSql(db.hint)}`]),
            ...(db?.where === undefined ? [] : [`Context: ${linesOf(redactSql(db.where)).slice(0, 3).join(" / ")}`]),
        ],
    };
}

function purposeOf(part: SentPart | undefined): string {
    if (part === undefined) return "working on what the script needs";
    return typeof part === "object" && "purpose" in part ? part.purpose : "preparing the session";
}

function excerpt(sql: string): string[] {
    const lines = linesOf(sql);
    return [...lines.slice(0, 6), ...(lines.length > 6 ? [`… (${lines.length - 6} more lines)`] : [])].map(
        (l) => `| ${l}`,
    );
}

function causeOf(error: unknown): unknown {
    return error instanceof ScriptError ? error.cause : error;
}

/** Code and message of what the server said; empty when it was not the server that spoke. */
export function serverError(error: unknown): { readonly code?: string | undefined; readonly message?: string } {
    const cause = causeOf(error);
    return cause instanceof DatabaseError ? { code: cause.code, message: cause.message } : {};
}

/** Whether the whole transaction may be tried again: it was a deadlock's victim or did not get a lock in time. */
export function isRetryable(error: unknown): boolean {
    const cause = causeOf(error);
    return cause instanceof DatabaseError && (cause.code === "40P01" || cause.code === "55P03");
}

/**
 * Whether the connection is gone, so that nobody can say from here what became of the transaction. A FATAL answer counts
 * as well: a backend that is told to end may report it after its COMMIT took effect.
 */
export function isConnectionLost(error: unknown): boolean {
    const cause = causeOf(error);
    if (error instanceof SchemawardError) return false;
    if (!(cause instanceof DatabaseError)) return true;
    // The severity is in the server's language; a pooler tells of a lost server as of an error.
    if (/^08|^57P0[1235]$|^25P04$/.test(cause.code ?? "")) return true;
    return cause.severity === "FATAL" || cause.severity === "PANIC";
}
