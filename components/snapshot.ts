import * as pulumi from "@pulumi/pulumi";
import type { ConnectionReference } from "../core/connection";
import type { SnapshotEncryption } from "../core/declaration";

declare const require: (module: string) => { createRequire(file: string): (module: string) => Provider };

interface Provider {
    check(olds: unknown, news: unknown): Promise<pulumi.dynamic.CheckResult>;
    diff(id: string, olds: unknown, news: unknown): Promise<pulumi.dynamic.DiffResult>;
    create(inputs: unknown): Promise<pulumi.dynamic.CreateResult>;
    update(id: string, olds: unknown, news: unknown): Promise<pulumi.dynamic.UpdateResult>;
    read(id: string, props: unknown): Promise<pulumi.dynamic.ReadResult>;
    delete(id: string, props: unknown): Promise<void>;
}

// See schema-version.ts: what Pulumi stores in its state is a call, not an implementation.

const provider: pulumi.dynamic.ResourceProvider = {
    check: (o: unknown, n: unknown) =>
        require("node:module")
            .createRequire(process.cwd() + "/package.json")("schemaward/snapshot-provider")
            .check(o, n),
    diff: (id: string, o: unknown, n: unknown) =>
        require("node:module")
            .createRequire(process.cwd() + "/package.json")("schemaward/snapshot-provider")
            .diff(id, o, n),
    create: (i: unknown) =>
        require("node:module")
            .createRequire(process.cwd() + "/package.json")("schemaward/snapshot-provider")
            .create(i),
    update: (id: string, o: unknown, n: unknown) =>
        require("node:module")
            .createRequire(process.cwd() + "/package.json")("schemaward/snapshot-provider")
            .update(id, o, n),
    read: (id: string, p: unknown) =>
        require("node:module")
            .createRequire(process.cwd() + "/package.json")("schemaward/snapshot-provider")
            .read(id, p),
    delete: (id: string, p: unknown) =>
        require("node:module")
            .createRequire(process.cwd() + "/package.json")("schemaward/snapshot-provider")
            .delete(id, p),
};

export interface SnapshotArgs {
    /** What it is called: `<environment>_<label>_<time>`. Another label takes another snapshot. */
    readonly label: pulumi.Input<string>;
    /** Where the database's URL is found. A reference: no password enters the state. Another one takes another snapshot. */
    readonly connection: pulumi.Input<Exclude<ConnectionReference, { readonly url: string }>>;
    /** URL of the store: `file:DIR`, relative to the project, or `s3://BUCKET/PREFIX`. Another one takes another snapshot. */
    readonly store: pulumi.Input<string>;
    /** Default: the stack's name. */
    readonly environment?: pulumi.Input<string> | undefined;
    /** Version of the application that runs now, for the manifest; a change takes no snapshot. */
    readonly app?: pulumi.Input<string> | undefined;
    /** Set whose ledger says what is applied, and by whose retention it goes. Default: the project's name. */
    readonly set?: pulumi.Input<string> | undefined;
    /** How many pg_dump work at a time, each with tables of its own; default 1. */
    readonly jobs?: pulumi.Input<number> | undefined;
    /** Encryption with age before it leaves this machine: as in a stack's `snapshot.encryption`. */
    readonly encryption?: pulumi.Input<SnapshotEncryption> | undefined;
    /** Whether retention leaves it alone. Default true. */
    readonly protect?: pulumi.Input<boolean> | undefined;
    /** Values of which any change takes another snapshot: a release's number, a commit. */
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as in Pulumi's own `triggers`: whatever a state can hold
    readonly triggers?: pulumi.Input<any[]> | undefined;
}

/**
 * A restore point: a verified snapshot under a name of its own, taken when the resource is made, beside those that each run takes. What
 * another one takes the place of stays in the store and loses its protection (unless `retainOnDelete`); so it does when the resource is
 * deleted. The data is deleted by retention alone.
 */
export class Snapshot extends pulumi.dynamic.Resource {
    // `declare`: a class field would overwrite the output that Pulumi has set (target ≥ ES2022).
    /** The snapshot's name in the store. */
    declare readonly name: pulumi.Output<string>;
    /** Bytes of its archive. */
    declare readonly bytes: pulumi.Output<number>;
    /** When its contents were true: UTC, ISO 8601. */
    declare readonly created: pulumi.Output<string>;
    /** Of its archive, lower-case hex. */
    declare readonly sha256: pulumi.Output<string>;

    constructor(name: string, args: SnapshotArgs, options?: pulumi.CustomResourceOptions) {
        const { environment, set, protect, triggers, ...rest } = args;
        const stack = pulumi.getStack();
        const declarer = { project: pulumi.getProject(), stack, environment: environment ?? stack };
        super(
            provider,
            name,
            {
                ...{ name: undefined, bytes: undefined, created: undefined, sha256: undefined },
                ...rest,
                ...{ declarer, set: set ?? pulumi.getProject(), protect: protect ?? true, triggers: triggers ?? [] },
            },
            options,
            "schemaward",
            "Snapshot",
        );
    }
}
