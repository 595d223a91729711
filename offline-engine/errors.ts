/** Exit statuses, as the Pulumi CLI's (cmdutil/exit.go). */
export const exitCodes = {
    done: 0,
    failed: 1,
    notConfirmed: 2,
    stackNotFound: 6,
    changesNotExpected: 7,
    canceled: 8,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends the command. The text is the CLI's own wherever the CLI has one, because scripts and people look for it. */
export class CommandError extends Error {
    constructor(
        message: string,
        readonly exitCode: ExitCode = exitCodes.failed,
    ) {
        super(message);
        this.name = "CommandError";
    }
}

/** Ends the command after what went wrong was already shown as a diagnostic. */
export class Reported extends CommandError {
    constructor() {
        super("already reported");
        this.name = "Reported";
    }
}

/** Something the real engine knows and this stand-in does not: named, never ignored. */
export function unknownHere(what: string): CommandError {
    return new CommandError(
        `${what} is not known to offline-engine, a small stand-in for the Pulumi CLI; use the real CLI for this`,
    );
}

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
    return error instanceof Error ? error.message : String(error);
}
