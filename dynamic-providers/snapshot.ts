// The module that every stored provider calls as "schemaward/snapshot-provider": its name and its functions are public for ever.
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { type ConnectionReference, openDatabase } from "../core/connection";
import type { Declarer, SnapshotEncryption } from "../core/declaration";
import { SchemawardError } from "../core/errors";
import { takeRestorePoint } from "../core/run/restore-point";
import { archiveBytes } from "../core/snapshots/archive";
import { dumpSuffix, manifestSuffix } from "../core/snapshots/manifest";
import { snapshotName } from "../core/snapshots/name";
import { isProtected, protectSnapshot, unprotectSnapshot } from "../core/snapshots/protection";
import type { SnapshotStore } from "../core/snapshots/store";
import { openStore } from "../core/snapshots/stores";
import { forEngine } from "./for-engine";
import { holdsUnknown } from "./inputs";
import { report } from "./report";

/** Inputs of a Snapshot. */
export interface SnapshotInputs {
    readonly label: string;
    readonly connection: Exclude<ConnectionReference, { readonly url: string }>;
    /** URL of the store; a relative folder is relative to the project. */
    readonly store: string;
    readonly declarer: Declarer;
    readonly set: string;
    readonly app?: string;
    /** These two as in the settings of a stack's snapshots. */
    readonly jobs?: number;
    readonly encryption?: SnapshotEncryption;
    /** Whether retention leaves it alone. */
    readonly protect: boolean;
    readonly triggers: readonly unknown[];
    /** Pulumi's own: the provider's code. */
    readonly __provider?: string;
}

/** Outputs besides the inputs. */
export interface SnapshotState extends SnapshotInputs {
    readonly name: string;
    /** Of the archive. */
    readonly bytes: number;
    /** UTC, ISO 8601. */
    readonly created: string;
    readonly sha256: string;
}

/** A change of any of these takes a new snapshot. The application is not one: it says what ran when the snapshot was taken. */
const replacing = ["label", "connection", "store", "declarer", "set", "triggers"] as const;

const text = z.string({ error: "must be a text" }).min(1, { error: "must not be empty" });
const inputsSchema = z.looseObject({
    label: text,
    connection: z
        .looseObject({ env: text.optional(), command: z.array(text).min(1).optional() })
        .refine((c) => (c.env === undefined) !== (c.command === undefined) && !("url" in c), {
            error: "needs exactly one of env, command: a reference, never the URL itself",
        }),
    store: text,
    declarer: z.looseObject({ project: z.string(), stack: z.string(), environment: text }),
    set: text,
    app: text.optional(),
    jobs: z.int().positive().optional(),
    encryption: z.looseObject({ recipients: z.array(text).min(1) }).optional(),
    protect: z.boolean({ error: "must be true or false" }),
    triggers: z.array(z.unknown(), { error: "must be a list" }),
});

interface Failure {
    readonly property: string;
    readonly reason: string;
}

/** What gives no snapshot is refused in preview already. */
export function check(
    _olds: unknown,
    news: SnapshotInputs,
): Promise<{ inputs: SnapshotInputs; failures: readonly Failure[] }> {
    return Promise.resolve({ inputs: news, failures: holdsUnknown(news) ? [] : failuresOf(news) });
}

function failuresOf(news: SnapshotInputs): Failure[] {
    const { error } = inputsSchema.safeParse(news);
    if (error !== undefined)
        return error.issues.map(({ path, message }) => ({ property: path.map(String).join("."), reason: message }));
    const { environment } = news.declarer;
    return [
        ...refusal("label", () =>
            snapshotName({ environment, kind: "restore-point", label: news.label, taken: new Date(0) }),
        ),
        ...refusal("store", () => storeOf(news)),
    ];
}

function refusal(property: string, tried: () => unknown): Failure[] {
    try {
        tried();
        return [];
    } catch (error) {
        if (!(error instanceof SchemawardError)) throw error;
        const { what, next } = error.parts;
        return [{ property, reason: next === undefined ? what : `${what} ${next}` }];
    }
}

