import { spawn, type ChildProcess } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { StringDecoder } from "node:string_decoder";
import { CommandError, messageOf } from "./errors";

export interface ChildOptions {
    /** Script and arguments for Node. */
    readonly args: readonly string[];
    readonly cwd: string;
    /** Beside what this process has. */
    readonly env: Readonly<Record<string, string>>;
    /** Every line that is not blank, with its line break. */
    readonly onLine: (from: "stdout" | "stderr", line: string) => void;
}

export interface Exit {
    readonly code: number | null;
    readonly signal: NodeJS.Signals | null;
}

const patienceMs = 5_000;

/** A Node process of the program's. A Ctrl-C in the terminal does not reach it: what becomes of it is decided here. */
export class Child {
    /** When it ended and all its output was handed on. */
    readonly ended: Promise<Exit>;
    private readonly process: ChildProcess;

    constructor(options: ChildOptions) {
        this.process = spawn(process.execPath, options.args, {
            cwd: options.cwd,
            env: { ...process.env, ...options.env },
            detached: true,
            stdio: ["pipe", "pipe", "pipe"],
        });
        this.process.stdin?.on("error", () => undefined);
        for (const from of ["stdout", "stderr"] as const) {
            splitLines(this.process[from], (line) => {
                if (line.trim() !== "") options.onLine(from, line);
            });
        }
        this.ended = new Promise((resolve) => {
            this.process.once("close", (code, signal) => {
                resolve({ code, signal });
            });
            this.process.once("error", (error) => {
                options.onLine("stderr", `${error.message}\n`);
                resolve({ code: null, signal: null });
            });
        });
    }

    /** Asks it to end as the CLI does, and insists after a while. Returns when it has. */
    async stop(): Promise<void> {
        this.signal("SIGINT");
        const timer = setTimeout(() => {
            this.signal("SIGKILL");
        }, patienceMs);
        await this.ended;
        clearTimeout(timer);
    }

    /** Waits for it to end by itself, and stops it if it does not. */
    async finish(): Promise<void> {
        const timer = setTimeout(() => {
            void this.stop();
        }, patienceMs);
        await this.ended;
        clearTimeout(timer);
    }

    /** To the process and whatever it started. */
    private signal(signal: NodeJS.Signals): void {
        const { pid, exitCode, signalCode } = this.process;
        if (pid === undefined || exitCode !== null || signalCode !== null) return;
        try {
            process.kill(-pid, signal);
        } catch {
            // It has just ended.
        }
    }
}

function splitLines(stream: NodeJS.ReadableStream | null, onLine: (line: string) => void): void {
    const decoder = new StringDecoder("utf8");
    let rest = "";
    stream?.on("data", (chunk: Buffer) => {
        const lines = (rest + decoder.write(chunk)).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) onLine(`${line}\n`);
    });
    stream?.on("end", () => {
        rest += decoder.end();
        if (rest !== "") onLine(rest);
    });
}

/** A script of the SDK that the program uses. @throws CommandError if the program has none */
export function sdkScript(programDir: string, script: string): string {
    try {
        return createRequire(join(programDir, "package.json")).resolve(`@pulumi/pulumi/cmd/${script}`);
    } catch (error) {
        throw new CommandError(
            `It looks like the Pulumi SDK has not been installed in ${programDir}. Have you run \`npm install\`? (${messageOf(error).split("\n")[0] ?? ""})`,
        );
    }
}
