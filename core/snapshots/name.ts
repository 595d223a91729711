import { BadInputError } from "../errors";

/**
 * Why a snapshot was taken: by a run, before its first script; by a person or a stack, as a point to come back to; by a
 * restore, of what it puts aside.
 */
export const snapshotKinds = ["pre-migration", "restore-point", "emergency"] as const;
export type SnapshotKind = (typeof snapshotKinds)[number];

/** What a snapshot is called, by its kind: a restore point by its label, the others by why they were taken and by the app. */
export type SnapshotTitle =
    | {
          readonly kind: Exclude<SnapshotKind, "restore-point">;
          /** Version of the application. */
          readonly app?: string;
      }
    | { readonly kind: "restore-point"; readonly label: string };

/** What a snapshot's name says. */
export type SnapshotName = SnapshotTitle & {
    readonly environment: string;
    /** Whole seconds, UTC. */
    readonly taken: Date;
    /** 2, 3, …: the second, third, … snapshot of the same second. */
    readonly ordinal?: number;
};

/** Longest encoded environment and label, or app, together; leaves room for the rest and for a file's suffix within 200 bytes. */
const longest = 140;

/** How the names of those begin that have no label of their own. */
const titles = { "pre-migration": "pre-migration", emergency: "pre-restore" } as const;

/** Labels that would be taken for one of these. */
const reserved = /^pre-(?:migration|restore)(?:-v|$)/;

/**
 * `<env>_<label>_<YYYYMMDD_HHMMSS>` in UTC; `_2` and so on follow for more of one second. The label is a restore point's own, or
 * `pre-migration-v<app>`, or of an emergency snapshot `pre-restore-v<app>`, without an app `pre-migration` and `pre-restore`.
 * Characters that a file or an object cannot have in its name are percent-encoded as UTF-8, and so is the underscore of a label: by
 * the last one before the time a label is told from the environment.
 * @throws BadInputError for an empty or overlong environment, label or app, one that is no Unicode, or a label that is not free
 */
export function snapshotName(name: SnapshotName): string {
    const ordinal = name.ordinal === undefined ? "" : `_${String(name.ordinal)}`;
    return `${stem(name)}_${timeInName(name.taken)}${ordinal}`;
}

/** `YYYYMMDD_HHMMSS`, UTC. */
export function timeInName(time: Date): string {
    return time.toISOString().replace(/^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+).*$/, "$1$2$3_$4$5$6");
}

/** The reverse of `snapshotName`; undefined for text that it would not have made. */
export function parseSnapshotName(text: string): SnapshotName | undefined {
    const match = /^(.+)_([^_]+)_(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)(?:_([1-9]\d*))?$/.exec(text);
    if (match === null) return undefined;
    const [, environment = "", title = "", year, month, day, hour, minute, second, ordinal] = match;
    const taken = new Date(`${year ?? ""}-${month ?? ""}-${day ?? ""}T${hour ?? ""}:${minute ?? ""}:${second ?? ""}Z`);
    if (Number.isNaN(taken.getTime())) return undefined;
    try {
        const name: SnapshotName = {
            environment: decodeURIComponent(environment),
            ...parseTitle(title),
            taken,
            ...(ordinal === undefined ? {} : { ordinal: Number(ordinal) }),
        };
        return snapshotName(name) === text ? name : undefined;
    } catch {
        return undefined;
    }
}

function parseTitle(title: string): SnapshotTitle {
    const [, word, app] = /^pre-(migration|restore)(?:-v(.*))?$/.exec(title) ?? [];
    if (word === undefined) return { kind: "restore-point", label: decodeURIComponent(title) };
    const kind = word === "migration" ? "pre-migration" : "emergency";
    return app === undefined ? { kind } : { kind, app: decodeURIComponent(app) };
}

function stem(name: SnapshotName): string {
    const environment = encode(name.environment, "environment");
    const [title, counted] = encodeTitle(name);
    if (environment.length + counted > longest)
        throw new BadInputError({
            what: `The environment and the ${name.kind === "restore-point" ? "label" : "app's version"} make too long a name for a snapshot.`,
            where: { object: "environment" },
            state: "Nothing was touched.",
            next: `Together they may have ${String(longest)} bytes; letters, digits, _ . - count 1, all others more (in a label _ counts 3).`,
        });
    return `${environment}_${title}`;
}

/** @returns the encoded title, and how much of it its owner has chosen */
function encodeTitle(name: SnapshotTitle): readonly [string, number] {
    if (name.kind === "restore-point") {
        if (reserved.test(name.label))
            throw new BadInputError({
                what: `The label ${name.label} is the one of snapshots that schemaward takes by itself.`,
                where: { object: "label" },
                state: "Nothing was touched.",
                next: "Give another, such as before-release-1.3.",
            });
        const label = encode(name.label, "label", "_");
        return [label, label.length];
    }
    const title = titles[name.kind];
    if (name.app === undefined) return [title, 0];
    const app = encode(name.app, "app", "_");
    return [`${title}-v${app}`, app.length];
}

const examples: Readonly<Record<string, string>> = { app: "1.2.9", label: "before-release-1.3" };

function encode(text: string, key: string, alsoEncoded = ""): string {
    if (text === "" || /\p{Surrogate}/u.test(text))
        throw new BadInputError({
            what: text === "" ? `${key} is empty.` : `${key} holds characters that are no Unicode.`,
            where: { object: key },
            state: "Nothing was touched.",
            next: `Give ${key} a plain name, such as ${examples[key] ?? "prod"}.`,
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
