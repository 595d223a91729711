// A resource as the state holds it (apitype.ResourceV3), and its dependencies.

import { CommandError, unknownHere } from "./errors";
import {
    isArray,
    isPropertyMap,
    ResourceReference,
    Secret,
    sortedKeys,
    Unknown,
    unknown,
    type Property,
    type PropertyMap,
} from "./properties";
import { packageOf, dynamicPackage, splitProviderReference, unknownValue, type Urn } from "./urn";
import { referenceOf, signatureKey, signatures } from "./wire";

export interface StackFrame {
    readonly sourcePosition?: string;
}

/** Seconds. */
export interface CustomTimeouts {
    readonly create?: number;
    readonly update?: number;
    readonly delete?: number;
    readonly read?: number;
}

/** Steps change it while they run; what was written to disk or shown before is a copy. */
export interface ResourceState {
    urn: Urn;
    readonly type: string;
    readonly custom: boolean;
    /** Replaced, and waiting to be deleted. */
    delete: boolean;
    /** Deleted, and waiting to be created again. */
    pendingReplacement: boolean;
    id: string;
    inputs: PropertyMap;
    /** Nothing before the resource was created. */
    outputs: PropertyMap | undefined;
    parent: Urn;
    protect: boolean;
    retainOnDelete: boolean;
    dependencies: readonly Urn[];
    propertyDependencies: ReadonlyMap<string, readonly Urn[]>;
    initErrors: readonly string[];
    provider: string;
    readonly additionalSecretOutputs: readonly string[];
    aliases: readonly Urn[];
    readonly customTimeouts: CustomTimeouts | undefined;
    readonly ignoreChanges: readonly string[];
    created: string | undefined;
    modified: string | undefined;
    sourcePosition: string;
    stackTrace: readonly StackFrame[];
}

/** Every URN a resource needs, except its provider's. */
export function dependenciesOf(state: ResourceState): Urn[] {
    return [
        ...(state.parent === "" ? [] : [state.parent]),
        ...state.dependencies,
        ...[...state.propertyDependencies.values()].flat(),
    ];
}

export function providerUrnOf(state: ResourceState): Urn {
    return state.provider === "" ? "" : splitProviderReference(state.provider).urn;
}

/** Turns a property into JSON; secrets through encrypt. */
export function toStored(value: Property, encrypt: (secret: Secret, plaintext: string) => unknown): unknown {
    if (isArray(value)) return value.map((e) => toStored(e, encrypt));
    if (isPropertyMap(value)) return toStoredMap(value, encrypt);
    if (value instanceof Unknown) return unknownValue;
    if (value instanceof ResourceReference) {
        return {
            [signatureKey]: signatures.resource,
            ...(value.id === undefined ? {} : { id: value.id }),
            packageVersion: value.packageVersion,
            urn: value.urn,
        };
    }
    if (value instanceof Secret)
        return encrypt(value, JSON.stringify(toStored(value.element, (_, plaintext) => sealed({ plaintext }))));
    return value;
}

export function toStoredMap(
    map: PropertyMap,
    encrypt: (secret: Secret, plaintext: string) => unknown,
): Record<string, unknown> {
    return Object.fromEntries(sortedKeys(map).map((key) => [key, toStored(map.get(key) ?? null, encrypt)]));
}

export function sealed(content: { readonly ciphertext: string } | { readonly plaintext: string }): unknown {
    return { [signatureKey]: signatures.secret, ...content };
}

type Decrypt = (ciphertext: string) => string;

/**
 * @param keep whether a secret that does not change may keep its ciphertext
 * @throws CommandError for assets and archives, and when decrypt does
 */
export function fromStored(value: unknown, decrypt: Decrypt, keep: boolean): Property {
    if (value === unknownValue) return unknown;
    if (Array.isArray(value)) return value.map((e) => fromStored(e, decrypt, keep));
    if (typeof value !== "object" || value === null) return value as Property;
    const map = value as Readonly<Record<string, unknown>>;
    const signature = map[signatureKey];
    if (signature === undefined) return fromStoredMap(map, decrypt, keep);
    if (signature === signatures.resource) return referenceOf(map);
    if (signature !== signatures.secret) throw unknownHere("an asset, archive or other special value in the state");
    const { ciphertext, plaintext } = map as { readonly ciphertext?: string; readonly plaintext?: string };
    const clear = ciphertext === undefined ? plaintext : decrypt(ciphertext);
    if (clear === undefined) throw new CommandError("malformed secret value in the state");
    const secret = new Secret(fromStored(JSON.parse(clear), decrypt, keep));
    if (keep) secret.ciphertext = ciphertext;
    return secret;
}

