import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { readProject, readStackSettings } from "../../stacks/stack-file";
import type { Settings } from "../../stacks/settings-schema";

/** What reading a stack's file gives, or how it is refused. */
export type Outcome = { readonly settings: Settings } | { readonly error: string };

/** Project folders of one stack each, gone after `remove`. */
export class Projects {
    private readonly home = mkdtempSync(path.join(os.tmpdir(), "schemaward-settings-"));
    private count = 0;

    /** @param config lines below `config:`; @returns the folder */
    add(config: string): string {
        const folder = path.join(this.home, String(this.count++));
        mkdirSync(path.join(folder, "stacks"), { recursive: true });
        writeFileSync(path.join(folder, "Pulumi.yaml"), "name: physioflow\nruntime: nodejs\nstackConfigDir: stacks\n");
        const lines = config.trimEnd().split("\n");
        writeFileSync(
            path.join(folder, "stacks", "Pulumi.dev.yaml"),
            ["config:", ...lines.map((l) => `  ${l}`), ""].join("\n"),
        );
        return folder;
    }

    remove(): void {
        rmSync(this.home, { recursive: true });
    }
}

/** As the command's --stack reads it. */
export function asCommandReads(folder: string): Outcome {
    try {
        return { settings: readStackSettings(readProject(folder), "dev") };
    } catch (error) {
        return { error: error instanceof Error ? error.message : String(error) };
    }
}

/** As a Pulumi program reads it, for each folder. */
export async function asPulumiReads(folders: readonly string[]): Promise<Outcome[]> {
    const { stdout } = await promisify(execFile)(process.execPath, [
        path.join(__dirname, "read-settings.js"),
        ...folders,
    ]);
    return JSON.parse(stdout) as Outcome[];
}
