import {
    CreateBucketCommand,
    PutBucketEncryptionCommand,
    PutBucketLifecycleConfigurationCommand,
    PutBucketOwnershipControlsCommand,
    PutBucketPolicyCommand,
    PutBucketVersioningCommand,
    PutObjectLockConfigurationCommand,
    PutPublicAccessBlockCommand,
    S3Client,
} from "@aws-sdk/client-s3";
import https from "node:https";
import type { Declared } from "./capture";

/** Makes a bucket, or one of its settings. */
export type BucketRequest = (s3: S3Client) => Promise<unknown>;

/**
 * The requests by which a provider makes the buckets that are declared: AWS's names are Pulumi's with a capital, but for
 * those listed in `names`. Nothing is left out silently.
 * @throws for a type or a field that is not known
 */
export function bucketRequests(declared: readonly Declared[]): BucketRequest[] {
    return declared.filter((d) => d.type.startsWith("aws:")).map((d) => requestFor(d));
}

function requestFor({ type, inputs }: Declared): BucketRequest {
    const { bucket, ...rest } = inputs;
    const Bucket = String(bucket);
    // The form is for the server to check.
    const settings = upper(rest) as Record<string, never>;
    const all = settings as never;
    switch (type.replace(/^aws:s3\/\w+:/, "")) {
        case "Bucket": {
            // forceDestroy is an order to the provider, and no setting.
            const { objectLockEnabled, forceDestroy: _, ...unknown } = rest;
            refuse(Object.keys(unknown), type);
            const lock = objectLockEnabled === true;
            return (s3) => s3.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: lock }));
        }
        case "BucketVersioning":
            return (s3) =>
                s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: undefined, ...settings }));
        case "BucketServerSideEncryptionConfiguration":
            return (s3) => s3.send(new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: all }));
        case "BucketOwnershipControls": {
            const controls = { Rules: [settings["Rule"] as never] };
            return (s3) => s3.send(new PutBucketOwnershipControlsCommand({ Bucket, OwnershipControls: controls }));
        }
        case "BucketPublicAccessBlock":
            return (s3) => s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: all }));
        case "BucketPolicy":
            return (s3) => s3.send(new PutBucketPolicyCommand({ Bucket, Policy: String(rest["policy"]) }));
        case "BucketLifecycleConfiguration":
            return (s3) => s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: all }));
        case "BucketObjectLockConfiguration": {
            const lock = { ObjectLockEnabled: "Enabled" as const, ...settings };
            return (s3) => s3.send(new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration: lock }));
        }
        default:
            throw new Error(`no request is known for ${type}`);
    }
}

/** AWS's names of Pulumi's fields; where it is not the same with a capital. */
const names: Readonly<Record<string, string>> = {
    id: "ID",
    sseAlgorithm: "SSEAlgorithm",
    kmsMasterKeyId: "KMSMasterKeyID",
};

/** The fields that the SDK's serialiser knows: it leaves out others without a word, so they are refused here. */
const known = new Set([
    ...["applyServerSideEncryptionByDefault", "sseAlgorithm", "kmsMasterKeyId", "bucketKeyEnabled", "rules", "rule"],
    ...["versioningConfiguration", "status", "objectOwnership", "blockPublicAcls", "blockPublicPolicy"],
    ...["ignorePublicAcls", "restrictPublicBuckets", "policy", "objectLockEnabled", "forceDestroy", "id", "filter"],
    ...["prefix", "noncurrentVersionExpiration", "noncurrentDays", "abortIncompleteMultipartUpload"],
    ...["daysAfterInitiation", "expiration", "expiredObjectDeleteMarker", "days", "defaultRetention", "mode"],
]);

function upper(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((v) => upper(v));
    if (typeof value !== "object" || value === null) return value;
    refuse(
        Object.keys(value).filter((k) => !known.has(k)),
        "aws",
    );
    return Object.fromEntries(
        Object.entries(value).map(([k, v]) => [names[k] ?? k.charAt(0).toUpperCase() + k.slice(1), upper(v)]),
    );
}

function refuse(fields: readonly string[], type: string): void {
    if (fields.length > 0) throw new Error(`${type} has no ${fields.join(", ")}`);
}

interface Credentials {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
}

/** What versitygw has no such setting for; these are tried on moto, which checks their form as AWS does. */
export const onStandInOnly = ["ServerSideEncryption", "PublicAccessBlock", "Lifecycle"];

export function clientFor(endpoint: string, credentials: Credentials, ca?: string): S3Client {
    return new S3Client({
        endpoint,
        region: "us-east-1",
        forcePathStyle: true,
        credentials,
        maxAttempts: 1,
        ...(ca === undefined ? {} : { requestHandler: { httpsAgent: new https.Agent({ ca }) } }),
    });
}
