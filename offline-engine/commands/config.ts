// config set and get.

import { CommandError } from "../errors";
import { goJson } from "../go-json";
import { parsePath, type PropertyPath } from "../property-path";
import { fullKey, isSecret, plainConfig, type ConfigValue } from "../stack-file";
import { openSecrets, openStack, readStackFile } from "./context";
import type { Terminal } from "./terminal";

export interface ConfigFlags {
    readonly stack?: string;
    readonly path?: boolean;
}

/** A key without a namespace is the project's. With --path what comes after the first name leads into the value. */
function parseKey(
    text: string,
    project: string,
    withPath: boolean,
): { readonly key: string; readonly path: PropertyPath } {
    const end = withPath ? text.search(/[.[]/) : -1;
    const name = end > 0 ? text.slice(0, end) : text;
    const path = end > 0 ? parsePath(text.slice(end).replace(/^\./, "")) : [];
    return { key: fullKey(name.includes(":") ? name : `${project}:${name}`), path };
}

export async function setConfig(
    name: string,
    value: string,
    flags: ConfigFlags & { readonly secret?: boolean },
): Promise<void> {
    const context = openStack(flags.stack);
    const { key, path } = parseKey(name, context.project.name, flags.path === true);
    const file = readStackFile(context);
    const stored = flags.secret === true ? { secure: (await openSecrets(file)).encrypt(value) } : value;
    file.set(key, path, stored);
    file.save();
}

export async function getConfig(
    name: string,
    flags: ConfigFlags & { readonly json?: boolean },
    terminal: Terminal,
): Promise<void> {
    const context = openStack(flags.stack);
    const { key, path } = parseKey(name, context.project.name, flags.path === true);
    const file = readStackFile(context);
    const value = path.reduce<ConfigValue | undefined>(childOf, file.config().get(key));
    if (value === undefined) {
        const shown = key.replace(`${context.project.name}:`, "");
        throw new CommandError(`configuration key '${shown}' not found for stack '${context.stack.stack}'`);
    }
    const crypter = isSecret(value) ? await openSecrets(file) : undefined;
    const { text, secret } = plainConfig(value, (ciphertext) => crypter?.decrypt(ciphertext) ?? "");
    if (flags.json !== true) {
        terminal.stdout(`${text}\n`);
        return;
    }
    const object = typeof value === "object" && value !== null && text !== "" && /^[{[]/.test(text);
    terminal.stdout(
        `${goJson({ value: text, ...(object ? { objectValue: JSON.parse(text) as unknown } : {}), secret }, { indent: 2 })}\n`,
    );
}

function childOf(value: ConfigValue | undefined, key: string | number): ConfigValue | undefined {
    if (typeof key === "number") return Array.isArray(value) ? (value[key] as ConfigValue | undefined) : undefined;
    return value instanceof Map ? (value.get(key) as ConfigValue | undefined) : undefined;
}
