import * as pulumi from "@pulumi/pulumi";
import type { SchemaVersionInputs } from "../dynamic-providers/inputs";

declare const require: (module: string) => { createRequire(file: string): (module: string) => Provider };

interface Provider {
    check(olds: unknown, news: unknown): Promise<pulumi.dynamic.CheckResult>;
    diff(id: string, olds: unknown, news: unknown): Promise<pulumi.dynamic.DiffResult>;
    create(inputs: unknown): Promise<pulumi.dynamic.CreateResult>;
    update(id: string, olds: unknown, news: unknown): Promise<pulumi.dynamic.UpdateResult>;
    read(id: string, props: unknown): Promise<pulumi.dynamic.ReadResult>;
    delete(id: string, props: unknown): Promise<void>;
}

// Pulumi stores the text of these functions in its state and runs it in a process of its own. They capture nothing and
// load what they do from the project's installed schemaward, so that state holds a call, not an implementation.

const provider: pulumi.dynamic.ResourceProvider = {
    check: (o: unknown, n: unknown) =>
        require("node:module")
            .createRequire(process.cwd() + "/package.json")("schemaward/provider")
            .check(o, n),
    diff: (id: string, o: unknown, n: unknown) =>
        require("node:module")
            .createRequire(process.cwd() + "/package.json")("schemaward/provider")
            .diff(id, o, n),
    create: (i: unknown) =>
        require("node:module")
            .createRequire(process.cwd() + "/package.json")("schemaward/provider")
            .create(i),
    update: (id: string, o: unknown, n: unknown) =>
        require("node:module")
            .createRequire(process.cwd() + "/package.json")("schemaward/provider")
            .update(id, o, n),
    read: (id: string, p: unknown) =>
        require("node:module")
            .createRequire(process.cwd() + "/package.json")("schemaward/provider")
            .read(id, p),
    delete: (id: string, p: unknown) =>
        require("node:module")
            .createRequire(process.cwd() + "/package.json")("schemaward/provider")
            .delete(id, p),
};

/**
 * The version a database is at, as a resource: created and updated by running migrations, forward or back. Users declare a
 * PostgresSchema, which plans and then makes one of these.
 */
export class SchemaVersion extends pulumi.dynamic.Resource {
    // `declare`: a class field would overwrite the output that Pulumi has set (target ≥ ES2022).
    declare readonly version: pulumi.Output<string>;
    declare readonly at: pulumi.Output<string>;
    declare readonly digest: pulumi.Output<string>;
    declare readonly lastSnapshot: pulumi.Output<string | null>;
    declare readonly lastRun: pulumi.Output<string | null>;

    constructor(
        name: string,
        args: { [K in keyof SchemaVersionInputs]: pulumi.Input<SchemaVersionInputs[K]> },
        options?: pulumi.CustomResourceOptions,
    ) {
        super(
            provider,
            name,
            { at: undefined, lastSnapshot: undefined, lastRun: undefined, ...args },
            options,
            "schemaward",
            "SchemaVersion",
        );
    }
}
