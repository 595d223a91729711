// preview, up, refresh and destroy.

import { readSnapshot } from "../checkpoint";
import { DiffDisplay } from "../display/diff-display";
import { PreviewDigest } from "../display/digest";
import type { Display, DisplayOptions } from "../display/display";
import { ProgressDisplay } from "../display/progress";
import { CommandError, exitCodes, Reported } from "../errors";
import { Deployment, type DeploymentOptions } from "../deployment";
import type { Changes } from "../events";
import { recordUpdate } from "../file-backend";
import { lockStack } from "../lock";
import { compareBytes } from "../properties";
import { readPassphrase, type Crypter } from "../secrets";
import { SnapshotManager } from "../snapshot-manager";
import { decryptConfig, plainConfig, storedConfig, type ConfigValue } from "../stack-file";
import { openSecrets, openStack, readStackFile, type StackContext } from "./context";
import { Interrupts } from "./interrupts";
import { confirm, type Terminal } from "./terminal";

export type UpdateKind = "preview" | "update" | "refresh" | "destroy";

export interface UpdateFlags {
    readonly stack?: string;
    readonly json?: boolean;
    readonly diff?: boolean;
    readonly yes?: boolean;
    readonly skipPreview?: boolean;
    readonly previewOnly?: boolean;
    readonly expectNoChanges?: boolean;
}

const labels: Readonly<Record<UpdateKind, { readonly preview: string; readonly doing: string }>> = {
    preview: { preview: "Previewing update", doing: "" },
    update: { preview: "Previewing update", doing: "Updating" },
    refresh: { preview: "Previewing refresh", doing: "Refreshing" },
    destroy: { preview: "Previewing destroy", doing: "Destroying" },
};

/** @throws CommandError */
export async function update(kind: UpdateKind, flags: UpdateFlags, terminal: Terminal): Promise<void> {
    requireConfirmation(kind, flags, terminal);
    const operation = await Operation.open(kind, flags, terminal);
    const changes = await operation.run();
    if (flags.expectNoChanges === true && [...changes].some(([op, count]) => op !== "same" && count > 0)) {
        throw new CommandError(
            `no changes were expected for ${kind} but changes were ${kind === "preview" ? "proposed" : "made"}`,
            exitCodes.changesNotExpected,
        );
    }
    if (kind !== "destroy" || flags.previewOnly === true) return;
    terminal.stdout(
        "The resources in the stack have been deleted, but the history and configuration associated with the stack are " +
            `still maintained. \nIf you want to remove the stack completely, run \`pulumi stack rm ${operation.stackName}\`.\n`,
    );
}

function requireConfirmation(kind: UpdateKind, flags: UpdateFlags, terminal: Terminal): void {
    if (
        kind === "preview" ||
        terminal.interactive ||
        flags.yes === true ||
        flags.skipPreview === true ||
        flags.previewOnly === true
    )
        return;
    throw new CommandError(
        "--yes or --skip-preview or --preview-only must be passed in to proceed when running in non-interactive mode",
        kind === "update" ? exitCodes.notConfirmed : exitCodes.failed,
    );
}

class Operation {
    private constructor(
        private readonly kind: UpdateKind,
        private readonly flags: UpdateFlags,
        private readonly terminal: Terminal,
        private readonly context: StackContext,
        private readonly crypter: Crypter,
        private readonly config: ReadonlyMap<string, ConfigValue>,
    ) {}

    static async open(kind: UpdateKind, flags: UpdateFlags, terminal: Terminal): Promise<Operation> {
        const context = openStack(flags.stack);
        const file = readStackFile(context);
        const config = file.config();
        let crypter: Crypter;
        try {
            crypter = await openSecrets(file);
        } catch (error) {
            if (!(error instanceof CommandError)) throw error;
            throw new CommandError(`getting stack configuration: get stack secrets manager: ${error.message}`);
        }
        return new Operation(kind, flags, terminal, context, crypter, config);
    }

    get stackName(): string {
        return this.context.stack.stack;
    }

    async run(): Promise<Changes> {
        if (this.kind === "preview") return this.apply(true);
        const unlock = lockStack(this.context.backend, this.context.stack);
        try {
            if (this.flags.skipPreview !== true) {
                const changes = await this.apply(true);
                if (this.flags.previewOnly === true) return changes;
                await this.askIfNeeded();
            }
            return await this.apply(false);
        } finally {
            unlock();
        }
    }

    private async askIfNeeded(): Promise<void> {
        const { kind, flags, terminal } = this;
        if (flags.yes === true) return;
        if (await confirm(`Do you want to perform this ${kind}?`)) return;
        terminal.stdout(`confirmation declined, not proceeding with the ${kind}\n`);
        throw new Reported();
    }

    private async apply(dryRun: boolean): Promise<Changes> {
        const { backend, stack } = this.context;
        const { kind, crypter } = this;
        const display = this.display(dryRun);
        const snapshot = await readSnapshot(backend, stack, crypter, readPassphrase());
        const manager = dryRun ? undefined : new SnapshotManager(backend, stack, snapshot, crypter);
        const options: DeploymentOptions = {
            project: this.context.project,
            stack,
            kind: kind === "preview" ? "update" : kind,
            dryRun,
            snapshot,
            manager,
            config: decryptConfig(this.config, crypter),
            onEvent: (event) => {
                display.show(event);
            },
        };
        const deployment = new Deployment(options);
        const begin = Math.floor(Date.now() / 1000);
        const interrupts = new Interrupts(deployment, manager, (text) => {
            display.show({ kind: "message", text });
        });
        try {
            const { changes, succeeded } = await deployment.run();
            display.end();
            manager?.close();
            if (!dryRun) recordUpdate(backend, stack, this.record(begin, succeeded, changes));
            if (interrupts.terminated) throw new CommandError(`${kind} cancelled`, exitCodes.canceled);
            if (!succeeded) throw new Reported();
            return changes;
        } finally {
            interrupts.stop();
        }
    }

    private display(dryRun: boolean): Display {
        const { kind, flags, terminal } = this;
        const { project, stack } = this.context.stack;
        const label = dryRun ? labels[kind].preview : labels[kind].doing;
        const options: DisplayOptions = {
            preview: dryRun,
            project,
            stack,
            label: label.toLowerCase(),
            paint: terminal.paint,
            truncate: kind !== "refresh",
            stdout: terminal.stdout,
            stderr: terminal.stderr,
        };
        if (flags.json === true) {
            const hidden = [...this.config].map(([key, value]): [string, string] => [
                key,
                plainConfig(value, () => "[secret]").text,
            ]);
            return new PreviewDigest(new Map(hidden), options);
        }
        terminal.stdout(`${terminal.paint("headline", `${label} (${stack}):`)}\n`);
        return flags.diff === true ? new DiffDisplay(options) : new ProgressDisplay(options);
    }

    /** What the CLI's history shows of this update. */
    private record(begin: number, succeeded: boolean, changes: Changes): string {
        const config = [...this.config]
            .sort(([a], [b]) => compareBytes(a, b))
            .map(([key, value]) => [key, storedConfig(value)] as const);
        return JSON.stringify({
            kind: this.kind,
            startTime: begin,
            message: "",
            environment: { "exec.kind": "cli", "exec.agent": "offline-engine" },
            config: Object.fromEntries(config),
            version: 0,
            result: succeeded ? "succeeded" : "failed",
            endTime: Math.floor(Date.now() / 1000),
            ...(changes.size === 0 ? {} : { resourceChanges: Object.fromEntries(changes) }),
        });
    }
}
