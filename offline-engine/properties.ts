// Property values as the engine knows them (sdk/go/common/resource/properties.go), without assets and archives.

/** A value that is encrypted at rest and hidden in every output. */
export class Secret {
    /** What the state holds for it, so that an unchanged secret is not encrypted anew. */
    ciphertext: string | undefined;

    constructor(readonly element: Property) {}
}

/** A value that is known only after an update. */
export class Unknown {
    readonly kind = "unknown";
}

export const unknown = new Unknown();

export class ResourceReference {
    constructor(
        readonly urn: string,
        readonly id: string | undefined,
        readonly packageVersion: string,
    ) {}
}

export type Property =
    | null
    | boolean
    | number
    | string
    | readonly Property[]
    | ReadonlyMap<string, Property>
    | Secret
    | Unknown
    | ResourceReference;

export type PropertyMap = ReadonlyMap<string, Property>;

export const noProperties: PropertyMap = new Map();

export function isPropertyMap(value: Property): value is PropertyMap {
    return value instanceof Map;
}

export function isArray(value: Property): value is readonly Property[] {
    return Array.isArray(value);
}

/** Keys that start with two underscores are the SDK's own, like __provider: never shown. */
export function isInternalKey(key: string): boolean {
    return key.startsWith("__");
}

/** Go sorts strings by their bytes. */
export function compareBytes(a: string, b: string): number {
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

export function sortedKeys(map: ReadonlyMap<string, unknown>): string[] {
    return [...map.keys()].sort(compareBytes);
}

/** Deep equality; in maps null is the same as absent, and secrets compare by what they hide. */
export function equal(a: Property, b: Property): boolean {
    if (isArray(a)) return isArray(b) && a.length === b.length && a.every((e, i) => equal(e, b[i] ?? null));
    if (isPropertyMap(a)) return isPropertyMap(b) && equalMaps(a, b);
    if (a instanceof Secret) return b instanceof Secret && equal(a.element, b.element);
    if (a instanceof Unknown) return b instanceof Unknown;
    if (a instanceof ResourceReference) return b instanceof ResourceReference && a.urn === b.urn && a.id === b.id;
    return a === b;
}

export function equalMaps(a: PropertyMap, b: PropertyMap): boolean {
    return (
        [...a].every(([key, value]) => equal(value, b.get(key) ?? null)) &&
        [...b].every(([key, value]) => value === null || a.has(key))
    );
}

function some(value: Property, test: (value: Property) => boolean): boolean {
    if (test(value)) return true;
    if (isArray(value)) return value.some((e) => some(e, test));
    if (isPropertyMap(value)) return [...value.values()].some((e) => some(e, test));
    return value instanceof Secret && some(value.element, test);
}

export function containsSecrets(value: Property): boolean {
    return some(value, (v) => v instanceof Secret);
}

/** The same value with what secrets hide in the open. */
export function reveal(value: Property): Property {
    return mapSecrets(value, (secret) => reveal(secret.element));
}

/** Replaces every secret, wherever it is. */
export function mapSecrets(value: Property, replace: (secret: Secret) => Property): Property {
    if (value instanceof Secret) return replace(value);
    if (isArray(value)) return value.map((e) => mapSecrets(e, replace));
    if (isPropertyMap(value)) return mapSecretsIn(value, replace);
    return value;
}

export function mapSecretsIn(map: PropertyMap, replace: (secret: Secret) => Property): PropertyMap {
    return new Map([...map].map(([key, value]) => [key, mapSecrets(value, replace)]));
}

/**
 * Dynamic providers do not see secrets, so what they return is secret again wherever the same name held one
 * (annotateSecrets in provider_plugin.go).
 */
export function markSecrets(outs: PropertyMap, ins: PropertyMap): PropertyMap {
    const marked = new Map(outs);
    for (const [key, into] of ins) {
        const out = marked.get(key);
        if (out === undefined) continue;
        if (isPropertyMap(out) && isPropertyMap(into)) marked.set(key, markSecrets(out, into));
        else if (!(out instanceof Secret) && containsSecrets(into)) marked.set(key, new Secret(out));
    }
    return marked;
}

/** Lets secrets that did not change keep their ciphertext, so that a state file changes only where something did. */
export function keepCiphertexts(from: Property, into: Property): void {
    if (from instanceof Secret && into instanceof Secret) {
        if (into.ciphertext === undefined && equal(from, into)) into.ciphertext = from.ciphertext;
    } else if (isArray(from) && isArray(into)) {
        into.forEach((e, i) => {
            keepCiphertexts(from[i] ?? null, e);
        });
    } else if (isPropertyMap(from) && isPropertyMap(into)) {
        for (const [key, value] of into) keepCiphertexts(from.get(key) ?? null, value);
    }
}
