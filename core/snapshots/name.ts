import { BadInputError } from "../errors";

/** What a snapshot's name says. */
export interface SnapshotName {
    readonly environment: string;
    /** Version of the application. */
    readonly app?: string;
    /** Whole seconds, UTC. */
    readonly taken: Date;
    /** 2, 3, …: the second, third, … snapshot of the same second. */
    readonly ordinal?: number;
}

/** Longest encoded environment and app together; leaves room for the rest and for a file's suffix within 200 bytes. */
const longest = 140;

/**
 * `<env>_pre-migration-v<app>_<YYYYMMDD_HHMMSS>` in UTC, without an app `<env>_pre-migration_<…>`; `_2` and so on follow for
 * more of one second. Characters that a file or an object cannot have in its name are percent-encoded as UTF-8.
 * @throws BadInputError for an empty or overlong environment or app, or one that is no Unicode
 */
export function snapshotName(environment: string, app: string | undefined, taken: Date, ordinal?: number): string {
    return `${stem(environment, app)}_${timeInName(taken)}${ordinal === undefined ? "" : `_${String(ordinal)}`}`;
}

/** `YYYYMMDD_HHMMSS`, UTC. */
export function timeInName(time: Date): string {
    return time.toISOString().replace(/^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+).*$/, "$1$2$3_$4$5$6");
}

/** The reverse of `snapshotName`; undefined for text that it would not have made. */
export function parseSnapshotName(text: string): SnapshotName | undefined {
    // An encoded app has no underscore, so the last `_pre-migration` is the one that divides.
    const match = /^(.+)_pre-migration(?:-v([^_]+))?_(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)(?:_([1-9]\d*))?$/.exec(
        text,
    );
    if (match === null) return undefined;
    const [, environment = "", app, year, month, day, hour, minute, second, ordinal] = match;
    const taken = new Date(`${year ?? ""}-${month ?? ""}-${day ?? ""}T${hour ?? ""}:${minute ?? ""}:${second ?? ""}Z`);
    if (Number.isNaN(taken.getTime())) return undefined;
    try {
        const name: SnapshotName = {
            environment: decodeURIComponent(environment),
            ...(app === undefined ? {} : { app: decodeURIComponent(app) }),
            taken,
            ...(ordinal === undefined ? {} : { ordinal: Number(ordinal) }),
        };
        return snapshotName(name.environment, name.app, name.taken, name.ordinal) === text ? name : undefined;
    } catch {
        return undefined;
    }
}

function stem(environment: string, app: string | undefined): string {
    const parts = [encode(environment, "environment"), ...(app === undefined ? [] : [encode(app, "app", "_")])];
    if (parts.join("").length > longest)
        throw new BadInputError({
            what: "The environment and the app's version make too long a name for a snapshot.",
            where: { object: "environment" },
            state: "Nothing was touched.",
            next: `Together they may have ${String(longest)} bytes; letters, digits, _ . - count 1, all others more.`,
        });
    return `${parts[0] ?? ""}_pre-migration${parts[1] === undefined ? "" : `-v${parts[1]}`}`;
}

function encode(text: string, key: string, alsoEncoded = ""): string {
    if (text === "" || /\p{Surrogate}/u.test(text))
        throw new BadInputError({
            what: text === "" ? `${key} is empty.` : `${key} holds characters that are no Unicode.`,
            where: { object: key },
            state: "Nothing was touched.",
            next: `Give ${key} a plain name, such as ${key === "app" ? "1.2.9" : "prod"}.`,
        });
    return [...Buffer.from(text, "utf8")]
        .map((byte, index) => {
            const char = String.fromCharCode(byte);
            // A leading dot hides a file, a leading hyphen looks like an option.
            const plain = (index === 0 ? /[A-Za-z0-9_]/ : /[A-Za-z0-9_.-]/).test(char) && !alsoEncoded.includes(char);
            return plain ? char : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
        })
        .join("");
}
