// Loaded into a process before everything else (node --require): kills it, as kill -9 does, right before or right after a chosen thing that a
// restore does to the world outside: a statement that changes something, a client program, a file of the store. Without being told to, it lists them.
import childProcess from "node:child_process";
import { promises as fs } from "node:fs";
import path from "node:path";
import { boundaries, type FaultPoint, watchStatements } from "../support/fault-points";

/** Names of statements that change nothing which stays, or that are said elsewhere. */
const harmless =
    /^\s*(?:SELECT(?!.*(?:pg_terminate_backend|setval))|SHOW|EXPLAIN|SAVEPOINT|SET\b(?!.*(?:REVOKE|GRANT))|BEGIN(?!;)|ROLLBACK|WITH\b(?!.*\b(?:INSERT|UPDATE|DELETE)\b)|DECLARE|FETCH|CLOSE)/is;

/** What the process is told. */
const fault = JSON.parse(process.env["SCHEMAWARD_RESTORE_FAULT"] ?? "null") as FaultPoint | null;
const pass = boundaries(fault);

/** `ALTER DATABASE "small_1" ALLOW_CONNECTIONS false` → the same without what differs from one run to the next. */
function nameOf(text: string): string | undefined {
    if (harmless.test(text)) return undefined;
    if (text.includes("pg_terminate_backend")) return "sessions ended";
    return text
        .replace(/_(?:restoring|before)_\w+/g, "_$")
        .replace(/(?:small|app)_[0-9a-z_]+/g, "$")
        .replace(/'(?:[^']|'')*'/g, "'…'")
        .replace(/\s+/g, " ")
        .trim()
        .slice(0, 60);
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
    watchStatements(pass, nameOf);
    watchPrograms();
    watchFiles();
}
