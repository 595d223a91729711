import { BadInputError, FailedError } from "../errors";
import { archiveObjects, snapshotOfArchive } from "./archive";
import { inUse } from "./in-use";
import { dumpSuffix, manifestSuffix, readManifest, type Manifest } from "./manifest";
import { isProtected } from "./protection";
import type { SnapshotStore, StoredObject } from "./store";
import { readRecord, verifiedSuffix, type Verified } from "./verified-record";

/** A snapshot, and what the store says of it besides. */
export interface StoredSnapshot {
    readonly manifest: Manifest;
    /** Retention does not delete it. */
    readonly protected: boolean;
    /** Of the last look into it: when it was taken, unless it was verified since. Null: the store's record of that cannot be read. */
    readonly verified: Verified | null;
    /** Somebody reads it at this moment. */
    readonly inUse: boolean;
}

/** What a store holds. */
export interface StoreContents {
    /** Newest first. */
    readonly snapshots: readonly StoredSnapshot[];
    /** Archives and manifests that are no snapshots, and why. */
    readonly unusable: readonly { readonly name: string; readonly why: string }[];
}

/** How many objects are read at once: one after the other, a hundred manifests would take a store far away half a minute. */
const readAtOnce = 8;

/**
 * Snapshots of a store by their manifests alone; `verifySnapshot` looks into one. A snapshot needs both objects, a manifest that
 * can be read, and an archive of the size it says.
 * @throws FailedError from the store
 */
export async function readStore(store: SnapshotStore): Promise<StoreContents> {
    const listed = await store.list();
    const objects = new Map(listed.map((object) => [object.name, object]));
    const used = inUse(listed, new Date());
    const snapshots: StoredSnapshot[] = [];
    const unusable: { name: string; why: string }[] = [];
    const readOne = async (name: string): Promise<void> => {
        const manifest = await usable(store, name, objects);
        if (typeof manifest === "string") {
            unusable.push({ name, why: manifest });
            return;
        }
        const verified: Verified | null = objects.has(name + verifiedSuffix)
            ? ((await readRecord(store, name).catch(() => undefined)) ?? null)
            : { ok: true, at: manifest.created };
        snapshots.push({ manifest, protected: isProtected(objects, name), verified, inUse: used.has(name) });
    };
    const withManifest = namesWith(manifestSuffix, listed);
    for (let i = 0; i < withManifest.length; i += readAtOnce)
        await Promise.all(withManifest.slice(i, i + readAtOnce).map(readOne));
    for (const name of new Set(listed.flatMap((o) => snapshotOfArchive(o.name) ?? [])))
        if (!objects.has(name + manifestSuffix)) unusable.push({ name, why: "it has no manifest" });
    return {
        snapshots: snapshots.sort((a, b) => newestFirst(a.manifest, b.manifest)),
        unusable: unusable.sort((a, b) => a.name.localeCompare(b.name)),
    };
}

/** Snapshots of a store, newest first, by their manifests alone. @throws FailedError from the store */
export async function listSnapshots(store: SnapshotStore): Promise<readonly Manifest[]> {
    return (await readStore(store)).snapshots.map(({ manifest }) => manifest);
}

/** Orders by time, then by name: those of one second have numbers. */
export function newestFirst(a: Pick<Manifest, "created" | "name">, b: Pick<Manifest, "created" | "name">): number {
    const byTime = Date.parse(b.created) - Date.parse(a.created);
    return byTime === 0 ? b.name.localeCompare(a.name, "en", { numeric: true }) : byTime;
}

/** Whose snapshots are meant; what is absent may be anything. */
export interface Scope {
    readonly environment?: string;
    readonly set?: string;
}

export function isIn(scope: Scope, { environment, set }: Pick<Manifest, "environment" | "set">): boolean {
    return (
        (scope.environment === undefined || scope.environment === environment) &&
        (scope.set === undefined || scope.set === set)
    );
}

/** What may stand in the place of a snapshot's name. */
export const latest = "latest";

/**
 * Finds a snapshot by its name, or as `latest`: the newest one of the scope that was not found to be damaged.
 * @throws BadInputError naming those that there are; also for `latest` where it is not clear of which environment
 */
export function findSnapshot(
    store: SnapshotStore,
    contents: StoreContents,
    name: string,
    scope: Scope,
): StoredSnapshot {
    if (name === latest) return newestVerified(store, contents, scope);
    const found = contents.snapshots.find(({ manifest }) => manifest.name === name);
    if (found !== undefined) return found;
    const why = contents.unusable.find((u) => u.name === name)?.why;
    if (why !== undefined)
        throw new FailedError({
            what: `${name} is no snapshot: ${why}.`,
            where: { object: store.url },
            state: "Nothing was changed.",
            next: "Use another one.",
        });
    throw noSuch(
        store,
        `There is no snapshot ${name}.`,
        contents.snapshots.map(({ manifest }) => manifest),
    );
}

function newestVerified(store: SnapshotStore, { snapshots }: StoreContents, scope: Scope): StoredSnapshot {
    const mine = snapshots.filter(({ manifest }) => isIn(scope, manifest));
    const environments = [...new Set(mine.map(({ manifest }) => manifest.environment))].sort();
    if (environments.length > 1)
        throw new BadInputError({
            what: `Which environment's latest snapshot? The store holds some of ${environments.join(", ")}.`,
            where: { object: store.url },
            state: "Nothing was changed.",
            next: "Say which with --environment, or name the snapshot.",
        });
    const found = mine.find(({ verified }) => verified?.ok === true);
    if (found !== undefined) return found;
    const of = scope.environment === undefined ? "" : ` of ${scope.environment}`;
    throw noSuch(
        store,
        mine.length === 0 ? `There is no snapshot${of}.` : `There is no snapshot${of} that is not damaged.`,
        snapshots.map(({ manifest }) => manifest),
    );
}

/** @param there newest first */
export function noSuch(store: SnapshotStore, what: string, there: readonly { readonly name: string }[]): BadInputError {
    return new BadInputError({
        what,
        where: { object: store.url },
        detail: there.slice(0, 10).map(({ name }) => `there is: ${name}`),
        state: "Nothing was changed.",
        next: there.length === 0 ? "The store holds no snapshot: check its URL." : "Name one of these.",
    });
}

function namesWith(suffix: string, objects: readonly StoredObject[]): string[] {
    return objects.filter(({ name }) => name.endsWith(suffix)).map(({ name }) => name.slice(0, -suffix.length));
}

async function usable(
    store: SnapshotStore,
    name: string,
    objects: ReadonlyMap<string, StoredObject>,
): Promise<Manifest | string> {
    if (!objects.has(name + dumpSuffix)) return "its archive is missing";
    let manifest: Manifest;
    try {
        manifest = await readManifest(await store.get(name + manifestSuffix), name);
    } catch (error) {
        return error instanceof FailedError ? error.parts.what.replace(/\.$/, "") : "its manifest cannot be read";
    }
    for (const { object, bytes, tables } of archiveObjects(manifest)) {
        const which = tables === null ? "its archive" : object;
        const there = objects.get(object)?.bytes;
        if (there === undefined) return `${which} is missing`;
        if (there !== bytes) return `${which} has ${String(there)} bytes, the manifest says ${String(bytes)}`;
    }
    return manifest;
}
