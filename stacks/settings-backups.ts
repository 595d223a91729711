import { z } from "zod";

const days = z.int().positive();

/** Which snapshots stay when a run has ended well. */
export const keepSchema = z
    .union([
        z.int().positive(),
        z
            .strictObject({
                last: z.int().positive().optional().describe("how many of the newest ones to keep"),
                daily: z.int().positive().optional().describe("of how many days that have any, the newest one each"),
                weekly: z.int().positive().optional().describe("of how many weeks that have any, the newest one each"),
            })
            .refine((rules) => Object.values(rules).some((n) => n !== undefined), {
                error: "needs last, daily, weekly or several of them",
                // A wrong key is fault enough.
                when: ({ issues }) => issues.length === 0,
            }),
    ])
    .describe("how many verified snapshots of the environment to keep, or by which rules; default: all");

/** What may be said of a bucket that the stack makes; the defaults are BackupBucket's. */
const ofBucket = {
    prefix: z
        .string()
        .regex(/^[A-Za-z0-9!_.*'()=-]+(?:\/[A-Za-z0-9!_.*'()=-]+)*$/, {
            error: "must be a path of A-Z a-z 0-9 ! _ . * ' ( ) = - between single slashes, without one at its ends",
        })
        .optional()
        .describe("path in the bucket under which snapshots lie"),
    kmsKeyArn: z
        .string()
        .regex(/^arn:aws[-a-z]*:kms:/, { error: "must be the ARN of a KMS key" })
        .optional()
        .describe("key that snapshots are encrypted with (SSE-KMS); default: the bucket's own keys (SSE-S3)"),
    noncurrentDays: days
        .optional()
        .describe("days that overwritten and deleted snapshots can still be had back; default 90"),
    abortUploadDays: days
        .optional()
        .describe("days after which what an interrupted upload left behind is removed; default 2"),
    expireDays: days
        .optional()
        .describe("days after which a snapshot is deleted whatever it is, the newest included; default: never"),
    objectLock: z
        .strictObject({
            mode: z
                .enum(["GOVERNANCE", "COMPLIANCE"])
                .default("GOVERNANCE")
                .describe("whether a privileged user may shorten it, or nobody"),
            days: days.describe("days during which a snapshot cannot be deleted"),
        })
        .optional()
        .describe("no deletion before its time; only a new bucket can have it"),
    protect: z
        .boolean()
        .optional()
        .describe("whether the bucket outlives `pulumi destroy`, which refuses to delete it; default true"),
};

/**
 * Where snapshots lie: in a store that is there, or in a bucket that the stack makes. One mapping in the file, so that a
 * wrong key is named with those that are allowed; of its two forms one is left when it was checked.
 */
export function backupsSchema(store: z.ZodString) {
    return z
        .strictObject({
            existing: store
                .optional()
                .describe("file:DIR, relative to the project, or s3://BUCKET/PREFIX, that is there already"),
            bucket: z
                .string()
                .regex(/^[a-z0-9][-.a-z0-9]{1,61}[a-z0-9]$/, {
                    error: "must be a bucket's name: 3 to 63 small letters, digits, hyphens, dots",
                })
                .optional()
                .describe("name of the AWS bucket to make"),
            ...ofBucket,
        })
        .transform(({ existing, bucket, ...rest }, context) => {
            if (existing === undefined && bucket !== undefined) return { bucket, ...rest };
            const others = Object.entries(rest).flatMap(([key, value]) => (value === undefined ? [] : [key]));
            if (existing !== undefined && bucket === undefined && others.length === 0) return { existing };
            context.addIssue({
                code: "custom",
                message:
                    existing === undefined
                        ? "needs exactly one of existing, bucket"
                        : `needs nothing beside existing: ${(bucket === undefined ? others : ["bucket", ...others]).join(", ")} is for a bucket that the stack makes`,
            });
            return z.NEVER;
        })
        .describe("where snapshots lie");
}

/** Encryption before a snapshot leaves this machine. */
export const encryptionSchema = z
    .strictObject({
        recipients: z
            .array(z.string().regex(/^age1[a-z0-9]+$/, { error: "must be a public key of age, like age1…" }))
            .min(1)
            .describe("public keys of age that snapshots are encrypted for"),
        identity: z
            .strictObject({
                env: z.string().min(1).optional().describe("environment variable that holds the secret key"),
                file: z.string().min(1).optional().describe("file that holds it, as age-keygen writes it"),
                command: z.array(z.string()).min(1).optional().describe("command, with arguments, that prints it"),
            })
            .transform(({ env, file, command }, context) => {
                const given = [env, file, command].filter((v) => v !== undefined);
                if (given.length !== 1) {
                    context.addIssue({ code: "custom", message: "needs exactly one of env, file, command" });
                    return z.NEVER;
                }
                if (env !== undefined) return { env };
                return file === undefined ? { command: command ?? [] } : { file };
            })
            .optional()
            .describe(
                "where the secret key is found that opens them: a reference, never the key; default: SCHEMAWARD_AGE_IDENTITY",
            ),
    })
    .describe("encryption with age before a snapshot leaves this machine");
