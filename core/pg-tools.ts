import { execFile } from "node:child_process";
// Not from node:fs/promises: so it is loaded with the first call, and never for a plan that has nothing to do.
import { constants, promises as fs } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";

/** PostgreSQL's client programs that this project calls. */
export type PgTool = "pg_dump" | "pg_restore" | "psql";

/** Folders that hold one bin folder per installed major version; `*` stands for one path component. */
const usualFolders: readonly string[] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/lib64/pgsql/bin",
    "/usr/libexec/postgresql*",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/opt/homebrew/opt/libpq/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/usr/local/opt/libpq/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "C:/Program Files/PostgreSQL/*/bin",
];

const found = new Map<string, Promise<string | undefined>>();

/**
 * Finds a client program that can talk to a server: its major version is at least the server's. The folder in
 * SCHEMAWARD_PG_BIN wins; then the version nearest to the server's in PATH and in the folders where packages put it.
 * @returns the absolute path, or undefined when none is new enough
 */
export async function findPgTool(name: PgTool, serverMajor: number): Promise<string | undefined> {
    const key = JSON.stringify([name, serverMajor, process.env["SCHEMAWARD_PG_BIN"], process.env["PATH"]]);
    const known = found.get(key) ?? search(name, serverMajor);
    found.set(key, known);
    return known;
}

async function search(name: PgTool, serverMajor: number): Promise<string | undefined> {
    const chosen = process.env["SCHEMAWARD_PG_BIN"];
    if (chosen !== undefined && chosen !== "") {
        const tool = await toolIn(chosen, name);
        if (tool !== undefined && (await majorOfTool(tool)) >= serverMajor) return tool;
    }
    const inPath = (process.env["PATH"] ?? "").split(path.delimiter).filter((folder) => path.isAbsolute(folder));
    const usual = await Promise.all(usualFolders.map(expand));
    const tools = await Promise.all([...inPath, ...usual.flat()].map(async (folder) => toolIn(folder, name)));
    const distinct = [...new Set(tools.filter((tool) => tool !== undefined))];
    const versions = await Promise.all(distinct.map(async (tool) => ({ tool, major: await majorOfTool(tool) })));
    // The nearest: a newer pg_dump writes settings that an older server does not know.
    return versions.filter(({ major }) => major >= serverMajor).sort((a, b) => a.major - b.major)[0]?.tool;
}

async function toolIn(folder: string, name: PgTool): Promise<string | undefined> {
    const file = path.join(folder, process.platform === "win32" ? `${name}.exe` : name);
    try {
        await fs.access(file, constants.X_OK);
        // Debian's /usr/bin/pg_dump is a script that picks a version by its own rules; the real ones are in usualFolders.
        return path.basename(await fs.realpath(file)) === "pg_wrapper" ? undefined : file;
    } catch {
        return undefined;
    }
}

/** 0 for a tool that does not run. */
async function majorOfTool(tool: string): Promise<number> {
    // `pg_dump (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`; `18beta1` before a release.
    const { stdout } = await promisify(execFile)(tool, ["--version"], { timeout: 10_000 }).catch(() => ({
        stdout: "",
    }));
    return Number(/\(PostgreSQL\) (\d+)/.exec(stdout)?.[1] ?? 0);
}

async function expand(pattern: string): Promise<string[]> {
    const star = pattern.indexOf("*");
    if (star < 0) return [pattern];
    const parent = path.dirname(pattern.slice(0, star + 1));
    const prefix = path.basename(pattern.slice(0, star + 1)).slice(0, -1);
    const rest = pattern.slice(star + 1);
    const names = await fs.readdir(parent).catch(() => []);
    return names.filter((name) => name.startsWith(prefix)).map((name) => path.join(parent, name + rest));
}
