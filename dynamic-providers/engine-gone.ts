import { fstatSync } from "node:fs";

let watching: AbortSignal | undefined;

/**
 * Aborted when the engine that started this provider process is gone: it holds the other end of our standard input, so that even
 * kill -9 closes it. Pulumi's provider process itself would live on, and with it a migration that nobody waits for. Never aborted
 * where standard input is no pipe.
 */
export function engineGone(): AbortSignal {
    if (watching !== undefined) return watching;
    const controller = new AbortController();
    watching = controller.signal;
    if (isPipe()) {
        const gone = (): void => {
            controller.abort();
        };
        process.stdin.on("end", gone).on("close", gone).on("error", gone).resume();
        // Watching alone keeps no process alive.
        (process.stdin as unknown as { unref?: () => void }).unref?.();
    }
    return watching;
}

function isPipe(): boolean {
    try {
        const input = fstatSync(0);
        return input.isFIFO() || input.isSocket();
    } catch {
        return false;
    }
}
