import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import type * as Sdk from "@aws-sdk/client-s3";
import { FailedError } from "../errors";
import type { S3Connection } from "./s3-connection";
import { s3Code, s3Failure, s3Status } from "./s3-errors";
import type { S3Operation } from "./s3-rights";
import { MarkedObject } from "./s3-object";
import { mostParts, PartReader } from "./s3-parts";
import { ObjectExistsError, type Written } from "./store";

/** Where an upload goes, and by which parts. */
export interface UploadTarget {
    readonly connection: S3Connection;
    readonly key: string;
    /** For people: the store's URL and the object's name. */
    readonly url: string;
    readonly name: string;
    /** As `partBytes`. */
    readonly partBytes: (part: number) => number;
    /** Parts on their way at once; one more is being filled meanwhile. */
    readonly concurrency: number;
}

/** Longest that tidying up after a failure goes on trying. */
const tidyMs = 10_000;

/**
 * Stores a stream under a key that must be free: what fits into one part by one request, more in parts. Memory holds `concurrency` + 1
 * parts. The server checks SHA-256 of each part. When it throws, the upload is aborted and nothing lies under the key.
 * @throws the stream's own error when that failed; ObjectExistsError; FailedError
 */
export async function upload(target: UploadTarget, body: Readable): Promise<Written> {
    return new Upload(target, body).run();
}

interface Part {
    readonly PartNumber: number;
    readonly ETag: string;
    readonly ChecksumSHA256: string;
}

class Upload {
    private readonly object: MarkedObject;
    private readonly stop = new AbortController();
    private readonly reader: PartReader;
    private readonly whole = createHash("sha256");
    private readonly parts: Part[] = [];
    private readonly onTheirWay = new Set<Promise<void>>();
    private readonly spare: Buffer[] = [];
    private bytes = 0;
    private uploadId: string | undefined;
    /** Whether a whole object of ours may be there: not yet, it must be looked at, surely. */
    private made: "no" | "perhaps" | "yes" = "no";

    constructor(
        private readonly target: UploadTarget,
        body: Readable,
    ) {
        this.object = new MarkedObject(target.connection, target.key);
        this.reader = new PartReader(body, this.stop.signal);
        body.on("error", (error) => {
            this.stop.abort(error);
        });
    }

    async run(): Promise<Written> {
        try {
            await this.send();
        } catch (error) {
            // The first that failed; all others are its followers.
            this.stop.abort(error);
            await Promise.allSettled(this.onTheirWay);
            const state = await this.abandon();
            const reason: unknown = this.stop.signal.reason;
            throw reason instanceof Refusal ? s3Failure(reason.operation, reason.error, this.place(), state) : reason;
        }
        return { bytes: this.bytes, sha256: this.whole.digest("hex") };
    }

    private async send(): Promise<void> {
        for (let number = 1; ; number += 1) {
            if (number > mostParts) throw this.tooLarge();
            const size = this.target.partBytes(number);
            const buffer = this.freeBuffer(size);
            const hash = createHash("sha256");
            const filled = await this.reader.fill(buffer, (piece) => {
                this.whole.update(piece);
                hash.update(piece);
            });
            this.bytes += filled;
            const content = buffer.subarray(0, filled);
            const sha256 = (): string => hash.digest("base64");
            if (number === 1 && filled < size) {
                await this.putWhole(content, sha256());
                return;
            }
            if (filled > 0) {
                this.uploadId ??= await this.begin();
                await this.turn();
                this.sendPart(number, buffer, content, sha256(), this.uploadId);
            }
            if (filled < size) break;
        }
        await Promise.all(this.onTheirWay);
        await this.complete();
    }

    /** Parts are of few sizes, so a buffer serves many. */
    private freeBuffer(size: number): Buffer {
        const spare = this.spare.pop();
        // Of its own, so that it is given back to the system whole.
        return spare?.length === size ? spare : Buffer.allocUnsafeSlow(size);
    }

    private async turn(): Promise<void> {
        while (this.onTheirWay.size >= this.target.concurrency) await Promise.race(this.onTheirWay);
        this.stop.signal.throwIfAborted();
    }

    private async begin(): Promise<string> {
        const { UploadId } = await this.request("begin", async (s3, options) =>
            s3.createMultipartUpload({ ...this.object.making, ChecksumAlgorithm: "SHA256" }, options),
        );
        if (UploadId === undefined) throw this.differs("it began an upload without an id");
        return UploadId;
    }

    private sendPart(number: number, buffer: Buffer, content: Buffer, sha256: string, uploadId: string): void {
        const sending = this.request("part", async (s3, options) =>
            s3.uploadPart(
                {
                    ...this.object.address,
                    ...{ UploadId: uploadId, PartNumber: number },
                    ...{ Body: content, ContentLength: content.length, ChecksumSHA256: sha256 },
                },
                options,
            ),
        ).then(
            ({ ETag = "" }) => {
                this.parts.push({ PartNumber: number, ETag, ChecksumSHA256: sha256 });
                this.spare.push(buffer);
            },
            // Also the reader, which may be waiting for the source, must hear of it.
            (error: unknown) => {
                this.stop.abort(error);
            },
        );
        const tracked = sending.finally(() => this.onTheirWay.delete(tracked));
        this.onTheirWay.add(tracked);
    }

