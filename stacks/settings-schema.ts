import { validRange } from "semver";
import { z } from "zod";
import { defaultPolicy, defaultRestore, defaultRunSettings } from "../core/declaration";
import { backupsSchema, encryptionSchema, keepSchema } from "./settings-backups";
import { trafficSchema } from "./settings-traffic";

/** What a text has to be like, said only where there is one: where there is none, "is missing" says more. */
const text = (error: string, pattern = /\S/): z.ZodString =>
    z.string({ error: (issue) => (issue.input === undefined ? undefined : error) }).regex(pattern, { error });

/** A version is a string: unquoted, YAML makes the number 20 of 024. */
const version = text(
    'must be a string of digits, "latest", or "0": write it in quotes, like "024" (unquoted, YAML reads 024 as the number 20)',
    /^(?:\d+|latest)$/,
);

/** A role's or a database's name: any that PostgreSQL keeps whole (63 bytes). */
const pgName = text("must be a name of at most 63 characters", /^.{1,63}$/);

const connection = z
    .strictObject({
        env: z.string().min(1).optional().describe("environment variable that holds the database's URL"),
        command: z.array(z.string()).min(1).optional().describe("command, with arguments, that prints the URL"),
        role: pgName.optional().describe("role that scripts run as (SET ROLE); default: the one that logs in"),
    })
    .refine((c) => (c.env === undefined) !== (c.command === undefined), { error: "needs exactly one of env, command" })
    .transform(({ env, command, role }) => {
        const as = role === undefined ? {} : { role };
        return env === undefined ? { command: command ?? [], ...as } : { env, ...as };
    })
    .describe("where the database's URL is found: a reference, never the URL itself");

const store = text("must be a file: or s3: URL", /^(file|s3):./);

/**
 * Everything a stack's file may say under the project's name, each key described. Unknown keys are refused. Versions,
 * digests and the application's version are strings: in quotes wherever YAML would read a number.
 */
