import { randomBytes } from "node:crypto";
import type * as Sdk from "@aws-sdk/client-s3";
import type { AttemptOptions, S3Connection } from "./s3-connection";
import { s3Status } from "./s3-errors";
import type { Encryption } from "./s3-url";

/** Metadata by which an object is known as the one that this very upload made. */
const markName = "schemaward-upload";

/** An object that is being made, which can be told from one that another made under its key. */
export class MarkedObject {
    private readonly mark = randomBytes(16).toString("hex");

    constructor(
        private readonly connection: S3Connection,
        private readonly key: string,
    ) {}

    /** What names it in a request. */
    get address(): { readonly Bucket: string; readonly Key: string } {
        return { Bucket: this.connection.location.bucket, Key: this.key };
    }

    /** What it is made with: its address, its mark and its encryption. */
    get making(): Pick<Sdk.PutObjectCommandInput, "Bucket" | "Key" | "Metadata"> & EncryptionHeaders {
        return {
            ...this.address,
            Metadata: { [markName]: this.mark },
            ...encryptionHeaders(this.connection.location.encryption),
        };
    }

    /** What lies under its key. @throws the SDK's error when that cannot be told */
    async look(options: AttemptOptions): Promise<{ readonly ours: boolean; readonly bytes: number } | undefined> {
        try {
            const found = await this.connection.attempt(
                async (s3, more) => s3.headObject({ ...this.address }, more),
                options,
            );
            return { ours: found.Metadata?.[markName] === this.mark, bytes: found.ContentLength ?? -1 };
        } catch (error) {
            if (s3Status(error) === 404) return undefined;
            throw error;
        }
    }

    /**
     * Deletes it, if it is there.
     * @param known that it is, so that it need not be looked at, which may be forbidden
     * @returns whether it surely is not there any more
     */
    async remove(known: boolean, options: AttemptOptions): Promise<boolean> {
        try {
            if (known || (await this.look(options))?.ours === true)
                await this.connection.attempt(async (s3) => s3.deleteObject({ ...this.address }), options);
            return true;
        } catch {
            return false;
        }
    }
}

type EncryptionHeaders = Pick<Sdk.PutObjectCommandInput, "ServerSideEncryption" | "SSEKMSKeyId">;

/** What asks for an encryption; nothing: the bucket's default. */
export function encryptionHeaders(encryption: Encryption | undefined): EncryptionHeaders {
    if (encryption === undefined) return {};
    const key = encryption.type === "aws:kms" ? encryption.keyId : undefined;
    return { ServerSideEncryption: encryption.type, ...(key === undefined ? {} : { SSEKMSKeyId: key }) };
}
