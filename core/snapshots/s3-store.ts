import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import type * as Sdk from "@aws-sdk/client-s3";
import { FailedError } from "../errors";
import { S3Connection, type AttemptOptions, type S3Patience } from "./s3-connection";
import { s3Code, s3Failure, s3Status } from "./s3-errors";
import type { S3Operation } from "./s3-rights";
import { encryptionHeaders } from "./s3-object";
import { partBytes } from "./s3-parts";
import { openObject } from "./s3-read";
import { sweepUploads } from "./s3-sweep";
import { upload } from "./s3-upload";
import { formatS3Url, parseS3Url } from "./s3-url";
import {
    checkObjectName,
    isObjectName,
    ObjectExistsError,
    type SnapshotStore,
    type StoredObject,
    type Written,
} from "./store";

/** What tests set otherwise. */
export interface S3StoreOptions {
    readonly patience?: Partial<S3Patience>;
    readonly partBytes?: (part: number) => number;
    /** Age of an unfinished upload, in milliseconds, from which on its run is taken for dead. */
    readonly sweepAfterMs?: number;
}

const concurrency = 2;
const sweepAfterMs = 24 * 3_600_000;
/** Of the first requests of a run: a store that is not there is told soon. */
const probeRetryMs = 5_000;

/**
 * A store in a bucket, at AWS or at a server that speaks S3 with conditional writes (`If-None-Match: *`). Objects are streamed, never
 * overwritten, and visible only when they are whole. Deleting puts a delete marker where the bucket keeps versions.
 * @param url as `parseS3Url` takes it; touches nothing yet
 * @param projectDir absolute path that a relative `ca` is relative to
 * @throws BadInputError for the URL
 */
export function openS3Store(url: string, projectDir: string, options: S3StoreOptions = {}): SnapshotStore {
    return new S3Store(url, projectDir, options);
}

class S3Store implements SnapshotStore {
    readonly url: string;
    private readonly connection: S3Connection;
    private readonly bucket: string;
    /** With its slash. */
    private readonly prefix: string;

    constructor(
        url: string,
        projectDir: string,
        private readonly options: S3StoreOptions,
    ) {
        const location = parseS3Url(url);
        this.url = formatS3Url(location);
        this.bucket = location.bucket;
        this.prefix = location.prefix === "" ? "" : `${location.prefix}/`;
        this.connection = new S3Connection(location, projectDir, options.patience);
    }

    async probe(): Promise<void> {
        const retryMs = Math.min(probeRetryMs, this.connection.patience.retryMs);
        await this.pages("", 1, { retryMs }, () => false);
        await sweepUploads({
            connection: this.connection,
            prefix: this.prefix,
            url: this.url,
            olderThan: new Date(Date.now() - (this.options.sweepAfterMs ?? sweepAfterMs)),
        });
        const name = `probe-${randomBytes(8).toString("hex")}`;
        const content = randomBytes(64);
        await this.tryMultipart(name);
        await this.put(name, Readable.from([content]));
        try {
            const read: Buffer[] = [];
            for await (const chunk of await this.get(name)) read.push(chunk as Buffer);
            if (!Buffer.concat(read).equals(content))
                throw this.unfit("does not give back what was written into it", "Look into the store's log");
            await this.tryOverwriting(name);
        } catch (error) {
            await this.delete(name).catch(() => undefined);
            throw error;
        }
        await this.delete(name);
    }

    async put(name: string, body: Readable): Promise<Written> {
        // It may fail before it is listened to; `upload` looks at what it has.
        body.on("error", () => undefined);
        try {
            checkObjectName(name);
            // Early, so that a long stream is not read in vain; the conditional write is what decides.
            if (await this.exists(name)) throw new ObjectExistsError(this.url, name);
            return await upload(
                {
                    ...this.target(name),
                    partBytes: this.options.partBytes ?? partBytes,
                    concurrency,
                },
                body,
            );
        } finally {
            body.destroy();
        }
    }

    async get(name: string): Promise<Readable> {
        checkObjectName(name);
        return openObject(this.target(name));
    }

