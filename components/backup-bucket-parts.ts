import * as s3 from "@pulumi/aws/s3";
import * as pulumi from "@pulumi/pulumi";

/** An AWS bucket for snapshots. */
export interface NewBucket {
    /** Name of the bucket. Names are shared by all of AWS, so it is chosen here and not made up. */
    readonly bucket: pulumi.Input<string>;
    /** Path in the bucket under which snapshots lie; default: its top. */
    readonly prefix?: string | undefined;
    /** Region of the bucket, for the store's URL; default: the stack's `aws:region`. To be given with a provider of another one. */
    readonly region?: pulumi.Input<string> | undefined;
    /** ARN of the KMS key that snapshots are encrypted with (SSE-KMS); default: SSE-S3, with keys that S3 keeps. */
    readonly kmsKeyArn?: pulumi.Input<string | undefined>;
    /** Days that overwritten and deleted snapshots can still be had back; default 90. */
    readonly noncurrentDays?: number | undefined;
    /** Days after which the parts that an interrupted upload left behind are removed; default 2. */
    readonly abortUploadDays?: number | undefined;
    /**
     * Days after which a snapshot is deleted, **whatever it is**: S3 knows neither the newest verified one nor a protected
     * one. Default: never; `snapshot.keep` is the retention that knows them.
     */
    readonly expireDays?: number | undefined;
    /** No deletion before its time. S3 has it for new buckets only, and it cannot be taken away again. */
    readonly objectLock?: ObjectLock | undefined;
    /** Whether `pulumi destroy` refuses to delete the bucket, and leaves it when told to forget it; default true. */
    readonly protect?: boolean | undefined;
    /** Tags of the bucket. */
    readonly tags?: pulumi.Input<Record<string, pulumi.Input<string>>> | undefined;
}

/** For how long a snapshot cannot be deleted. */
export interface ObjectLock {
    /** `GOVERNANCE` (default): a user with a special right may still delete it. `COMPLIANCE`: nobody, not even root. */
    readonly mode?: "GOVERNANCE" | "COMPLIANCE" | undefined;
    /** Days, from the upload. */
    readonly days: number;
}

/** Declares a bucket for snapshots and everything that guards it. */
export function declareBucket(name: string, args: NewBucket, parent: pulumi.Resource): s3.Bucket {
    const protect = args.protect ?? true;
    const bucket = new s3.Bucket(
        name,
        {
            bucket: args.bucket,
            // A bucket that still holds snapshots is never emptied by a tool.
            forceDestroy: false,
            objectLockEnabled: args.objectLock !== undefined,
            ...(args.tags === undefined ? {} : { tags: args.tags }),
        },
        { parent, protect, retainOnDelete: protect },
    );
    // What guards a bucket stays as long as the bucket does.
    const options: pulumi.CustomResourceOptions = { parent, retainOnDelete: protect };
    const of = { bucket: bucket.bucket };
    const versioning = new s3.BucketVersioning(
        name,
        { ...of, versioningConfiguration: { status: "Enabled" } },
        options,
    );
    const afterVersioning = { ...options, dependsOn: versioning };
    new s3.BucketServerSideEncryptionConfiguration(name, { ...of, rules: [encryptionRule(args)] }, options);
    // ACLs are switched off: the policy alone says who may do what.
    new s3.BucketOwnershipControls(name, { ...of, rule: { objectOwnership: "BucketOwnerEnforced" } }, options);
    const block = new s3.BucketPublicAccessBlock(
        name,
        { ...of, blockPublicAcls: true, blockPublicPolicy: true, ignorePublicAcls: true, restrictPublicBuckets: true },
        options,
    );
    // S3 answers 409 when a bucket's policy and its public access are changed at once.
    new s3.BucketPolicy(name, { ...of, policy: refusePlainHttp(bucket.arn) }, { ...options, dependsOn: block });
    new s3.BucketLifecycleConfiguration(name, { ...of, rules: lifecycleRules(args) }, afterVersioning);
    if (args.objectLock !== undefined) {
        const { mode = "GOVERNANCE", days } = args.objectLock;
        new s3.BucketObjectLockConfiguration(
            name,
            { ...of, rule: { defaultRetention: { mode, days } } },
            afterVersioning,
        );
    }
    return bucket;
}

type EncryptionRule = pulumi.Unwrap<s3.BucketServerSideEncryptionConfigurationArgs["rules"]>[number];

function encryptionRule(args: NewBucket): pulumi.Input<EncryptionRule> {
    return pulumi.output(args.kmsKeyArn).apply((key) =>
        key === undefined
            ? { applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }
            : {
                  applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: key },
                  // One key for the bucket instead of a call to KMS for every part.
                  bucketKeyEnabled: true,
              },
    );
}

/** A refusal only: who may do what is granted elsewhere. Source: AWS's rule s3-bucket-ssl-requests-only. */
function refusePlainHttp(arn: pulumi.Output<string>): pulumi.Output<string> {
    return pulumi.jsonStringify({
        Version: "2012-10-17",
        Statement: [
            {
                Sid: "RefusePlainHttp",
                Effect: "Deny",
                Principal: "*",
                Action: "s3:*",
                Resource: [arn, pulumi.interpolate`${arn}/*`],
                Condition: { Bool: { "aws:SecureTransport": "false" } },
            },
        ],
    });
}

type LifecycleRule = pulumi.Unwrap<NonNullable<s3.BucketLifecycleConfigurationArgs["rules"]>>;

function lifecycleRules(args: NewBucket): pulumi.Input<NonNullable<LifecycleRule>> {
    // An empty prefix means every object; without a filter AWS would take it the same, other servers refuse it.
    const everything = { filter: { prefix: "" }, status: "Enabled" };
    return [
        {
            id: "remove-noncurrent-versions",
            ...everything,
            noncurrentVersionExpiration: { noncurrentDays: args.noncurrentDays ?? 90 },
        },
        {
            // S3 takes neither beside days, so they have a rule of their own.
            id: "remove-what-uploads-left",
            ...everything,
            abortIncompleteMultipartUpload: { daysAfterInitiation: args.abortUploadDays ?? 2 },
            expiration: { expiredObjectDeleteMarker: true },
        },
        ...(args.expireDays === undefined
            ? []
            : [{ id: "expire-snapshots", ...everything, expiration: { days: args.expireDays } }]),
    ];
}
