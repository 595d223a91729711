// stack init, ls, select, output and export; cancel.

import { readStored } from "../checkpoint";
import { writeSnapshot } from "../checkpoint";
import { CommandError, exitCodes } from "../errors";
import {
    fullNameOf,
    listStacks,
    parseStackName,
    writeCheckpoint,
    checkpointKey,
    type StackName,
} from "../file-backend";
import { goJson } from "../go-json";
import { breakLocks, lockStack } from "../lock";
import { mapSecrets, type Property } from "../properties";
import { Crypter, readPassphrase } from "../secrets";
import { fromStored, toStored } from "../state";
import { ago } from "../time";
import { isRootStack } from "../urn";
import { selectedStack, selectStack } from "../workspace";
import { openProject, openSecrets, openStack, readStackFile } from "./context";
import { confirm, type Terminal } from "./terminal";

export async function initStack(
    name: string,
    options: { readonly select: boolean },
    terminal: Terminal,
): Promise<void> {
    const { project, backend } = openProject();
    const stack = parseStackName(name, project);
    const exists = backend.bucket.exists(checkpointKey(stack));
    if (exists) throw new CommandError(`stack '${fullNameOf(stack)}' already exists`);
    const file = readStackFile({ project, stack });
    const crypter = await openSecrets(file);
    const unlock = lockStack(backend, stack);
    try {
        writeCheckpoint(
            backend,
            stack,
            writeSnapshot(stack, { resources: [], pendingOperations: [], metadata: {} }, crypter),
        );
    } finally {
        unlock();
    }
    terminal.stdout(`Created stack '${stack.stack}'\n`);
    if (options.select) selectStack(project, backend, stack);
}

export function chooseStack(name: string): void {
    const { project, backend } = openProject();
    const stack = parseStackName(name, project);
    if (!backend.bucket.exists(checkpointKey(stack)))
        throw new CommandError(`no stack named '${stack.stack}' found`, exitCodes.stackNotFound);
    selectStack(project, backend, stack);
}

export function showStacks(flags: { readonly json?: boolean }, terminal: Terminal): void {
    const { project, backend } = openProject();
    const selected = selectedStack(project, backend)?.stack;
    const stacks = listStacks(backend, project.name).map((stack) => {
        const state = readStored(backend, { project: project.name, stack });
        return { stack, time: state?.manifest.time, count: state?.resources?.length ?? 0 };
    });
    if (flags.json === true) {
        const list = stacks.map(({ stack, time, count }) => ({
            name: stack,
            current: stack === selected,
            ...(time === undefined ? {} : { lastUpdate: `${time.slice(0, 19)}.000Z` }),
            ...(time === undefined ? {} : { resourceCount: count }),
        }));
        terminal.stdout(`${goJson(list, { indent: 2 })}\n`);
        return;
    }
    const rows = stacks.map(({ stack, time, count }) => [
        stack === selected ? `${stack}*` : stack,
        time === undefined ? "n/a" : ago(time),
        time === undefined ? "n/a" : count.toString(),
    ]);
    printTable([["NAME", "LAST UPDATE", "RESOURCE COUNT"], ...rows], terminal);
}

function printTable(rows: readonly (readonly string[])[], terminal: Terminal): void {
    const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
    for (const row of rows) {
        const cells = row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)));
        terminal.stdout(`${cells.join("  ")}\n`);
    }
}

export interface OutputFlags {
    readonly stack?: string;
    readonly json?: boolean;
    readonly showSecrets?: boolean;
}

/** @param property one output; without it all are shown */
export async function showOutputs(property: string | undefined, flags: OutputFlags, terminal: Terminal): Promise<void> {
    const outputs = await readOutputs(openStack(flags.stack), flags.showSecrets === true);
    if (property !== undefined) {
        const value = outputs[property];
        if (value === undefined) throw new CommandError(`current stack does not have output property '${property}'`);
        terminal.stdout(`${flags.json === true ? goJson(value, { indent: 2 }) : outputText(value)}\n`);
        return;
    }
    if (flags.json === true) {
        terminal.stdout(`${goJson(outputs, { indent: 2 })}\n`);
        return;
    }
    const rows = Object.entries(outputs).map(([name, value]) => [name, outputText(value)]);
    terminal.stdout(`Current stack outputs (${rows.length.toString()}):\n`);
    if (rows.length === 0) terminal.stdout("    No output values currently in this stack\n");
    else
        printTable(
            [["OUTPUT", "VALUE"], ...rows].map(([name = "", value = ""]) => [`    ${name}`, value]),
            terminal,
        );
}

function outputText(value: unknown): string {
    return typeof value === "string" ? value : goJson(value);
}

async function readOutputs(
    { backend, stack }: { readonly backend: Parameters<typeof readStored>[0]; readonly stack: StackName },
    showSecrets: boolean,
): Promise<Record<string, unknown>> {
    const state = readStored(backend, stack);
    const root = state?.resources?.find(({ urn }) => typeof urn === "string" && isRootStack(urn));
    const stored = root?.["outputs"] ?? {};
    const salt = state?.secrets_providers?.state?.salt;
    const crypter = showSecrets && salt !== undefined ? await Crypter.open(readPassphrase(), salt) : undefined;
    const open = (ciphertext: string): string => (crypter === undefined ? '"[secret]"' : crypter.decrypt(ciphertext));
    const outputs = mapSecrets(fromStored(stored, open, false), ({ element }): Property => element);
    return toStored(outputs, () => null) as Record<string, unknown>;
}

export function exportStack(flags: { readonly stack?: string }, terminal: Terminal): void {
    const { backend, stack } = openStack(flags.stack);
    const deployment = readStored(backend, stack);
    terminal.stdout(`${goJson({ version: 3, ...(deployment === undefined ? {} : { deployment }) }, { indent: 4 })}\n`);
}

/** Takes away every lock of the stack, also those of processes that are still running. */
export async function cancel(
    flags: { readonly stack?: string; readonly yes?: boolean },
    terminal: Terminal,
): Promise<void> {
    const { backend, stack } = openStack(flags.stack);
    if (terminal.interactive && flags.yes !== true) {
        const question = `This will irreversibly cancel the currently running update for '${stack.stack}'! Proceed?`;
        if (!(await confirm(question))) throw new CommandError("confirmation declined");
    }
    breakLocks(backend, stack);
    terminal.stdout(`The currently running update for '${stack.stack}' has been canceled!\n`);
}
