import {
    CreateMultipartUploadCommand,
    DeleteObjectCommand,
    ListMultipartUploadsCommand,
    ListObjectsV2Command,
    PutBucketPolicyCommand,
    PutObjectCommand,
    type S3Client,
} from "@aws-sdk/client-s3";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { type PolicyDocument, storePolicy, storePolicyOf } from "../../core/snapshots/s3-rights";
import { openS3Store } from "../../core/snapshots/s3-store";
import { ObjectExistsError, type SnapshotStore } from "../../core/snapshots/store";
import { type LocalS3, s3Server, startS3 } from "../../tools/local-s3";
import { root } from "../../tools/pg-binaries";
import { logIn } from "../support/bucket";
import { needs } from "../support/capability";
import { bucketRequests, clientFor, onStandInOnly } from "./bucket-requests";
import { declaredBy, only } from "./capture";

describe("declarations: what the runner may do with its bucket", function () {
    this.timeout(60_000);
    needs(s3Server);

    const Bucket = "physioflow-backups-prod";
    const dump = "prod_pre-migration-v1.3.0_20260102_030405.dump";
    let server: LocalS3;
    let s3: S3Client;
    let declared: PolicyDocument;
    let store: SnapshotStore;
    let logOut: () => void;

    before("start", async () => {
        server = await startS3();
        s3 = clientFor(server.endpoint, server);
        const all = await declaredBy("prod");
        for (const request of bucketRequests(all.filter((d) => !onStandInOnly.some((other) => d.type.includes(other)))))
            await request(s3);
        const { runnerPolicy } = only(all, "schemaward:index:BackupBucket").outputs;
        declared = JSON.parse(String(runnerPolicy)) as PolicyDocument;
        logOut = logIn(await server.createUser("runner"));
        store = openS3Store(`s3://${Bucket}/snapshots?endpoint=${server.endpoint}`, "/", {
            partBytes: () => 5_242_880,
            patience: { retryMs: 0 },
            sweepAfterMs: 0,
        });
    });

    after("stop", async () => {
        logOut();
        await server.stop();
    });

    /** Gives the runner the declared rights, but one. KMS is not this server's. */
    async function grant(without?: string): Promise<void> {
        const Statement = declared.Statement.filter(({ Sid }) => Sid !== "EncryptSnapshots").map((statement) => ({
            ...statement,
            Principal: { AWS: ["runner"] },
            Action: statement.Action.filter((action) => action !== without),
        }));
        const Policy = JSON.stringify({ ...declared, Statement: Statement.filter(({ Action }) => Action.length > 0) });
        await s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
    }

    async function abandonAnUpload(): Promise<void> {
        await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: `snapshots/${dump}` }));
    }

    it("all that the store does works with it", async () => {
        await grant();
        await abandonAnUpload();
        await store.probe();
        assert.deepEqual((await s3.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads ?? [], []);
        const content = Buffer.alloc(12_000_000, "x");
        await store.put(dump, Readable.from([content]));
        await assert.rejects(store.put(dump, Readable.from([content])), ObjectExistsError);
        await store.put("small", Readable.from(["1"]));
        await assert.rejects(
            store.put(
                "broken",
                Readable.from(
                    (function* () {
                        yield content;
                        throw new Error("the source broke");
                    })(),
                ),
            ),
            /the source broke/,
        );
        assert.deepEqual((await store.list()).map(({ name }) => name).sort(), [dump, "small"]);
        assert((await buffer(await store.get(dump))).equals(content));
        await store.delete("small");
        await store.delete(dump);
        assert.deepEqual(await store.list(), []);
        assert.deepEqual((await s3.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads ?? [], []);
    });

    it("each right that is taken away is missed, and named", async () => {
        const actions = declared.Statement.flatMap(({ Action }) => Action).filter((action) => action.startsWith("s3:"));
        assert.deepEqual(actions.sort(), [
            "s3:AbortMultipartUpload",
            "s3:DeleteObject",
            "s3:GetObject",
            "s3:ListBucket",
            "s3:ListBucketMultipartUploads",
            "s3:PutObject",
        ]);
        for (const action of actions) {
            await grant(action);
            await assert.rejects(store.probe(), new RegExp(`(?:AccessDenied|HTTP 403)[^]*grant ${action}[ ]`), action);
            const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
            assert.equal(Contents.length, action === "s3:DeleteObject" ? 1 : 0, `what is left without ${action}`);
            for (const { Key } of Contents) await s3.send(new DeleteObjectCommand({ Bucket, Key }));
        }
    });

    it("it ends at the prefix", async () => {
        await grant();
        const elsewhere = openS3Store(`s3://${Bucket}/other?endpoint=${server.endpoint}`, "/", {
            patience: { retryMs: 0 },
        });
        await assert.rejects(elsewhere.probe(), /AccessDenied/);
        await s3.send(new PutObjectCommand({ Bucket, Key: "other/x", Body: "1" }));
        await assert.rejects(elsewhere.get("x"), /AccessDenied/);
    });

    it("the bucket's key is in it, and nothing is open to all", () => {
        const [, , key] = declared.Statement;
        assert.deepEqual(key, {
            Sid: "EncryptSnapshots",
            Effect: "Allow",
            Action: ["kms:GenerateDataKey", "kms:Decrypt"],
            Resource: "arn:aws:kms:ap-southeast-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        });
        assert.doesNotMatch(JSON.stringify(declared), /"\*"/);
    });

    it("staging, without a key, has no right to keys; dev, without a bucket, needs none", async () => {
        const staging = only(await declaredBy("staging"), "schemaward:index:BackupBucket").outputs["runnerPolicy"];
        assert.doesNotMatch(String(staging), /kms/);
        const dev = only(await declaredBy("dev"), "schemaward:index:BackupBucket").outputs["runnerPolicy"];
        assert.equal(dev ?? undefined, undefined);
    });
});

describe("declarations: the runner's policy by hand", () => {
    it("docs/snapshots.md shows it as it is", () => {
        const [, shown = ""] =
            /```json\n([^]*?)```/.exec(readFileSync(path.join(root, "docs/snapshots.md"), "utf8")) ?? [];
        const scope = {
            bucketArn: "arn:aws:s3:::clinic-backups",
            prefix: "prod",
            kmsKeyArn: "arn:aws:kms:eu-central-1:111122223333:key/…",
        };
        assert.deepEqual(JSON.parse(shown), storePolicy(scope));
    });

    it("a store that is there already: from its URL", () => {
        assert.equal(storePolicyOf("file:./backups"), undefined);
        const resources = (url: string): unknown[] =>
            (storePolicyOf(url)?.Statement ?? []).map(({ Resource, Condition }) => Condition ?? Resource);
        assert.deepEqual(resources("s3://backups/prod/db?endpoint=https://minio:9000"), [
            "arn:aws:s3:::backups",
            "arn:aws:s3:::backups/prod/db/*",
        ]);
        assert.deepEqual(resources("s3://backups?region=cn-north-1&ssetype=aws:kms&kmskeyid=1234"), [
            "arn:aws-cn:s3:::backups",
            "arn:aws-cn:s3:::backups/*",
            "arn:aws-cn:kms:cn-north-1:*:key/1234",
        ]);
        assert.deepEqual(resources("s3://backups?ssetype=aws:kms&kmskeyid=alias/db").slice(2), [
            { "ForAnyValue:StringEquals": { "kms:ResourceAliases": "alias/db" } },
        ]);
        assert.deepEqual(resources("s3://backups?ssetype=aws:kms&kmskeyid=arn:aws:kms:eu-west-1:1:key/2").slice(2), [
            "arn:aws:kms:eu-west-1:1:key/2",
        ]);
    });
});
