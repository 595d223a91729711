import { Readable } from "node:stream";
import type { SchemawardError } from "../errors";
import type { S3Connection } from "./s3-connection";
import { isTransient, s3Failure } from "./s3-errors";

/** An object to be read. */
export interface ReadTarget {
    readonly connection: S3Connection;
    readonly key: string;
    /** For people: the store's URL and the object's name. */
    readonly url: string;
    readonly name: string;
}

/** Breaks in a row, with not a byte between them, after which reading is given up. */
const mostBreaks = 5;

/**
 * Opens an object for reading. A connection that breaks is made again, and goes on at the byte where it broke, of the very same
 * object (If-Match). So does one that was closed while the reader took its time.
 * @throws FailedError when there is no such object or it may not be read
 */
export async function openObject(target: ReadTarget): Promise<Readable> {
    const stop = new AbortController();
    const first = await open(target, stop.signal, 0, undefined);
    return new ResumingRead(target, stop, first);
}

interface Opened {
    readonly body: Readable;
    readonly etag: string | undefined;
    /** Of the whole object. */
    readonly total: number | undefined;
}

async function open(target: ReadTarget, signal: AbortSignal, from: number, etag: string | undefined): Promise<Opened> {
    const { location } = target.connection;
    try {
        const { Body, ETag, ContentLength } = await target.connection.attempt(
            async (s3, options) =>
                s3.getObject(
                    {
                        ...{ Bucket: location.bucket, Key: target.key },
                        ...(from === 0 ? {} : { Range: `bytes=${String(from)}-` }),
                        ...(etag === undefined ? {} : { IfMatch: etag }),
                    },
                    options,
                ),
            { signal },
        );
        return {
            body: Body as Readable,
            etag: ETag,
            total: ContentLength === undefined ? undefined : from + ContentLength,
        };
    } catch (error) {
        throw failure(target, error);
    }
}

function failure(target: ReadTarget, error: unknown): SchemawardError {
    return s3Failure("get", error, { url: target.url, object: target.name }, "Nothing was changed.");
}

class ResumingRead extends Readable {
    private readonly pieces: AsyncGenerator<Buffer>;
    private asked = false;

    constructor(
        target: ReadTarget,
        private readonly stop: AbortController,
        first: Opened,
    ) {
        super({ highWaterMark: 262_144 });
        // It may go away before the first piece is asked for.
        stop.signal.addEventListener("abort", () => first.body.destroy(), { once: true });
        this.pieces = piecesOf(target, stop.signal, first);
    }

    override _read(): void {
        if (this.asked) return;
        this.asked = true;
        this.pieces.next().then(
            ({ value, done }) => {
                this.asked = false;
                this.push(done === true ? null : value);
            },
            (error: unknown) => {
                this.destroy(error as Error);
            },
        );
    }

    override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
        this.stop.abort(error ?? new Error("the reader has gone"));
        callback(error);
    }
}

async function* piecesOf(target: ReadTarget, signal: AbortSignal, first: Opened): AsyncGenerator<Buffer> {
    const { etag, total } = first;
    let opened = first;
    let done = 0;
    signal.addEventListener("abort", () => opened.body.destroy(), { once: true });
    for (let breaks = 0; ;) {
        try {
            for await (const piece of opened.body) {
                breaks = 0;
                done += (piece as Buffer).length;
                yield piece as Buffer;
            }
            if (total === undefined || done === total) return;
            throw Object.assign(new Error(`the answer ended after ${String(done)} of ${String(total)} bytes`), {
                code: "ECONNRESET",
            });
        } catch (error) {
            signal.throwIfAborted();
            breaks += 1;
            if (breaks > mostBreaks || !isTransient(error)) throw failure(target, error);
        }
        opened = await open(target, signal, done, etag);
    }
}
