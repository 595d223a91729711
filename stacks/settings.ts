import * as pulumi from "@pulumi/pulumi";
import { existsSync } from "node:fs";
import { BadInputError, SchemawardError } from "../core/errors";
import { parseSettings } from "./parse-settings";
import type { Settings } from "./settings-schema";
import { readProject, readStackValues, stackFileOf } from "./stack-file";

export type { Settings } from "./settings-schema";

/**
 * The settings of the stack that the program runs for, checked; for a Pulumi program.
 * @throws RunError naming each wrong key and what is allowed there
 */
export function settings(): Settings {
    try {
        return readSettings();
    } catch (error) {
        // Of this kind of error Pulumi prints the message alone.
        throw error instanceof SchemawardError ? new pulumi.RunError(error.message) : error;
    }
}

function readSettings(): Settings {
    const project = readProject(process.cwd());
    const stack = pulumi.getStack();
    const file = stackFileOf(project, stack);
    const typed = existsSync(file) ? readStackValues(project, stack) : {};
    const values: Record<string, unknown> = {};
    const config = new pulumi.Config(project.name);
    for (const key of Object.keys(pulumi.runtime.allConfig())) {
        if (!key.startsWith(`${project.name}:`)) continue;
        const name = key.slice(project.name.length + 1);
        values[name] = valueOf(config.get(name), typed[name], name, file);
    }
    return parseSettings(values, project.name, file);
}

/**
 * Pulumi hands every value over as a string, objects as JSON; the file still knows what they were. Where a string is
 * wanted a number is refused, whatever digits Pulumi made of it: it reads 024 as 20, and a later one reads it otherwise.
 */
function valueOf(text: string | undefined, typed: unknown, name: string, file: string): unknown {
    if (text === undefined) return undefined;
    if (typeof typed === "number" || typeof typed === "boolean") return typed;
    // The two readings of YAML differ: 1_000 is a number for Pulumi alone.
    if (typeof typed === "string" && typed !== text && text.trim() !== "" && !Number.isNaN(Number(text)))
        return Number(text);
    if (!/^\s*[{[]/.test(text)) return text;
    try {
        return JSON.parse(text) as unknown;
    } catch {
        throw new BadInputError({
            what: `The value of ${name} is neither a text nor JSON.`,
            where: { file },
            next: "Write it as a YAML mapping in the stack's file.",
        });
    }
}
