// Running the program, as Pulumi's Node language host does (sdk/nodejs/cmd/pulumi-language-nodejs).

import { Child, sdkScript, type Exit } from "./child";
import { CommandError, Reported } from "./errors";
import type { Events } from "./events";
import { organization, type StackName } from "./file-backend";
import type { Project } from "./project";
import type { PlainConfig } from "./stack-file";
import type { Streams } from "./streams";
import { compareBytes } from "./properties";

/** Exit status of a program that has said itself what is wrong. */
const alreadyExplained = 32;

export interface ProgramRun {
    readonly project: Project;
    readonly stack: StackName;
    readonly config: ReadonlyMap<string, PlainConfig>;
    readonly dryRun: boolean;
    readonly parallel: number;
    readonly engineAddress: string;
    readonly events: Events;
    readonly streams: Streams;
}

/** @throws CommandError if the program has no SDK */
export function startProgram(run: ProgramRun): Child {
    const { project, stack, events, streams } = run;
    const [stdout, stderr] = [streams.next(), streams.next()];
    const flags = {
        monitor: run.engineAddress,
        engine: run.engineAddress,
        organization,
        project: stack.project,
        "root-directory": project.root,
        stack: stack.stack,
        pwd: project.programDir,
        parallel: run.parallel.toString(),
    };
    return new Child({
        args: [
            ...project.nodeArgs,
            sdkScript(project.programDir, "run"),
            ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
            ...(run.dryRun ? ["--dry-run"] : []),
            project.entryPoint,
        ],
        cwd: project.programDir,
        env: environmentOf(project, run.config),
        onLine: (from, line) => {
            events.diagnostic(from === "stdout" ? "info" : "info#err", line, {
                stream: from === "stdout" ? stdout : stderr,
            });
        },
    });
}

function environmentOf(project: Project, config: ReadonlyMap<string, PlainConfig>): Record<string, string> {
    const entries = [...config].sort(([a], [b]) => compareBytes(a, b));
    const secretKeys = entries.filter(([, value]) => value.secret).map(([key]) => key);
    return {
        PULUMI_CONFIG: JSON.stringify(
            Object.fromEntries(entries.map(([key, { text }]) => [key.replace(":", ":config:"), text])),
        ),
        PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(secretKeys),
        ...(project.typescript ? { PULUMI_NODEJS_TYPESCRIPT: "true" } : {}),
        ...(project.tsconfig === undefined ? {} : { PULUMI_NODEJS_TSCONFIG_PATH: project.tsconfig }),
    };
}

/** Nothing, if the program ended well. */
export function failureOf({ code, signal }: Exit): CommandError | undefined {
    if (code === 0) return undefined;
    if (code === alreadyExplained) return new Reported();
    const how = code === null ? `signal: ${String(signal)}` : `exit code: ${code.toString()}`;
    return new CommandError(`an unhandled error occurred: Program exited with non-zero ${how}`);
}
