import { firstLine } from "./lines";

/** Where in the user's files or objects something happened. */
export interface Where {
    /** Path as the user knows it, relative to the set's folder or the project. */
    readonly file?: string;
    /** 1-based line in `file`. */
    readonly line?: number;
    /** A database object, a config key, a workload: what the message is about. */
    readonly object?: string;
}

/** The parts of an error text that a person needs at 3 a.m. */
export interface ErrorParts {
    /** What happened, one sentence. */
    readonly what: string;
    readonly where?: Where;
    /** More lines of fact: SQLSTATE, detail, hint, the statement. */
    readonly detail?: readonly string[];
    /** What state things are in now. */
    readonly state?: string;
    /** What to do next. */
    readonly next?: string;
    readonly cause?: unknown;
}

/** The exit codes of the `schemaward` command, stable: docs/cli.md. */
export const exitCodes = { done: 0, failed: 1, refused: 2, badInput: 3 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/**
 * Base of every error this project throws on purpose. Its `message` is the whole text for people, several lines, and
 * holds no secret. Never show its stack to users.
 */
export abstract class SchemawardError extends Error {
    abstract readonly exitCode: ExitCode;
    readonly parts: ErrorParts;

    constructor(parts: ErrorParts) {
        super(errorText(parts), parts.cause === undefined ? undefined : { cause: parts.cause });
        this.name = new.target.name;
        this.parts = parts;
    }
}

/** The user's files, settings or flags are wrong; nothing was touched. */
export class BadInputError extends SchemawardError {
    readonly exitCode = exitCodes.badInput;
}

/** Everything is readable, but a rule forbids going on; nothing was changed. */
export class RefusedError extends SchemawardError {
    readonly exitCode = exitCodes.refused;
}

/** Something failed while doing; `state` says what was done and what was not. */
export class FailedError extends SchemawardError {
    readonly exitCode = exitCodes.failed;
}

function errorText(parts: ErrorParts): string {
    const { file, line, object } = parts.where ?? {};
    const place = [file === undefined ? undefined : line === undefined ? file : `${file}:${line}`, object]
        .filter((part) => part !== undefined)
        .join(", ");
    const lines = [place === "" ? parts.what : `${place}: ${parts.what}`, ...(parts.detail ?? []).map((d) => `  ${d}`)];
    if (parts.state !== undefined) lines.push(`State: ${parts.state}`);
    if (parts.next !== undefined) lines.push(`Next: ${parts.next}`);
    return lines.join("\n");
}

/** The first line of what an error says: of ours, what happened. */
export function firstLineOf(error: unknown): string {
    return firstLine(error instanceof Error ? error.message : String(error));
}

/** A server whose disk has no room left: its SQLSTATE, and what a person has to do before anything else. */
export const diskFull = { code: "53100", next: "Make room on the server's disk" } as const;
