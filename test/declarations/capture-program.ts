// Runs the project's real index.ts, compiled, as one stack, against Pulumi's mocks, in a process of its own, and prints
// what it declares as JSON into a file. Arguments: stack, file. The folder it runs in is the project.
import * as pulumi from "@pulumi/pulumi";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { configAsPulumiPasses } from "../support/stack-config";
import type { Declared } from "./capture";

const [stack = "", output = ""] = process.argv.slice(2);
const declared: Declared[] = [];

interface Request {
    getType(): string;
    getName(): string;
    getParent(): string;
    getProtect(): boolean;
    getRetainondelete(): boolean;
    getDependenciesList(): string[];
}

/** The mocks do not see options; the request that they answer has them. */
// eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own this below
const register = MockMonitor.prototype.registerResource;
MockMonitor.prototype.registerResource = function (request: Request, callback) {
    const resource: Declared = {
        type: request.getType(),
        name: request.getName(),
        parent: request.getParent(),
        protect: request.getProtect(),
        retainOnDelete: request.getRetainondelete(),
        dependsOn: request.getDependenciesList(),
        urn: "",
        inputs: {},
        outputs: {},
    };
    declared.push(resource);
    return register.call(this, request, (error: unknown, response: { getUrn(): string }) => {
        if (error === null || error === undefined) resource.urn = response.getUrn();
        callback(error, response);
    });
};

interface Outputs {
    getUrn(): string;
    getOutputs(): { toJavaScript(): Record<string, unknown> } | undefined;
}

// eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own this below
const registerOutputs = MockMonitor.prototype.registerResourceOutputs;
MockMonitor.prototype.registerResourceOutputs = function (request: Outputs, callback) {
    const resource = declared.find((d) => d.urn === request.getUrn());
    if (resource !== undefined) resource.outputs = request.getOutputs()?.toJavaScript() ?? {};
    registerOutputs.call(this, request, callback);
};

async function main(): Promise<void> {
    pulumi.runtime.setAllConfig(configAsPulumiPasses(path.join("stacks", `Pulumi.${stack}.yaml`)));
    await pulumi.runtime.setMocks(
        {
            call: (args) => args.inputs as Record<string, unknown>,
            newResource: ({ type, name, inputs }) => {
                const resource = declared.find((d) => d.type === type && d.name === name);
                const values = inputs as Record<string, unknown>;
                if (resource !== undefined) resource.inputs = values;
                const arn = type === "aws:s3/bucket:Bucket" ? { arn: `arn:aws:s3:::${String(values["bucket"])}` } : {};
                return { id: `${name}-id`, state: { ...values, ...arn } };
            },
        },
        "physioflow",
        stack,
    );
    await import("../../index.js");
}

process.once("beforeExit", () => {
    writeFileSync(output, JSON.stringify(declared));
});
main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
});
