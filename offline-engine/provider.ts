// The operations of a dynamic provider (sdk/go/common/resource/plugin/provider_plugin.go).

import type { Metadata, MethodDefinition, ServiceError } from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import provider from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { markSecrets, noProperties, type PropertyMap } from "./properties";
import { ProviderProcess } from "./provider-process";
import { nameOf, typeOf, type Urn } from "./urn";
import { fromStruct, toStruct } from "./wire";

/** The provider failed, maybe leaving something half made. */
export class ProviderError extends Error {
    constructor(
        message: string,
        /** What there is now, if the resource exists although the call failed. */
        readonly partial?: { readonly id: string; readonly outputs: PropertyMap; readonly reasons: readonly string[] },
    ) {
        super(message);
        this.name = "ProviderError";
    }
}

export interface CheckResult {
    readonly inputs: PropertyMap;
    readonly failures: readonly { readonly property: string; readonly reason: string }[];
}

export interface DiffResult {
    /** Nothing, if the provider leaves comparing to the engine. */
    readonly changes: boolean | undefined;
    readonly replaces: readonly string[];
    readonly deleteBeforeReplace: boolean;
}

/** A resource as the provider knows it. */
export interface Live {
    readonly urn: Urn;
    readonly id: string;
    readonly inputs: PropertyMap;
    readonly outputs: PropertyMap;
}

/** The requests' common fields. */
interface AboutResource<Q> {
    setUrn(urn: string): Q;
    setName(name: string): Q;
    setType(type: string): Q;
}

/** A dynamic provider sees what secrets hide. All methods throw ProviderError. */
export class DynamicProvider {
    constructor(readonly process: ProviderProcess) {}

    async check(urn: Urn, olds: PropertyMap, news: PropertyMap): Promise<CheckResult> {
        const request = about(new provider.CheckRequest(), urn).setOlds(struct(olds)).setNews(struct(news));
        const response = await this.call(ResourceProviderService.check, request);
        return {
            inputs: markSecrets(fromStruct(response.getInputs()), news),
            failures: response.getFailuresList().map((f) => ({ property: f.getProperty(), reason: f.getReason() })),
        };
    }

    async diff(live: Live, news: PropertyMap, ignoreChanges: readonly string[]): Promise<DiffResult> {
        const request = about(new provider.DiffRequest(), live.urn)
            .setId(live.id)
            .setOldInputs(struct(live.inputs))
            .setOlds(struct(live.outputs))
            .setNews(struct(news))
            .setIgnorechangesList([...ignoreChanges]);
        const response = await this.call(ResourceProviderService.diff, request);
        const { DIFF_UNKNOWN, DIFF_SOME } = provider.DiffResponse.DiffChanges;
        const changes = response.getChanges();
        return {
            changes: changes === DIFF_UNKNOWN ? undefined : changes === DIFF_SOME,
            replaces: response.getReplacesList(),
            deleteBeforeReplace: response.getDeletebeforereplace(),
        };
    }

    async create(
        urn: Urn,
        inputs: PropertyMap,
        timeout: number,
    ): Promise<{ readonly id: string; readonly outputs: PropertyMap }> {
        const request = about(new provider.CreateRequest(), urn).setProperties(struct(inputs)).setTimeout(timeout);
        const response = await this.call(ResourceProviderService.create, request, inputs);
        const id = response.getId();
        if (id === "") throw new ProviderError(`plugin returned empty resource.ID from create '${urn}'`);
        return { id, outputs: markSecrets(fromStruct(response.getProperties()), inputs) };
    }

    async update(
        live: Live,
        news: PropertyMap,
        options: { readonly ignoreChanges: readonly string[]; readonly timeout: number },
    ): Promise<PropertyMap> {
        const request = about(new provider.UpdateRequest(), live.urn)
            .setId(live.id)
            .setOldInputs(struct(live.inputs))
            .setOlds(struct(live.outputs))
            .setNews(struct(news))
            .setTimeout(options.timeout)
            .setIgnorechangesList([...options.ignoreChanges]);
        const response = await this.call(ResourceProviderService.update, request, news);
        return markSecrets(fromStruct(response.getProperties()), news);
    }

    /** What is there now; an empty id if the resource is gone. */
    async read(
        live: Live,
        timeout: number,
    ): Promise<{ readonly id: string; readonly inputs: PropertyMap | undefined; readonly outputs: PropertyMap }> {
        const request = about(new provider.ReadRequest(), live.urn)
            .setId(live.id)
            .setInputs(struct(live.inputs))
            .setProperties(struct(live.outputs))
            .setTimeout(timeout);
        const response = await this.call(ResourceProviderService.read, request, live.outputs);
        const inputs = response.getInputs();
        return {
            id: response.getId(),
            inputs: inputs === undefined ? undefined : markSecrets(fromStruct(inputs), live.inputs),
            outputs: markSecrets(fromStruct(response.getProperties()), live.outputs),
        };
    }

    async delete(live: Live, timeout: number): Promise<void> {
        const request = about(new provider.DeleteRequest(), live.urn)
            .setId(live.id)
            .setOldInputs(struct(live.inputs))
            .setProperties(struct(live.outputs))
            .setTimeout(timeout);
        await this.call(ResourceProviderService.delete, request);
    }

    /** @param secretsOf where the secrets of a half made resource are */
    private async call<Q, R>(method: MethodDefinition<Q, R>, request: Q, secretsOf = noProperties): Promise<R> {
        try {
            return await this.process.call(method, request);
        } catch (error) {
            if (error instanceof Error && "details" in error) throw errorOf(error as ServiceError, secretsOf);
            throw error;
        }
    }
}

function about<Q extends AboutResource<Q>>(request: Q, urn: Urn): Q {
    return request.setUrn(urn).setName(nameOf(urn)).setType(typeOf(urn));
}

function struct(map: PropertyMap): ReturnType<typeof toStruct> {
    return toStruct(map, { secrets: false });
}

/** A failure with a resource left behind has it in its details. */
function errorOf(error: ServiceError, secretsOf: PropertyMap): ProviderError {
    const failed = initFailureOf(error.metadata);
    if (failed === undefined) return new ProviderError(error.details);
    const reasons = failed.getReasonsList();
    const count = reasons.length === 1 ? "1 error" : `${reasons.length.toString()} errors`;
    const points = reasons.map((reason) => `* ${reason}`).join("\n\t");
    const message = reasons.length === 0 ? "resource init failed" : `${count} occurred:\n\t${points}\n\n`;
    return new ProviderError(message, {
        id: failed.getId(),
        outputs: markSecrets(fromStruct(failed.getProperties()), secretsOf),
        reasons,
    });
}

function initFailureOf(metadata: Metadata | undefined): provider.ErrorResourceInitFailed | undefined {
    const [details] = metadata?.get("grpc-status-details-bin") ?? [];
    if (!Buffer.isBuffer(details)) return undefined;
    const any = Status.deserializeBinary(details)
        .getDetailsList()
        .find((detail) => detail.getTypeUrl().endsWith("pulumirpc.ErrorResourceInitFailed"));
    return any === undefined ? undefined : provider.ErrorResourceInitFailed.deserializeBinary(any.getValue_asU8());
}
