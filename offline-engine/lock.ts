import { hostname, userInfo } from "node:os";
import { lockFolder, type Backend, type StackName } from "./file-backend";
import { CommandError } from "./errors";
import { isoTime } from "./time";

interface LockContent {
    readonly pid: number;
    readonly username: string;
    readonly hostname: string;
    readonly timestamp: string;
}

/**
 * Takes the stack's lock, the CLI's own (pkg/backend/diy/lock.go): one file per holder, and looking again after writing.
 * @returns what gives it back
 * @throws CommandError naming the holders
 */
export function lockStack(backend: Backend, stack: StackName): () => void {
    refuseIfLocked(backend, stack);
    const key = `${lockFolder(stack)}/${backend.lockId}.json`;
    const content: LockContent = {
        pid: process.pid,
        username: userInfo().username,
        hostname: hostname(),
        timestamp: isoTime(),
    };
    backend.bucket.write(key, JSON.stringify(content));
    const unlock = (): void => {
        backend.bucket.remove(key);
    };
    try {
        refuseIfLocked(backend, stack);
    } catch (error) {
        unlock();
        throw error;
    }
    return unlock;
}

function refuseIfLocked(backend: Backend, stack: StackName): void {
    const folder = lockFolder(stack);
    const holders = backend.bucket
        .list(folder)
        .filter((name) => name.endsWith(".json") && name !== `${backend.lockId}.json`)
        .map((name) => describe(backend, `${folder}/${name}`));
    if (holders.length === 0) return;
    throw new CommandError(
        `the stack is currently locked by ${holders.length.toString()} lock(s). Either wait for the other process(es) to end ` +
            `or delete the lock file with \`pulumi cancel\`.${holders.join("")}`,
    );
}

function describe(backend: Backend, key: string): string {
    const url = `\n  ${backend.shownUrl(key)}`;
    try {
        const lock = JSON.parse(backend.bucket.read(key)) as LockContent;
        const since = lock.timestamp.replace(/\.\d+/, "");
        return `${url}: created by ${lock.username}@${lock.hostname} (pid ${lock.pid.toString()}) at ${since}`;
    } catch {
        return `${url}: unreadable, maybe just released`;
    }
}

/** Removes every lock of the stack, whoever holds it. */
export function breakLocks(backend: Backend, stack: StackName): void {
    const folder = lockFolder(stack);
    for (const name of backend.bucket.list(folder)) backend.bucket.remove(`${folder}/${name}`);
}
