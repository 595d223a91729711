// The file backend's checkpoint, version 3 (apitype.CheckpointV3): reading, writing, and what must hold of it.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CommandError, messageOf, unknownHere } from "./errors";
import { checkpointKey, fullNameOf, type Backend, type StackName } from "./file-backend";
import { Crypter } from "./secrets";
import { providerUrnOf, resourceFromStored, resourceToStored, sealed, type ResourceState } from "./state";
import { isoTime } from "./time";
import { isProviderType, qualifiedTypeOf, rootStackType, typeOf, withQualifiedType, type Urn } from "./urn";

export type PendingOperationType = "creating" | "updating" | "deleting" | "reading";

/** A step that had begun when this state was written; if it is there when the next one is read, nobody saw its end. */
export interface PendingOperation {
    readonly resource: ResourceState;
    readonly type: PendingOperationType;
}

/** A stack's state. A refresh changes the list of resources in place. */
export interface Snapshot {
    resources: ResourceState[];
    readonly pendingOperations: readonly PendingOperation[];
    readonly metadata: Readonly<Record<string, unknown>>;
}

type Stored = Readonly<Record<string, unknown>>;

export interface StoredDeployment {
    readonly manifest: { readonly time: string; readonly magic: string; readonly version: string };
    readonly secrets_providers?: { readonly type: string; readonly state?: { readonly salt?: string } };
    readonly resources?: readonly Stored[];
    readonly pending_operations?: readonly { readonly resource: Stored; readonly type: PendingOperationType }[];
    readonly metadata?: Readonly<Record<string, unknown>>;
}

/** The state as it lies there, nothing decrypted; nothing for a stack that never was updated. @throws CommandError */
export function readStored(backend: Backend, name: StackName): StoredDeployment | undefined {
    const content = JSON.parse(backend.bucket.read(checkpointKey(name))) as Stored;
    const features = (content["features"] ?? []) as readonly string[];
    if (content["version"] !== 3) throw unknownHere(`version ${String(content["version"])} of the state`);
    if (features.length > 0) throw unknownHere(`the state's feature ${features.join(", ")}`);
    const latest = (content["checkpoint"] as Stored)["latest"] as StoredDeployment | undefined;
    for (const key of ["snippets", "extensions"]) {
        if (latest !== undefined && key in latest) throw unknownHere(`${key}, which the state has,`);
    }
    return latest;
}

/**
 * Reads the state and decrypts it.
 * @param crypter of the stack's file; ciphertexts are kept only if the state was written with its salt
 * @throws CommandError also if the state contradicts itself
 */
export async function readSnapshot(
    backend: Backend,
    name: StackName,
    crypter: Crypter,
    passphrase: string,
): Promise<Snapshot> {
    const stored = readStored(backend, name);
    if (stored === undefined) return { resources: [], pendingOperations: [], metadata: {} };
    const provider = stored.secrets_providers;
    if (provider !== undefined && provider.type !== "passphrase")
        throw unknownHere(`the secrets provider ${provider.type}`);
    const salt = provider?.state?.salt ?? crypter.salt;
    const own = salt === crypter.salt ? crypter : await openState(passphrase, salt);
    const read = (resource: Stored): ResourceState =>
        resourceFromStored(resource, (text) => own.decrypt(text), own === crypter);
    const snapshot: Snapshot = {
        resources: (stored.resources ?? []).map(read),
        pendingOperations: (stored.pending_operations ?? []).map(({ resource, type }) => ({
            resource: read(resource),
            type,
        })),
        metadata: stored.metadata ?? {},
    };
    const { version, magic } = stored.manifest;
    const problem =
        magic === magicOf(version)
            ? integrityProblem(snapshot.resources)
            : "magic cookie mismatch; possible tampering/corruption detected";
    if (problem !== undefined) throw new CommandError(`snapshot integrity failure; refusing to use it: ${problem}`);
    return snapshot;
}

