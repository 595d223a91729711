import * as s3 from "@pulumi/aws/s3";
import * as pulumi from "@pulumi/pulumi";
import { declareBucket, type NewBucket } from "./backup-bucket-parts";

export type { NewBucket, ObjectLock } from "./backup-bucket-parts";

/** A store that is there already, made and guarded by somebody else. */
export interface ExistingStore {
    /** `file:` URL of a folder, relative to the project's root, or `s3://BUCKET/PREFIX`. */
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

    constructor(name: string, args: BackupBucketArgs, options?: pulumi.ComponentResourceOptions) {
        super("schemaward:index:BackupBucket", name, {}, options);
        if ("existing" in args) {
            this.store = pulumi.output(args.existing);
        } else {
            const bucket: s3.Bucket = declareBucket(name, args, this);
            const prefix = args.prefix === undefined ? "" : `/${args.prefix}`;
            // Known in preview: a bucket's name is an input. So the plan can be made before the bucket is.
            this.store = pulumi.interpolate`s3://${bucket.bucket}${prefix}`;
            this.bucketArn = bucket.arn;
        }
        this.registerOutputs({ store: this.store, bucketArn: this.bucketArn });
    }
}
