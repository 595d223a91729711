import { snapshotOfArchive } from "./archive";
import { manifestSuffix } from "./manifest";
import { parseSnapshotName } from "./name";
import type { S3Connection } from "./s3-connection";
import { s3Code, s3Failure } from "./s3-errors";

/** Which unfinished uploads are swept. */
export interface Sweep {
    readonly connection: S3Connection;
    /** Of the keys, with its slash; empty: the bucket's top. */
    readonly prefix: string;
    /** For people. */
    readonly url: string;
    readonly olderThan: Date;
}

/**
 * Aborts multipart uploads that dead runs have left: S3 lists them nowhere else, and has them paid for. Only those whose key
 * is a snapshot's or a probe's: others may share the bucket. S3 tells when an upload began, not when its last part came, so
 * one of ours that lives must not be as old.
 * @throws FailedError when they may not be listed or aborted
 */
export async function sweepUploads({ connection, prefix, url, olderThan }: Sweep): Promise<void> {
    const { bucket } = connection.location;
    for (let after: { KeyMarker?: string; UploadIdMarker?: string } = {}; ;) {
        const page = await connection
            .attempt(async (s3, options) =>
                s3.listMultipartUploads({ Bucket: bucket, Prefix: prefix, Delimiter: "/", ...after }, options),
            )
            .catch((error: unknown) => {
                // Without listing there is nothing to be swept.
                if (s3Code(error) === "NotImplemented") return undefined;
                throw s3Failure("list-uploads", error, { url });
            });
        for (const { Key = "", UploadId, Initiated } of page?.Uploads ?? []) {
            const name = Key.slice(prefix.length);
            if (UploadId === undefined || Initiated === undefined || Initiated >= olderThan || !isOurs(name)) continue;
            await connection
                .attempt(async (s3, options) => s3.abortMultipartUpload({ Bucket: bucket, Key, UploadId }, options))
                .catch((error: unknown) => {
                    // Another run was faster.
                    if (s3Code(error) !== "NoSuchUpload") throw s3Failure("abort", error, { url, object: name });
                });
        }
        if (page?.IsTruncated !== true || page.NextKeyMarker === undefined) return;
        after = {
            KeyMarker: page.NextKeyMarker,
            ...(page.NextUploadIdMarker === undefined ? {} : { UploadIdMarker: page.NextUploadIdMarker }),
        };
    }
}

function isOurs(name: string): boolean {
    if (/^probe-[0-9a-f]{16}$/.test(name)) return true;
    const snapshot = name.endsWith(manifestSuffix) ? name.slice(0, -manifestSuffix.length) : snapshotOfArchive(name);
    return snapshot !== undefined && parseSnapshotName(snapshot) !== undefined;
}
