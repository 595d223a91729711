import type { Deployment } from "../deployment";
import type { SnapshotManager } from "../snapshot-manager";

/**
 * The first Ctrl-C lets what runs end and begins nothing more; the second ends it, and the state keeps saying that it
 * was being done (pkg/backend/cancellation_scope.go).
 */
export class Interrupts {
    private first = true;
    /** Whether there was a second one. */
    terminated = false;
    private readonly listener = (signal: NodeJS.Signals): void => {
        const name = signal === "SIGINT" ? "^C" : signal;
        if (this.first) this.cancel(name);
        else this.terminate(name);
        this.first = false;
    };

    constructor(
        private readonly deployment: Deployment,
        /** Nothing in a preview. */
        private readonly manager: SnapshotManager | undefined,
        private readonly say: (text: string) => void,
    ) {
        process.on("SIGINT", this.listener);
        process.on("SIGTERM", this.listener);
    }

    stop(): void {
        process.off("SIGINT", this.listener);
        process.off("SIGTERM", this.listener);
    }

    private cancel(name: string): void {
        const again = name === "^C" ? "press ^C again" : `send ${name} again`;
        const note = "Note that terminating immediately may lead to orphaned resources and other inconsistencies.\n";
        this.say(
            `${name} received; cancelling. If you would like to terminate immediately, ${again}.\n` +
                (this.manager === undefined ? "" : note),
        );
        this.deployment.cancel();
    }

    private terminate(name: string): void {
        if (this.terminated) return;
        this.terminated = true;
        this.say(`${name} received; terminating`);
        this.manager?.abandon();
        this.deployment.terminate();
    }
}
