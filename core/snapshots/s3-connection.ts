import { readFileSync } from "node:fs";
import https from "node:https";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type * as Sdk from "@aws-sdk/client-s3";
import { BadInputError } from "../errors";
import { isTransient, s3Code } from "./s3-errors";
import type { S3Location } from "./s3-url";

/** How long is waited for a store, in milliseconds; tests wait less. */
export interface S3Patience {
    readonly connectMs: number;
    /** Of silence, after which a connection is taken for dead. */
    readonly idleMs: number;
    /** The same while a store puts the parts together, which some do by copying all of them. */
    readonly completeIdleMs: number;
    /** From the first failure of a request until it is tried no more. */
    readonly retryMs: number;
}

const patience: S3Patience = { connectMs: 10_000, idleMs: 60_000, completeIdleMs: 900_000, retryMs: 60_000 };
/** Also a request that takes longer than `retryMs` to fail is tried again. */
const leastTries = 3;
const longestPauseMs = 5_000;

export interface AttemptOptions {
    readonly signal?: AbortSignal;
    /** In place of the store's. */
    readonly retryMs?: number;
    /** Waits `completeIdleMs` for an answer. */
    readonly slow?: boolean;
}

/** Requests to one bucket, tried again where that may help. Nothing is loaded or connected before the first. */
export class S3Connection {
    readonly patience: S3Patience;
    private quick: Sdk.S3 | undefined;
    private slow: Sdk.S3 | undefined;

    /** @param projectDir absolute path that a relative `ca` is relative to */
    constructor(
        readonly location: S3Location,
        private readonly projectDir: string,
        more: Partial<S3Patience> = {},
    ) {
        this.patience = { ...patience, ...more };
    }

    /**
     * Makes a request; after a passing failure again, with pauses that grow and vary, for `retryMs`. So it may have taken effect although
     * its last answer is a refusal: the answer to an earlier try was lost.
     * @throws the SDK's last error, or the signal's reason
     */
    async attempt<T>(
        request: (s3: Sdk.S3, options: { readonly abortSignal?: AbortSignal }) => Promise<T>,
        { signal, slow = false, retryMs = this.patience.retryMs }: AttemptOptions = {},
    ): Promise<T> {
        const s3 = slow
            ? (this.slow ??= this.open(this.patience.completeIdleMs))
            : (this.quick ??= this.open(this.patience.idleMs));
        let deadline: number | undefined;
        for (let tries = 1; ; tries += 1) {
            signal?.throwIfAborted();
            try {
                return await request(s3, signal === undefined ? {} : { abortSignal: signal });
            } catch (error) {
                signal?.throwIfAborted();
                deadline ??= Date.now() + retryMs;
                // The SDK has corrected its idea of the time by the answer.
                const again = isTransient(error) || (s3Code(error) === "RequestTimeTooSkewed" && tries === 1);
                const over = Date.now() >= deadline && (tries >= leastTries || slow);
                if (!again || over) throw error;
                const longest = Math.min(longestPauseMs, 100 * 2 ** tries, Math.max(0, deadline - Date.now()));
                await pause(longest * (0.5 + 0.5 * Math.random()), undefined, { signal }).catch(() => undefined);
            }
        }
    }

    private open(idleMs: number): Sdk.S3 {
        const { region, endpoint, profile, pathStyle } = this.location;
        // Stores elsewhere mostly have one region, and the name that all of them know.
        const elsewhere = endpoint === undefined ? undefined : (process.env["AWS_REGION"] ?? "us-east-1");
        const where = region ?? elsewhere;
        const config: Sdk.S3ClientConfig = {
            ...(where === undefined ? {} : { region: where }),
            ...(endpoint === undefined ? {} : { endpoint }),
            ...(profile === undefined ? {} : { profile }),
            forcePathStyle: pathStyle,
            // `attempt` tries again, in one way for all.
            maxAttempts: 1,
            // SHA-256 is sent with each object and part; what is read is checked against the manifest.
            requestChecksumCalculation: "WHEN_REQUIRED",
            responseChecksumValidation: "WHEN_REQUIRED",
            requestHandler: {
                connectionTimeout: this.patience.connectMs,
                // Not requestTimeout: that one counts a slow request's whole time, and by default only warns.
                socketTimeout: idleMs,
                // An agent and not its options: for requests with Expect the SDK makes another one of its own, which knows no ca.
                httpsAgent: new https.Agent({ keepAlive: true, ...this.authorities() }),
            },
            // Else each part waits for an answer to its headers first.
            expectContinueHeader: false,
        };
        return quietly(() => new (sdk().S3)(config));
    }

    private authorities(): { readonly ca?: Buffer } {
        const { ca } = this.location;
        if (ca === undefined) return {};
        const file = path.resolve(this.projectDir, ca);
        try {
            return { ca: readFileSync(file) };
        } catch (error) {
            throw new BadInputError({
                what: `The certificates that the snapshot store is checked against cannot be read (${s3Code(error)}).`,
                where: { file: ca, object: "snapshot.store, ca" },
                state: "Nothing was touched.",
                next: "ca names a PEM file, absolute or relative to the project's root.",
            });
        }
    }
}

/** Loaded with the first request: it takes a tenth of a second, and a stack with another store never needs it. */
function sdk(): typeof Sdk {
    return require("@aws-sdk/client-s3") as typeof Sdk;
}

/** The SDK warns of each Node that it will leave behind one day, on the first client; that is not for our users. */
function quietly<T>(open: () => T): T {
    const name = "AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED";
    const before = process.env[name];
    process.env[name] = "true";
    try {
        return open();
    } finally {
        if (before === undefined) Reflect.deleteProperty(process.env, name);
        else process.env[name] = before;
    }
}
