import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import { root } from "../../tools/pg-binaries";
import { type CommandResult, type RunningCommand, startProcess } from "./command";
import type { TestServer } from "./postgres";
import { TestProject } from "./project";

/** Something that runs Pulumi programs: the stand-in, or the real CLI. */
export interface Engine {
    readonly name: string;
    readonly command: readonly [file: string, ...args: string[]];
}

const standIn: Engine = {
    name: "offline-engine",
    command: [process.execPath, path.join(root, "dist", "offline-engine", "main.js")],
};

/** The stand-in and, where `pulumi` is found, the real CLI. */
export function engines(): readonly Engine[] {
    const { status, stdout } = spawnSync("pulumi", ["version"], { encoding: "utf8" });
    return [standIn, ...(status === 0 ? [{ name: `Pulumi CLI ${stdout.trim()}`, command: ["pulumi"] as const }] : [])];
}

const program = `import { PostgresSchema } from "schemaward";
import { settings } from "schemaward/settings";

const s = settings();
const schema = new PostgresSchema("app", {
    migrations: s.migrations,
    version: s.version,
    app: s.app,
    environment: s.environment,
    adopt: s.adopt,
    connection: s.connection,
    history: s.history,
    snapshot: s.snapshot,
    policy: s.policy,
    run: s.run,
});
export const at = schema.at;
export const lastSnapshot = schema.lastSnapshot;
`;

/** A user's Pulumi project that has schemaward as a package, with one stack `dev` and a database. */
export class PulumiProject extends TestProject {
    private values: Record<string, unknown> = {
        version: "latest",
        connection: { env: "DATABASE_URL" },
        migrations: { dir: "migrations" },
        snapshot: { required: false },
        policy: { approval: "never" },
    };
    /** Environment of every command, besides this process's own. */
    env: NodeJS.ProcessEnv;

    constructor(server: TestServer, database: string) {
        super(server, database);
        this.env = {
            DATABASE_URL: server.url(database),
            PULUMI_BACKEND_URL: `file://${path.join(this.dir, "state")}`,
            PULUMI_CONFIG_PASSPHRASE: "passphrase",
            PULUMI_HOME: path.join(this.dir, "home"),
            PULUMI_SKIP_UPDATE_CHECK: "1",
            // Types were checked when the tests were compiled; one test has them checked at run time, too.
            PULUMI_NODEJS_TRANSPILE_ONLY: "true",
        };
        const modules = path.join(this.dir, "node_modules");
        mkdirSync(path.join(modules, "@types"), { recursive: true });
        mkdirSync(path.join(this.dir, "state"));
        mkdirSync(path.join(this.dir, "migrations"));
        symlinkSync(root, path.join(modules, "schemaward"));
        for (const name of ["@pulumi", "typescript", "@types/node"])
            symlinkSync(path.join(root, "node_modules", name), path.join(modules, name));
        this.put("Pulumi.yaml", "name: app\nruntime: nodejs\nstackConfigDir: stacks\n");
        this.put("package.json", '{ "name": "app", "private": true }\n');
        this.put(
            "tsconfig.json",
            '{ "compilerOptions": { "target": "es2022", "module": "node16", "moduleResolution": "node16", "strict": true, "skipLibCheck": true } }\n',
        );
        this.put("index.ts", program);
        this.set({});
    }

    put(file: string, text: string): void {
        mkdirSync(path.dirname(path.join(this.dir, file)), { recursive: true });
        writeFileSync(path.join(this.dir, file), text);
    }

    /** Changes values of the stack's file; undefined takes one out, and what Pulumi has written there goes. */
    set(values: Readonly<Record<string, unknown>>): this {
        this.values = { ...this.values, ...values };
        const config = Object.entries(this.values).filter(([, v]) => v !== undefined);
        this.put(
            "stacks/Pulumi.dev.yaml",
            stringify({ config: Object.fromEntries(config.map(([k, v]) => [`app:${k}`, v])) }),
        );
        return this;
    }

    /** The stack's file as it is, for what `set` cannot write: an unquoted version. */
    setText(text: string): void {
        this.put("stacks/Pulumi.dev.yaml", text);
    }

    start(engine: Engine, ...args: string[]): RunningCommand {
        const [file, ...first] = engine.command;
        return startProcess(file, [...first, ...args, "--stack", "dev", "--non-interactive", "--color", "never"], {
            cwd: this.dir,
            env: this.env,
        });
    }

    async pulumi(engine: Engine, ...args: string[]): Promise<CommandResult> {
        return this.start(engine, ...args).done;
    }

    /** Makes the stack; the passphrase's salt goes into its file, so the values are written anew with it. */
    async init(engine: Engine): Promise<void> {
        const [file, ...first] = engine.command;
        const running = startProcess(file, [...first, "stack", "init", "dev", "--non-interactive"], {
            cwd: this.dir,
            env: this.env,
        });
        if ((await running.done).code !== 0) throw new Error(running.output());
    }

    async preview(engine: Engine, ...args: string[]): Promise<CommandResult> {
        return this.pulumi(engine, "preview", ...args);
    }

    async up(engine: Engine, ...args: string[]): Promise<CommandResult> {
        return this.pulumi(engine, "up", "--yes", "--skip-preview", ...args);
    }

    override remove(): void {
        if (existsSync(this.dir)) rmSync(this.dir, { recursive: true, force: true });
    }
}
