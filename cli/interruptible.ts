import { endLine } from "./output";

/**
 * Runs something that Ctrl-C ends cleanly: the first one tells it, the second ends the process.
 * @param then what happens now, and is waited for
 */
export async function interruptible(work: (signal: AbortSignal) => Promise<void>, then: string): Promise<void> {
    const stop = new AbortController();
    const interrupt = (): void => {
        if (stop.signal.aborted) process.exit(130);
        endLine();
        process.stderr.write(`interrupted: ${then} … (again to leave at once)\n`);
        stop.abort();
    };
    process.on("SIGINT", interrupt);
    process.on("SIGTERM", interrupt);
    try {
        await work(stop.signal);
    } finally {
        process.off("SIGINT", interrupt);
        process.off("SIGTERM", interrupt);
    }
}