    private async putWhole(content: Buffer, sha256: string): Promise<void> {
        await this.commit("put", async (s3, options) =>
            s3.putObject(
                {
                    ...this.object.making,
                    ...{ Body: content, ContentLength: content.length, ChecksumSHA256: sha256, IfNoneMatch: "*" },
                },
                options,
            ),
        );
    }

    private async complete(): Promise<void> {
        this.stop.signal.throwIfAborted();
        const Parts = [...this.parts].sort((a, b) => a.PartNumber - b.PartNumber);
        await this.commit("complete", async (s3, options) =>
            s3.completeMultipartUpload(
                {
                    ...this.object.address,
                    ...{ UploadId: this.uploadId },
                    ...{ MultipartUpload: { Parts }, IfNoneMatch: "*" },
                },
                options,
            ),
        );
    }

    /**
     * The request that makes the object visible. Whatever its answer is, the object itself says what became of it: a refusal may be that of a second
     * try after the answer to a successful first one was lost.
     */
    private async commit(
        operation: "put" | "complete",
        send: (s3: Sdk.S3, options: { readonly abortSignal?: AbortSignal }) => Promise<unknown>,
    ): Promise<void> {
        let refusal: Refusal | undefined;
        this.made = "perhaps";
        try {
            await this.request(operation, send, { slow: operation === "complete" });
        } catch (error) {
            if (!(error instanceof Refusal)) throw error;
            refusal = error;
        }
        if (refusal === undefined) this.made = "yes";
        let found = await this.look();
        this.made = "perhaps";
        if (found?.ours !== true && refusal !== undefined && this.uploadId !== undefined) {
            // After this no try that is still being worked on can make an object any more.
            await this.abortUpload();
            found = await this.look();
        }
        if (found?.ours === true) {
            if (found.bytes === this.bytes) {
                this.uploadId = undefined;
                return;
            }
            throw this.differs(`${String(this.bytes)} bytes were sent, ${String(found.bytes)} are there`);
        }
        // Some stores keep a name after the object was deleted, under a delete marker: it is taken although nothing is seen.
        if (found !== undefined || s3Status(refusal?.error) === 412)
            throw new ObjectExistsError(this.target.url, this.target.name);
        throw refusal ?? this.differs("it has taken all of it, and has no such object");
    }

    /** Takes back what was begun. @returns what is in the store now, for people */
    private async abandon(): Promise<string> {
        const aborted = await this.abortUpload();
        // A whole object is there only if looking at it failed, or found it to be wrong.
        if (this.made !== "no" && !(await this.object.remove(this.made === "yes", { retryMs: this.tidyMs() })))
            return "It is not known whether the object is in the store; without a manifest it is no snapshot.";
        return aborted
            ? "Nothing incomplete was left in the store."
            : "Nothing incomplete is visible in the store; a later run removes the unfinished upload.";
    }

    private async abortUpload(): Promise<boolean> {
        const { uploadId } = this;
        if (uploadId === undefined) return true;
        try {
            await this.target.connection.attempt(
                async (s3) => s3.abortMultipartUpload({ ...this.object.address, UploadId: uploadId }),
                { retryMs: this.tidyMs() },
            );
        } catch (error) {
            if (s3Code(error) !== "NoSuchUpload") return false;
        }
        this.uploadId = undefined;
        return true;
    }

    private async request<T>(
        operation: S3Operation,
        send: (s3: Sdk.S3, options: { readonly abortSignal?: AbortSignal }) => Promise<T>,
        options: { readonly slow?: boolean } = {},
    ): Promise<T> {
        const { signal } = this.stop;
        return this.refusing(operation, this.target.connection.attempt(send, { ...options, signal }));
    }

    private async look(): ReturnType<MarkedObject["look"]> {
        return this.refusing("head", this.object.look({ signal: this.stop.signal }));
    }

    private async refusing<T>(operation: S3Operation, request: Promise<T>): Promise<T> {
        try {
            return await request;
        } catch (error) {
            this.stop.signal.throwIfAborted();
            throw new Refusal(operation, error);
        }
    }

    private tidyMs(): number {
        return Math.min(tidyMs, this.target.connection.patience.retryMs);
    }

    private place(): { readonly url: string; readonly object: string } {
        return { url: this.target.url, object: this.target.name };
    }

    private differs(why: string): FailedError {
        return new FailedError({
            what: `The store does not hold what was sent: ${why}.`,
            where: { object: `${this.target.url} ${this.target.name}` },
            state: "The object was deleted again.",
            next: "Look into the store's log, or name another store (snapshot.store).",
        });
    }

    private tooLarge(): FailedError {
        return new FailedError({
            what: `${this.target.name} is too large for one object: ${String(mostParts)} parts do not hold it.`,
            where: { object: this.target.url },
            state: "The upload was aborted; nothing of it is in the store.",
            next: "Let the provider take the snapshot (RDS, disk snapshot), or keep it in a folder (file:).",
        });
    }
}

/** What a request ended with after all tries, and which it was. */
class Refusal extends Error {
    constructor(
        readonly operation: S3Operation,
        readonly error: unknown,
    ) {
        super(operation);
    }
}
