import { existsSync, statSync } from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import { CommandError, unknownHere } from "./errors";
import { readDocument, textAt, valueOf, type YamlMap, type YamlValue } from "./yaml";

/** What Pulumi.yaml says. */
export interface Project {
    readonly name: string;
    readonly file: string;
    /** Folder of Pulumi.yaml. */
    readonly root: string;
    /** Folder the program runs in; it is also where its node_modules are looked for. */
    readonly programDir: string;
    /** What to run there: a file, or "." for what package.json says. */
    readonly entryPoint: string;
    readonly typescript: boolean;
    readonly tsconfig: string | undefined;
    readonly nodeArgs: readonly string[];
    /** Options of the runtime as written; the provider's process gets them in its environment. */
    readonly runtimeOptions: ReadonlyMap<string, string>;
    readonly stackDir: string;
    readonly backendUrl: string | undefined;
}

/** Keys that only describe. Whatever else is there would change what the real CLI does. */
const descriptive = new Set(["description", "author", "website", "license", "template"]);

/** Looks in the folder and upwards, as the CLI does. @throws CommandError */
export function readProject(from: string): Project {
    const file = find(resolve(from));
    if (file === undefined) {
        throw new CommandError(
            `no Pulumi.yaml project file found (searching upwards from ${resolve(from)}). If you have not created a ` +
                "project yet, use `pulumi new` to do so: no project file found",
        );
    }
    const document = readDocument(file);
    const content = asMap(valueOf(document.contents, document), file);
    for (const key of content.keys()) {
        if (!descriptive.has(key) && !["name", "runtime", "main", "stackConfigDir", "backend"].includes(key))
            throw unknownHere(`the key ${key} of ${basename(file)}`);
    }
    const name = textAt(content, "name", file);
    if (name === undefined)
        throw new CommandError(`could not load project ${file}: project is missing a 'name' attribute`);
    if (!/^[A-Za-z0-9_.-]{1,100}$/.test(name))
        throw new CommandError(
            `project names may only contain alphanumerics, hyphens, underscores, and periods: ${name}`,
        );
    const root = dirname(file);
    const stackDir = textAt(content, "stackConfigDir", file);
    return {
        name,
        file,
        root,
        ...mainOf(root, textAt(content, "main", file)),
        ...runtimeOf(content.get("runtime") ?? null, file),
        stackDir: resolve(root, stackDir ?? "."),
        backendUrl: backendOf(content.get("backend") ?? null, file),
    };
}

/** The stack's file has the extension of the project's. */
export function stackFileOf(project: Project, stack: string): string {
    return join(project.stackDir, `Pulumi.${stack}${extname(project.file)}`);
}

function find(dir: string): string | undefined {
    const here = ["Pulumi.yaml", "Pulumi.yml"].map((f) => join(dir, f)).find((f) => existsSync(f));
    if (here !== undefined || dirname(dir) === dir) return here;
    return find(dirname(dir));
}

function asMap(value: YamlValue, file: string): YamlMap {
    if (value instanceof Map) return value as YamlMap;
    throw new CommandError(`could not load project ${file}: expected a mapping`);
}

function mainOf(root: string, main: string | undefined): Pick<Project, "programDir" | "entryPoint"> {
    if (main === undefined) return { programDir: root, entryPoint: "." };
    const path = resolve(root, main);
    if (!existsSync(path))
        throw new CommandError(`project 'main' could not be read: stat ${path}: no such file or directory`);
    if (statSync(path).isDirectory()) return { programDir: path, entryPoint: "." };
    return { programDir: dirname(path), entryPoint: basename(path) };
}

type Runtime = Pick<Project, "typescript" | "tsconfig" | "nodeArgs" | "runtimeOptions">;

function runtimeOf(value: YamlValue, file: string): Runtime {
    const runtime = value instanceof Map ? (value as YamlMap) : new Map<string, YamlValue>([["name", value]]);
    for (const key of runtime.keys()) {
        if (key !== "name" && key !== "options") throw unknownHere(`the key runtime.${key} of ${basename(file)}`);
    }
    const name = textAt(runtime, "name", file);
    if (name !== "nodejs") throw unknownHere(`the runtime ${name ?? "(none)"}`);
    const options = runtime.get("options") ?? new Map<string, YamlValue>();
    if (!(options instanceof Map)) throw new CommandError(`${file}: runtime.options must be a mapping`);
    const map = options as YamlMap;
    for (const key of map.keys()) {
        if (!["typescript", "tsconfig", "nodeargs", "packagemanager"].includes(key))
            throw unknownHere(`the option runtime.options.${key}`);
    }
    const typescript = map.get("typescript") ?? true;
    if (typeof typescript !== "boolean") throw new CommandError("typescript option must be a boolean");
    const nodeArgs = textAt(map, "nodeargs", file) ?? "";
    if (/["'\\]/.test(nodeArgs)) throw unknownHere("quoting in runtime.options.nodeargs");
    return {
        typescript,
        tsconfig: textAt(map, "tsconfig", file),
        nodeArgs: nodeArgs.split(/\s+/).filter((arg) => arg !== ""),
        runtimeOptions: new Map(
            [...map.keys()].map((key) => [
                key,
                key === "typescript" ? String(typescript) : (textAt(map, key, file) ?? ""),
            ]),
        ),
    };
}

function backendOf(value: YamlValue, file: string): string | undefined {
    if (value === null) return undefined;
    const backend = asMap(value, file);
    for (const key of backend.keys()) {
        if (key !== "url") throw unknownHere(`the key backend.${key} of ${basename(file)}`);
    }
    return textAt(backend, "url", file);
}
