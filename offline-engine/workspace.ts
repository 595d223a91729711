// Which stack is selected: kept per project in PULUMI_HOME, as the CLI keeps it (pkg/workspace).

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { CommandError } from "./errors";
import { checkpointKey, fullNameOf, parseStackName, requireStack, type Backend, type StackName } from "./file-backend";
import type { Project } from "./project";

interface Settings {
    /** Before selections were kept per backend. */
    readonly stack?: string;
    /** By the backend's URL. */
    readonly stacks?: Readonly<Record<string, string>>;
}

function fileOf(project: Project): string {
    const home = process.env["PULUMI_HOME"] ?? join(homedir(), ".pulumi");
    const hash = createHash("sha1").update(project.file).digest("hex");
    return join(home, "workspaces", `${project.name}-${hash}-workspace.json`);
}

function read(project: Project): Settings {
    const file = fileOf(project);
    return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Settings) : {};
}

export function selectStack(project: Project, backend: Backend, stack: StackName): void {
    const file = fileOf(project);
    const settings = read(project);
    const content: Settings = { ...settings, stacks: { ...settings.stacks, [backend.url]: fullNameOf(stack) } };
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const temporary = `${file}.${process.pid.toString()}.tmp`;
    writeFileSync(temporary, JSON.stringify(content, null, 4));
    renameSync(temporary, file);
}

/** The selected stack, if there is one and it exists. PULUMI_STACK selects for one command. */
export function selectedStack(project: Project, backend: Backend): StackName | undefined {
    const settings = read(project);
    const fromEnvironment = process.env["PULUMI_STACK"];
    const name =
        fromEnvironment === undefined || fromEnvironment === ""
            ? (settings.stacks?.[backend.url] ?? settings.stack)
            : fromEnvironment;
    if (name === undefined) return undefined;
    const stack = parseStackName(name, project);
    return backend.bucket.exists(checkpointKey(stack)) ? stack : undefined;
}

/** The named stack, else the selected one. @throws CommandError with exit status 6 if it does not exist */
export function stackOrSelected(name: string | undefined, project: Project, backend: Backend): StackName {
    if (name !== undefined) {
        const stack = parseStackName(name, project);
        requireStack(backend, stack);
        return stack;
    }
    const stack = selectedStack(project, backend);
    if (stack === undefined) {
        throw new CommandError(
            "no stack selected; please use `pulumi stack select` or `pulumi stack init` to choose one",
        );
    }
    return stack;
}
