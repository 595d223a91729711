import { spawn, type ChildProcessByStdio } from "node:child_process";
import path from "node:path";
import type { Readable, Writable } from "node:stream";
import { clientEnvironment } from "../client-environment";
import type { LibpqEnvironment } from "../connection";
import { FailedError } from "../errors";
import { findPgTool, type PgTool } from "../pg-tools";
import { redactSql } from "../sql/sensitive";

/** How a client program ended. */
export interface Ended {
    readonly ok: boolean;
    /** `exit code 1`, `signal SIGKILL`. */
    readonly how: string;
    /** Its last lines on stderr, without passwords. */
    readonly lines: readonly string[];
}

/** A running pg_dump or pg_restore. */
export interface Tool {
    readonly stdin: Writable;
    readonly stdout: Readable;
    /** Settles when the process is gone; never rejects. */
    readonly ended: Promise<Ended>;
    /** SIGTERM, after five seconds SIGKILL, to this one process; returns when it is gone. */
    stop(): Promise<void>;
}

const stderrKept = 16_384;
const killAfterMs = 5_000;

/**
 * Starts a client program without a shell. Secrets go through `libpq`, never through `args`.
 * @param file absolute path
 */
export function startTool(file: string, args: readonly string[], libpq?: LibpqEnvironment): Tool {
    const child = spawn(file, args, {
        env: clientEnvironment(libpq),
        stdio: ["pipe", "pipe", "pipe"],
        windowsHide: true,
    });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
        stderr = (stderr + text).slice(-stderrKept);
    });
    // A reader that went away is judged by how it ended, not by the broken pipe.
    child.stdin.on("error", () => undefined);
    const secret = libpq?.PGPASSWORD;
    const ended = endOf(child, () => redactLines(stderr, secret));
    return { stdin: child.stdin, stdout: child.stdout, ended, stop: async () => stop(child, ended) };
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

async function endOf(child: Child, lines: () => string[]): Promise<Ended> {
    return new Promise((resolve) => {
        child.once("error", (error) => {
            if (child.pid === undefined) resolve({ ok: false, how: "could not be started", lines: [error.message] });
        });
        child.once("close", (code, signal) => {
            const how = signal === null ? `exit code ${String(code)}` : `signal ${signal}`;
            resolve({ ok: code === 0, how, lines: lines() });
        });
    });
}

async function stop(child: Child, ended: Promise<Ended>): Promise<void> {
    // Unread output would keep the process from ever being seen as closed.
    child.stdout.destroy();
    child.stdin.destroy();
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), killAfterMs);
    await ended;
    clearTimeout(timer);
}

function redactLines(stderr: string, secret: string | undefined): string[] {
    const hidden = secret === undefined || secret === "" ? stderr : stderr.replaceAll(secret, "[redacted]");
    return redactSql(hidden)
        .split(/\r?\n/)
        .filter((line) => line.trim() !== "")
        .slice(-20);
}

/**
 * Finds a client program for a server, or for an archive written by a pg_dump of that major version.
 * @throws FailedError saying what is needed and where it was looked for
 */
export async function needTool(name: PgTool, major: number, of: "server" | "archive"): Promise<string> {
    const file = await findPgTool(name, major);
    if (file !== undefined) return path.resolve(file);
    const chosen = process.env.SCHEMAWARD_PG_BIN;
    const older = await findPgTool(name, 0);
    throw new FailedError({
        what: `No ${name} of version ${String(major)} or newer was found; the ${of} is of version ${String(major)}.`,
        where: { object: name },
        detail: [
            `SCHEMAWARD_PG_BIN: ${chosen === undefined || chosen === "" ? "not set" : chosen}`,
            `PATH: ${process.env.PATH ?? ""}`,
            "the usual folders: /usr/lib/postgresql/*/bin, /usr/pgsql-*/bin, /opt/homebrew/opt/libpq/bin and their like",
            ...(older === undefined ? [] : [`too old: ${older}`]),
        ],
        state: of === "server" ? "No snapshot was taken; the database is unchanged." : "Nothing was changed.",
        next: `Install PostgreSQL's client programs of version ${String(major)} (Debian: postgresql-client-${String(major)}), or set SCHEMAWARD_PG_BIN to the folder that holds ${name}.`,
    });
}
