import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import { root } from "./pg-binaries";

/** Something that runs Pulumi programs: the stand-in, or the real CLI. */
export interface Engine {
    readonly name: string;
    readonly command: readonly [file: string, ...args: string[]];
}

export const standIn: Engine = {
    name: "offline-engine",
    command: [process.execPath, path.join(root, "dist", "offline-engine", "main.js")],
};

/** The Pulumi CLI on this machine's PATH, if it is there and runs. */
export function realEngine(): Engine | undefined {
    const { status, stdout } = spawnSync("pulumi", ["version"], { encoding: "utf8", timeout: 30_000 });
    return status === 0 ? { name: `Pulumi CLI ${stdout.trim()}`, command: ["pulumi"] } : undefined;
}

/** The program of the README's first stack, for another name: what it says is what every such project runs. */
function program(name: string): string {
    const code = /^```ts\n(\/\/ index\.ts\n[^]*?)^```$/m.exec(readFileSync(path.join(root, "README.md"), "utf8"))?.[1];
    if (code === undefined) throw new Error("README.md has no program // index.ts any more");
    return code.replace('"clinic"', JSON.stringify(name));
}

/**
 * Makes a user's Pulumi project in an empty folder: this checkout as the package `schemaward`, a program with one PostgresSchema,
 * and a file backend of its own.
 * @param name of the project, the component and the set
 * @returns the environment that Pulumi commands in it need
 */
export function makeUserProject(dir: string, name: string): NodeJS.ProcessEnv {
    const modules = path.join(dir, "node_modules");
    mkdirSync(path.join(modules, "@types"), { recursive: true });
    mkdirSync(path.join(dir, "state"));
    symlinkSync(root, path.join(modules, "schemaward"), "junction");
    for (const dependency of ["@pulumi", "typescript", "@types/node"])
        symlinkSync(path.join(root, "node_modules", dependency), path.join(modules, dependency), "junction");
    const compilerOptions = {
        target: "es2022",
        module: "node16",
        moduleResolution: "node16",
        strict: true,
        skipLibCheck: true,
    };
    const files = {
        "Pulumi.yaml": `name: ${name}\nruntime: nodejs\nstackConfigDir: stacks\n`,
        "package.json": `${JSON.stringify({ name, private: true })}\n`,
        "tsconfig.json": `${JSON.stringify({ compilerOptions })}\n`,
        "index.ts": program(name),
    };
    for (const [file, text] of Object.entries(files)) writeFileSync(path.join(dir, file), text);
    return {
        PULUMI_BACKEND_URL: `file://${path.join(dir, "state")}`,
        PULUMI_CONFIG_PASSPHRASE: "passphrase",
        PULUMI_HOME: path.join(dir, "home"),
        PULUMI_SKIP_UPDATE_CHECK: "1",
    };
}

/** A stack's file: each key under the project's name. */
export function stackFileText(project: string, values: Readonly<Record<string, unknown>>): string {
    const config = Object.entries(values).filter(([, value]) => value !== undefined);
    return stringify({ config: Object.fromEntries(config.map(([key, value]) => [`${project}:${key}`, value])) });
}
