import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { root } from "../../tools/pg-binaries";

/** One resource that a program declares. */
export interface Declared {
    /** Pulumi's type token: `aws:s3/bucket:Bucket`. */
    readonly type: string;
    readonly name: string;
    readonly parent: string;
    readonly protect: boolean;
    readonly retainOnDelete: boolean;
    /** URNs. */
    readonly dependsOn: readonly string[];
    urn: string;
    inputs: Record<string, unknown>;
    /** What a component registers; of other resources nothing. */
    outputs: Record<string, unknown>;
}

export const stacks = ["dev", "staging", "prod"] as const;
export type Stack = (typeof stacks)[number];

const captured = new Map<string, Promise<readonly Declared[]>>();

/** What the project's own index.ts declares for a stack; run once for each. */
export function declaredBy(stack: Stack): Promise<readonly Declared[]> {
    const known = captured.get(stack) ?? capture(stack, root);
    captured.set(stack, known);
    return known;
}

/** What index.ts declares for a stack of a project's folder: Pulumi.yaml, stacks/, migrations. */
export async function capture(stack: Stack, project: string): Promise<readonly Declared[]> {
    const home = await mkdtemp(path.join(os.tmpdir(), "schemaward-declared-"));
    try {
        const output = path.join(home, "declared.json");
        await promisify(execFile)(process.execPath, [path.join(__dirname, "capture-program.js"), stack, output], {
            cwd: project,
            // Nothing answers there: a plan must not be needed to declare.
            env: { ...process.env, DATABASE_URL: "postgresql://nobody@127.0.0.1:1/none" },
        });
        return JSON.parse(await readFile(output, "utf8")) as readonly Declared[];
    } finally {
        await rm(home, { recursive: true, force: true });
    }
}

/** Those of one type. */
export function ofType(declared: readonly Declared[], type: string): readonly Declared[] {
    return declared.filter((d) => d.type === type);
}

/** The only one of a type. @throws when there is none, or more */
export function only(declared: readonly Declared[], type: string): Declared {
    const [found, ...more] = ofType(declared, type);
    if (found === undefined || more.length > 0)
        throw new Error(`${more.length + (found ? 1 : 0)} resources of ${type}`);
    return found;
}
