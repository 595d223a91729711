import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { BadInputError, FailedError, SchemawardError } from "../../core/errors";
import type { S3Patience } from "../../core/snapshots/s3-connection";
import { openS3Store } from "../../core/snapshots/s3-store";
import type { SnapshotStore } from "../../core/snapshots/store";
import { openStore } from "../../core/snapshots/stores";
import { freePort } from "../../tools/local-postgres";
import { type LocalS3, s3Server, startS3 } from "../../tools/local-s3";
import { hasCommand } from "../../tools/process";
import { needs } from "../support/capability";
import { FaultyS3, type Fault, type S3Request } from "../support/faulty-s3";
import { skip } from "../support/skip";
import { Bucket, logIn } from "../support/bucket";

const hasty: Partial<S3Patience> = { retryMs: 200 };

describe("what an S3 store refuses is told", function () {
    this.timeout(30_000);
    needs(s3Server);
    let server: LocalS3;
    let proxy: FaultyS3;
    let bucket: Bucket;
    let home: string;
    let logOut: () => void;

    before(async () => {
        home = await mkdtemp(path.join(os.tmpdir(), "schemaward-refusals-"));
        server = await startS3({ tls: hasCommand("openssl", ["version"]) });
        proxy = await FaultyS3.start(server.endpoint);
        bucket = await Bucket.make(server);
    });
    after(async () => {
        await proxy.stop();
        await server.stop();
        await rm(home, { recursive: true });
    });
    beforeEach(() => {
        proxy.reset();
        logOut = logIn(server);
    });
    afterEach(async () => {
        logOut();
        assert.deepEqual(await bucket.left(), []);
    });

    function open(url: string, idleMs = 20_000): SnapshotStore {
        return openS3Store(url, home, { patience: { ...hasty, idleMs } });
    }

    /** A probe must fail with this text, in parts for people, without a secret. */
    async function fails(store: SnapshotStore, says: RegExp): Promise<void> {
        for (const attempt of [async () => store.probe(), async () => store.put("x", Readable.from(["1"]))]) {
            const failure = await attempt().then(
                () => assert.fail("it went through"),
                (error: unknown) => error,
            );
            assert(failure instanceof SchemawardError, String(failure));
            assert.match(failure.message, says);
            assert.match(failure.message, /State: [^]*Next: /);
            assert(!failure.message.includes(server.secretAccessKey), failure.message);
            assert.equal(failure.cause, undefined);
            if (failure instanceof FailedError) assert(failure.message.includes(store.url), failure.message);
        }
    }

    it("a bucket that is not there", async () => {
        await fails(
            open(bucket.url().replace(bucket.name, "no-such-bucket")),
            /could not list its objects \(NoSuchBucket\)[^]*create it \(BackupBucket/,
        );
    });

    it("a wrong secret, a wrong key", async () => {
        logIn({ ...server, secretAccessKey: "hunter2" });
        await fails(open(bucket.url()), /\(SignatureDoesNotMatch\)[^]*are not this store's/);
        logIn({ ...server, accessKeyId: "nobody" });
        await fails(open(bucket.url()), /\(InvalidAccessKeyId\)[^]*are not this store's/);
    });

    it("no credentials at all", async () => {
        logIn(undefined);
        await fails(open(bucket.url()), /\(CredentialsProviderError\)[^]*AWS_ACCESS_KEY_ID/);
    });

    it("a profile that is not there; one that is", async () => {
        const file = path.join(home, "credentials");
        await writeFile(
            file,
            `[backups]\naws_access_key_id = ${server.accessKeyId}\naws_secret_access_key = ${server.secretAccessKey}\n`,
        );
        logIn(undefined);
        process.env["AWS_SHARED_CREDENTIALS_FILE"] = file;
        await fails(open(bucket.url("", undefined, "&profile=nobody")), /\(CredentialsProviderError\)[^]*profile/);
        await open(bucket.url("", undefined, "&profile=backups")).probe();
    });

    it("no region, where AWS needs one", async () => {
        await fails(open("s3://physioflow-backups"), /Region is missing[^]*\?region=/);
    });

    it("another region", async () => {
        await fails(
            open(bucket.url("", undefined, "&region=eu-central-1")),
            /\(AuthorizationHeaderMalformed\)[^]*in another region[^]*\?region=/,
        );
    });

    for (const [what, fault, says] of [
        ["a redirect to another region", { status: 301, code: "PermanentRedirect" }, /in another region/],
        ["a clock that is wrong", { status: 403, code: "RequestTimeTooSkewed" }, /clock differs[^]*NTP/],
        ["a session that is over", { status: 400, code: "ExpiredToken" }, /session of these credentials is over/],
        ["no room", { status: 507, code: "XMinioStorageFull" }, /no room left/],
        ["a KMS key that is disabled", { status: 400, code: "KMS.DisabledException" }, /KMS key cannot be used/],
        ["a store with a fault", { status: 500, code: "InternalError" }, /the store itself has a fault/i],
        ["a store that knows no such thing", { status: 501, code: "NotImplemented" }, /does not know what is needed/],
        ["a store without an answer", "hang", /\(TimeoutError\)[^]*did not answer in time/],
        ["a connection that is cut", { cutAfter: 0 }, /\(ECONNRESET\)[^]*can be reached/],
        ["anything else", { status: 400, code: "Whatever" }, /\(Whatever\)/],
    ] as const)
        it(what, async () => {
            proxy.fault = () => fault;
            await fails(open(bucket.url("", proxy.endpoint), fault === "hang" ? 800 : undefined), says);
        });

    for (const [what, right] of Object.entries<string>({
        list: "s3:ListBucket on the bucket",
        "list-uploads": "s3:ListBucketMultipartUploads on the bucket",
        begin: "s3:PutObject",
        abort: "s3:AbortMultipartUpload",
        put: "s3:PutObject",
        head: "s3:GetObject",
        get: "s3:GetObject",
        delete: "s3:DeleteObject",
    } satisfies Partial<Record<S3Request, string>>))
        it(`a probe without the right to ${what} names it`, async () => {
            const denied: Fault = { status: 403, code: "AccessDenied" };
            let free = 0;
            proxy.fault = (r) => (r.what === what && free <= 0 ? denied : undefined);
            await assert.rejects(open(bucket.url("", proxy.endpoint)).probe(), (error) => {
                assert(error instanceof FailedError);
                assert.match(error.message, new RegExp(`grant ${right.replace(/[*.]/g, "\\$&")} \\(docs`));
                return true;
            });
            // What it had made goes with the right that it has.
            free = 1;
            for (const { name } of await open(bucket.url()).list()) await open(bucket.url()).delete(name);
            for (const key of await bucket.uploads()) {
                const { Uploads = [] } = await bucket.s3.listMultipartUploads({ Bucket: bucket.name, Prefix: key });
                for (const { UploadId } of Uploads)
                    await bucket.s3.abortMultipartUpload({ Bucket: bucket.name, Key: key, UploadId });
            }
        });

    it("AWS's own text names the right, also that to a key", async () => {
        proxy.fault = ({ what }) =>
            what === "put"
                ? {
                      status: 403,
                      code: "AccessDenied",
                      message:
                          "User: arn:aws:iam::111122223333:user/ci is not authorized to perform: kms:GenerateDataKey on resource: k",
                  }
                : undefined;
        await assert.rejects(open(bucket.url("", proxy.endpoint)).probe(), /grant kms:GenerateDataKey/);
    });

    it("a store that ignores If-None-Match is found by the probe", async () => {
        // The second writing of it is the one that must be refused.
        proxy.fault = (r) => (r.what === "put" && r.nth === 2 ? { status: 200, code: "" } : undefined);
        await assert.rejects(
            open(bucket.url("", proxy.endpoint)).probe(),
            /overwrites objects although it is told not to[^]*knows conditional writes/,
        );
    });

    it("a store that gives back something else is found by the probe", async () => {
        proxy.garble = true;
        try {
            await assert.rejects(
                open(bucket.url("", proxy.endpoint)).probe(),
                /does not give back what was written into it/,
            );
        } finally {
            proxy.garble = false;
        }
    });

    it("an endpoint where nothing listens, a name that is none", async () => {
        const port = await freePort();
        await fails(
            open(bucket.url("", `http://127.0.0.1:${String(port)}`)),
            /\(ECONNREFUSED\)[^]*name and port are right/,
        );
        await fails(
            open(bucket.url("", "https://no-such-host.invalid")),
            /\((?:ENOTFOUND|EAI_AGAIN)\)[^]*name and port are right/,
        );
    });

    it("HTTPS is checked: with its authority's certificate it works, without it does not", async function () {
        if (server.secure === undefined) skip(this, "openssl is not there");
        const { endpoint, ca } = server.secure;
        await writeFile(path.join(home, "ca.pem"), ca);
        await fails(
            open(bucket.url("", endpoint)),
            /\((?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED\w+|UNABLE_TO\w+)\)[^]*not trusted: add ca=FILE.pem/,
        );
        const store = open(bucket.url("tls", endpoint, "&ca=ca.pem"));
        await store.probe();
        const content = Buffer.alloc(9_000_000, "x");
        await store.put("x", Readable.from([content]));
        assert((await buffer(await store.get("x"))).equals(content));
        await store.delete("x");
        // The certificate is for 127.0.0.1.
        await fails(
            open(bucket.url("", endpoint.replace("127.0.0.1", "localhost"), "&ca=ca.pem")),
            /\(ERR_TLS_CERT_ALTNAME_INVALID\)[^]*not trusted/,
        );
        // Plain HTTP where TLS is expected.
        await fails(open(bucket.url("", server.endpoint.replace("http:", "https:"))), /speak TLS/);
    });

    it("a file of certificates that is not there", async () => {
        const store = openStore(bucket.url("", "https://127.0.0.1:1", "&ca=nowhere.pem"), home);
        await assert.rejects(store.probe(), (error) => {
            assert(error instanceof BadInputError);
            assert.match(error.message, /nowhere\.pem[^]*ENOENT[^]*relative to the project/);
            return true;
        });
    });
});