async function openState(passphrase: string, salt: string): Promise<Crypter> {
    try {
        return await Crypter.open(passphrase, salt);
    } catch (error) {
        throw new CommandError(
            `failed to decrypt: ${messageOf(error)}, please set PULUMI_CONFIG_PASSPHRASE to the correct passphrase or ` +
                "set PULUMI_CONFIG_PASSPHRASE_FILE to a file containing the passphrase",
        );
    }
}

/** Who wrote the state. The CLI only checks that the magic number belongs to it. */
export const engineVersion = `v${packageVersion()}-offline-engine`;

function packageVersion(): string {
    const file = join(__dirname, "..", "..", "package.json");
    return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

function magicOf(version: string): string {
    return version === "" ? "" : createHash("sha256").update(version).digest("hex");
}

/** The text of a checkpoint file. */
export function writeSnapshot(name: StackName, snapshot: Snapshot, crypter: Crypter): string {
    const write = (state: ResourceState): Record<string, unknown> =>
        resourceToStored(state, (secret, plaintext) => {
            secret.ciphertext ??= crypter.encrypt(plaintext);
            return sealed({ ciphertext: secret.ciphertext });
        });
    const resources = snapshot.resources.map(write);
    const pending = snapshot.pendingOperations.map(({ resource, type }) => ({ resource: write(resource), type }));
    const latest: StoredDeployment = {
        manifest: { time: isoTime(), magic: magicOf(engineVersion), version: engineVersion },
        secrets_providers: { type: "passphrase", state: { salt: crypter.salt } },
        ...(resources.length === 0 ? {} : { resources }),
        ...(pending.length === 0 ? {} : { pending_operations: pending }),
        metadata: snapshot.metadata,
    };
    return JSON.stringify({ version: 3, checkpoint: { stack: fullNameOf(name), latest } });
}

/** What is wrong with a list of resources, if anything: everything a resource needs comes before it, URNs are unique. */
export function integrityProblem(resources: readonly ResourceState[]): string | undefined {
    const seen = new Set<Urn>();
    const living = new Set<Urn>();
    const providers = new Set<string>();
    for (const state of resources) {
        const { urn, parent, provider } = state;
        if (!state.custom && state.id !== "") return `resource '${urn}' has 'custom' false but non-empty ID`;
        if (provider !== "" && !providers.has(provider) && !state.pendingReplacement)
            return `resource ${urn} refers to unknown provider ${provider}`;
        if (parent !== "" && !seen.has(parent)) return `child resource ${urn} refers to missing parent ${parent}`;
        const missing = [...state.dependencies, ...[...state.propertyDependencies.values()].flat()].find(
            (d) => !seen.has(d),
        );
        if (missing !== undefined) return `resource ${urn}'s dependency ${missing} refers to missing resource`;
        if (!state.delete && living.has(urn)) return `duplicate resource ${urn} (not marked for deletion)`;
        if (isProviderType(state.type)) providers.add(`${urn}::${state.id}`);
        seen.add(urn);
        if (!state.delete) living.add(urn);
    }
    return undefined;
}

/** Puts the new URNs of aliased resources wherever their old ones stand; the aliases themselves have then served. */
export function withoutAliases(resources: readonly ResourceState[]): ResourceState[] {
    const renamed = new Map<Urn, Urn>();
    for (const { urn, aliases, parent } of resources) {
        for (const alias of aliases) renamed.set(alias, urn);
        const newParent = renamed.get(parent);
        if (newParent !== undefined && qualifiedTypeOf(newParent) !== rootStackType) {
            renamed.set(urn, withQualifiedType(urn, `${qualifiedTypeOf(newParent)}$${typeOf(urn)}`));
        }
    }
    if (renamed.size === 0) return [...resources];
    const fix = (urn: Urn): Urn => renamed.get(urn) ?? urn;
    return resources.map((state) => {
        const providerUrn = providerUrnOf(state);
        return {
            ...state,
            urn: fix(state.urn),
            parent: fix(state.parent),
            provider: providerUrn === "" ? "" : fix(providerUrn) + state.provider.slice(providerUrn.length),
            dependencies: state.dependencies.map(fix),
            propertyDependencies: new Map([...state.propertyDependencies].map(([key, urns]) => [key, urns.map(fix)])),
            aliases: [],
        };
    });
}
