import type { RunResult } from "../../core/run/options";
import { eventually } from "../support/eventually";
import type { TestProject } from "../support/project";
import { Proxy } from "../support/proxy";

/**
 * Migrates over a connection that from a COMMIT on brings no answer any more, and breaks once the ledger's versions are as told.
 * @param sent what must have been sent before that COMMIT is answered
 */
export async function migrateWithLostAnswers(
    project: TestProject,
    sent: string,
    {
        to = "latest",
        until,
        meanwhile,
    }: {
        readonly to?: string;
        readonly until: (applied: readonly string[]) => boolean;
        /** Done before it breaks. */
        readonly meanwhile?: () => Promise<unknown>;
    },
): Promise<RunResult> {
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
        const running = project.migrate(to, { connection: { url } });
        running.catch(() => undefined);
        await eventually(async () => until(await project.applied().catch((): string[] => [])));
        await meanwhile?.();
        lost = isSent = false;
        proxy.cut();
        return await running;
    } finally {
        await proxy.stop();
    }
}
