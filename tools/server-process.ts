import { type ChildProcess, spawn } from "node:child_process";

/** A program that serves until it is ended. */
export interface ServerProcess {
    readonly name: string;
    readonly pid: number;
    /** What it printed last, for errors. */
    log(): string;
    /** Undefined while it runs. */
    exit(): string | undefined;
    /** Signals it and waits until it is gone; kills it when it does not go in 10 s. */
    end(signal: NodeJS.Signals): Promise<void>;
}

/** Those that still run; a test that dies takes its servers with it. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
    for (const child of running) child.kill("SIGKILL");
});

/** Starts a program of one's own. It gets PATH, HOME and what is given, and nothing else of this process's environment. */
export function startProcess(
    file: string,
    args: readonly string[],
    options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): ServerProcess {
    const child = spawn(file, args, {
        cwd: options.cwd,
        env: { PATH: process.env["PATH"], HOME: options.cwd, ...options.env },
        stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    let printed = "";
    for (const stream of [child.stdout, child.stderr])
        stream.setEncoding("utf8").on("data", (text: string) => {
            printed = (printed + text).slice(-20_000);
        });
    let failure: string | undefined;
    const gone = new Promise<void>((resolve) => {
        child.once("exit", (code, signal) => {
            failure = `${file} ended with ${String(code ?? signal)}`;
            running.delete(child);
            resolve();
        });
        child.once("error", (error) => {
            failure = `${file} does not start: ${error.message}`;
            resolve();
        });
    });
    return {
        name: file,
        pid: child.pid ?? 0,
        log: () => printed,
        exit: () => failure,
        end: async (signal) => {
            if (failure !== undefined) return;
            child.kill(signal);
            const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
            await gone;
            clearTimeout(timer);
        },
    };
}

/**
 * Waits until a server answers as it should.
 * @param ready true when it does; false or an error: asked again
 * @throws when the process ends first, or after a minute; with what it printed
 */
export async function until(server: ServerProcess, ready: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 60_000;
    for (;;) {
        let why = "it is not ready";
        try {
            if (await ready()) return;
        } catch (error) {
            why = error instanceof Error ? error.message : String(error);
        }
        if (server.exit() !== undefined || Date.now() > deadline)
            throw new Error(`${server.exit() ?? `${server.name}: ${why}`}\n${server.log()}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
}
