import type { RunResult } from "../../core/run/options";
import { eventually } from "../support/eventually";
import type { TestProject } from "../support/project";
import { Proxy } from "../support/proxy";

/**
 * Migrates to the latest version over a connection that from a COMMIT on brings no answer any more, and breaks once a version is applied.
 * @param sent what must have been sent before that COMMIT is answered
 * @param until the version
 */
export async function migrateWithLostAnswers(project: TestProject, sent: string, until: string): Promise<RunResult> {
    let isSent = false;
    let lost = false;
    const proxy = await Proxy.start(project.server.port, {
        toServer: (chunk) => {
            isSent ||= chunk.includes(sent);
            return true;
        },
        toClient: (chunk) => {
            lost ||= isSent && chunk.includes("COMMIT\0");
            return lost ? "lose" : true;
        },
    });
    try {
        const url = proxy.through(project.server.url(project.database));
        const running = project.migrate("latest", { connection: { url } });
        running.catch(() => undefined);
        await eventually(async () => (await project.applied().catch((): string[] => [])).includes(until));
        lost = isSent = false;
        proxy.cut();
        return await running;
    } finally {
        await proxy.stop();
    }
}
