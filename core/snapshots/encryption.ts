import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { SnapshotEncryption } from "../declaration";
import { BadInputError, FailedError } from "../errors";

/**
 * What opens encrypted archives: resolved when one is opened, so that who only takes snapshots needs none.
 * @throws BadInputError when it cannot be had
 */
export type ArchiveKey = () => Promise<string>;

/** The bytes are not those that were encrypted: one was changed, or the end is missing. */
export class UndecipherableError extends FailedError {}

type Pieces = AsyncIterable<Buffer>;

/**
 * Encrypts a stream for all of these recipients, in the form of age (age-encryption.org/v1): authenticated in pieces of 64 KiB, so that a
 * truncated or changed one is found wherever it is. The file is what `age -d` opens.
 * @param recipients `age1…`
 * @throws BadInputError for one that is no recipient
 */
export async function encrypt(recipients: readonly string[], plain: Pieces): Promise<Pieces> {
    const { Encrypter } = await age();
    const encrypter = new Encrypter();
    for (const recipient of recipients) {
        try {
            encrypter.addRecipient(recipient);
        } catch {
            throw new BadInputError({
                what: `${recipient.slice(0, 80)} is no recipient of age.`,
                where: { object: "snapshot.encryption.recipients" },
                state: "Nothing was touched.",
                next: "Give what age-keygen prints as the public key: age1….",
            });
        }
    }
    return buffers(await encrypter.encrypt(ReadableStream.from(plain) as ReadableStream<Uint8Array>));
}

/**
 * Opens an encrypted stream.
 * @throws BadInputError when the key is no key, or of nobody that it was encrypted for; FailedError when the stream is damaged
 */
export async function decrypt(key: ArchiveKey | undefined, name: string, stored: Pieces): Promise<Pieces> {
    if (key === undefined)
        throw new BadInputError({
            what: `${name} is encrypted, and no key is named that opens it.`,
            where: { object: "snapshot.encryption.identity" },
            state: "Nothing was touched.",
            next: "Name it: snapshot.encryption.identity in the stack's file, or SCHEMAWARD_AGE_IDENTITY in the environment.",
        });
    const { Decrypter } = await age();
    const decrypter = new Decrypter();
    try {
        for (const identity of identitiesOf(await key())) decrypter.addIdentity(identity);
    } catch (error) {
        if (error instanceof BadInputError) throw error;
        // Its message may hold what it was given.
        throw notAKey();
    }
    const source = ReadableStream.from(stored) as ReadableStream<Uint8Array>;
    let plain: ReadableStream<Uint8Array>;
    try {
        plain = await decrypter.decrypt(source);
    } catch (error) {
        throw messageOf(error).includes("no identity matched")
            ? new BadInputError({
                  what: `${name} was not encrypted for the key that is named.`,
                  where: { object: "snapshot.encryption.identity" },
                  state: "Nothing was touched.",
                  next: "Name the key of one of the recipients in its manifest.",
              })
            : undecipherable(name, error);
    }
    return guarded(name, buffers(plain));
}

type AgeModule = Awaited<ReturnType<(typeof import("./age"))["age"]>>;

async function age(): Promise<AgeModule> {
    // Not by its path: see age.ts.
    const { age: load } = require("#age") as typeof import("./age");
    return load();
}

async function* buffers(stream: ReadableStream<Uint8Array>): AsyncGenerator<Buffer> {
    for await (const piece of stream as unknown as AsyncIterable<Uint8Array>)
        yield Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
}

async function* guarded(name: string, pieces: Pieces): AsyncGenerator<Buffer> {
    try {
        yield* pieces;
    } catch (error) {
        throw error instanceof FailedError ? error : undecipherable(name, error);
    }
}

function undecipherable(name: string, error: unknown): UndecipherableError {
    return new UndecipherableError({
        what: `${name} cannot be decrypted: ${messageOf(error)}.`,
        state: "Nothing was changed.",
        next: "Its bytes are not those that were written: use an older snapshot, and take a new one now.",
    });
}

/** A key file of age-keygen has comments beside the key; more keys than one may be there. */
function identitiesOf(text: string): string[] {
    const identities = text.split(/\s+/).filter((word) => word.startsWith("AGE-SECRET-KEY-"));
    if (identities.length === 0) throw notAKey();
    return identities;
}

function notAKey(): BadInputError {
    return new BadInputError({
        what: "What snapshot.encryption.identity leads to is no key of age.",
        where: { object: "snapshot.encryption.identity" },
        state: "Nothing was touched.",
        next: "It has to be what age-keygen writes: AGE-SECRET-KEY-1….",
    });
}

/** The key that a stack names: by reference, so that it is in no state. */
export function keyOf(encryption: SnapshotEncryption | undefined): ArchiveKey | undefined {
    const identity = encryption?.identity;
    if (identity === undefined) {
        const usual = process.env["SCHEMAWARD_AGE_IDENTITY"];
        return usual === undefined || usual === "" ? undefined : () => Promise.resolve(usual);
    }
    if ("env" in identity)
        return () => {
            const value = process.env[identity.env];
            if (value !== undefined && value !== "") return Promise.resolve(value);
            return Promise.reject(unreachable(`the environment variable ${identity.env} is not set`));
        };
    if ("file" in identity)
        return () =>
            readFile(identity.file, "utf8").catch((error: unknown) => {
                throw unreachable(`${identity.file} cannot be read (${String((error as { code?: unknown }).code)})`);
            });
    return async () => {
        const [program = "", ...args] = identity.command;
        try {
            return (await promisify(execFile)(program, args, { timeout: 30_000 })).stdout;
        } catch (error) {
            // Neither the arguments nor the output are shown: both may hold a secret.
            throw unreachable(`${program} failed (${String((error as { code?: unknown }).code)})`);
        }
    };
}

function unreachable(why: string): BadInputError {
    return new BadInputError({
        what: `The key of encrypted snapshots cannot be had: ${why}.`,
        where: { object: "snapshot.encryption.identity" },
        state: "Nothing was touched.",
        next: "Let it lead to the key, as age-keygen writes it.",
    });
}

function messageOf(error: unknown): string {
    return error instanceof Error ? error.message : String(error);
}
