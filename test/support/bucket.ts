import { randomBytes } from "node:crypto";
import { S3 } from "@aws-sdk/client-s3";
import type { LocalS3 } from "../../tools/local-s3";

/** The S3 client warns of Node 20 on each start. */
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";

/** What AWS's SDK reads from the environment; a machine's own must not be used by tests. */
const ambient = ["AWS_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"];

export interface Credentials {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
}

/** The environment by which a child process logs in. */
export function loginEnvironment({ accessKeyId, secretAccessKey }: Credentials): Record<string, string> {
    return {
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        AWS_EC2_METADATA_DISABLED: "true",
        AWS_CONFIG_FILE: "/nowhere/config",
        AWS_SHARED_CREDENTIALS_FILE: "/nowhere/credentials",
    };
}

/** Lets the SDK's own chain find these credentials in this process. @returns undoes it */
export function logIn(credentials: Credentials | undefined): () => void {
    const before = { ...process.env };
    for (const name of ambient) Reflect.deleteProperty(process.env, name);
    Object.assign(process.env, loginEnvironment(credentials ?? { accessKeyId: "", secretAccessKey: "" }));
    if (credentials === undefined)
        for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) Reflect.deleteProperty(process.env, name);
    return () => {
        for (const name of Object.keys(process.env)) if (!(name in before)) Reflect.deleteProperty(process.env, name);
        Object.assign(process.env, before);
    };
}

/** A bucket of one's own, and what is in it. */
export class Bucket {
    readonly name = `b-${randomBytes(6).toString("hex")}`;
    readonly s3: S3;

    private constructor(private readonly server: LocalS3) {
        this.s3 = new S3({
            endpoint: server.endpoint,
            region: server.region,
            forcePathStyle: true,
            credentials: { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey },
        });
    }

    /** @param lock with object lock, and so with versions */
    static async make(server: LocalS3, lock = false): Promise<Bucket> {
        const bucket = new Bucket(server);
        await bucket.s3.createBucket({ Bucket: bucket.name, ObjectLockEnabledForBucket: lock });
        return bucket;
    }

    /** @param endpoint the server's own unless told */
    url(prefix = "", endpoint = this.server.endpoint, more = ""): string {
        return `s3://${this.name}${prefix === "" ? "" : `/${prefix}`}?endpoint=${endpoint}${more}`;
    }

    async keys(): Promise<string[]> {
        const { Contents = [] } = await this.s3.listObjectsV2({ Bucket: this.name });
        return Contents.map(({ Key = "" }) => Key);
    }

    async uploads(): Promise<string[]> {
        const { Uploads = [] } = await this.s3.listMultipartUploads({ Bucket: this.name });
        return Uploads.map(({ Key = "" }) => Key);
    }

    /** Objects, and unfinished uploads with a mark. */
    async left(): Promise<string[]> {
        return [...(await this.keys()), ...(await this.uploads()).map((key) => `${key} (unfinished)`)];
    }
}

/** Bytes that differ from each other. */
export function noise(bytes: number): Buffer {
    const content = Buffer.alloc(bytes);
    for (let i = 0; i + 4 <= bytes; i += 4) content.writeUInt32LE((i * 2_654_435_761) % 4_294_967_296, i);
    return content;
}

export function* piecesOf(content: Buffer, size: number): Generator<Buffer> {
    for (let i = 0; i < content.length; i += size) yield content.subarray(i, i + size);
}
