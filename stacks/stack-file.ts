import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseDocument } from "yaml";
import { BadInputError } from "../core/errors";
import { parseSettings } from "./parse-settings";
import type { Settings } from "./settings-schema";

export interface Project {
    readonly name: string;
    readonly dir: string;
    /** Folder of the stacks' files. */
    readonly stackDir: string;
    /** Keys of the project that Pulumi.yaml itself gives a value, for every stack whose file does not. */
    readonly defaults: readonly string[];
}

/** Reads Pulumi.yaml. @throws BadInputError */
export function readProject(dir: string): Project {
    const file = ["Pulumi.yaml", "Pulumi.yml"].find((f) => existsSync(join(dir, f)));
    if (file === undefined) {
        throw new BadInputError({
            what: "There is no Pulumi.yaml here, so --stack says nothing.",
            where: { file: dir },
            state: "Nothing was touched.",
            next: "Go to the project's folder, or use --url, --dir and --format.",
        });
    }
    const content = parseYaml(join(dir, file));
    const { name, stackConfigDir, config } = content;
    if (typeof name !== "string")
        throw new BadInputError({ what: "The project has no name.", where: { file }, next: "Add name: to it." });
    return {
        name,
        dir,
        stackDir: resolve(dir, typeof stackConfigDir === "string" ? stackConfigDir : "."),
        defaults: defaultsIn(config, name),
    };
}

/** Of `config:` in Pulumi.yaml; a key that only says its type has no value. */
function defaultsIn(config: unknown, project: string): string[] {
    if (typeof config !== "object" || config === null) return [];
    return Object.entries(config).flatMap(([key, value]: [string, unknown]) => {
        const [namespace, name] = key.includes(":") ? key.split(":", 2) : [project, key];
        const declares = typeof value === "object" && value !== null && !("default" in value) && !("value" in value);
        return namespace !== project || declares || value === null ? [] : [name ?? ""];
    });
}

/** Where a stack's file is, relative to the project. */
export function stackFileOf(project: Project, stack: string): string {
    const yaml = join(project.stackDir, `Pulumi.${stack}.yaml`);
    return existsSync(yaml)
        ? yaml
        : ([join(project.stackDir, `Pulumi.${stack}.yml`)].find((f) => existsSync(f)) ?? yaml);
}

/**
 * The values of a stack's file under the project's name, as YAML types them; secret ones are left as they are stored.
 * @throws BadInputError when there is no such file
 */
export function readStackValues(project: Project, stack: string): Record<string, unknown> {
    const file = stackFileOf(project, stack);
    if (!existsSync(file)) {
        const known = existsSync(project.stackDir)
            ? readdirSync(project.stackDir).flatMap((f) => /^Pulumi\.(.+)\.ya?ml$/.exec(f)?.[1] ?? [])
            : [];
        throw new BadInputError({
            what: `There is no stack "${stack}"; there is: ${known.length === 0 ? "none" : known.join(", ")}.`,
            where: { file },
            state: "Nothing was touched.",
            next: "Name one of these with --stack, or make the file.",
        });
    }
    const { config } = parseYaml(file);
    const values: Record<string, unknown> = {};
    if (typeof config !== "object" || config === null) return values;
    for (const [key, value] of Object.entries(config)) {
        if (key.startsWith(`${project.name}:`)) values[key.slice(project.name.length + 1)] = value;
    }
    return values;
}

/**
 * A stack's checked settings, as its file has them.
 * @throws BadInputError also where Pulumi.yaml gives a value that the file does not: Pulumi would put it in, and plan otherwise
 */
export function readStackSettings(project: Project, stack: string): Settings {
    const values = readStackValues(project, stack);
    const file = stackFileOf(project, stack);
    const missing = project.defaults.filter((key) => !(key in values));
    if (missing.length > 0)
        throw new BadInputError({
            what: `Pulumi.yaml gives ${missing.map((key) => `${project.name}:${key}`).join(", ")} a value for all stacks, which --stack does not read.`,
            where: { file },
            state: "Nothing was touched.",
            next: "Write it into the stack's file, too.",
        });
    return parseSettings(values, project.name, file);
}

function parseYaml(file: string): Record<string, unknown> {
    const document = parseDocument(readFileSync(file, "utf8"));
    const [error] = document.errors;
    if (error !== undefined) {
        throw new BadInputError({
            what: `The file is not YAML: ${error.message.split("\n", 1)[0] ?? ""}`,
            where: { file, line: error.linePos?.[0].line ?? 1 },
            state: "Nothing was touched.",
            next: "Correct it.",
        });
    }
    const content: unknown = document.toJS();
    return typeof content === "object" && content !== null ? (content as Record<string, unknown>) : {};
}
