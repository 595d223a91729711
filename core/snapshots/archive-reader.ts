import { createHash } from "node:crypto";
import os from "node:os";
import { startTool, type Ended, type Tool } from "./tool";

/** What reading a whole archive showed. */
export interface ArchiveRead {
    readonly bytes: number;
    /** Lower-case hex. */
    readonly sha256: string;
    /** How pg_restore ended that read all of it; `ok` only if it took every byte. */
    readonly restore: Ended;
}

/**
 * Reads an archive as it passes by: counts it, hashes it, and lets pg_restore read all of it from a pipe into nothing.
 * `pg_restore -l` would not do: it reads the table of contents and passes truncated archives.
 */
export class ArchiveReader {
    private readonly hash = createHash("sha256");
    private readonly restore: Tool;
    private closed = false;
    private refused = false;
    bytes = 0;

    /** @param pgRestore absolute path */
    constructor(pgRestore: string) {
        this.restore = startTool(pgRestore, ["--file", os.devNull]);
        this.restore.stdout.resume();
        void this.restore.ended.then(() => {
            this.closed = true;
        });
    }

    /** True once pg_restore has ended, which before the archive's end means that it is damaged. */
    get ended(): boolean {
        return this.closed;
    }

    /** Takes one more piece; returns when pg_restore can take the next. */
    async write(chunk: Buffer): Promise<void> {
        this.hash.update(chunk);
        this.bytes += chunk.length;
        const { stdin } = this.restore;
        if (this.closed || stdin.destroyed) {
            this.refused = true;
            return;
        }
        const more = stdin.write(chunk, (error) => {
            if (error instanceof Error) this.refused = true;
        });
        if (more) return;
        // A pipe that breaks emits no drain but close.
        await new Promise<void>((resolve) => {
            const goOn = (): void => {
                stdin.off("drain", goOn).off("close", goOn);
                resolve();
            };
            stdin.on("drain", goOn).on("close", goOn);
        });
    }

    /** The archive is over. */
    async end(): Promise<ArchiveRead> {
        const { stdin } = this.restore;
        if (!stdin.destroyed) stdin.end();
        const restore = await this.restore.ended;
        return {
            bytes: this.bytes,
            sha256: this.hash.digest("hex"),
            restore:
                restore.ok && this.refused
                    ? { ok: false, how: "exit code 0", lines: ["the archive goes on after its end"] }
                    : restore,
        };
    }

    /** Gives up; returns when pg_restore is gone. */
    async stop(): Promise<void> {
        await this.restore.stop();
    }
}
