import type { Readable } from "node:stream";

const MiB = 1024 * 1024;

/** S3's own limit. */
export const mostParts = 10_000;

/**
 * Bytes of a multipart upload's part, by its number from 1. How long a dump becomes is not known when it begins, so parts grow:
 * few and small ones for most databases, and 10,000 hold 930 GiB. The first 50 GiB are in parts of at most 32 MiB, of which three are in memory.
 */
export function partBytes(part: number): number {
    if (part <= 256) return 8 * MiB;
    if (part <= 512) return 16 * MiB;
    if (part <= 1_920) return 32 * MiB;
    if (part <= 4_000) return 64 * MiB;
    return 128 * MiB;
}

/** Fills buffers from a stream, at the reader's pace. */
export class PartReader {
    private rest: Buffer | undefined;
    private wake: () => void = () => undefined;

    /** @param signal ends a wait for a source that is silent, and would not notice that its stream was destroyed */
    constructor(
        private readonly body: Readable,
        private readonly signal: AbortSignal,
    ) {
        const wake = (): void => {
            this.wake();
        };
        for (const event of ["readable", "end", "error", "close"]) body.on(event, wake);
        signal.addEventListener("abort", wake, { once: true });
    }

    /**
     * Fills a buffer.
     * @param taken told of each piece, in order
     * @returns how many bytes there were; fewer than the buffer has: the stream has ended
     * @throws the stream's error or the signal's reason
     */
    async fill(buffer: Buffer, taken: (piece: Buffer) => void): Promise<number> {
        let filled = 0;
        while (filled < buffer.length) {
            const piece = this.rest ?? (await this.next());
            if (piece === undefined) break;
            const part = piece.subarray(0, buffer.length - filled);
            part.copy(buffer, filled);
            taken(part);
            filled += part.length;
            this.rest = part.length < piece.length ? piece.subarray(part.length) : undefined;
        }
        return filled;
    }

    private async next(): Promise<Buffer | undefined> {
        for (;;) {
            this.signal.throwIfAborted();
            if (this.body.errored) throw this.body.errored;
            const piece = this.body.read() as Buffer | Uint8Array | string | null;
            if (piece !== null) return Buffer.isBuffer(piece) ? piece : Buffer.from(piece as string);
            if (this.body.readableEnded) return undefined;
            if (this.body.destroyed) throw new Error("the stream was closed before its end");
            await new Promise<void>((resolve) => {
                this.wake = resolve;
            });
        }
    }
}