    async list(): Promise<readonly StoredObject[]> {
        const objects: StoredObject[] = [];
        await this.pages("", undefined, {}, ({ Key = "", Size = 0, LastModified }) => {
            const name = Key.slice(this.prefix.length);
            if (isObjectName(name)) objects.push({ name, bytes: Size, modified: LastModified ?? new Date(0) });
            return true;
        });
        return objects;
    }

    async delete(name: string): Promise<void> {
        checkObjectName(name);
        await this.request("delete", name, async (s3) =>
            s3.deleteObject({ Bucket: this.bucket, Key: this.prefix + name }).catch((error: unknown) => {
                if (s3Code(error) !== "NoSuchKey") throw error;
            }),
        );
    }

    /** By listing it: unlike HEAD's, its errors say what is wrong. */
    private async exists(name: string): Promise<boolean> {
        let found = false;
        await this.pages(name, 1, {}, ({ Key }) => {
            found = Key === this.prefix + name;
            return false;
        });
        return found;
    }

    /** Goes through the objects right under the prefix; `see` returns whether to go on. */
    private async pages(
        start: string,
        most: number | undefined,
        options: AttemptOptions,
        see: (object: Sdk._Object) => boolean,
    ): Promise<void> {
        for (let token: string | undefined; ;) {
            const page = await this.request(
                "list",
                start,
                async (s3) =>
                    s3.listObjectsV2({
                        ...{ Bucket: this.bucket, Prefix: this.prefix + start, Delimiter: "/" },
                        ...(most === undefined ? {} : { MaxKeys: most }),
                        ...(token === undefined ? {} : { ContinuationToken: token }),
                    }),
                options,
            );
            for (const object of page.Contents ?? []) if (!see(object)) return;
            token = page.NextContinuationToken;
            if (page.IsTruncated !== true || token === undefined) return;
        }
    }

    /** Begins a multipart upload and aborts it, so that a right that only large objects need is not found missing after the dump. */
    private async tryMultipart(name: string): Promise<void> {
        const object = { Bucket: this.bucket, Key: this.prefix + name };
        const { UploadId } = await this.request("begin", name, async (s3) =>
            s3.createMultipartUpload({
                ...object,
                ...encryptionHeaders(this.connection.location.encryption),
                ChecksumAlgorithm: "SHA256",
            }),
        );
        await this.request("abort", name, async (s3) => s3.abortMultipartUpload({ ...object, UploadId }));
    }

    /** A store that does not know conditional writes ignores the header, and would overwrite. */
    private async tryOverwriting(name: string): Promise<void> {
        const overwritten = await this.request("put", name, async (s3) =>
            s3
                .putObject({
                    ...{ Bucket: this.bucket, Key: this.prefix + name, Body: Buffer.from("x"), IfNoneMatch: "*" },
                    ...encryptionHeaders(this.connection.location.encryption),
                })
                .then(
                    () => true,
                    (error: unknown) => {
                        if (s3Status(error) === 412) return false;
                        throw error;
                    },
                ),
        );
        if (overwritten)
            throw this.unfit(
                "overwrites objects although it is told not to (If-None-Match: *)",
                "Use a version of it that knows conditional writes",
            );
    }

    private async request<T>(
        operation: S3Operation,
        name: string,
        send: (s3: Sdk.S3) => Promise<T>,
        options: AttemptOptions = {},
    ): Promise<T> {
        try {
            return await this.connection.attempt(send, options);
        } catch (error) {
            throw s3Failure(operation, error, { url: this.url, object: name });
        }
    }

    private target(name: string): { connection: S3Connection; key: string; url: string; name: string } {
        return { connection: this.connection, key: this.prefix + name, url: this.url, name };
    }

    private unfit(what: string, next: string): FailedError {
        return new FailedError({
            what: `The snapshot store ${what}.`,
            where: { object: this.url },
            state: "No snapshot was taken.",
            next: `${next}, or name another store (snapshot.store).`,
        });
    }
}
