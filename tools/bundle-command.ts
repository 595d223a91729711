import { spawnSync } from "node:child_process";
import path from "node:path";
import { buildSync } from "esbuild";
import { bundleFile, writeWhole } from "../cli/bundle";
import { root } from "./pg-binaries";

const folder = path.join(root, "dist", "cli");

/** Packages on the way to a plan, which the bundle takes in; others stay outside and are loaded when they are needed. */
const inside = ["commander", "pg", "pg-connection-string"];

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
        external: [
            ...Object.keys(dependencies).filter((name) => !inside.includes(name)),
            "pg-native",
            "#age",
            "#kubernetes-client",
        ],
        // Half a millisecond for each hundred kilobytes at each start; names stay, and lines are short enough for a stack to be read.
        minifyWhitespace: true,
        lineLimit: 160,
        legalComments: "inline",
        logLevel: "warning",
    });
    const text = `(function (require, exports) {\n${outputFiles[0]?.text ?? ""}})`;
    // In strings esbuild writes them so itself, in regular expressions and comments it does not.
    return text.replace(/[^\0-\x7f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Writes the bundle and, from a process that runs it, V8's compiled code. */
function main(): void {
    writeWhole(path.join(folder, bundleFile), makeBundle());
    // Code is of the options that V8 ran with.
    const env = { ...process.env, NODE_OPTIONS: "", npm_lifecycle_event: "" };
    const { status } = spawnSync(process.execPath, [path.join(folder, "record.js")], { stdio: "inherit", env });
    if (status !== 0) process.exitCode = 1;
}

if (require.main === module) main();
