import { type Declaration, defaultPolicy, defaultRunSettings } from "../../core/declaration";
import { migrate } from "../../core/run/run";

/**
 * A run in a process of its own, to be killed or stopped: `run-process PROJECT VERSION MORE STOP`, the database in DATABASE_URL, MORE of the
 * declaration as JSON. It stops itself after the step of version STOP: a signal from outside would come too late.
 */
const [, , projectDir = "", version = "", more = "{}", stopAfter = ""] = process.argv;
void migrate(
    {
        set: "app",
        migrations: { dir: "migrations", format: "numbered" },
        version,
        connection: { env: "DATABASE_URL" },
        history: { mirror: "schema_migrations" },
        snapshot: { required: false },
        policy: { ...defaultPolicy, approval: "never" },
        run: defaultRunSettings,
        ...(JSON.parse(more) as Partial<Declaration>),
    },
    {
        projectDir,
        looseVersion: true,
        observe: "quick",
        waitMs: 0,
        report: (event) => {
            process.send?.(event);
            if (event.type === "step-done" && event.version === stopAfter) process.kill(process.pid, "SIGSTOP");
        },
    },
).then(
    () => process.disconnect(),
    (error: unknown) => {
        console.error(error instanceof Error ? error.message : error);
        process.exit(1);
    },
);
