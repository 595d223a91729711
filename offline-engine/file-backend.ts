// The CLI's own file backend (pkg/backend/diy): where states, locks, history and backups are.

import { randomUUID } from "node:crypto";
import { statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { Bucket } from "./bucket";
import { CommandError, exitCodes, messageOf, unknownHere } from "./errors";
import type { Project } from "./project";
import { parse } from "yaml";

/** The only organization a file backend has. */
export const organization = "organization";

/** A stack by name; project and stack are names that are safe as file names. */
export interface StackName {
    readonly project: string;
    readonly stack: string;
}

export interface Backend {
    /** The URL as given; the key of the selected stack in the workspace file. */
    readonly url: string;
    /** The URL as the CLI shows it in messages about locks. */
    readonly shownUrl: (key: string) => string;
    readonly bucket: Bucket;
    /** Name of the lock file this process writes. */
    readonly lockId: string;
}

/** From PULUMI_BACKEND_URL, else Pulumi.yaml's backend.url. @throws CommandError unless it is a file: URL of a folder */
export function openBackend(project: Project, env: NodeJS.ProcessEnv = process.env): Backend {
    const url = [env["PULUMI_BACKEND_URL"], project.backendUrl].find((u) => u !== undefined && u !== "");
    if (url === undefined)
        throw new CommandError("no backend: set PULUMI_BACKEND_URL, or backend.url in Pulumi.yaml, to a file:// URL");
    if (!url.startsWith("file://")) throw unknownHere(`the backend ${url.replace(/\/\/[^/@]*@/, "//***@")}`);
    const [path = "", query = ""] = url.slice("file://".length).split("?");
    if (query !== "" && query !== "no_tmp_dir=true") throw unknownHere(`the backend's parameters (${query})`);
    const dir = resolve(path.replace(/^~(?=\/|$)/, homedir()));
    try {
        if (!statSync(dir).isDirectory()) throw new Error("not a directory");
    } catch (error) {
        throw new CommandError(`unable to open state directory "${url}": ${messageOf(error)}`);
    }
    const bucket = new Bucket(dir);
    ensureLayout(bucket);
    return { url, shownUrl: (key) => `file://${join(dir, key)}?no_tmp_dir=true`, bucket, lockId: randomUUID() };
}

const metaFile = ".pulumi/meta.yaml";

/** Version 1 keeps stacks by project; version 0 is older than that. */
function ensureLayout(bucket: Bucket): void {
    if (!bucket.exists(metaFile)) {
        if (bucket.list(".pulumi/stacks").some((name) => /\.json(?:\.gz|\.zst)?$/.test(name)))
            throw unknownHere("the file backend's old layout without projects");
        bucket.write(metaFile, "version: 1\n");
        return;
    }
    const meta = parse(bucket.read(metaFile)) as { version?: unknown } | null;
    if (meta?.version !== 1) throw unknownHere(`version ${String(meta?.version)} of the file backend's layout`);
}

/** A name as given on the command line: STACK, organization/STACK or organization/PROJECT/STACK. @throws CommandError */
export function parseStackName(text: string, project: Project): StackName {
    const parts = text.split("/");
    const stack = parts.at(-1) ?? "";
    if (text === "" || stack === "") throw new CommandError("stack name must not be empty");
    if (parts.length > 1 && parts[0] !== organization)
        throw new CommandError(`organization name must be '${organization}'`);
    if (parts.length > 3) throw new CommandError(`invalid stack name '${text}'`);
    if (parts.length === 3 && parts[1] !== project.name) {
        throw new CommandError(
            `provided project name "${parts[1] ?? ""}" doesn't match Pulumi.yaml's project name "${project.name}"`,
        );
    }
    const bad = /[^A-Za-z0-9_.-]/.exec(stack);
    if (bad !== null) {
        throw new CommandError(
            "a stack name may only contain alphanumeric, hyphens, underscores, or periods: " +
                `invalid character '${bad[0]}' at position ${bad.index.toString()}`,
        );
    }
    if (stack.length > 100) throw new CommandError("a stack name cannot exceed 100 characters");
    return { project: project.name, stack };
}

export function fullNameOf(name: StackName): string {
    return `${organization}/${name.project}/${name.stack}`;
}

export function checkpointKey({ project, stack }: StackName): string {
    return `.pulumi/stacks/${project}/${stack}.json`;
}

export function lockFolder(name: StackName): string {
    return `.pulumi/locks/${fullNameOf(name)}`;
}

/** @throws CommandError with the CLI's exit status 6 */
export function requireStack({ bucket }: Backend, name: StackName): void {
    const key = checkpointKey(name);
    if (bucket.exists(`${key}.gz`) || bucket.exists(`${key}.zst`)) throw unknownHere("a compressed state file");
    if (!bucket.exists(key)) throw new CommandError(`no stack named '${name.stack}' found`, exitCodes.stackNotFound);
}

/** Names of the project's stacks, sorted. */
export function listStacks({ bucket }: Backend, project: string): string[] {
    return bucket.list(`.pulumi/stacks/${project}`).flatMap((name) => /^(.+)\.json$/.exec(name)?.[1] ?? []);
}

/** Writes a stack's state; the state before it stays beside it as .bak. */
export function writeCheckpoint({ bucket }: Backend, name: StackName, content: string): void {
    const key = checkpointKey(name);
    if (bucket.exists(key)) bucket.copy(`${key}.bak`, key);
    bucket.write(key, content);
}

/** After an update: its record, and copies of the state as it is now. */
export function recordUpdate({ bucket }: Backend, { project, stack }: StackName, record: string): void {
    const key = checkpointKey({ project, stack });
    const history = `.pulumi/history/${project}/${stack}/${stack}-${nanoseconds()}`;
    bucket.write(`${history}.history.json`, record);
    bucket.copy(`${history}.checkpoint.json`, key);
    bucket.write(`.pulumi/backups/${project}/${stack}/${stack}.${nanoseconds()}.json`, bucket.read(key));
}

/** Time since 1970, with what the monotonic clock knows below a millisecond. */
function nanoseconds(): string {
    return (BigInt(Date.now()) * 1_000_000n + (process.hrtime.bigint() % 1_000_000n)).toString();
}
