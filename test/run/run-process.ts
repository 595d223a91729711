import { type Declaration, defaultPolicy, defaultRunSettings } from "../../core/declaration";
import { migrate } from "../../core/run/run";

/** A run in a process of its own, to be killed: `run-process PROJECT VERSION MORE`, the database in DATABASE_URL, MORE of the declaration as JSON. */
const [, , projectDir = "", version = "", more = "{}"] = process.argv;
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
    { projectDir, looseVersion: true, observe: "quick", waitMs: 0, report: (event) => process.send?.(event) },
).then(
    () => process.disconnect(),
    () => process.exit(1),
);
