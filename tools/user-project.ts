import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
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

/** What a user's program looks like. */
const program = `import { PostgresSchema } from "schemaward";
import { settings } from "schemaward/settings";

const s = settings();
const schema = new PostgresSchema("NAME", {
    migrations: s.migrations,
    version: s.version, // lower it to go back
    app: s.app,
    environment: s.environment,
    adopt: s.adopt,
    connection: s.connection, // a reference, no password
    history: s.history,
    snapshot: s.snapshot,
    policy: s.policy,
    run: s.run,
});
export const at = schema.at;
export const lastSnapshot = schema.lastSnapshot;
`;

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
        "index.ts": program.replace("NAME", name),
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
