import { type ChildProcess, fork } from "node:child_process";
import path from "node:path";
import type { Declaration } from "../../core/declaration";
import type { TestProject } from "../support/project";

/**
 * A run in a process of its own, to be killed or stopped; its events come as messages, the error that ends it over stderr.
 * @param stopAfter version after whose step it stops itself, as SIGSTOP does
 */
export function startRun(
    project: TestProject,
    version: string,
    more: Partial<Declaration> = {},
    stopAfter = "",
): ChildProcess {
    return fork(path.join(__dirname, "run-process.js"), [project.dir, version, JSON.stringify(more), stopAfter], {
        env: { ...process.env, DATABASE_URL: project.server.url(project.database) },
        stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
}
