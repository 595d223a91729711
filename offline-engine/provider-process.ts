import { Client, credentials, type MethodDefinition, type ServiceError } from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import provider from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { join } from "node:path";
import { Child, sdkScript } from "./child";
import { CommandError } from "./errors";
import type { Events } from "./events";
import { channelOptions } from "./grpc";
import type { Project } from "./project";
import { noProperties, type PropertyMap } from "./properties";
import type { Streams } from "./streams";
import { dynamicPackage } from "./urn";
import { toStruct } from "./wire";

/** What the SDK's dynamic provider process needs to run. */
export interface ProviderHost {
    readonly project: Project;
    /** Asked when the process starts. */
    readonly engineAddress: () => string;
    readonly events: Events;
    readonly streams: Streams;
}

/** The SDK's own process for dynamic providers. It starts with the first call: a plan without one pays for none. */
export class ProviderProcess {
    private child: Child | undefined;
    private client: Promise<Client> | undefined;
    private config: PropertyMap | undefined;

    constructor(private readonly host: ProviderHost) {}

    get configured(): boolean {
        return this.config !== undefined;
    }

    /** Which configuration the provider's configure method gets. Holds from the next call on. */
    configure(config: PropertyMap): void {
        this.config = config;
        if (this.client !== undefined) this.client = this.client.then((client) => this.sendConfiguration(client));
    }

    /** @throws ServiceError */
    async call<Q, R>(method: MethodDefinition<Q, R>, request: Q): Promise<R> {
        this.client ??= this.start();
        return unary(await this.client, method, request);
    }

    /** Tells it that the update is cancelled; for dynamic providers that is only a courtesy. */
    cancel(): void {
        if (this.client !== undefined)
            void this.call(ResourceProviderService.cancel, new Empty()).catch(() => undefined);
    }

    async stop(): Promise<void> {
        void this.client?.then(
            (client) => {
                client.close();
            },
            () => undefined,
        );
        await this.child?.stop();
    }

    private async start(): Promise<Client> {
        const { project, engineAddress, events, streams } = this.host;
        const script = sdkScript(project.programDir, "dynamic-provider");
        const [stdout, stderr] = [streams.next(), streams.next()];
        const port = new Promise<string>((resolve, reject) => {
            let first = true;
            this.child = new Child({
                args: ["--require", join(__dirname, "end-with-engine.js"), script, engineAddress()],
                cwd: project.programDir,
                env: environmentOf(project),
                onLine: (from, line) => {
                    if (from === "stderr") events.diagnostic("info#err", line, { stream: stderr });
                    else if (first) resolve(line.trim());
                    else events.diagnostic("info", line, { stream: stdout });
                    first &&= from === "stderr";
                },
            });
            void this.child.ended.then(({ code, signal }) => {
                reject(new CommandError(`could not read plugin [${script}]: exit status ${String(code ?? signal)}`));
            });
        });
        const client = new Client(`127.0.0.1:${await port}`, credentials.createInsecure(), channelOptions);
        return this.sendConfiguration(client);
    }

    private async sendConfiguration(client: Client): Promise<Client> {
        const request = new provider.ConfigureRequest()
            .setArgs(toStruct(this.config ?? noProperties, { secrets: true }))
            .setType(`pulumi:providers:${dynamicPackage}`)
            .setAcceptsecrets(true)
            .setAcceptresources(true)
            .setSendsOldInputs(true)
            .setSendsOldInputsToDelete(true);
        await unary(client, ResourceProviderService.configure, request);
        return client;
    }
}

function environmentOf(project: Project): Record<string, string> {
    const options = [...project.runtimeOptions].map(([key, value]) => [`PULUMI_RUNTIME_${key.toUpperCase()}`, value]);
    return {
        ...(Object.fromEntries(options) as Record<string, string>),
        PULUMI_NODEJS_PROJECT: project.name,
        PULUMI_PROJECT: project.name,
        PULUMI_CONFIG: "{}",
    };
}

function unary<Q, R>(client: Client, method: MethodDefinition<Q, R>, request: Q): Promise<R> {
    return new Promise((resolve, reject) => {
        const done = (error: ServiceError | null, response?: R): void => {
            if (error !== null) reject(error);
            else if (response !== undefined) resolve(response);
            else reject(new CommandError(`the provider gave no answer to ${method.path}`));
        };
        client.makeUnaryRequest(method.path, method.requestSerialize, method.responseDeserialize, request, done);
    });
}
