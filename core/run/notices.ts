import { redactSql } from "../sql/sensitive";
import type { RunEvent } from "./events";

interface Notice {
    readonly version: string;
    readonly text: string;
}

const noTransaction = "25P01";

/**
 * Passes on what the server remarks while it runs scripts, each with the version that it is about: when a step was sent ahead, the
 * server may speak of it before its turn has come here.
 */
export class Notices {
    /** Versions whose messages have not been answered, in the order of sending. */
    private awaited: string[] = [];
    private early: Notice[] = [];
    private turn = "";

    constructor(private readonly report: (event: RunEvent) => void) {}

    /** For the connection's event of this name. */
    readonly hear = ({ message, code }: { message?: string | undefined; code?: string | undefined }): void => {
        // Our own ROLLBACK, where the transaction had ended.
        if (code === noTransaction && this.awaited.length === 0) return;
        const notice = { version: this.awaited[0] ?? this.turn, text: redactSql(message ?? "") };
        if (notice.version === this.turn) this.report({ type: "notice", ...notice });
        else this.early.push(notice);
    };

    /** A message of this version is being sent. @returns to be called as soon as it is answered */
    sent(version: string): () => void {
        this.awaited.push(version);
        return () => {
            this.awaited.shift();
        };
    }

    /** From now on the run is at this version. */
    turnTo(version: string): void {
        this.turn = version;
        const early = this.early;
        this.early = early.filter((notice) => notice.version !== version);
        for (const notice of early) if (notice.version === version) this.report({ type: "notice", ...notice });
    }

    /** What was said of versions whose turn has not come is void: they will be run anew. */
    dropEarly(): void {
        this.early = [];
    }

    /** The connection is another one. */
    forget(): void {
        this.awaited = [];
        this.early = [];
    }
}