export const settingsSchema = z.strictObject({
    version: version.describe('version the database must be at: "024", "latest", or "0" for nothing applied'),
    app: text("must be a string, like 1.2.9 (in quotes when it has fewer than two dots)")
        .optional()
        .describe("version of the application that runs on this schema; tag of its image, part of snapshots' names"),
    environment: text("must be a string")
        .optional()
        .describe("name of the environment in plans and snapshots; default: the stack's name"),
    connection,
    migrations: z
        .strictObject({
            dir: text("must be a folder, relative to the project").describe("folder of the set"),
            format: z.enum(["numbered"]).default("numbered").describe("how the folder names its scripts"),
        })
        .default({ dir: "db/migrations", format: "numbered" })
        .describe("the set of migrations"),
    history: z
        .strictObject({
            mirror: z
                .enum(["schema_migrations", "none"])
                .default("schema_migrations")
                .describe("another tool's history table that is kept in step"),
        })
        .default({ mirror: "schema_migrations" })
        .describe("other tools' history"),
    adopt: text("must be PROJECT/STACK", /^[^/]+\/[^/]+$/)
        .optional()
        .describe("project/stack whose ledger this stack takes over"),
    backups: backupsSchema(store).optional(),
    snapshot: z
        .strictObject({
            required: z.boolean().default(true).describe("no verified snapshot, no migration"),
            store: store
                .optional()
                .describe("file: or s3: URL of the store, where it is not the one that backups declares"),
            keep: keepSchema.optional(),
            jobs: z
                .int()
                .positive()
                .max(32)
                .optional()
                .describe("how many pg_dump work at a time, for large databases; default 1"),
            encryption: encryptionSchema.optional(),
        })
        .default({ required: true })
        .describe("the snapshot before each run"),
    keepData: z
        .boolean()
        .optional()
        .describe(
            "whether tables and columns that a down script drops are kept in schema schemaward, and loaded back when going forward again; default false",
        ),
    restoreFrom: text("must be a snapshot's name, or latest")
        .optional()
        .describe(
            "snapshot that the database is restored from, once: a name, or latest; once done it does nothing any more",
        ),
    restore: z
        .strictObject({
            jobs: z.int().positive().default(defaultRestore.jobs).describe("connections that pg_restore works with"),
            keepDays: z
                .int()
                .nonnegative()
                .default(defaultRestore.keepDays)
                .describe("days that the database is kept which was there before"),
        })
        .optional()
        .describe("how a snapshot is restored"),
    policy: z
        .strictObject({
            approval: z
                .enum(["always", "data-loss", "never"])
                .default(defaultPolicy.approval)
                .describe("which plans need approvedPlan"),
            approvedPlan: text('must be the 8 hex digits that the plan shows, in quotes: "7c1e9a04"', /^[0-9a-f]{8}$/)
                .optional()
                .describe("digest of the plan that somebody has read"),
            maxRowsLost: z
                .int()
                .nonnegative()
                .optional()
                .describe("upper bound of lost rows plus lost column values, counted again under the lock"),
            compatibility: z
                .array(
                    z.strictObject({
                        app: text("must be a range of versions, like 1.2.x", /\S/)
                            .refine((range) => validRange(range) !== null, {
                                error: "must be a range of versions, like 1.2.x",
                            })
                            .describe("versions of the application, as a semver range: 1.2.x"),
                        from: text('must be a string of digits: write it in quotes, like "020"', /^\d+$/).describe(
                            "lowest version of the schema that they accept",
                        ),
                        to: version.describe('highest version of the schema that they accept, or "latest"'),
                    }),
                )
                .min(1)
                .optional()
                .describe(
                    "which application runs on which schema: a plan that leads beyond what app accepts is refused",
                ),
            outOfOrder: z
                .enum(["allow", "refuse"])
                .default(defaultPolicy.outOfOrder)
                .describe("whether a migration below the head that was never applied may be applied now"),
            changedDown: z
                .enum(["approve", "show"])
                .default(defaultPolicy.changedDown)
                .describe("whether a down script that differs from the one stored at apply needs approval too"),
        })
        .prefault({})
        .describe("what may be done in this environment"),
    run: z
        .strictObject({
            lockTimeoutMs: z
                .int()
                .positive()
                .default(defaultRunSettings.lockTimeoutMs)
                .describe("milliseconds that a statement may wait for a lock before its transaction starts anew"),
            lockBudgetMs: z
                .int()
                .positive()
                .default(defaultRunSettings.lockBudgetMs)
                .describe("milliseconds that all tries of one migration may take together"),
            statementTimeoutMs: z
                .int()
                .nonnegative()
                .default(defaultRunSettings.statementTimeoutMs)
                .describe("milliseconds that one statement may run; 0: no limit"),
            indexDeadlineMs: z
                .int()
                .positive()
                .default(defaultRunSettings.indexDeadlineMs)
                .describe("milliseconds that one statement with CONCURRENTLY may take, waiting included"),
            searchPath: z
                .array(pgName)
                .default([])
                .describe("schemas that scripts look names up in, in order; none: the role's own setting"),
        })
        .prefault({})
        .describe("timeouts and search_path of the scripts"),
    traffic: trafficSchema.optional().describe("how traffic is stopped while the schema changes; absent: it is not"),
    verify: z
        .array(
            z.strictObject({
                name: text("must say what it is about").describe("what it is about, for people"),
                sql: text("must be one SELECT that yields true or false").describe(
                    "one SELECT that yields one value: true, or the run has failed",
                ),
            }),
        )
        .optional()
        .describe("what is asked when all scripts of a run have taken effect: critical tables, relationships"),
    incidents: z
        .strictObject({
            dir: text("must be a folder, relative to the project")
                .optional()
                .describe("folder of the records, Markdown files"),
            webhook: z
                .strictObject({
                    env: z.string().min(1).describe("environment variable that holds the URL: it may be a secret"),
                })
                .optional()
                .describe("where the record is posted, as JSON: text, run, markdown"),
        })
        .refine((i) => i.dir !== undefined || i.webhook !== undefined, { error: "needs dir, webhook or both" })
        .optional()
        .describe("where each run that goes back leaves its record; absent: in the ledger only"),
    database: z
        .strictObject({
            name: pgName.describe("the database that roles get their rights on"),
            schema: pgName.default("public").describe("the schema that the scripts fill"),
            owner: pgName.describe("role that owns the schema and what the scripts make; nobody logs in as it"),
            migratorRole: pgName.describe(
                "role in the connection's URL: it may become the owner, and keeps the ledger",
            ),
            appRole: pgName.describe("role that the application logs in as: reads and writes rows, changes no schema"),
            plannerRole: pgName
                .optional()
                .describe("role that previews log in as: reads, so that it gets a plan; changes nothing"),
            publicAccess: z
                .enum(["revoke", "keep"])
                .default("revoke")
                .describe("whether PUBLIC, every other role of the server, loses its rights on database and schema"),
        })
        .optional()
        .describe("roles and grants, through @pulumi/postgresql; absent: somebody else manages them"),
    workload: z
        .strictObject({
            namespace: text("must be a Kubernetes name", /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/).describe(
                "namespace of the application",
            ),
            image: text(
                "must be an image's name without a tag, like registry.example/api",
                /^[^\s:@]+(?::\d+\/[^\s:@]+)?$/,
            ).describe("image without a tag; the tag is app"),
            replicas: z.int().nonnegative().default(2).describe("how many pods"),
            port: z.int().min(1).max(65_535).default(8080).describe("port that the application listens on"),
            databaseSecret: text("must be the name of a Kubernetes Secret", /^[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?$/)
                .default("api-database")
                .describe("Secret whose key url holds the application's own DATABASE_URL"),
            cpu: text("must be a Kubernetes quantity, like 250m", /^\d+(?:\.\d+)?m?$/)
                .default("250m")
                .describe("processor that a pod asks for"),
            memory: text("must be a Kubernetes quantity, like 256Mi", /^\d+(?:\.\d+)?(?:[KMGT]i?)?$/)
                .default("256Mi")
                .describe("memory that a pod asks for, and may use"),
        })
        .optional()
        .describe("the application's Deployment; absent: it is deployed elsewhere"),
});

/** A stack's settings, with defaults filled in. */
export type Settings = z.output<typeof settingsSchema>;
