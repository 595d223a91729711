import type { z } from "zod";
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
    const result = settingsSchema.safeParse(values, { reportInput: true });
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
    if (issue.code === "invalid_union") return explainUnion(issue, project);
    if (issue.input === undefined && (issue.code === "invalid_type" || issue.code === "invalid_value"))
        return [`${key} is missing: ${schemaAt(issue.path)?.description ?? "it is needed"}`];
    return [`${key} ${demandOf(issue)}`];
}

/** Of several forms the one is explained that was meant: the one that takes this kind of value. */
function explainUnion(issue: Extract<Issue, { readonly code: "invalid_union" }>, project: string): string[] {
    const kinds: string[] = [];
    for (const form of issue.errors) {
        const [first] = form;
        if (first?.code !== "invalid_type" || first.path.length > 0 || first.expected === "int")
            return form.flatMap((inner) => explain({ ...inner, path: [...issue.path, ...inner.path] }, project));
        kinds.push(typeNames[first.expected] ?? first.expected);
    }
    return [`${project}:${issue.path.map(String).join(".")} must be ${kinds.join(" or ")}`];
}

/** What is allowed, as a predicate of the key. What stands there is not repeated: it may be a secret. */
function demandOf(issue: Issue): string {
    // Custom messages are written as predicates.
    if (/^(?:must|needs)\b/.test(issue.message)) return issue.message;
    switch (issue.code) {
        case "invalid_value":
            return `must be one of: ${issue.values.map(String).join(", ")}`;
        case "invalid_type":
            return `must be ${typeNames[issue.expected] ?? issue.expected}`;
        case "too_small":
            return `must be ${issue.inclusive === false ? "more than" : "at least"} ${String(issue.minimum)}`;
        case "too_big":
            return `must be ${issue.inclusive === false ? "less than" : "at most"} ${String(issue.maximum)}`;
        default:
            return `is wrong: ${issue.message}`;
    }
}

const typeNames: Readonly<Record<string, string>> = {
    string: "a string (in quotes where YAML reads a number)",
    number: "a number",
    int: "a whole number",
    boolean: "true or false",
    array: "a list",
    object: "a mapping",
};

/** The keys of the schema at a path. */
function allowedAt(path: readonly PropertyKey[]): string[] {
    return Object.keys(schemaAt(path)?.shape ?? {});
}

/** What a person may want to know of a schema: its keys if it is a mapping, its description. */
export interface SchemaFacts {
    readonly shape: Readonly<Record<string, z.core.$ZodType>> | undefined;
    /** Of a list: what it holds. */
    readonly element: z.core.$ZodType | undefined;
    readonly description: string | undefined;
}

/** The schema at a path of keys; undefined where there is none. */
export function schemaAt(path: readonly PropertyKey[]): SchemaFacts | undefined {
    let at: SchemaFacts | undefined = factsOf(settingsSchema);
    for (const part of path) {
        const next: z.core.$ZodType | undefined = typeof part === "number" ? at?.element : at?.shape?.[String(part)];
        at = next === undefined ? undefined : factsOf(next);
    }
    return at;
}

/** Defaults, optional keys and transforms wrap a schema: looks through them. */
function factsOf(schema: z.core.$ZodType): SchemaFacts {
    interface Definition {
        readonly innerType?: z.core.$ZodType;
        readonly in?: z.core.$ZodType;
        /** Of a union: its forms, of which at most one is a mapping. */
        readonly options?: readonly z.core.$ZodType[];
        readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
        readonly element?: z.core.$ZodType;
    }
    const definition = schema._zod.def as Definition;
    const mapping = definition.options?.find((option) => factsOf(option).shape !== undefined);
    const inner = definition.innerType ?? definition.in ?? mapping;
    const below = inner === undefined ? undefined : factsOf(inner);
    return {
        shape: definition.shape ?? below?.shape,
        element: definition.element ?? below?.element,
        description: (schema as { readonly description?: string }).description ?? below?.description,
    };
}

function encryptionOf({
    recipients,
    identity,
}: NonNullable<Settings["snapshot"]["encryption"]>): NonNullable<Declaration["snapshot"]["encryption"]> {
    return { recipients, ...(identity === undefined ? {} : { identity }) };
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
        connection,
        history: settings.history,
        snapshot: {
            required: snapshot.required,
            ...(store === undefined ? {} : { store }),
            ...(snapshot.keep === undefined ? {} : { keep: snapshot.keep }),
            ...(snapshot.jobs === undefined ? {} : { jobs: snapshot.jobs }),
            ...(snapshot.encryption === undefined ? {} : { encryption: encryptionOf(snapshot.encryption) }),
        },
        policy: {
            approval: policy.approval,
            outOfOrder: policy.outOfOrder,
            changedDown: policy.changedDown,
            ...(policy.approvedPlan === undefined ? {} : { approvedPlan: policy.approvedPlan }),
            ...(policy.compatibility === undefined ? {} : { compatibility: policy.compatibility }),
            ...(policy.maxRowsLost === undefined ? {} : { maxRowsLost: policy.maxRowsLost }),
        },
        run,
        ...(settings.traffic === undefined ? {} : { traffic: settings.traffic }),
        ...(settings.incidents === undefined ? {} : { incidents: settings.incidents }),
        ...(settings.verify === undefined ? {} : { verify: settings.verify }),
        ...(settings.keepData === undefined ? {} : { keepData: settings.keepData }),
        ...(settings.restoreFrom === undefined ? {} : { restoreFrom: settings.restoreFrom }),
        ...(settings.restore === undefined ? {} : { restore: settings.restore }),
    };
}
