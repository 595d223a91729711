import * as pulumi from "@pulumi/pulumi";
import type { TrafficResumeInputs } from "../dynamic-providers/traffic-resume";

declare const require: (module: string) => { createRequire(file: string): (module: string) => Provider };

interface Provider {
    check(olds: unknown, news: unknown): Promise<pulumi.dynamic.CheckResult>;
    diff(id: string, olds: unknown, news: unknown): Promise<pulumi.dynamic.DiffResult>;
    create(inputs: unknown): Promise<pulumi.dynamic.CreateResult>;
    update(id: string, olds: unknown, news: unknown): Promise<pulumi.dynamic.UpdateResult>;
}

// See schema-version.ts: what Pulumi stores in its state is a call, not an implementation.

const provider: pulumi.dynamic.ResourceProvider = {
    check: (o: unknown, n: unknown) =>
        require("node:module")
            .createRequire(process.cwd() + "/package.json")("schemaward/traffic-provider")
            .check(o, n),
    diff: (id: string, o: unknown, n: unknown) =>
        require("node:module")
            .createRequire(process.cwd() + "/package.json")("schemaward/traffic-provider")
            .diff(id, o, n),
    create: (i: unknown) =>
        require("node:module")
            .createRequire(process.cwd() + "/package.json")("schemaward/traffic-provider")
            .create(i),
    update: (id: string, o: unknown, n: unknown) =>
        require("node:module")
            .createRequire(process.cwd() + "/package.json")("schemaward/traffic-provider")
            .update(id, o, n),
};

/**
 * Traffic that comes in again once the resources it depends on are as declared. Made by `PostgresSchema.resumeAfter`; it does something only
 * while the ledger has traffic as stopped.
 */
export class TrafficResume extends pulumi.dynamic.Resource {
    constructor(
        name: string,
        args: { [K in keyof TrafficResumeInputs]: pulumi.Input<TrafficResumeInputs[K]> },
        options?: pulumi.CustomResourceOptions,
    ) {
        super(provider, name, args, options, "schemaward", "TrafficResume");
    }
}
