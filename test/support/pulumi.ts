import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type Engine, makeUserProject, realEngine, stackFileText, standIn } from "../../tools/user-project";
import { type CommandResult, type RunningCommand, startProcess } from "./command";
import type { TestServer } from "./postgres";
import { TestProject } from "./project";

export type { Engine } from "../../tools/user-project";

/** The stand-in and, where `pulumi` is found, the real CLI. */
export function engines(): readonly Engine[] {
    const real = realEngine();
    return real === undefined ? [standIn] : [standIn, real];
}

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
            ...makeUserProject(this.dir, "app"),
            DATABASE_URL: server.url(database),
            // Types were checked when the tests were compiled; one test has them checked at run time, too.
            PULUMI_NODEJS_TRANSPILE_ONLY: "true",
        };
        mkdirSync(path.join(this.dir, "migrations"));
        this.set({});
    }

    put(file: string, text: string): void {
        mkdirSync(path.dirname(path.join(this.dir, file)), { recursive: true });
        writeFileSync(path.join(this.dir, file), text);
    }

    /** Changes values of the stack's file; undefined takes one out, and what Pulumi has written there goes. */
    set(values: Readonly<Record<string, unknown>>): this {
        this.values = { ...this.values, ...values };
        this.put("stacks/Pulumi.dev.yaml", stackFileText("app", this.values));
        return this;
    }

    /** The stack's file as it is, for what `set` cannot write: an unquoted version. */
    setText(text: string): void {
        this.put("stacks/Pulumi.dev.yaml", text);
    }

    start(engine: Engine, ...args: string[]): RunningCommand {
        return this.startAs(engine, args, false);
    }

    /** As in a terminal, where Ctrl-C reaches the command and whatever of its children has stayed in its process group. */
    startInTerminal(engine: Engine, ...args: string[]): RunningCommand & { ctrlC(): void } {
        const running = this.startAs(engine, args, true);
        const { pid } = running.child;
        return {
            ...running,
            ctrlC: () => {
                if (pid !== undefined) process.kill(-pid, "SIGINT");
            },
        };
    }

    private startAs(engine: Engine, args: readonly string[], detached: boolean): RunningCommand {
        const [file, ...first] = engine.command;
        return startProcess(file, [...first, ...args, "--stack", "dev", "--non-interactive", "--color", "never"], {
            cwd: this.dir,
            env: this.env,
            detached,
        });
    }

    /** Processes that work in its folder: engines, programs, providers. */
    processes(): string[] {
        return readdirSync("/proc")
            .filter((name) => /^\d+$/.test(name))
            .flatMap((pid) => {
                try {
                    if (readlinkSync(`/proc/${pid}/cwd`) !== this.dir) return [];
                    return [readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")];
                } catch {
                    // It has ended meanwhile.
                    return [];
                }
            });
    }

    /** Holders of the stack's lock. */
    locks(): string[] {
        const folder = path.join(this.dir, "state", ".pulumi", "locks");
        if (!existsSync(folder)) return [];
        return readdirSync(folder, { recursive: true })
            .map(String)
            .filter((name) => name.endsWith(".json"));
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
