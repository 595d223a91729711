import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { type Prepared, ready } from "./capability";
import { root } from "./pg-binaries";
import { hasCommand, lastLine } from "./process";

/** A package of Debian, unpacked into .cache/ with what it needs; nothing is installed. */
export interface DebianPackage {
    /** Where its file system tree is. */
    readonly dir: string;
    /** For LD_LIBRARY_PATH. */
    readonly libraries: string;
}

export function debianPackage(name: string): DebianPackage | undefined {
    const dir = path.join(root, ".cache", "debian", name);
    const lib = path.join(dir, "usr", "lib");
    if (!existsSync(dir)) return undefined;
    const triples = existsSync(lib) ? readdirSync(lib).filter((entry) => entry.includes("-linux-")) : [];
    return { dir, libraries: triples.map((triple) => path.join(lib, triple)).join(":") };
}

/** Fetches a package and what it needs through apt-get, without installing anything. */
export function fetchDebianPackage(name: string): Prepared {
    if (debianPackage(name) !== undefined) return ready;
    if (!hasCommand("apt-get", ["--version"]) || !hasCommand("dpkg", ["--version"]))
        return { state: "absent", why: "apt-get is not there" };
    const cache = path.join(root, ".cache", "debian");
    mkdirSync(cache, { recursive: true });
    const half = mkdtempSync(path.join(cache, `${name}-`));
    const apt = (...args: string[]): string =>
        execFileSync("apt-get", args, { cwd: half, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    try {
        // A new machine's lists are old or empty; without root they must do.
        if (process.getuid?.() === 0) apt("update", "-qq");
        const uris = apt("install", "--print-uris", "-qq", "--no-install-recommends", "--reinstall", name);
        const needed = [...uris.matchAll(/^'[^']+' ([^_\s]+)_/gm)].map((match) => match[1] ?? "");
        apt("download", "-qq", ...needed);
        mkdirSync(path.join(half, "tree"));
        for (const file of readdirSync(half).filter((f) => f.endsWith(".deb")))
            execFileSync("dpkg", ["-x", file, "tree"], { cwd: half });
        if (debianPackage(name) === undefined) renameSync(path.join(half, "tree"), path.join(cache, name));
        return ready;
    } catch (error) {
        return { state: "failed", why: `apt-get could not fetch ${name}: ${lastLine(error)}` };
    } finally {
        rmSync(half, { recursive: true, force: true });
    }
}
