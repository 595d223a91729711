import { fstatSync } from "node:fs";

const leaving = new AbortController();
const signals = ["SIGINT", "SIGTERM"] as const;
let atWork = 0;
let isWatched = false;
let isGone = false;

/**
 * Does what the engine has asked for. The signal is aborted once nobody waits for it any more: at a second Ctrl-C, when the engine asks its
 * providers to end (with SIGINT, and after some five seconds with SIGKILL), and when the engine is gone. Pulumi's provider process itself would
 * die at once, or live on, and with it a migration that nobody waits for; with this it ends when its work has come to an end.
 */
export async function forEngine<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    watchEngine();
    if (atWork++ === 0) for (const signal of signals) process.on(signal, leave);
    try {
        return await work(leaving.signal);
    } catch (error) {
        // The engine does not show the answer to what it has given up; what is printed, it does.
        if (leaving.signal.aborted) say(error instanceof Error ? error.message : String(error));
        throw error;
    } finally {
        if (--atWork === 0) {
            if (leaving.signal.aborted) process.exit(1);
            // With nothing at work a signal does again what it does by default.
            for (const signal of signals) process.off(signal, leave);
        }
    }
}

/** Prints, as long as somebody is there to read it: Pulumi shows under the stack what a provider prints. */
export function say(text: string): void {
    if (!isGone) console.log(text);
}

function leave(): void {
    if (leaving.signal.aborted) return;
    say(
        "interrupted: what runs is rolled back; what became of it, and of traffic, is told here, or else by the next preview",
    );
    leaving.abort();
}

/** The engine holds the other end of our standard input, so that even kill -9 closes it. Where that is no pipe, nothing is seen. */
function watchEngine(): void {
    if (isWatched) return;
    isWatched = true;
    if (!isPipe()) return;
    const gone = (): void => {
        isGone = true;
        leaving.abort();
    };
    process.stdin.on("end", gone).on("close", gone).on("error", gone).resume();
    // Watching alone keeps no process alive.
    (process.stdin as unknown as { unref?: () => void }).unref?.();
}

function isPipe(): boolean {
    try {
        // With `bigint`, since what a plain fstat says of a pipe stays in a buffer where Node's next realpath takes it for that of a folder
        // on the way, and gives up: of a linked package (pnpm, npm link) the next provider would load a second copy.
        const input = fstatSync(0, { bigint: true });
        return input.isFIFO() || input.isSocket();
    } catch {
        return false;
    }
}
