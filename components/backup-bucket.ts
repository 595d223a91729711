import * as s3 from "@pulumi/aws/s3";
import * as pulumi from "@pulumi/pulumi";
import { BadInputError } from "../core/errors";
import { storePolicy, storePolicyOf } from "../core/snapshots/s3-rights";
import { declareBucket, type NewBucket } from "./backup-bucket-parts";

export type { NewBucket, ObjectLock } from "./backup-bucket-parts";

/** A store that is there already, made and guarded by somebody else. */
export interface ExistingStore {
    /** `file:` URL of a folder, relative to the project's root, or `s3://BUCKET/PREFIX?region=…`, docs/snapshots.md. */
    readonly existing: pulumi.Input<string>;
}

/** Where a stack's snapshots lie: a new bucket, or a store that is there. */
export type BackupBucketArgs = NewBucket | ExistingStore;

/**
 * Where a stack's snapshots lie.
 *
 * A new bucket keeps versions, encrypts, has no public access, refuses plain HTTP, and survives `pulumi destroy`. An existing store is only named.
 *
 * Let the PostgresSchema depend on it (`dependsOn`), so that the bucket is guarded before the first snapshot lies in it.
 */
export class BackupBucket extends pulumi.ComponentResource {
    /** URL of the store, as PostgresSchema's `snapshot.store` takes it. */
    readonly store: pulumi.Output<string>;
    /** ARN of the new bucket, for the policy of who writes to it; undefined for an existing store. */
    readonly bucketArn: pulumi.Output<string> | undefined;
    /**
     * JSON of the IAM policy with the least that whoever runs migrations needs at the store: attach it to that role or user.
     * undefined for a store that is not in S3.
     */
    readonly runnerPolicy: pulumi.Output<string | undefined>;

    constructor(name: string, args: BackupBucketArgs, options?: pulumi.ComponentResourceOptions) {
        super("schemaward:index:BackupBucket", name, {}, options);
        if ("existing" in args) {
            this.store = pulumi.output(args.existing);
            this.runnerPolicy = this.store.apply((url) => policyOf(url));
        } else {
            const bucket: s3.Bucket = declareBucket(name, args, this);
            const { prefix = "" } = args;
            const path = prefix === "" ? "" : `/${prefix}`;
            const region = args.region ?? new pulumi.Config("aws").get("region");
            const where = pulumi.output(region).apply((r) => (r === undefined ? "" : `?region=${r}`));
            // Known in preview: a bucket's name is an input. So the plan can be made before the bucket is.
            this.store = pulumi.interpolate`s3://${bucket.bucket}${path}${where}`;
            this.bucketArn = bucket.arn;
            this.runnerPolicy = pulumi
                .all([bucket.arn, args.kmsKeyArn])
                .apply(([bucketArn, kmsKeyArn]) =>
                    JSON.stringify(
                        storePolicy({ bucketArn, prefix, ...(kmsKeyArn === undefined ? {} : { kmsKeyArn }) }),
                    ),
                );
        }
        const { store, bucketArn, runnerPolicy } = this;
        this.registerOutputs({ store, bucketArn, runnerPolicy });
    }
}

function policyOf(url: string): string | undefined {
    try {
        const policy = storePolicyOf(url);
        return policy === undefined ? undefined : JSON.stringify(policy);
    } catch (error) {
        // The plan tells what is wrong with a URL.
        if (error instanceof BadInputError) return undefined;
        throw error;
    }
}
