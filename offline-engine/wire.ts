// Property values as they travel over gRPC (sdk/go/common/resource/plugin/rpc.go).

import { Struct, type JavaScriptValue } from "google-protobuf/google/protobuf/struct_pb";
import { unknownHere } from "./errors";
import {
    isArray,
    isPropertyMap,
    ResourceReference,
    Secret,
    Unknown,
    unknown,
    type Property,
    type PropertyMap,
} from "./properties";
import { unknownValue } from "./urn";

/** Key under which a map says that it is something else, and what it may say there. */
export const signatureKey = "4dabf18193072939515e22adb298388d";
export const signatures = {
    secret: "1b47061264138c4ac30d75fd1eb44270",
    resource: "5cf8f73096256a8f31e491e813e4eb8e",
    output: "d0e6a833031e9bbcd3f4e8bde6ca49a4",
} as const;

type Plain = Readonly<Record<string, unknown>>;

/** With secrets they travel as such, else what they hide travels in clear. */
export function toStruct(map: PropertyMap, options: { readonly secrets: boolean }): Struct {
    return Struct.fromJavaScript(toPlainMap(map, options));
}

function toPlainMap(map: PropertyMap, options: { readonly secrets: boolean }): Record<string, JavaScriptValue> {
    return Object.fromEntries([...map].map(([key, value]) => [key, toPlain(value, options)]));
}

function toPlain(value: Property, options: { readonly secrets: boolean }): JavaScriptValue {
    if (isArray(value)) return value.map((e) => toPlain(e, options));
    if (isPropertyMap(value)) return toPlainMap(value, options);
    if (value instanceof Unknown) return unknownValue;
    if (value instanceof Secret) {
        const element = toPlain(value.element, options);
        return options.secrets ? { [signatureKey]: signatures.secret, value: element } : element;
    }
    if (value instanceof ResourceReference) {
        // A receiver that knows no secrets knows no references either: it gets the id.
        if (!options.secrets) return value.id ?? value.urn;
        return {
            [signatureKey]: signatures.resource,
            urn: value.urn,
            ...(value.id === undefined ? {} : { id: value.id }),
            ...(value.packageVersion === "" ? {} : { packageVersion: value.packageVersion }),
        };
    }
    return value;
}

/** @param dependencies collects, by top-level key, the URNs that output values name. */
export function fromStruct(struct: Struct | undefined, dependencies?: Map<string, Set<string>>): PropertyMap {
    const map = new Map<string, Property>();
    for (const [key, value] of Object.entries(struct?.toJavaScript() ?? {})) {
        const urns = new Set<string>();
        map.set(key, fromPlain(value, urns));
        if (urns.size > 0) dependencies?.set(key, urns);
    }
    return map;
}

function fromPlain(value: unknown, urns: Set<string>): Property {
    if (value === unknownValue) return unknown;
    if (Array.isArray(value)) return value.map((e) => fromPlain(e, urns));
    if (typeof value !== "object" || value === null) return value as Property;
    const plain = value as Plain;
    const signature = plain[signatureKey];
    if (signature === undefined)
        return new Map(Object.entries(plain).map(([key, element]) => [key, fromPlain(element, urns)]));
    if (signature === signatures.secret) return new Secret(fromPlain(plain["value"] ?? null, urns));
    if (signature === signatures.resource) return referenceOf(plain);
    if (signature === signatures.output) {
        for (const urn of (plain["dependencies"] ?? []) as string[]) urns.add(urn);
        const known = "value" in plain ? fromPlain(plain["value"], urns) : unknown;
        return plain["secret"] === true ? new Secret(known) : known;
    }
    throw unknownHere("an asset or archive");
}

export function referenceOf(plain: Plain): ResourceReference {
    const text = (key: string): string | undefined => (typeof plain[key] === "string" ? plain[key] : undefined);
    return new ResourceReference(text("urn") ?? "", text("id"), text("packageVersion") ?? "");
}
