import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { FailedError } from "../../core/errors";
import type { S3Patience } from "../../core/snapshots/s3-connection";
import { openS3Store, type S3StoreOptions } from "../../core/snapshots/s3-store";
import { ObjectExistsError, type SnapshotStore } from "../../core/snapshots/store";
import { type LocalS3, s3Server, startS3 } from "../../tools/local-s3";
import { needs } from "../support/capability";
import { eventually } from "../support/eventually";
import { FaultyS3, type Fault } from "../support/faulty-s3";
import { Bucket, logIn, loginEnvironment, noise, piecesOf } from "../support/bucket";

const MiB = 1024 * 1024;
const dump = "prod_pre-migration-v1.3.0_20260102_030405.dump";
/** So that what can only fail does so soon. */
const hasty: Partial<S3Patience> = { retryMs: 300, idleMs: 20_000, completeIdleMs: 20_000 };
/** The same where silence is the fault; on a busy machine an answer may take a while. */
const wary: Partial<S3Patience> = { retryMs: 300, idleMs: 1_500, completeIdleMs: 1_500 };
const sick: Fault = { status: 500, code: "InternalError" };

describe("an S3 store that fails", function () {
    this.timeout(60_000);
    needs(s3Server);
    let server: LocalS3;
    let proxy: FaultyS3;
    let bucket: Bucket;
    let logOut: () => void;

    before(async () => {
        server = await startS3();
        proxy = await FaultyS3.start(server.endpoint);
        logOut = logIn(server);
    });
    after(async () => {
        logOut();
        await proxy.stop();
        await server.stop();
    });
    beforeEach(async () => {
        proxy.reset();
        bucket = await Bucket.make(server);
    });

    function open(options: S3StoreOptions = {}): SnapshotStore {
        return openS3Store(bucket.url("p", proxy.endpoint), "/", {
            partBytes: () => 5 * MiB,
            patience: hasty,
            ...options,
        });
    }

    async function put(store: SnapshotStore, content = noise(17 * MiB)): Promise<Readable> {
        const body = Readable.from(piecesOf(content, 100_000));
        const { bytes } = await store.put(dump, body).finally(() => {
            assert.equal(body.destroyed, true);
        });
        assert.equal(bytes, content.length);
        assert((await buffer(await store.get(dump))).equals(content));
        assert.deepEqual(await bucket.left(), [`p/${dump}`]);
        return body;
    }

    /** It must fail with this text and leave nothing: no object, no unfinished upload. */
    async function failsCleanly(putting: Promise<unknown>, says: RegExp): Promise<FailedError> {
        const failure = await putting.then(
            () => assert.fail("it went through"),
            (error: unknown) => error,
        );
        assert(failure instanceof FailedError, String(failure));
        assert.match(failure.message, says);
        assert.match(failure.message, /State: [^]*Next: /);
        assert(!failure.message.includes(server.secretAccessKey));
        assert.equal(failure.cause, undefined);
        assert.deepEqual(await bucket.left(), []);
        return failure;
    }

    for (const [what, fault] of Object.entries<Fault>({
        "answered with 500": sick,
        "told to slow down": { status: 503, code: "SlowDown" },
        "cut in the middle": { cutAfter: 2 * MiB },
        "whose answer is lost": "lose-answer",
        "without an answer": "hang",
    }))
        it(`one part ${what}, twice: it is sent again`, async () => {
            let left = 2;
            proxy.fault = ({ part }) => (part === 2 && left-- > 0 ? fault : undefined);
            await put(open({ patience: fault === "hang" ? wary : hasty }));
            assert.equal(proxy.seen.filter((s) => s.part === 2).length, 3);
            assert.equal(proxy.count("begin"), 1);
        });

    for (const what of ["begin", "head", "list"] as const)
        it(`${what} fails twice: it is asked again`, async () => {
            proxy.fault = (r) => (r.what === what && r.nth <= 2 ? (r.nth === 1 ? sick : { cutAfter: 0 }) : undefined);
            await put(open());
        });

    it("every part fails: the upload is aborted, and the source is not read on", async () => {
        proxy.fault = ({ what }) => (what === "part" ? sick : undefined);
        let read = 0;
        const body = Readable.from(
            (function* () {
                for (; read < 1000; read += 1) yield Buffer.alloc(MiB);
            })(),
        );
        const failure = await failsCleanly(
            open().put(dump, body),
            /could not upload a part of prod_pre-migration[^]*\(InternalError\)[^]*State: Nothing incomplete was left in the store\.[^]*fault/,
        );
        assert.equal(failure.parts.where?.object, bucket.url("p", proxy.endpoint));
        assert.equal(body.destroyed, true);
        assert(read < 20, String(read));
        assert.equal(proxy.count("abort"), 1);
    });

    it("a part fails while the source is silent: it is not waited for", async () => {
        proxy.fault = ({ what }) => (what === "part" ? sick : undefined);
        const body = Readable.from(
            (async function* () {
                yield Buffer.alloc(6 * MiB);
                await new Promise(() => undefined);
            })(),
        );
        await failsCleanly(open().put(dump, body), /could not upload a part/);
    });

    it("the source is destroyed while all parts are on their way: they are not waited for", async () => {
        proxy.fault = ({ what }) => (what === "part" ? "hang" : undefined);
        const body = Readable.from(piecesOf(noise(30 * MiB), 100_000));
        const putting = open({ patience: { ...hasty, retryMs: 60_000 } }).put(dump, body);
        putting.catch(() => undefined);
        await eventually(() => proxy.count("part") === 2);
        body.destroy(new Error("aborted"));
        await assert.rejects(putting, /^Error: aborted$/);
        assert.deepEqual(await bucket.left(), []);
    });

    it("a store that is slow is waited for, with three parts in memory", async () => {
        let release: () => void = () => undefined;
        const released = new Promise<void>((resolve) => {
            release = resolve;
        });
        proxy.fault = ({ what }) => (what === "part" ? { after: released } : undefined);
        let read = 0;
        const body = Readable.from(
            (function* () {
                for (const piece of piecesOf(noise(40 * MiB), 65_536)) {
                    read += piece.length;
                    yield piece;
                }
            })(),
            { objectMode: false },
        );
        const putting = open().put(dump, body);
        await eventually(() => read >= 15 * MiB && proxy.count("part") === 2);
        for (let i = 0; i < 50; i += 1) await new Promise((resolve) => setImmediate(resolve));
        assert(read <= 15 * MiB + 200_000, String(read));
        release();
        assert.equal((await putting).bytes, 40 * MiB);
    });

    for (const [what, content] of [
        ["complete", noise(17 * MiB)],
        ["put", noise(1000)],
    ] as const) {
        it(`the answer of ${what} is lost: the object is known as ours`, async () => {
            proxy.fault = (r) => (r.what === what && r.nth === 1 ? "lose-answer" : undefined);
            await put(open(), content);
            assert.equal(proxy.count(what), 2);
        });

        it(`every answer of ${what} is lost`, async () => {
            proxy.fault = (r) => (r.what === what ? "lose-answer" : undefined);
            await put(open(), content);
        });

        it(`${what} fails, and takes no effect`, async () => {
            proxy.fault = (r) => (r.what === what ? sick : undefined);
            await failsCleanly(put(open(), content), new RegExp(`could not (?:${what}|write)[^]*InternalError`));
        });

        it(`${what} is never answered`, async () => {
            proxy.fault = (r) => (r.what === what ? "hang" : undefined);
            await failsCleanly(put(open({ patience: wary }), content), /TimeoutError[^]*did not answer in time/);
        });

        it(`${what} is refused by 409 once: tried again`, async () => {
            const conflict: Fault = { status: 409, code: "ConditionalRequestConflict" };
            proxy.fault = (r) => (r.what === what && r.nth === 1 ? conflict : undefined);
            await put(open(), content);
        });

        it(`somebody else was faster while the stream ran: theirs stays (${what})`, async () => {
            let theirs: Promise<unknown> | undefined;
            proxy.fault = (r) => {
                if (r.what !== what) return undefined;
                theirs ??= bucket.s3.putObject({ Bucket: bucket.name, Key: `p/${dump}`, Body: "theirs" });
                return { after: theirs };
            };
            await assert.rejects(put(open(), content), ObjectExistsError);
            assert.deepEqual(await bucket.left(), [`p/${dump}`]);
            assert.equal((await buffer(await open().get(dump))).toString(), "theirs");
        });

        it(`nobody can look whether ${what} took effect: it says so`, async () => {
            proxy.fault = (r) => (r.what === what ? "lose-answer" : r.what === "head" ? sick : undefined);
            const failure = await put(open(), content).then(
                () => assert.fail("it went through"),
                (error: unknown) => error,
            );
            assert(failure instanceof FailedError);
            assert.match(failure.message, /could not look at[^]*State: It is not known whether/);
        });
    }

    it("the upload cannot be aborted: it says so, and a later run sweeps it", async () => {
        proxy.fault = ({ what }) =>
            what === "part" || what === "abort" ? { status: 403, code: "AccessDenied" } : undefined;
        await assert.rejects(
            put(open()),
            /State: Nothing incomplete is visible in the store; a later run removes the unfinished upload/,
        );
        assert.deepEqual(await bucket.left(), [`p/${dump} (unfinished)`]);
        proxy.reset();
        await open({ sweepAfterMs: 0 }).probe();
        assert.deepEqual(await bucket.left(), []);
    });

    it("kill -9 of the store in the middle: it fails in time; then nothing is listed, and the rest is swept", async () => {
        let bytes = 0;
        const body = Readable.from(
            (async function* () {
                for (const piece of piecesOf(noise(40 * MiB), 100_000)) {
                    if (bytes < 12 * MiB && bytes + piece.length >= 12 * MiB) await server.kill();
                    bytes += piece.length;
                    yield piece;
                }
            })(),
        );
        await assert.rejects(
            openS3Store(bucket.url("p"), "/", { partBytes: () => 5 * MiB, patience: hasty }).put(dump, body),
            /\((?:ECONNREFUSED|ECONNRESET)\)[^]*a later run removes the unfinished upload[^]*can be reached from here/,
        );
        await server.restart();
        assert.deepEqual(await open().list(), []);
        assert.deepEqual(await bucket.left(), [`p/${dump} (unfinished)`]);
        await open({ sweepAfterMs: 0 }).probe();
        assert.deepEqual(await bucket.left(), []);
    });

    it("kill -9 of the store in the middle, which is back soon: the upload goes on", async () => {
        let bytes = 0;
        const content = noise(30 * MiB);
        const body = Readable.from(
            (async function* () {
                for (const piece of piecesOf(content, 100_000)) {
                    if (bytes < 12 * MiB && bytes + piece.length >= 12 * MiB) {
                        await server.kill();
                        void server.restart();
                    }
                    bytes += piece.length;
                    yield piece;
                }
            })(),
        );
        const store = openS3Store(bucket.url("p"), "/", { partBytes: () => 5 * MiB });
        assert.equal((await store.put(dump, body)).bytes, content.length);
        assert((await buffer(await store.get(dump))).equals(content));
    });

    function uploader(...args: readonly string[]): ReturnType<typeof fork> {
        return fork(path.join(__dirname, "s3-upload-process.js"), args, {
            env: { PATH: process.env.PATH, ...loginEnvironment(server) },
        });
    }

    it("kill -9 of the uploading process: nothing is listed, and the rest is swept when it is old", async () => {
        const child = uploader(bucket.url("p"), dump, "12", "hang", "5");
        await once(child, "message");
        await eventually(async () => (await bucket.uploads()).length === 1);
        child.kill("SIGKILL");
        await once(child, "exit");
        assert.deepEqual(await open().list(), []);
        await open().probe();
        assert.deepEqual(await bucket.left(), [`p/${dump} (unfinished)`]);
        await open({ sweepAfterMs: 0 }).probe();
        assert.deepEqual(await bucket.left(), []);
    });

    it("300 MiB take a bounded memory", async () => {
        const child = uploader(bucket.url("p"), dump, "300", "end", "");
        const [{ bytes, maxRss }] = (await once(child, "message")) as [{ bytes: number; maxRss: number }];
        assert.equal(bytes, 300 * MiB);
        assert(maxRss < 200 * MiB, `${String(maxRss)} bytes`);
        // It ends by itself: no connection keeps it.
        if (child.exitCode === null) await once(child, "exit");
    });

    describe("reading", () => {
        const content = noise(9 * MiB);
        beforeEach(async () => {
            await open().put(dump, Readable.from([content]));
            proxy.reset();
        });

        for (const [what, fault] of Object.entries<Fault>({
            "is cut": { cutAnswerAfter: 1_000_000 },
            "goes silent": { silentAfter: 1_000_000 },
        }))
            it(`goes on where it ${what}, as often as that is`, async () => {
                proxy.fault = (r) => (r.what === "get" && r.nth <= 7 ? fault : undefined);
                const store = open({ patience: "silentAfter" in (fault as object) ? wary : hasty });
                assert((await buffer(await store.get(dump))).equals(content));
                assert.equal(proxy.count("get"), 8);
                assert.equal(proxy.seen[0]?.range, undefined);
                assert.match(proxy.seen[1]?.range ?? "", /^bytes=\d+-$/);
            });

        it("is given up when it does not get on", async () => {
            proxy.fault = (r) => (r.what === "get" && r.nth > 1 ? { cutAnswerAfter: 0 } : { cutAnswerAfter: 1000 });
            await assert.rejects(buffer(await open().get(dump)), (error) => {
                assert(error instanceof FailedError);
                assert.match(error.message, /could not read prod_pre-migration[^]*\(ECONNRESET\)/);
                return true;
            });
            assert(proxy.count("get") < 20);
        });

        it("does not go on in another object that was put in its place", async () => {
            const reading = await open().get(dump);
            proxy.fault = (r) => (r.what === "get" && r.nth === 1 ? { cutAnswerAfter: 1_000_000 } : undefined);
            reading.destroy();
            const second = await openCut();
            await bucket.s3.putObject({ Bucket: bucket.name, Key: `p/${dump}`, Body: noise(9 * MiB).fill(1) });
            await assert.rejects(buffer(second), /could not read[^]*PreconditionFailed/);
        });

        /** A reading that is cut after 1 MB. */
        async function openCut(): Promise<Readable> {
            proxy.reset();
            proxy.fault = (r) => (r.what === "get" && r.nth === 1 ? { cutAnswerAfter: 1_000_000 } : undefined);
            return open().get(dump);
        }

        it("a reader that takes its time is not cut off", async () => {
            const slow = await open({ patience: wary }).get(dump);
            const chunks: Buffer[] = [];
            for await (const chunk of slow) {
                // Until the connection was closed for its silence.
                if (chunks.length === 0) await eventually(() => proxy.broken === 1);
                chunks.push(chunk as Buffer);
            }
            assert(Buffer.concat(chunks).equals(content));
            assert(proxy.count("get") > 1);
        });

        it("a reader that goes away ends a connection that is silent", async () => {
            proxy.fault = () => ({ silentAfter: 1000 });
            const left = await open().get(dump);
            await once(left, "readable");
            const closed = once(left, "close");
            left.destroy();
            await closed;
            await eventually(() => proxy.silent === 0);
        });
    });
});
