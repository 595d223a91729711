import {
    cpSync,
    mkdirSync,
    mkdtempSync,
    readdirSync,
    readFileSync,
    realpathSync,
    rmSync,
    symlinkSync,
    writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { root } from "../../tools/pg-binaries";
import { standIn } from "../../tools/user-project";
import { type CommandResult, type RunningCommand, startCommand, startProcess } from "../support/command";

const folder = path.join(root, "test", "fixtures", "oracle");

/** What the real CLI did: the passphrase and the secret of all recordings. */
export const passphrase = "oracle";
export const secret = "hunter2";

/** One command as it was recorded. */
export interface Recording {
    /** NN-name. */
    readonly name: string;
    readonly args: readonly string[];
    /** Both outputs. DIR stands for the project's folder. */
    readonly output: string;
    readonly code: number;
}

/** The text of a file of the recordings. */
export function recorded(file: string): string {
    return readFileSync(path.join(folder, "recordings", file), "utf8");
}

/** All files of the recordings, in their order. */
export function recordedFiles(): string[] {
    return readdirSync(path.join(folder, "recordings")).sort();
}

/** @param name NN-name, without .txt */
export function recordingOf(name: string): Recording {
    const match = /^\$ pulumi (.*)\n([^]*)\[exit (\d+)\]\n$/.exec(recorded(`${name}.txt`));
    if (match === null) throw new Error(`${name}.txt is not a recorded command`);
    const [, args = "", output = "", code = ""] = match;
    return { name, args: args.split(" "), output, code: Number(code) };
}

/** The recorded program in a folder of its own, with an empty file backend. */
export class OracleProject {
    /** Without symbolic links, as the program sees it. */
    readonly dir = realpathSync(mkdtempSync(path.join(tmpdir(), "schemaward-oracle-")));
    env: NodeJS.ProcessEnv = {
        PULUMI_BACKEND_URL: `file://${path.join(this.dir, "state")}`,
        PULUMI_CONFIG_PASSPHRASE: passphrase,
        PULUMI_HOME: path.join(this.dir, "home"),
        // The recorded program's types are not what is tested.
        PULUMI_NODEJS_TRANSPILE_ONLY: "true",
    };

    constructor() {
        cpSync(path.join(folder, "program"), this.dir, { recursive: true });
        mkdirSync(path.join(this.dir, "state"));
        mkdirSync(path.join(this.dir, "node_modules"));
        for (const name of ["@pulumi", "typescript"])
            symlinkSync(path.join(root, "node_modules", name), path.join(this.dir, "node_modules", name), "junction");
    }

    start(...args: readonly string[]): RunningCommand {
        return startCommand("offline-engine/main.js", [...args, "--non-interactive", "--color", "never"], {
            cwd: this.dir,
            env: this.env,
        });
    }

    async run(...args: readonly string[]): Promise<CommandResult> {
        return this.start(...args).done;
    }

    /** Runs a command that has to succeed. */
    async must(...args: readonly string[]): Promise<CommandResult> {
        const result = await this.run(...args);
        if (result.code !== 0) throw new Error(`${args.join(" ")} failed:\n${result.stdout}${result.stderr}`);
        return result;
    }

    /** Runs what was recorded. Both outputs are one stream, as in the recording: which line came first is part of it. */
    async replay({ args }: Recording): Promise<CommandResult> {
        const own = args.map((arg) => arg.replace("DIR", this.dir));
        const command = [...standIn.command, ...own, "--non-interactive", "--color", "never"];
        const { done } = startProcess("sh", ["-c", 'exec "$@" 2>&1', "sh", ...command], {
            cwd: this.dir,
            env: this.env,
        });
        return done;
    }

    file(name: string): string {
        return path.join(this.dir, name);
    }

    read(name: string): string {
        return readFileSync(this.file(name), "utf8");
    }

    write(name: string, text: string): void {
        mkdirSync(path.dirname(this.file(name)), { recursive: true });
        writeFileSync(this.file(name), text);
    }

    /** The version that is "live" in the recorded program's stand-in for a database. */
    live(version: string): void {
        this.write("live.txt", version);
    }

    /** The stack's file with other values than the recorded one; undefined takes a key out. */
    config(values: Readonly<Record<string, string | undefined>>): void {
        const config: Record<string, string | undefined> = {
            target: '"2"',
            file: this.file("live.txt"),
            password: `\n    secure: ${/secure: (.+)/.exec(recorded("stack-file.yaml"))?.[1] ?? ""}`,
            ...values,
        };
        const lines = Object.entries(config).flatMap(([key, value]) =>
            value === undefined ? [] : [`  oracle:${key}:${value.startsWith("\n") ? "" : " "}${value}`],
        );
        const salt = /^encryptionsalt: .+\n/.exec(recorded("stack-file.yaml"))?.[0] ?? "";
        this.write("stacks/Pulumi.dev.yaml", `${salt}config:\n${lines.join("\n")}\n`);
    }

    /** The stack's checkpoint, as it lies in the backend. */
    get checkpoint(): string {
        return this.read(checkpointFile);
    }

    /** Puts a recorded checkpoint in the place of the stack's, as if the CLI had written it here. */
    continueFrom(state: string): void {
        this.write("state/.pulumi/meta.yaml", "version: 1\n");
        this.write(checkpointFile, recorded(state).replaceAll("DIR", this.dir));
    }

    /** Files in a folder of the project, the backend's if not given; paths from the project, sorted. */
    files(inside = "state"): string[] {
        return readdirSync(this.file(inside), { recursive: true, withFileTypes: true })
            .filter((entry) => entry.isFile())
            .map((entry) => path.relative(this.dir, path.join(entry.parentPath, entry.name)))
            .sort();
    }

    remove(): void {
        rmSync(this.dir, { recursive: true, force: true });
    }
}

const checkpointFile = "state/.pulumi/stacks/oracle/dev.json";
