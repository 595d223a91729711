// Loaded into a process before everything else (node --require): kills it, as kill -9 does, right before or right after a chosen thing that a
// restore does to the world outside: a statement that changes something, a client program, a file of the store. Without being told to, it lists them.
import childProcess from "node:child_process";
import { appendFileSync, promises as fs } from "node:fs";
import path from "node:path";
import { Client } from "pg";

/** What the process is told, as JSON in SCHEMAWARD_RESTORE_FAULT. */
export interface RestoreFault {
    /** File in which each boundary is written as it is passed. */
    readonly log?: string;
    /** `after CREATE DATABASE#1`: the boundary at which it is killed. */
    readonly at?: string;
}

/** Names of statements that change nothing which stays, or that are said elsewhere. */
const harmless =
    /^\s*(?:SELECT(?!.*(?:pg_terminate_backend|setval))|SHOW|EXPLAIN|SAVEPOINT|SET\b(?!.*(?:REVOKE|GRANT))|BEGIN(?!;)|ROLLBACK|WITH\b(?!.*\b(?:INSERT|UPDATE|DELETE)\b)|DECLARE|FETCH|CLOSE)/is;

const fault = JSON.parse(process.env["SCHEMAWARD_RESTORE_FAULT"] ?? "null") as RestoreFault | null;
const counts = new Map<string, number>();

function pass(when: "before" | "after", name: string): void {
    const key = `${when} ${name}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    const boundary = `${key}#${String(count)}`;
    if (fault?.log !== undefined) appendFileSync(fault.log, `${boundary}\n`);
    if (fault?.at === boundary) process.kill(process.pid, "SIGKILL");
}

/** `ALTER DATABASE "small_1" ALLOW_CONNECTIONS false` → the same without what differs from one run to the next. */
function nameOf(query: unknown): string | undefined {
    const text = typeof query === "string" ? query : (query as { readonly text?: unknown } | null)?.text;
    if (typeof text !== "string" || harmless.test(text)) return undefined;
    if (text.includes("pg_terminate_backend")) return "sessions ended";
    return text
        .replace(/_(?:restoring|before)_\w+/g, "_$")
        .replace(/(?:small|app)_[0-9a-z_]+/g, "$")
        .replace(/'(?:[^']|'')*'/g, "'…'")
        .replace(/\s+/g, " ")
        .trim()
        .slice(0, 60);
}

function watchStatements(): void {
    const prototype = Client.prototype as unknown as { query: (...args: unknown[]) => unknown };
    const query = prototype.query;
    prototype.query = function (this: unknown, ...args: unknown[]): unknown {
        const name = nameOf(args[0]);
        if (name === undefined) return query.apply(this, args);
        pass("before", name);
        const answer = query.apply(this, args);
        const answered = (): void => {
            pass("after", name);
        };
        if (answer instanceof Promise) answer.then(answered, answered);
        return answer;
    };
}

function watchPrograms(): void {
    const spawn = childProcess.spawn as (...args: unknown[]) => childProcess.ChildProcess;
    const watched = (...args: unknown[]): childProcess.ChildProcess => {
        const name = path.basename(String(args[0]));
        pass("before", name);
        const child = spawn(...args);
        pass("after", `${name} began`);
        child.once("close", () => {
            pass("after", name);
        });
        return child;
    };
    childProcess.spawn = watched as typeof childProcess.spawn;
}

function watchFiles(): void {
    const link = fs.link;
    fs.link = async (from, to) => {
        const name = `file ${/[^.]*$/.exec(path.basename(String(to)))?.[0] ?? ""}`.replace(/(in-use|probe).*/, "$1");
        pass("before", name);
        await link(from, to);
        pass("after", name);
    };
}

if (fault !== null) {
    watchStatements();
    watchPrograms();
    watchFiles();
}
