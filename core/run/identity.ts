import { hostname, userInfo } from "node:os";

/** Who runs: written into the ledger and shown to those who are refused meanwhile. */
export interface RunIdentity {
    readonly who: string;
    readonly host: string;
    readonly pid: number;
}

export function identifyRun(): RunIdentity {
    return { who: process.env["SCHEMAWARD_WHO"] ?? userName(), host: hostname(), pid: process.pid };
}

function userName(): string {
    try {
        return userInfo().username;
    } catch {
        // A container's user may have no name.
        return `uid ${process.getuid?.() ?? "unknown"}`;
    }
}
