import type { z } from "zod";
import type { ConnectionReference } from "../core/connection";
import type { Declaration } from "../core/declaration";
import { BadInputError } from "../core/errors";
import { type Settings, settingsSchema } from "./settings-schema";

/**
 * Checks a stack's values. All problems are named at once, each with its key and what is allowed.
 * @param values without the project's name before the keys
 * @param file the stack's file, for messages
 * @throws BadInputError
 */
export function parseSettings(values: Readonly<Record<string, unknown>>, project: string, file: string): Settings {
    const result = settingsSchema.safeParse(values);
    if (result.success) return result.data;
    const problems = result.error.issues.flatMap((issue) => explain(issue, project));
    throw new BadInputError({
        what: problems.length === 1 ? `A setting is wrong: ${problems[0] ?? ""}` : "Several settings are wrong:",
        where: { file },
        detail: problems.length === 1 ? [] : problems,
        state: "Nothing was touched.",
        next: `Correct ${file}.`,
    });
}

type Issue = z.core.$ZodIssue;

function explain(issue: Issue, project: string): string[] {
    const key = `${project}:${issue.path.map(String).join(".")}`;
    if (issue.code === "unrecognized_keys") {
        const prefix = issue.path.length === 0 ? `${project}:` : `${key}.`;
        return issue.keys.map((k) => `${prefix}${k} is unknown; allowed here: ${allowedAt(issue.path).join(", ")}`);
    }
    if (issue.code === "invalid_value") return [`${key} must be one of: ${issue.values.map(String).join(", ")}`];
    if (issue.code === "invalid_type" && issue.input === undefined && !issue.message.startsWith("must"))
        return [`${key} is missing`];
    return [
        `${key} ${issue.message.startsWith("must") || issue.message.startsWith("needs") ? issue.message : `is wrong: ${issue.message}`}`,
    ];
}

/** The keys of the schema at a path, as far as it can be followed. */
function allowedAt(path: readonly PropertyKey[]): string[] {
    let schema: unknown = settingsSchema;
    for (const part of path) schema = shapeOf(schema)?.[String(part)];
    return Object.keys(shapeOf(schema) ?? {});
}

function shapeOf(schema: unknown): Record<string, unknown> | undefined {
    let at = schema as
        { shape?: Record<string, unknown>; unwrap?: () => unknown; def?: { innerType?: unknown } } | undefined;
    while (at !== undefined && at.shape === undefined) at = at.def?.innerType ?? undefined;
    return at?.shape;
}

/** What the settings declare, for the core. */
export function declarationOf(
    settings: Settings,
    at: { readonly project: string; readonly stack: string; readonly set?: string },
): Declaration {
    const { policy, snapshot, connection, run } = settings;
    const store =
        snapshot.store ??
        (settings.backups !== undefined && "existing" in settings.backups ? settings.backups.existing : undefined);
    return {
        set: at.set ?? at.project,
        declarer: { project: at.project, stack: at.stack, environment: settings.environment ?? at.stack },
        ...(settings.adopt === undefined ? {} : { adopt: settings.adopt }),
        migrations: settings.migrations,
        version: settings.version,
        ...(settings.app === undefined ? {} : { app: settings.app }),
        connection: referenceOf(connection),
        history: settings.history,
        snapshot: {
            required: snapshot.required,
            ...(store === undefined ? {} : { store }),
            ...(snapshot.keep === undefined ? {} : { keep: snapshot.keep }),
        },
        policy: {
            approval: policy.approval,
            outOfOrder: policy.outOfOrder,
            changedDown: policy.changedDown,
            ...(policy.approvedPlan === undefined ? {} : { approvedPlan: policy.approvedPlan }),
            ...(policy.maxRowsLost === undefined ? {} : { maxRowsLost: policy.maxRowsLost }),
        },
        run,
    };
}

/** The connection as the core takes it; zod's optional keys carry `undefined`, which is left out. */
export function referenceOf(connection: Settings["connection"]): ConnectionReference {
    const role = connection.role === undefined ? {} : { role: connection.role };
    if (connection.env !== undefined) return { env: connection.env, ...role };
    return { command: connection.command ?? [], ...role };
}
