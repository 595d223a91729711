import type { Declaration } from "../../core/declaration";
import { restore } from "../../core/run/restore/restore";

/**
 * A restore in a process of its own, to be killed: `restore-process PROJECT SNAPSHOT DECLARATION`, the database in DATABASE_URL. SIGINT
 * interrupts it, as it does the command.
 */
const [, , projectDir = "", snapshot = "", declaration = "{}"] = process.argv;
const interrupted = new AbortController();
process.once("SIGINT", () => {
    interrupted.abort();
});
void restore(
    { ...(JSON.parse(declaration) as Declaration), connection: { env: "DATABASE_URL" } },
    {
        projectDir,
        snapshot,
        emergency: true,
        declaredVersionCounts: false,
        waitMs: 0,
        signal: interrupted.signal,
        report: (event) => process.send?.(event),
    },
).then(
    () => process.disconnect(),
    (error: unknown) => {
        process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`, () => process.exit(1));
    },
);
