// URNs: urn:pulumi:STACK::PROJECT::PARENT_TYPE$TYPE::NAME (pulumi/pulumi, sdk/go/common/resource/urn).

export type Urn = string;

/** Type of the resource that stands for the stack itself. */
export const rootStackType = "pulumi:pulumi:Stack";

/** The string that stands for a value (or an id) not known before the update; the SDK's rpc.unknownValue. */
export const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Package of the dynamic resources of Node programs. */
export const dynamicPackage = "pulumi-nodejs";

export function makeUrn(stack: string, project: string, parentType: string, type: string, name: string): Urn {
    const qualified = parentType === "" || parentType === rootStackType ? type : `${parentType}$${type}`;
    return `urn:pulumi:${stack}::${project}::${qualified}::${name}`;
}

/** Type with the types of the parents before it. */
export function qualifiedTypeOf(urn: Urn): string {
    return urn.split("::")[2] ?? "";
}

export function typeOf(urn: Urn): string {
    const qualified = qualifiedTypeOf(urn);
    return qualified.slice(qualified.lastIndexOf("$") + 1);
}

export function nameOf(urn: Urn): string {
    return urn.split("::").slice(3).join("::");
}

/** The same URN with another qualified type. */
export function withQualifiedType(urn: Urn, qualified: string): Urn {
    const [stack = "", project = ""] = urn.slice("urn:pulumi:".length).split("::");
    return `urn:pulumi:${stack}::${project}::${qualified}::${nameOf(urn)}`;
}

export function isRootStack(urn: Urn): boolean {
    return urn !== "" && qualifiedTypeOf(urn) === rootStackType;
}

export function isProviderType(type: string): boolean {
    return type.startsWith("pulumi:providers:");
}

/** Package that manages resources of a type. */
export function packageOf(type: string): string {
    return isProviderType(type) ? type.slice("pulumi:providers:".length) : (type.split(":")[0] ?? "");
}

/** A provider reference is its URN and its id. */
export function splitProviderReference(reference: string): { readonly urn: Urn; readonly id: string } {
    const at = reference.lastIndexOf("::");
    return { urn: reference.slice(0, at), id: reference.slice(at + 2) };
}

/** Default providers are the engine's own business: their steps are neither shown nor counted. */
export function isDefaultProvider(urn: Urn): boolean {
    const name = nameOf(urn);
    return isProviderType(typeOf(urn)) && (name === "default" || name.startsWith("default_"));
}

/** A type as people read it: aws:s3/bucket:Bucket is aws:s3:Bucket. */
export function displayNameOf(type: string): string {
    const [pkg, module, member, ...rest] = type.split(":");
    if (pkg === undefined || module === undefined || member === undefined || rest.length > 0) return type;
    const slash = module.lastIndexOf("/");
    const camel = member.charAt(0).toLowerCase() + member.slice(1);
    return slash >= 0 && module.slice(slash + 1) === camel ? `${pkg}:${module.slice(0, slash)}:${member}` : type;
}
