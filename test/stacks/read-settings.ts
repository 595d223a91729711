// Runs settings() as a Pulumi program does, for each project folder in the arguments, and prints what it gives or how it
// refuses as a JSON list. One process for all: it is Pulumi's SDK that takes time.
import * as pulumi from "@pulumi/pulumi";
import path from "node:path";
import { settings } from "../../stacks/settings";
import { configAsPulumiPasses } from "../support/stack-config";
import type { Outcome } from "./outcome";

async function main(folders: readonly string[]): Promise<void> {
    const none = { call: () => ({}), newResource: () => ({ id: undefined, state: {} }) };
    await pulumi.runtime.setMocks(none, "physioflow", "dev");
    const outcomes = folders.map((folder): Outcome => {
        process.chdir(folder);
        pulumi.runtime.setAllConfig(configAsPulumiPasses(path.join("stacks", "Pulumi.dev.yaml")));
        try {
            return { settings: settings() };
        } catch (error) {
            return { error: error instanceof Error ? error.message : String(error) };
        }
    });
    console.log(JSON.stringify(outcomes));
}

void main(process.argv.slice(2));
