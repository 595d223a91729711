import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { type Prepared, ready } from "./capability";
import { root } from "./pg-binaries";
import { hasCommand, lastLine } from "./process";

/** Programs in Go that are built from one module. */
export interface GoPrograms {
    /** Short name of the folder in .cache/. */
    readonly name: string;
    /**
     * Either a folder with go.mod and go.sum, relative to the checkout, which names what the packages need; or the module's
     * version, for packages that need no replacement.
     */
    readonly from: { readonly folder: string } | { readonly version: string };
    /** File name of each program, and its package. */
    readonly programs: Readonly<Record<string, string>>;
    /** Build tags. */
    readonly tags?: readonly string[];
    /** Values set at link time. */
    readonly variables?: Readonly<Record<string, string>>;
}

/** The folder that the programs are in once they are built: it is named by everything that they are made of. */
export function goProgramsFolder(wanted: GoPrograms): string {
    const hash = createHash("sha256").update(JSON.stringify([wanted, process.platform, process.arch]));
    if ("folder" in wanted.from)
        for (const file of ["go.mod", "go.sum"]) hash.update(readFileSync(path.join(root, wanted.from.folder, file)));
    return path.join(root, ".cache", `${wanted.name}-${hash.digest("hex").slice(0, 12)}`);
}

/**
 * Builds the programs into .cache/ where they are not there yet, through Go's module proxy. Safe to call twice at once.
 */
export function buildGoPrograms(wanted: GoPrograms): Prepared {
    const folder = goProgramsFolder(wanted);
    if (existsSync(folder)) return ready;
    if (!hasCommand("go", ["version"])) return { state: "absent", why: "Go is not there" };
    mkdirSync(path.dirname(folder), { recursive: true });
    const half = mkdtempSync(`${folder}-`);
    try {
        for (const [program, source] of Object.entries(wanted.programs)) build(wanted, program, source, half);
        if (!existsSync(folder)) renameSync(half, folder);
        return ready;
    } catch (error) {
        return { state: "failed", why: `Go could not build ${wanted.name}: ${lastLine(error)}` };
    } finally {
        rmSync(half, { recursive: true, force: true });
    }
}

function build(wanted: GoPrograms, program: string, source: string, into: string): void {
    const link = Object.entries(wanted.variables ?? {}).map(([name, value]) => `-X ${name}=${value}`);
    const tags = wanted.tags === undefined ? [] : ["-tags", wanted.tags.join(",")];
    const flags = ["-trimpath", ...tags, "-ldflags", ["-s", "-w", ...link].join(" ")];
    const options = { stdio: ["ignore", "ignore", "pipe"] as ["ignore", "ignore", "pipe"], maxBuffer: 1 << 26 };
    if ("folder" in wanted.from) {
        execFileSync("go", ["build", "-mod=readonly", ...flags, "-o", path.join(into, program), source], {
            ...options,
            cwd: path.join(root, wanted.from.folder),
        });
    } else {
        // Outside every module, so that no go.mod of somebody's parent folder has a say.
        execFileSync("go", ["install", ...flags, `${source}@${wanted.from.version}`], {
            ...options,
            cwd: into,
            env: { ...process.env, GOBIN: into, GO111MODULE: "on", GOFLAGS: "-buildvcs=false" },
        });
    }
}
