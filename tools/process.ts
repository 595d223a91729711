import { execFileSync } from "node:child_process";

/** Whether a command is there and runs. */
export function hasCommand(command: string, args: readonly string[]): boolean {
    try {
        execFileSync(command, args, { stdio: "ignore" });
        return true;
    } catch {
        return false;
    }
}

/** What a command that failed said last. */
export function lastLine(error: unknown): string {
    const stderr = (error as { stderr?: Buffer | string }).stderr?.toString() ?? "";
    const text = stderr.trim() === "" && error instanceof Error ? error.message : stderr;
    return text.trim().split("\n").at(-1) ?? "";
}
