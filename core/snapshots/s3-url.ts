import { BadInputError } from "../errors";

/** What a store's `s3:` URL says. It holds no secret: credentials come from where the AWS SDK finds them. */
export interface S3Location {
    readonly bucket: string;
    /** Path in the bucket without a slash at either end; empty: the bucket's top. */
    readonly prefix: string;
    readonly region?: string;
    /** `https://minio.example:9000`; absent: AWS. */
    readonly endpoint?: string;
    /** Whether the bucket stands in the path and not in the host's name. */
    readonly pathStyle: boolean;
    /** Profile of AWS's shared configuration files. */
    readonly profile?: string;
    /** Server-side encryption; absent: the bucket's default. */
    readonly encryption?: Encryption;
    /** PEM file of the certificates that the endpoint's is checked against; as written, absolute or relative to the project. */
    readonly ca?: string;
}

/** With keys that S3 keeps, or with one of KMS: its id, ARN or alias, or the account's own for S3. */
export type Encryption = { readonly type: "AES256" } | { readonly type: "aws:kms"; readonly keyId?: string };

/** The rule for each parameter. */
const parameters: Readonly<Record<string, RegExp>> = {
    region: /^[a-z0-9-]{1,40}$/,
    endpoint: /^https?:\/\/[^\s@?#\\]+$/,
    use_path_style: /^(?:true|false)$/,
    s3ForcePathStyle: /^(?:true|false)$/,
    profile: /^[A-Za-z0-9_+=,.@:/-]{1,200}$/,
    ssetype: /^(?:AES256|aws:kms)$/,
    kmskeyid: /^[A-Za-z0-9_+=,.@:/-]{1,2048}$/,
    ca: /^[^\0]{1,4096}$/,
};

/** Leaves room for an object's name within the 1024 bytes of a key. */
const longestPrefix = 800;

/**
 * Reads `s3://BUCKET/PREFIX?region=…&endpoint=…&use_path_style=…&profile=…&ssetype=…&kmskeyid=…&ca=…`. The grammar is that of
 * gocloud.dev/blob/s3blob, which `pulumi login s3://…` takes, with the prefix in the path and `ca` of our own.
 * @throws BadInputError saying what is wrong, without showing values: a wrong URL may hold a password
 */
export function parseS3Url(url: string): S3Location {
    const match = /^s3:\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i.exec(url);
    if (match === null) throw wrong("It is no URL of the form s3://BUCKET/PREFIX?PARAMETERS.");
    const [, bucket = "", path = "", query = ""] = match;
    if (bucket.includes("@"))
        throw wrong(
            "It holds a user or a key before the bucket. Keys are never read from the URL: " +
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role.",
        );
    if (!/^(?=.{3,63}$)[a-z0-9]+(?:[.-]+[a-z0-9]+)*$/.test(bucket))
        throw wrong("The bucket's name is none: 3 to 63 of a-z 0-9 . - with a letter or digit at both ends.");
    const given = parametersOf(query);
    const style = given.get("use_path_style") ?? given.get("s3ForcePathStyle");
    const optional = (key: "region" | "endpoint" | "profile" | "ca"): Readonly<Record<string, string>> => {
        const value = given.get(key);
        return value === undefined ? {} : { [key]: value };
    };
    const encryption = encryptionOf(given.get("ssetype"), given.get("kmskeyid"));
    return {
        bucket,
        prefix: prefixOf(path),
        ...optional("region"),
        ...optional("endpoint"),
        // Buckets have names in DNS at AWS alone.
        pathStyle: style === undefined ? given.has("endpoint") : style === "true",
        ...optional("profile"),
        ...(encryption === undefined ? {} : { encryption }),
        ...optional("ca"),
    };
}

/** The reverse of `parseS3Url`, in one form: only what is not the default. */
export function formatS3Url(location: S3Location): string {
    const { bucket, prefix, encryption } = location;
    const given: readonly (readonly [string, string | undefined])[] = [
        ["region", location.region],
        ["endpoint", location.endpoint],
        [
            "use_path_style",
            location.pathStyle === (location.endpoint !== undefined) ? undefined : String(location.pathStyle),
        ],
        ["profile", location.profile],
        ["ssetype", encryption?.type],
        ["kmskeyid", encryption?.type === "aws:kms" ? encryption.keyId : undefined],
        ["ca", location.ca],
    ];
    const query = given.flatMap(([key, value]) =>
        // A slash and a colon may stand in a query, and are read more easily than %2F and %3A.
        value === undefined ? [] : [`${key}=${encodeURIComponent(value).replace(/%2F/g, "/").replace(/%3A/g, ":")}`],
    );
    return `s3://${bucket}${prefix === "" ? "" : `/${prefix}`}${query.length === 0 ? "" : `?${query.join("&")}`}`;
}

function prefixOf(path: string): string {
    const prefix = path.replace(/\/$/, "");
    if (prefix === "") return "";
    const sound = prefix
        .split("/")
        .every((part) => /^[A-Za-z0-9!_.*'()=-]+$/.test(part) && part !== "." && part !== "..");
    if (!sound || prefix.length > longestPrefix)
        throw wrong(
            `The path after the bucket may have ${String(longestPrefix)} of A-Z a-z 0-9 ! _ . * ' ( ) = - between single slashes.`,
        );
    return prefix;
}

function parametersOf(query: string): ReadonlyMap<string, string> {
    const given = new Map<string, string>();
    for (const pair of query === "" ? [] : query.split("&")) {
        const [key = "", ...rest] = pair.split("=");
        const rule = Object.hasOwn(parameters, key) ? parameters[key] : undefined;
        if (rule === undefined) {
            const shown = /^[A-Za-z_][A-Za-z0-9_.-]{0,39}$/.test(key) ? `no parameter ${key}` : "no such parameter";
            throw wrong(`There is ${shown}; there are: ${Object.keys(parameters).join(", ")}.`);
        }
        const value = decoded(rest.join("="));
        if (value === undefined || !rule.test(value) || (key === "endpoint" && !isEndpoint(value)))
            throw wrong(`The value of ${key} is none that it may have${hintFor(key)}.`);
        if (given.has(key)) throw wrong(`${key} is given twice.`);
        given.set(key, value);
    }
    if (given.has("use_path_style") && given.has("s3ForcePathStyle"))
        throw wrong("use_path_style and s3ForcePathStyle are one and the same: give one of them.");
    return given;
}

function encryptionOf(type: string | undefined, keyId: string | undefined): Encryption | undefined {
    if (keyId !== undefined && type !== "aws:kms") throw wrong("kmskeyid needs ssetype=aws:kms beside it.");
    if (type === "aws:kms") return keyId === undefined ? { type } : { type, keyId };
    return type === "AES256" ? { type } : undefined;
}

/** As in Go's and the browsers' queries, where a plus is a space. */
function decoded(text: string): string | undefined {
    try {
        return decodeURIComponent(text.replaceAll("+", " "));
    } catch {
        return undefined;
    }
}

function isEndpoint(value: string): boolean {
    try {
        return new URL(value).hostname !== "";
    } catch {
        return false;
    }
}

function hintFor(key: string): string {
    switch (key) {
        case "endpoint":
            return ": https://HOST:PORT, or http://HOST:PORT for a network that nobody else reads; no user, no key";
        case "ssetype":
            return ": AES256 or aws:kms";
        case "use_path_style":
        case "s3ForcePathStyle":
            return ": true or false";
        default:
            return "";
    }
}

function wrong(why: string): BadInputError {
    return new BadInputError({
        what: `The s3: URL of the snapshot store cannot be used. ${why}`,
        where: { object: "snapshot.store" },
        state: "Nothing was touched.",
        next: "Write s3://BUCKET/PREFIX?region=eu-central-1, with &endpoint=https://HOST:PORT for a store that is not AWS.",
    });
}
