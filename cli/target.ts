import { dirname, resolve } from "node:path";
import type { Declaration } from "../core/declaration";
import { defaultPolicy, defaultRunSettings } from "../core/declaration";
import { BadInputError } from "../core/errors";

/** The flags by which a command is told its database and set. */
export interface TargetFlags {
    readonly stack?: string;
    readonly url?: string;
    readonly dir?: string;
    readonly format?: string;
    readonly set?: string;
    readonly role?: string;
}

export interface Target {
    /** The version is the stack's, or `latest`; commands that take `--to` put theirs in its place. */
    readonly declaration: Declaration;
    readonly projectDir: string;
    /** The flags again, without secrets, for the line that says how to run a plan. */
    readonly commandFlags: string;
    /** Whether no `--set` was given. */
    readonly setIsAssumed: boolean;
}

/**
 * What `--stack`, or `--url`, `--dir` and `--format`, mean.
 * @throws BadInputError
 */
export function readTarget(flags: TargetFlags): Target {
    const projectDir = process.cwd();
    if (flags.stack !== undefined) {
        const others = (["url", "dir", "role"] as const).filter((name) => flags[name] !== undefined);
        if (others.length > 0) {
            throw new BadInputError({
                what: `--stack and ${others.map((name) => `--${name}`).join(", ")} exclude each other: the stack's file says it.`,
                state: "Nothing was touched.",
                next: "Give one of them.",
            });
        }
        // Loaded here: flags alone need neither zod nor yaml.
        const { readProject, readStackSettings } =
            require("../stacks/stack-file.js") as typeof import("../stacks/stack-file");
        const { declarationOf } = require("../stacks/parse-settings.js") as typeof import("../stacks/parse-settings");
        const project = readProject(projectDir);
        const settings = readStackSettings(project, flags.stack);
        const declaration = declarationOf(settings, {
            project: project.name,
            stack: flags.stack,
            ...(flags.set === undefined ? {} : { set: flags.set }),
        });
        return {
            declaration,
            projectDir,
            commandFlags: `--stack ${flags.stack}`,
            setIsAssumed: flags.set === undefined,
        };
    }
    const url = flags.url ?? process.env["DATABASE_URL"];
    if (url === undefined || flags.dir === undefined) {
        throw new BadInputError({
            what: "Which database and which migrations?",
            state: "Nothing was touched.",
            next: "Give --stack NAME in a project's folder, or --url URL (or the environment variable DATABASE_URL) with --dir DIR.",
        });
    }
    const dir = resolve(projectDir, flags.dir);
    const role = flags.role === undefined ? {} : { role: flags.role };
    return {
        declaration: {
            set: flags.set ?? "default",
            migrations: { dir, format: (flags.format ?? "numbered") as Declaration["migrations"]["format"] },
            version: "latest",
            // A URL given as a flag stands in the process list; the environment variable does not.
            connection: flags.url === undefined ? { env: "DATABASE_URL", ...role } : { url, ...role },
            history: { mirror: "schema_migrations" },
            snapshot: { required: false },
            policy: { ...defaultPolicy, approval: "data-loss" },
            run: defaultRunSettings,
        },
        projectDir: dirname(dir),
        commandFlags: flagsAgain(flags),
        setIsAssumed: flags.set === undefined,
    };
}

/** The flags as they were given, without the URL: it may hold a password. */
function flagsAgain({ url, dir, format, set, role }: TargetFlags): string {
    const value = (text: string): string => (/^[\w./:=@+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
    return [
        ...(url === undefined ? [] : ["--url …"]),
        ...(dir === undefined ? [] : [`--dir ${value(dir)}`]),
        ...(format === undefined || format === "numbered" ? [] : [`--format ${value(format)}`]),
        ...(set === undefined ? [] : [`--set ${value(set)}`]),
        ...(role === undefined ? [] : [`--role ${value(role)}`]),
    ].join(" ");
}
