import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { buildSync } from "esbuild";
import { bundleFile, codeFile, idPrefix, openBundle } from "../cli/bundle";
import { root } from "./pg-binaries";

const folder = path.join(root, "dist", "cli");

/** Packages on the way to a plan, which the bundle takes in; others stay outside and are loaded when they are needed. */
const inside = ["commander", "pg"];

/** The command's bundle, made of the compiled files, as `openBundle` reads it. */
export function makeBundle(): string {
    const { dependencies } = require("../../package.json") as { dependencies: Record<string, string> };
    const { outputFiles } = buildSync({
        entryPoints: [path.join(folder, "program.js")],
        absWorkingDir: root,
        bundle: true,
        write: false,
        platform: "node",
        target: "node20",
        format: "cjs",
        external: [...Object.keys(dependencies).filter((name) => !inside.includes(name)), "pg-native"],
        legalComments: "inline",
        logLevel: "warning",
    });
    const text = `(function (require, exports) {\n${outputFiles[0]?.text ?? ""}})`;
    // In strings esbuild writes them so itself, in regular expressions and comments it does not.
    const body = text.replace(/[^\0-\x7f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
    return `${idPrefix}${createHash("sha256").update(body).digest("hex")} */${body}`;
}

/** Writes the bundle and, from a process that runs it, V8's compiled code. */
function main(): void {
    for (const name of readdirSync(folder)) if (name.endsWith(".code")) rmSync(path.join(folder, name));
    write(bundleFile, Buffer.from(makeBundle(), "latin1"));
    const { status } = spawnSync(process.execPath, [__filename, "record"], { stdio: "inherit" });
    if (status !== 0) throw new Error("The command's compiled code could not be recorded.");
}

/**
 * Runs a plan up to the server, where nobody answers, and writes the code of all that ran until then. V8 compiles a function when it is
 * first called; to have all of them compiled would make a file so large that reading it takes the time it saves.
 */
function record(): void {
    const bundle = openBundle(folder);
    if (bundle === undefined) throw new Error(`${bundleFile} is not there.`);
    const migrations = mkdtempSync(path.join(os.tmpdir(), "schemaward-build-"));
    mkdirSync(path.join(migrations, "rollback"));
    writeFileSync(path.join(migrations, "001_one.sql"), "SELECT 1;\n");
    writeFileSync(path.join(migrations, "rollback", "001_down.sql"), "SELECT 1;\n");
    process.argv = [process.execPath, path.join(folder, "main.js"), "plan", "--dir", migrations];
    process.env["DATABASE_URL"] = "postgresql://nobody:none@127.0.0.1:1/none?sslmode=disable";
    let said = "";
    process.stderr.write = (text) => {
        said += String(text);
        return true;
    };
    process.once("exit", () => {
        rmSync(migrations, { recursive: true });
        const isAsMeant = said.includes("No connection to PostgreSQL");
        if (isAsMeant) write(codeFile, bundle.code());
        else console.log(said);
        process.exitCode = isAsMeant ? 0 : 1;
    });
    bundle.run(require);
}

/** Whole or not at all, since others may be running the command. */
function write(name: string, content: Buffer): void {
    const file = path.join(folder, name);
    writeFileSync(`${file}.${process.pid}`, content);
    renameSync(`${file}.${process.pid}`, file);
}

if (require.main === module) {
    if (process.argv[2] === "record") record();
    else main();
}
