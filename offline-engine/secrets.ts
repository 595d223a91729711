// The passphrase secrets manager (pkg/secrets/passphrase, sdk/go/common/resource/config/crypt.go): AES-256-GCM with
// a key that PBKDF2 makes of the passphrase and 8 bytes of salt; "v1:SALT:CIPHERTEXT of the word pulumi" proves it.

import { createCipheriv, createDecipheriv, pbkdf2, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { CommandError, messageOf } from "./errors";

const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const iterations = 1_000_000;
const proof = "pulumi";

/** Encrypts and decrypts the secrets of one salt. */
export class Crypter {
    private constructor(
        /** What stack files call encryptionsalt, and states secrets_providers.state.salt. */
        readonly salt: string,
        private readonly key: Buffer,
    ) {}

    /** A new salt. */
    static async create(passphrase: string): Promise<Crypter> {
        const salt = randomBytes(8);
        const key = await derive(passphrase, salt);
        return new Crypter(`v1:${salt.toString("base64")}:${seal(proof, key)}`, key);
    }

    /** @throws CommandError if the passphrase is not the one the salt was made with */
    static async open(passphrase: string, salt: string): Promise<Crypter> {
        const [version, bytes, ...rest] = salt.split(":");
        if (version !== "v1" || bytes === undefined || rest.length !== 3)
            throw new CommandError(version === "v1" ? "malformed state value" : "unknown state version");
        const key = await derive(passphrase, Buffer.from(bytes, "base64"));
        let found: string | undefined;
        try {
            found = unseal(rest.join(":"), key);
        } catch {
            // Authentication failed: another passphrase.
        }
        if (found !== proof) throw new CommandError("incorrect passphrase");
        return new Crypter(salt, key);
    }

    encrypt(plaintext: string): string {
        return seal(plaintext, this.key);
    }

    /** @throws CommandError */
    decrypt(ciphertext: string): string {
        try {
            return unseal(ciphertext, this.key);
        } catch (error) {
            throw new CommandError(`failed to decrypt a secret: ${messageOf(error)}`);
        }
    }
}

const derived = new Map<string, Promise<Buffer>>();

/** A million rounds take a third of a second, so each key is derived once, and in another thread. */
function derive(passphrase: string, salt: Buffer): Promise<Buffer> {
    const known = `${salt.toString("hex")}:${passphrase}`;
    const key = derived.get(known) ?? promisify(pbkdf2)(passphrase, salt, iterations, keyBytes, "sha256");
    derived.set(known, key);
    return key;
}

function seal(plaintext: string, key: Buffer): string {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv("aes-256-gcm", key, nonce);
    const sealed = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final(), cipher.getAuthTag()]);
    return `v1:${nonce.toString("base64")}:${sealed.toString("base64")}`;
}

function unseal(ciphertext: string, key: Buffer): string {
    const [version, nonce, body, ...rest] = ciphertext.split(":");
    if (nonce === undefined || body === undefined || rest.length > 0) throw new Error("bad value");
    if (version !== "v1") throw new Error("unknown value version");
    const sealed = Buffer.from(body, "base64");
    const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(nonce, "base64"));
    decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
    return decipher.update(sealed.subarray(0, sealed.length - tagBytes), undefined, "utf8") + decipher.final("utf8");
}

/** From PULUMI_CONFIG_PASSPHRASE or the file in PULUMI_CONFIG_PASSPHRASE_FILE. @throws CommandError */
export function readPassphrase(env: NodeJS.ProcessEnv = process.env): string {
    const { PULUMI_CONFIG_PASSPHRASE: phrase, PULUMI_CONFIG_PASSPHRASE_FILE: file } = env;
    if (phrase !== undefined) return phrase;
    if (file === undefined || file === "") {
        throw new CommandError(
            "passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE environment variables",
        );
    }
    try {
        return readFileSync(resolve(file), "utf8").trim();
    } catch (error) {
        throw new CommandError(`unable to read PULUMI_CONFIG_PASSPHRASE_FILE: ${messageOf(error)}`);
    }
}
