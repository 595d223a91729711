import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/** One run of a command. */
export interface Measured {
    readonly seconds: number;
    /** Peak resident memory of the process itself; null where the system does not tell. */
    readonly peakMegabytes: number | null;
}

/** Runs a command to its end. @throws Error with its output when it fails */
export async function measure(
    file: string,
    args: readonly string[],
    options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<Measured> {
    const started = process.hrtime.bigint();
    const child = spawn(file, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
        stream.setEncoding("utf8").on("data", (text: string) => {
            output = (output + text).slice(-5_000);
        });
    let peak: number | null = null;
    // VmHWM only grows: the last look before the end is near enough to the peak.
    const looking = setInterval(() => {
        peak = peakOf(child.pid ?? 0) ?? peak;
    }, 20);
    const code = await new Promise<number | null>((resolve, reject) =>
        child.once("error", reject).once("close", resolve),
    );
    const seconds = Number(process.hrtime.bigint() - started) / 1e9;
    clearInterval(looking);
    if (code !== 0) throw new Error(`${file} ${args.join(" ")} exited with ${String(code)}:\n${output}`);
    return { seconds, peakMegabytes: peak };
}

function peakOf(pid: number): number | undefined {
    try {
        const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
        return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
    } catch {
        return undefined;
    }
}

/** The middle of an odd number of values, the mean of the two middle ones of an even number. */
export function median(values: readonly number[]): number {
    const sorted = [...values].sort((a, b) => a - b);
    const middle = sorted.length / 2;
    return sorted.length % 2 === 1
        ? (sorted[Math.floor(middle)] ?? 0)
        : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
