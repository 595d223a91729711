import { isPassing, type PassingEvent, type RunEvent } from "../core/run/events";
import { exitCodes, SchemawardError } from "../core/errors";
import { redactSql } from "../core/sql/sensitive";

/** Prints the result: as lines, or with `--json` as one JSON document on standard output. */
export function print(json: boolean, document: unknown, lines: readonly string[]): void {
    if (json) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    else process.stdout.write(lines.map((line) => `${line}\n`).join(""));
}

/**
 * Ends the command for an error: its text on standard error, with `--json` a document on standard output, and the exit
 * code that belongs to it.
 */
export function fail(json: boolean, error: unknown): void {
    const known = error instanceof SchemawardError;
    const code = known ? error.exitCode : exitCodes.failed;
    const message = known ? error.message : unexpected(error);
    if (json) {
        const plan = known && "plan" in error ? { plan: error.plan } : {};
        const parts = known ? { ...error.parts, cause: undefined } : { what: message };
        process.stdout.write(`${JSON.stringify({ ok: false, exitCode: code, error: parts, ...plan }, null, 2)}\n`);
    } else {
        endLine();
        process.stderr.write(`error: ${message}\n`);
    }
    process.exitCode = code;
}

function unexpected(error: unknown): string {
    const text = error instanceof Error ? error.message : String(error);
    return `${redactSql(text)}\nThis is not an error schemaward expected. Set SCHEMAWARD_DEBUG=1 to see where it came from.${
        process.env["SCHEMAWARD_DEBUG"] === "1" && error instanceof Error ? `\n${error.stack ?? ""}` : ""
    }`;
}

/** Whether the terminal's cursor stands behind a line that is to be overwritten. */
let isLineOpen = false;

/** Ends a line that waits to be overwritten, before something else is said. */
export function endLine(): void {
    if (isLineOpen) process.stderr.write("\n");
    isLineOpen = false;
}

/** Progress on standard error, the plan on standard output: each event a line; on a terminal those that repeat overwrite theirs. */
export function progressReporter(json: boolean): (event: RunEvent) => void {
    let passing = progressLines(json);
    return (event) => {
        if (json) return;
        if (event.type === "plan") {
            if (isLineOpen) process.stderr.write(clearLine);
            isLineOpen = false;
            passing = progressLines(json);
            print(false, undefined, event.lines);
            return;
        }
        // Loaded when there is something to say: at the beginning each file holds up the connection.
        const { describeEvent } =
            require("../core/run/describe-event.js") as typeof import("../core/run/describe-event");
        const line = describeEvent(event);
        if (line === undefined) return;
        if (!isPassing(event)) writeLine(line, true);
        else if (event.type !== "step-start") passing(line, wayOf(event));
        else if (process.stderr.isTTY) writeLine(line, false);
    };
}

/**
 * Progress of something that has one number only, on standard error: on a terminal each line overwrites the one before; a log needs no line for
 * every buffer or script, and has one for each tenth of the way.
 * @returns takes a line and the part of the way that is done, 0 to 1
 */
export function progressLines(json: boolean): (line: string, way: number) => void {
    const terminal = process.stderr.isTTY;
    let told = 0;
    return (line, way) => {
        if (json) return;
        const tenth = Math.floor(10 * way);
        if (!terminal && tenth <= told) return;
        told = tenth;
        writeLine(line, !terminal);
    };
}

/** Writes over a line that waits to be overwritten. */
function writeLine(line: string, stays: boolean): void {
    process.stderr.write(`${isLineOpen ? clearLine : ""}${line}${stays ? "\n" : ""}`);
    isLineOpen = !stays;
}

const clearLine = "\r\u001b[2K";

/** Which part of the way is done, 0 to 1. */
function wayOf(event: Exclude<PassingEvent, { readonly type: "step-start" }>): number {
    return event.type === "planning" ? event.done / event.count : event.bytes / event.estimate;
}