export function fromStoredMap(map: Stored, decrypt: Decrypt, keep: boolean): PropertyMap {
    return new Map(Object.entries(map).map(([key, value]) => [key, fromStored(value, decrypt, keep)]));
}

type Stored = Readonly<Record<string, unknown>>;

/** A list, map, text or flag that says nothing is left out, as Go's omitempty does. */
function kept(value: unknown): boolean {
    if (value === undefined || value === "" || value === false) return false;
    if (Array.isArray(value)) return value.length > 0;
    return typeof value !== "object" || value === null || Object.keys(value).length > 0;
}

/** In the order of ResourceV3's fields. */
export function resourceToStored(
    state: ResourceState,
    encrypt: (secret: Secret, plaintext: string) => unknown,
): Record<string, unknown> {
    const dependencies = state.propertyDependencies;
    const always = new Set(["urn", "custom", "type"]);
    const fields: [string, unknown][] = [
        ["urn", state.urn],
        ["custom", state.custom],
        ["delete", state.delete],
        ["id", state.id],
        ["type", state.type],
        ["inputs", toStoredMap(state.inputs, encrypt)],
        ["outputs", state.outputs === undefined ? undefined : toStoredMap(state.outputs, encrypt)],
        ["parent", state.parent],
        ["protect", state.protect],
        ["dependencies", state.dependencies],
        ["initErrors", state.initErrors],
        ["provider", state.provider],
        [
            "propertyDependencies",
            Object.fromEntries(sortedKeys(dependencies).map((key) => [key, dependencies.get(key) ?? []])),
        ],
        ["pendingReplacement", state.pendingReplacement],
        ["additionalSecretOutputs", state.additionalSecretOutputs],
        ["aliases", state.aliases],
        ["customTimeouts", state.customTimeouts],
        ["retainOnDelete", state.retainOnDelete],
        ["created", state.created],
        ["modified", state.modified],
        ["sourcePosition", state.sourcePosition],
        ["stackTrace", state.stackTrace],
        ["ignoreChanges", state.ignoreChanges],
    ];
    return Object.fromEntries(fields.filter(([key, value]) => always.has(key) || kept(value)));
}

const knownFields = new Set(
    (
        "urn custom delete id type inputs outputs parent protect dependencies initErrors provider propertyDependencies " +
        "pendingReplacement additionalSecretOutputs aliases customTimeouts retainOnDelete created modified " +
        "sourcePosition stackTrace ignoreChanges"
    ).split(" "),
);

/** @throws CommandError for resources that need a plugin, and for settings whose meaning is not known here */
export function resourceFromStored(stored: Stored, decrypt: Decrypt, keep: boolean): ResourceState {
    const urn = text(stored["urn"]);
    const type = text(stored["type"]);
    const custom = stored["custom"] === true;
    if (custom && packageOf(type) !== dynamicPackage) throw needsPlugin(urn, packageOf(type));
    for (const [key, value] of Object.entries(stored)) {
        if (!knownFields.has(key) && kept(value)) throw unknownHere(`${key}, which the state has for ${urn},`);
    }
    const map = (key: string): PropertyMap | undefined =>
        stored[key] === undefined ? undefined : fromStoredMap(stored[key] as Stored, decrypt, keep);
    const list = <T>(key: string): readonly T[] => (stored[key] ?? []) as readonly T[];
    return {
        urn,
        type,
        custom,
        delete: stored["delete"] === true,
        pendingReplacement: stored["pendingReplacement"] === true,
        id: text(stored["id"]),
        inputs: map("inputs") ?? new Map<string, Property>(),
        outputs: map("outputs") ?? new Map<string, Property>(),
        parent: text(stored["parent"]),
        protect: stored["protect"] === true,
        retainOnDelete: stored["retainOnDelete"] === true,
        dependencies: list("dependencies"),
        propertyDependencies: new Map(Object.entries((stored["propertyDependencies"] ?? {}) as Record<string, Urn[]>)),
        initErrors: list("initErrors"),
        provider: text(stored["provider"]),
        additionalSecretOutputs: list("additionalSecretOutputs"),
        aliases: list("aliases"),
        customTimeouts: stored["customTimeouts"] as CustomTimeouts | undefined,
        ignoreChanges: list("ignoreChanges"),
        created: stored["created"] as string | undefined,
        modified: stored["modified"] as string | undefined,
        sourcePosition: text(stored["sourcePosition"]),
        stackTrace: list("stackTrace"),
    };
}

function text(value: unknown): string {
    return typeof value === "string" ? value : "";
}

/** Only Node's dynamic provider runs without a plugin binary. */
export function needsPlugin(resource: string, plugin: string): CommandError {
    return unknownHere(`the provider plugin "${plugin}", which ${resource} needs,`);
}
