import {
    CreateBucketCommand,
    DeleteObjectCommand,
    GetBucketEncryptionCommand,
    GetBucketLifecycleConfigurationCommand,
    GetBucketOwnershipControlsCommand,
    GetBucketVersioningCommand,
    GetObjectCommand,
    GetObjectLockConfigurationCommand,
    GetPublicAccessBlockCommand,
    HeadObjectCommand,
    ListObjectVersionsCommand,
    PutBucketPolicyCommand,
    PutObjectCommand,
    type S3Client,
} from "@aws-sdk/client-s3";
import assert from "node:assert/strict";
import { awsStandIn, type LocalMoto, startMoto } from "../../tools/local-moto";
import { type LocalS3, s3Server, startS3 } from "../../tools/local-s3";
import { hasCommand } from "../../tools/process";
import { needs } from "../support/capability";
import { skip } from "../support/skip";
import { bucketRequests, clientFor, onStandInOnly } from "./bucket-requests";
import { type Declared, declaredBy, ofType, only } from "./capture";

const bucketType = "aws:s3/bucket:Bucket";
const withBucket = ["staging", "prod"] as const;
/** The S3 client warns of Node 20 on each start. */
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";

describe("declarations: buckets on a real S3 server", function () {
    this.timeout(30_000);
    needs(s3Server);

    let server: LocalS3 | undefined;

    beforeEach("start", async () => {
        server = await startS3({ tls: hasCommand("openssl", ["version"]) });
    });

    afterEach("stop", async () => {
        await server?.stop();
    });

    /** Makes a stack's bucket from what it declares. */
    async function make(stack: (typeof withBucket)[number]): Promise<{ s3: S3Client; Bucket: string; at: LocalS3 }> {
        assert.ok(server);
        const s3 = clientFor(server.endpoint, server);
        const declared = await declaredBy(stack);
        for (const request of bucketRequests(declared.filter((d) => !onStandInOnly.some((s) => d.type.includes(s)))))
            await request(s3);
        return { s3, Bucket: `physioflow-backups-${stack}`, at: server };
    }

    for (const stack of withBucket) {
        it(`${stack}: an overwritten and a deleted snapshot can be had back`, async () => {
            const { s3, Bucket } = await make(stack);
            assert.equal((await s3.send(new GetBucketVersioningCommand({ Bucket }))).Status, "Enabled");
            for (const Body of ["first", "second"])
                await s3.send(new PutObjectCommand({ Bucket, Key: "snapshot", Body }));
            await s3.send(new DeleteObjectCommand({ Bucket, Key: "snapshot" }));
            await assert.rejects(s3.send(new GetObjectCommand({ Bucket, Key: "snapshot" })));
            const { Versions = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket }));
            const bodies = await Promise.all(
                Versions.map(async ({ VersionId }) => {
                    const found = await s3.send(new GetObjectCommand({ Bucket, Key: "snapshot", VersionId }));
                    return found.Body?.transformToString();
                }),
            );
            assert.deepEqual(bodies, ["second", "first"]);
        });

        it(`${stack}: ACLs are off, so that nothing is opened by one`, async () => {
            const { s3, Bucket } = await make(stack);
            const { OwnershipControls } = await s3.send(new GetBucketOwnershipControlsCommand({ Bucket }));
            assert.equal(OwnershipControls?.Rules?.[0]?.ObjectOwnership, "BucketOwnerEnforced");
        });

        it(`${stack}: plain HTTP is refused, HTTPS is not`, async function () {
            const { s3, Bucket, at } = await make(stack);
            if (at.secure === undefined) skip(this, "openssl is not there");
            const user = await at.createUser("runner");
            const plain = clientFor(at.endpoint, user);
            const secure = clientFor(at.secure.endpoint, user, at.secure.ca);
            const put = () => new PutObjectCommand({ Bucket, Key: "snapshot", Body: "rows" });
            // The declared policy only refuses. What the runner may do is granted beside it; with that alone HTTP would do.
            const [declared] = ofType(await declaredBy(stack), "aws:s3/bucketPolicy:BucketPolicy");
            const policy = JSON.parse(String(declared?.inputs["policy"])) as { Version: string; Statement: object[] };
            const allow = {
                Effect: "Allow",
                Principal: { AWS: ["runner"] },
                Action: ["s3:PutObject", "s3:GetObject"],
                Resource: [`arn:aws:s3:::${Bucket}/*`],
            };
            const grant = (Statement: object[]): Promise<unknown> =>
                s3.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify({ ...policy, Statement }) }));
            await grant([allow]);
            await plain.send(put());
            await grant([...policy.Statement, allow]);
            await assert.rejects(plain.send(put()), { name: "AccessDenied" });
            await assert.rejects(plain.send(new GetObjectCommand({ Bucket, Key: "snapshot" })), {
                name: "AccessDenied",
            });
            await secure.send(put());
            await secure.send(new GetObjectCommand({ Bucket, Key: "snapshot" }));
        });
    }

    it("prod: a snapshot cannot be deleted before its time", async () => {
        const { s3, Bucket } = await make("prod");
        const { ObjectLockConfiguration } = await s3.send(new GetObjectLockConfigurationCommand({ Bucket }));
        assert.deepEqual(ObjectLockConfiguration?.Rule?.DefaultRetention, { Mode: "GOVERNANCE", Days: 30 });
        const { VersionId } = await s3.send(new PutObjectCommand({ Bucket, Key: "snapshot", Body: "rows" }));
        await assert.rejects(s3.send(new DeleteObjectCommand({ Bucket, Key: "snapshot", VersionId })), {
            name: "AccessDenied",
        });
        await s3.send(new HeadObjectCommand({ Bucket, Key: "snapshot", VersionId }));
    });
});

