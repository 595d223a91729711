import { type ChildProcess, fork } from "node:child_process";
import path from "node:path";
import type { Declaration } from "../../core/declaration";
import { withStore } from "./fixture";
import type { FaultPoint } from "../support/fault-points";
import type { SmallWorld } from "./small-world";

/** A restore in a process of its own; its events come as messages, the error that ends it over stderr. */
export function startRestore(
    world: SmallWorld,
    { fault = {}, url, more = world.traffic() }: { fault?: FaultPoint; url?: string; more?: Partial<Declaration> } = {},
): ChildProcess {
    const { project, server, snapshot } = world;
    return fork(
        path.join(__dirname, "restore-process.js"),
        [project.dir, snapshot.name, JSON.stringify(withStore(project, "latest", more))],
        {
            env: {
                ...process.env,
                DATABASE_URL: url ?? server.url(project.database),
                SCHEMAWARD_RESTORE_FAULT: JSON.stringify(fault),
            },
            execArgv: ["--require", path.join(__dirname, "hook.js")],
            stdio: ["ignore", "ignore", "pipe", "ipc"],
        },
    );
}
