import { FailedError, SchemawardError } from "../errors";
import { firstLine } from "../lines";
import { operations, rightFor, type S3Operation } from "./s3-rights";

/** AWS's code of an error, or Node's; a HEAD has no body to say it, so there it is the HTTP status. */
export function s3Code(error: unknown): string {
    const { name, code, message } = (error ?? {}) as { name?: unknown; code?: unknown; message?: unknown };
    if (typeof code === "string" && code !== "") return code;
    // Node's own error is an Error with a text alone.
    if (message === "socket hang up" || message === "aborted") return "ECONNRESET";
    const status = s3Status(error);
    if (typeof name === "string" && name !== "Error" && !/^(?:\d+|Unknown.*)$/.test(name)) return name;
    return status === undefined ? "unknown error" : `HTTP ${String(status)}`;
}

/** HTTP status, where there was an answer. */
export function s3Status(error: unknown): number | undefined {
    const status = (error as { $metadata?: { httpStatusCode?: unknown } } | null)?.$metadata?.httpStatusCode;
    return typeof status === "number" ? status : undefined;
}

const network =
    /^(?:ECONNRESET|ECONNREFUSED|ECONNABORTED|EPIPE|ETIMEDOUT|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN|ENOTFOUND|EAI_AGAIN|TimeoutError|ERR_STREAM_PREMATURE_CLOSE)$/;
/** The two checksums differ when a bit was lost on the way; 409 says that another write of the same key was going on. */
const passing =
    /^(?:RequestTimeout|RequestTimeoutException|SlowDown|SlowDownRead|SlowDownWrite|Throttling|ThrottlingException|TooManyRequests|InternalError|ServiceUnavailable|OperationAborted|ConditionalRequestConflict|BadDigest|XAmzContentSHA256Mismatch|XAmzContentChecksumMismatch|KMS\.ThrottlingException)$/;

/** Whether the same request may go through a little later. */
export function isTransient(error: unknown): boolean {
    const status = s3Status(error);
    if (status !== undefined && (status === 429 || (status >= 500 && status !== 501))) return true;
    const code = s3Code(error);
    return network.test(code) || passing.test(code);
}

/**
 * An error of S3, of the network or of the credentials, for people. The SDK's error is not kept as the cause: it holds the
 * request with its signature and session token.
 * @param at the store's URL
 * @param state what is in the store now
 */
export function s3Failure(
    operation: S3Operation,
    error: unknown,
    at: { readonly url: string; readonly object?: string },
    state = "Nothing incomplete was left in the store under a visible name.",
): SchemawardError {
    if (error instanceof SchemawardError) return error;
    const { doing } = operations[operation];
    const code = s3Code(error);
    const about = operation.startsWith("list") ? "" : ` ${at.object ?? "an object"}`;
    const message = firstLine(error instanceof Error ? error.message : "").slice(0, 400);
    return new FailedError({
        what: `The snapshot store failed: could not ${doing}${about} (${code}).`,
        where: { object: at.url },
        ...(message === "" || message === code ? {} : { detail: [message] }),
        state,
        next: adviceFor(operation, code, error, message),
    });
}

/** By code; the first that fits. */
const advice: readonly (readonly [RegExp, string])[] = [
    [
        /^(?:CredentialsProviderError|TokenProviderError|ProviderError)$/,
        "No credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE (or profile= in the URL), or run where a role gives them.",
    ],
    [
        /^(?:InvalidAccessKeyId|SignatureDoesNotMatch|InvalidSecurity|AuthFailure|InvalidClientTokenId|UnrecognizedClientException)$/,
        "The credentials that were found are not this store's: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile, and the endpoint.",
    ],
    [
        /^(?:ExpiredToken|ExpiredTokenException|InvalidToken|TokenRefreshRequired)$/,
        "The session of these credentials is over: log in again (aws sso login, or a new session token).",
    ],
    [
        /^(?:RequestTimeTooSkewed|RequestExpired)$/,
        "This machine's clock differs from the store's by more than 15 minutes: set it (NTP), then run again.",
    ],
    [
        /^NoSuchBucket$/,
        "There is no such bucket: check its name and the endpoint, or create it (BackupBucket declares one).",
    ],
    [
        /^(?:PermanentRedirect|TemporaryRedirect|MovedPermanently|AuthorizationHeaderMalformed|IllegalLocationConstraintException|HTTP 30[17])$/,
        "The bucket is in another region: write it into the URL (?region=…).",
    ],
    [
        /^KMS\.|^(?:KMSInvalidStateException|KMSDisabledException|KMSNotFoundException)$/,
        "The KMS key cannot be used: check kmskeyid or the bucket's default key, its state, region and policy.",
    ],
    [/^(?:NoSuchKey|NotFound)$/, "It is not there: list the store to see what is."],
    [
        /^NoSuchUpload$/,
        "Somebody else aborted the upload, or a lifecycle rule of the bucket did (AbortIncompleteMultipartUpload): let it allow at least two days.",
    ],
    [
        /^NotImplemented$/,
        "The store does not know what is needed (If-None-Match on writes, multipart uploads, SHA-256 checksums): use a newer version of it, or another.",
    ],
    [
        /^(?:NoSpaceLeftOnDevice|QuotaExceeded|InsufficientCapacity|XMinioStorageFull|XMinioAdminBucketQuotaExceeded|EntityTooLarge)$|StorageFull/,
        "The store has no room left: free space there, or name another store (snapshot.store).",
    ],
    [
        /^(?:UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|CERT_|ERR_TLS_CERT|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH)/,
        "The endpoint's certificate is not trusted: add ca=FILE.pem of its authority to the URL (or NODE_EXTRA_CA_CERTS), or name the host that the certificate is for.",
    ],
    [
        /^(?:EPROTO|ERR_SSL_|ERR_TLS_)/,
        "The endpoint does not speak TLS as it should: check its port, and whether it is https://.",
    ],
    [
        /^TimeoutError$/,
        "The store did not answer in time: check that the endpoint can be reached from here (firewall, VPN) and is not overloaded.",
    ],
];

function adviceFor(operation: S3Operation, code: string, error: unknown, message: string): string {
    if (message.startsWith("Region is missing"))
        return "Write the bucket's region into the URL (?region=…), or set AWS_REGION.";
    const found = advice.find(([codes]) => codes.test(code))?.[1];
    if (found !== undefined) return found;
    if (network.test(code))
        return "Check that the endpoint's name and port are right, that it runs, and that it can be reached from here (firewall, VPN).";
    const status = s3Status(error);
    if (status === 403) {
        // AWS names it in the text, also kms:GenerateDataKey and kms:Decrypt, which stand beside each write and read.
        const named = /not authorized to perform: (\S+)/.exec(message)?.[1];
        const right = named ?? rightFor(operation);
        return `The credentials lack a right: grant ${right} (docs/snapshots.md has the whole policy).`;
    }
    if (status !== undefined && status >= 500)
        return "The store itself has a fault: look into its log or its status page, then run again.";
    return "Correct what it says, or name another store (snapshot.store).";
}
