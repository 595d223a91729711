import * as s3 from "@pulumi/aws/s3";
import * as pulumi from "@pulumi/pulumi";
import { declareBucket } from "./backup-bucket-parts";

/** A store that is there already, made and guarded by somebody else. */
export interface ExistingStore {
    /** `file:` URL of a folder, relative to the project's root, or `s3://BUCKET/PREFIX`. */
    readonly existing: pulumi.Input<string>;
}

/** An AWS bucket for snapshots. */
export interface NewBucket {
    /** Name of the bucket. Names are shared by all of AWS, so it is chosen here and not made up. */
    readonly bucket: pulumi.Input<string>;
    /** Path in the bucket under which snapshots lie; default: its top. */
    readonly prefix?: string | undefined;
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