describe("declarations: buckets' settings on the AWS stand-in", function () {
    this.timeout(30_000);
    needs(awsStandIn);

    let moto: LocalMoto | undefined;

    before("start", async () => {
        moto = await startMoto();
    });

    after("stop", async () => {
        await moto?.stop();
    });

    function client(): S3Client {
        assert.ok(moto);
        return clientFor(moto.endpoint, { accessKeyId: "any", secretAccessKey: "any" });
    }

    for (const stack of withBucket) {
        it(`${stack}: the whole bucket is made; it is encrypted, closed to the public and cleans up`, async () => {
            const s3 = client();
            const Bucket = `physioflow-backups-${stack}`;
            for (const request of bucketRequests(await declaredBy(stack))) await request(s3);
            const { ServerSideEncryptionConfiguration: encryption } = await s3.send(
                new GetBucketEncryptionCommand({ Bucket }),
            );
            const key = "arn:aws:kms:ap-southeast-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
            assert.deepEqual(
                encryption?.Rules?.[0]?.ApplyServerSideEncryptionByDefault,
                stack === "prod" ? { SSEAlgorithm: "aws:kms", KMSMasterKeyID: key } : { SSEAlgorithm: "AES256" },
            );
            const { PublicAccessBlockConfiguration } = await s3.send(new GetPublicAccessBlockCommand({ Bucket }));
            assert.deepEqual(PublicAccessBlockConfiguration, {
                BlockPublicAcls: true,
                BlockPublicPolicy: true,
                IgnorePublicAcls: true,
                RestrictPublicBuckets: true,
            });
            const { Rules = [] } = await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
            const rules = Object.fromEntries(Rules.map((rule) => [rule.ID, rule]));
            assert.deepEqual(
                [
                    rules["remove-noncurrent-versions"]?.NoncurrentVersionExpiration?.NoncurrentDays,
                    rules["remove-what-uploads-left"]?.AbortIncompleteMultipartUpload?.DaysAfterInitiation,
                    rules["remove-what-uploads-left"]?.Expiration?.ExpiredObjectDeleteMarker,
                    rules["expire-snapshots"]?.Expiration?.Days,
                ],
                stack === "prod" ? [90, 2, true, undefined] : [14, 2, true, 60],
            );
            assert.ok(Rules.every((r) => r.Status === "Enabled"));
        });
    }

    it("a lifecycle rule that AWS refuses is found", async () => {
        const s3 = client();
        await s3.send(new CreateBucketCommand({ Bucket: "physioflow-wrong" }));
        const lifecycle = only(
            await declaredBy("staging"),
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        );
        const rules = [
            {
                id: "both",
                status: "Enabled",
                filter: { prefix: "" },
                expiration: { days: 9, expiredObjectDeleteMarker: true },
            },
        ];
        const wrong: Declared = { ...lifecycle, inputs: { bucket: "physioflow-wrong", rules } };
        for (const request of bucketRequests([wrong])) await assert.rejects(request(s3), { name: "MalformedXML" });
    });

    it("a wrong field is found", async () => {
        const lifecycle = only(
            await declaredBy("staging"),
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        );
        const rules = [{ id: "x", status: "Enabled", filter: { prefix: "" }, noncurrentVersionExpiry: { days: 3 } }];
        assert.throws(
            () => bucketRequests([{ ...lifecycle, inputs: { bucket: "b", rules } }]),
            /noncurrentVersionExpiry/,
        );
    });
});

describe("declarations: buckets", function () {
    this.timeout(30_000);

    for (const stack of withBucket) {
        it(`${stack}: what guards the bucket stays as long as the bucket`, async () => {
            const declared = await declaredBy(stack);
            const expected = stack === "prod";
            assert.equal(only(declared, bucketType).protect, expected);
            const parts = declared.filter((d) => d.type.startsWith("aws:"));
            assert.ok(parts.length >= 7);
            for (const { type, retainOnDelete } of parts) assert.equal(retainOnDelete, expected, type);
            assert.equal(only(declared, bucketType).inputs["forceDestroy"], false);
        });

        it(`${stack}: the schema's snapshots go there`, async () => {
            const version = only(await declaredBy(stack), "pulumi-nodejs:dynamic/schemaward:SchemaVersion");
            const { store } = version.inputs["snapshot"] as { store: string };
            assert.equal(store, `s3://physioflow-backups-${stack}/snapshots?region=ap-southeast-1`);
        });
    }

    it("dev: no bucket is made; snapshots go to a folder", async () => {
        const declared = await declaredBy("dev");
        assert.deepEqual(
            declared.filter((d) => d.type.startsWith("aws:")),
            [],
        );
        const version = only(declared, "pulumi-nodejs:dynamic/schemaward:SchemaVersion");
        assert.deepEqual(version.inputs["snapshot"], { required: false, store: "file:./.tmp/backups", keep: 3 });
    });
});
