import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { bundleFile } from "../../cli/bundle";
import { makeBundle } from "../../tools/bundle-command";
import { root } from "../../tools/pg-binaries";

export interface CommandResult {
    readonly code: number | null;
    readonly stdout: string;
    readonly stderr: string;
    /** Standard output as JSON. */
    readonly json: <T>() => T;
}

/** Everything a command printed, which has to have succeeded. */
export async function succeeds(running: Promise<CommandResult>): Promise<string> {
    const { code, stdout, stderr } = await running;
    assert.equal(code, 0, stdout + stderr);
    return stdout + stderr;
}

/** Everything a command printed, which has to have failed. */
export async function fails(running: Promise<CommandResult>): Promise<string> {
    const { code, stdout, stderr } = await running;
    assert.notEqual(code, 0, stdout + stderr);
    return stdout + stderr;
}

export interface RunningCommand {
    readonly child: ChildProcess;
    readonly done: Promise<CommandResult>;
    /** Both outputs so far. */
    output(): string;
}

/** Starts a program of this project with its output kept. */
export function startCommand(
    program: "cli/main.js" | "offline-engine/main.js",
    args: readonly string[],
    options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): RunningCommand {
    if (program === "cli/main.js") ofThisCode();
    return startProcess(process.execPath, [path.join(root, "dist", program), ...args], options);
}

let isOfThisCode = false;

/** Who has only compiled would test the command as it was before. */
function ofThisCode(): void {
    isOfThisCode ||= readFileSync(path.join(root, "dist", "cli", bundleFile), "latin1") === makeBundle();
    if (!isOfThisCode) throw new Error("The command's bundle is not of this code: npm run build.");
}

export interface ProcessOptions {
    readonly cwd: string;
    readonly env?: NodeJS.ProcessEnv;
    /** In a process group of its own, as a shell starts it in a terminal. */
    readonly detached?: boolean;
}

/** Starts any program with its output kept. */
export function startProcess(file: string, args: readonly string[], options: ProcessOptions): RunningCommand {
    const child = spawn(file, args, {
        cwd: options.cwd,
        detached: options.detached ?? false,
        env: { ...process.env, ...options.env },
        stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const done = new Promise<CommandResult>((resolve, reject) => {
        child.once("error", reject);
        child.once("close", (code) => {
            resolve({ code, stdout, stderr, json: <T>() => JSON.parse(stdout) as T });
        });
    });
    return { child, done, output: () => stdout + stderr };
}