/** The new one is taken before the old one loses its protection. */
export function diff(
    _id: string,
    olds: SnapshotState,
    news: SnapshotInputs,
): Promise<{ changes: boolean; replaces: string[]; deleteBeforeReplace: boolean }> {
    const replaces = replacing.filter((key) => holdsUnknown(news[key]) || !isSame(olds[key], news[key]));
    const changes = replaces.length > 0 || olds.protect !== news.protect;
    return Promise.resolve({ changes, replaces, deleteBeforeReplace: false });
}

/** Takes it, verified. Killed before its end it leaves nothing that is listed, and the next `up` takes another. */
export async function create(
    inputs: SnapshotInputs,
): Promise<{ id: string; outs: SnapshotState & Record<string, unknown> }> {
    const started = Date.now();
    const manifest = await forEngine(async (signal) =>
        takeRestorePoint({
            database: openDatabase(inputs.connection),
            store: storeOf(inputs),
            declarer: inputs.declarer,
            set: inputs.set,
            ...(inputs.app === undefined ? {} : { app: inputs.app }),
            label: inputs.label,
            protect: inputs.protect,
            ...(inputs.jobs === undefined ? {} : { jobs: inputs.jobs }),
            ...(inputs.encryption === undefined ? {} : { encryption: inputs.encryption }),
            signal,
        }),
    );
    const { name, created, archive } = manifest;
    const bytes = archiveBytes(manifest);
    report({ type: "snapshot-done", name, bytes, seconds: (Date.now() - started) / 1000 });
    return { id: name, outs: { ...inputs, name, created, bytes, sha256: archive.sha256 } };
}

/** Only its protection can be changed; all else is another snapshot. */
export async function update(
    _id: string,
    olds: SnapshotState,
    news: SnapshotInputs,
): Promise<{ outs: SnapshotState & Record<string, unknown> }> {
    const { name, created, bytes, sha256 } = olds;
    if (news.protect) await protectSnapshot(storeOf(olds), name);
    else await unprotectSnapshot(storeOf(olds), name);
    return { outs: { ...news, name, created, bytes, sha256 } };
}

/**
 * Looks whether it is still in the store: one that is gone is gone from the state, too. A store that does not answer changes nothing.
 * @returns nothing for one that is gone
 */
export async function read(id: string, props: SnapshotState): Promise<{ id?: string; props?: SnapshotState }> {
    try {
        const names = new Set((await storeOf(props).list()).map((object) => object.name));
        if (!names.has(props.name + manifestSuffix) || !names.has(props.name + dumpSuffix)) return {};
        return { id, props: { ...props, protect: isProtected(names, props.name) } };
    } catch (error) {
        if (!(error instanceof SchemawardError)) throw error;
        console.warn(`schemaward: not refreshed, the state is kept. ${error.message}`);
        return { id, props };
    }
}

/** Leaves the snapshot to retention, and deletes nothing. A store that is gone or does not answer keeps no stack from being destroyed. */
async function remove(_id: string, props: SnapshotState): Promise<void> {
    const { name, store } = props;
    try {
        await unprotectSnapshot(storeOf(props), name);
        console.log(`schemaward: the snapshot ${name} stays in ${store}, unprotected: retention may delete it.`);
    } catch (error) {
        if (!(error instanceof SchemawardError)) throw error;
        console.warn(
            `schemaward: ${name} may still be protected; schemaward snapshot unprotect ends that. ${error.message}`,
        );
    }
}
export { remove as delete };

function storeOf({ store }: SnapshotInputs): SnapshotStore {
    return openStore(store, process.cwd());
}

/** As JSON keeps it: no undefined members. */
function isSame(a: unknown, b: unknown): boolean {
    const plain = (value: unknown): unknown =>
        value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
    return isDeepStrictEqual(plain(a), plain(b));
}
