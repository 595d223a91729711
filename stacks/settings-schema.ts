import { z } from "zod";
import { defaultPolicy, defaultRunSettings } from "../core/declaration";

/** A version is a string: unquoted, YAML makes the number 20 of 024. */
const version = z.string({
    error: 'must be a string: write it in quotes, like "024" (unquoted, YAML reads 024 as the number 20)',
});

const connection = z
    .strictObject({
        env: z.string().optional().describe("environment variable that holds the database's URL"),
        command: z.array(z.string()).min(1).optional().describe("command, with arguments, that prints the URL"),
        role: z.string().optional().describe("role that scripts run as (SET ROLE)"),
    })
    .refine((c) => (c.env === undefined) !== (c.command === undefined), {
        error: "needs exactly one of env, command",
    });

const store = z
    .string()
    .regex(/^(file|s3):/, { error: "must be a file: or s3: URL" })
    .describe("file:DIR, relative to the project, or s3://BUCKET/PREFIX");

/** Everything a stack's file may say under the project's name. Unknown keys are refused. */
export const settingsSchema = z.strictObject({
    version: version.describe('version the database must be at: "024", "latest", or "0" for nothing applied'),
    app: z.string({ error: "must be a string, like 1.2.9" }).optional(),
    environment: z.string().optional().describe("defaults to the stack's name"),
    connection,
    migrations: z
        .strictObject({ dir: z.string(), format: z.enum(["numbered"]).default("numbered") })
        .default({ dir: "db/migrations", format: "numbered" }),
    history: z
        .strictObject({ mirror: z.enum(["schema_migrations", "none"]).default("schema_migrations") })
        .default({ mirror: "schema_migrations" }),
    adopt: z.string().optional().describe("project/stack whose ledger this stack takes over"),
    backups: z
        .union(
            [
                z.strictObject({ existing: store }),
                z.strictObject({
                    bucket: z.string(),
                    expireDays: z.int().positive().default(365),
                    objectLockDays: z.int().positive().optional(),
                }),
            ],
            { error: "needs either existing (a file: or s3: URL) or bucket (a name)" },
        )
        .optional(),
    snapshot: z
        .strictObject({
            required: z.boolean().default(true),
            store: store.optional(),
            keep: z.int().positive().optional(),
        })
        .default({ required: true }),
    policy: z
        .strictObject({
            approval: z.enum(["always", "data-loss", "never"]).default(defaultPolicy.approval),
            approvedPlan: z
                .string({ error: "must be a string: put the digest in quotes" })
                .regex(/^[0-9a-f]{8}$/, { error: "must be the 8 hex digits that the plan shows" })
                .optional(),
            maxRowsLost: z.int().nonnegative().optional(),
            outOfOrder: z.enum(["allow", "refuse"]).default(defaultPolicy.outOfOrder),
            changedDown: z.enum(["approve", "show"]).default(defaultPolicy.changedDown),
        })
        .prefault({}),
    run: z
        .strictObject({
            lockTimeoutMs: z.int().positive().default(defaultRunSettings.lockTimeoutMs),
            lockBudgetMs: z.int().positive().default(defaultRunSettings.lockBudgetMs),
            statementTimeoutMs: z.int().nonnegative().default(defaultRunSettings.statementTimeoutMs),
            indexDeadlineMs: z.int().positive().default(defaultRunSettings.indexDeadlineMs),
            searchPath: z.array(z.string()).default([]),
        })
        .prefault({}),
    database: z
        .strictObject({
            name: z.string(),
            owner: z.string().describe("role that owns the schema and runs the scripts"),
            appRole: z.string().describe("role the application logs in as"),
        })
        .optional(),
    workload: z
        .strictObject({
            namespace: z.string(),
            image: z.string(),
            replicas: z.int().nonnegative().default(2),
        })
        .optional(),
});

/** A stack's settings, with defaults filled in. */
export type Settings = z.output<typeof settingsSchema>;
