import { parseS3Url } from "./s3-url";

/** What the store does at S3, and the right that each needs there. */
export const operations = {
    list: { doing: "list its objects", right: "s3:ListBucket" },
    "list-uploads": { doing: "list unfinished uploads", right: "s3:ListBucketMultipartUploads" },
    put: { doing: "write", right: "s3:PutObject" },
    begin: { doing: "begin a multipart upload of", right: "s3:PutObject" },
    part: { doing: "upload a part of", right: "s3:PutObject" },
    complete: { doing: "complete the multipart upload of", right: "s3:PutObject" },
    abort: { doing: "abort the multipart upload of", right: "s3:AbortMultipartUpload" },
    get: { doing: "read", right: "s3:GetObject" },
    head: { doing: "look at", right: "s3:GetObject" },
    delete: { doing: "delete", right: "s3:DeleteObject" },
} as const;
export type S3Operation = keyof typeof operations;

/** Rights on the bucket itself; all others are on its objects. */
const onBucket: readonly string[] = ["s3:ListBucket", "s3:ListBucketMultipartUploads"];
/** S3 asks for both with each multipart upload, and for the second with each reading. */
const onKey: readonly string[] = ["kms:GenerateDataKey", "kms:Decrypt"];

/** `s3:ListBucket on the bucket`, for people. */
export function rightFor(operation: S3Operation): string {
    const { right } = operations[operation];
    return onBucket.includes(right) ? `${right} on the bucket` : right;
}

/** A policy of AWS's IAM, as JSON writes it. */
export interface PolicyDocument {
    readonly Version: "2012-10-17";
    readonly Statement: readonly {
        readonly Sid: string;
        readonly Effect: "Allow";
        readonly Action: readonly string[];
        readonly Resource: string;
        readonly Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>;
    }[];
}

/** Where snapshots lie, as a policy names it. */
export interface PolicyScope {
    /** `arn:aws:s3:::BUCKET` */
    readonly bucketArn: string;
    /** Path without a slash at either end; empty: the whole bucket. */
    readonly prefix: string;
    /** ARN of the key that the bucket or the URL encrypts with; absent: keys that need no right. */
    readonly kmsKeyArn?: string;
}

/**
 * The least that whoever runs migrations may do with the store: everything that it does, and no more. Names of objects can be listed in the
 * whole bucket: with a condition on the prefix S3 answers 403 instead of 404 for an object that is not there.
 */
export function storePolicy({ bucketArn, prefix, kmsKeyArn }: PolicyScope): PolicyDocument {
    const rights = [...new Set(Object.values(operations).map(({ right }) => right as string))];
    return {
        Version: "2012-10-17",
        Statement: [
            {
                Sid: "ListSnapshots",
                Effect: "Allow",
                Action: rights.filter((right) => onBucket.includes(right)),
                Resource: bucketArn,
            },
            {
                Sid: "KeepSnapshots",
                Effect: "Allow",
                Action: rights.filter((right) => !onBucket.includes(right)),
                Resource: `${bucketArn}/${prefix === "" ? "" : `${prefix}/`}*`,
            },
            ...(kmsKeyArn === undefined ? [] : [keyStatement(kmsKeyArn)]),
        ],
    };
}

function keyStatement(arn: string): PolicyDocument["Statement"][number] {
    const statement = { Sid: "EncryptSnapshots", Effect: "Allow", Action: onKey } as const;
    const alias = /^(.*):(alias\/.+)$/.exec(arn);
    // A policy cannot name an alias as its resource.
    if (alias !== null)
        return {
            ...statement,
            Resource: `${alias[1] ?? ""}:key/*`,
            Condition: { "ForAnyValue:StringEquals": { "kms:ResourceAliases": alias[2] ?? "" } },
        };
    return { ...statement, Resource: arn };
}

/**
 * The same for a store that is there already; undefined where its URL is no `s3:` one.
 * @throws BadInputError for an `s3:` URL that cannot be used
 */
export function storePolicyOf(url: string): PolicyDocument | undefined {
    if (!/^s3:/i.test(url)) return undefined;
    const { bucket, prefix, region = "", encryption } = parseS3Url(url);
    const partition = region.startsWith("cn-") ? "aws-cn" : region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
    const id = encryption?.type === "aws:kms" ? encryption.keyId : undefined;
    const name = id === undefined || /^arn:|^alias\//.test(id) ? id : `key/${id}`;
    const anywhere = `arn:${partition}:kms:${region === "" ? "*" : region}:*`;
    return storePolicy({
        bucketArn: `arn:${partition}:s3:::${bucket}`,
        prefix,
        ...(name === undefined ? {} : { kmsKeyArn: name.startsWith("arn:") ? name : `${anywhere}:${name}` }),
    });
}
