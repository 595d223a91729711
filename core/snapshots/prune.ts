import { Readable } from "node:stream";
import type { RetentionRules } from "../declaration";
import { FailedError, SchemawardError } from "../errors";
import { readStore, type Scope } from "./contents";
import { inUse, markedBy } from "./in-use";
import { archiveBytes, snapshotOfArchive } from "./archive";
import { manifestMaxBytes, manifestSuffix, type Manifest } from "./manifest";
import { parseSnapshotName } from "./name";
import { isProtected, protectedSuffix } from "./protection";
import { takingSuffix } from "./reserve";
import { decideRetention, type Decision } from "./retention";
import { readWhole } from "./small-object";
import type { SnapshotStore, StoredObject } from "./store";
import { verifiedSuffix } from "./verified-record";

export interface PruneOptions extends Scope {
    /** Decides, and deletes nothing. */
    readonly dryRun?: boolean;
    /** For tests. */
    readonly now?: () => Date;
    /** Aborting ends it between two snapshots. */
    readonly signal?: AbortSignal;
}

/** What retention has done, or with `dryRun` would do. */
export interface Pruned {
    /** For each snapshot of the store, newest first. */
    readonly decisions: readonly Decision[];
    /** Names, in the order of deleting: oldest first. */
    readonly deleted: readonly string[];
    /** Were to be deleted, and have been protected, or read by somebody, or deleted by others in the meantime. */
    readonly spared: readonly { readonly name: string; readonly why: string }[];
    /** Archives without a manifest, and marks of snapshots that are gone, of runs that were killed: names of snapshots that never were, or are no more. */
    readonly swept: readonly string[];
    /** Bytes of all archives deleted. */
    readonly freedBytes: number;
}

/** An archive is younger than this while its manifest may still come. */
const sweepAfterMs = 24 * 3_600_000;

/**
 * Deletes what the rules do not keep. Of each snapshot the manifest goes first, so that nothing is ever listed that is not whole.
 * Right before, the store is listed again; and once more when the manifest is gone, since from then on nobody begins to read: what is
 * read or protected by then gets its manifest back.
 * @throws BadInputError when the rules keep nothing; FailedError when the store fails, saying what was deleted
 */
export async function prune(store: SnapshotStore, rules: RetentionRules, options: PruneOptions = {}): Promise<Pruned> {
    const now = options.now ?? ((): Date => new Date());
    const { snapshots } = await readStore(store);
    const decisions = decideRetention(snapshots, rules, now(), options);
    const manifests = new Map(snapshots.map(({ manifest }) => [manifest.name, manifest]));
    const deleted: string[] = [];
    const spared: { name: string; why: string }[] = [];
    const swept: string[] = [];
    let freedBytes = 0;
    const attempt = async (name: string, work: () => Promise<void>): Promise<void> => {
        if (options.signal?.aborted === true) throw ended(store, name, deleted, "it was stopped");
        try {
            await work();
        } catch (error) {
            throw ended(store, name, deleted, error);
        }
    };
    for (const { name } of decisions.filter(({ keep }) => !keep).reverse()) {
        const manifest = manifests.get(name);
        if (manifest === undefined) continue;
        await attempt(name, async () => {
            const why = options.dryRun === true ? undefined : await deleteSnapshot(store, manifest, now);
            if (why !== undefined) spared.push({ name, why });
            else {
                deleted.push(name);
                freedBytes += archiveBytes(manifest);
            }
        });
    }
    const objects = await store.list();
    for (const [name, bytes] of leftovers(objects, options, now())) {
        await attempt(name, async () => {
            if (options.dryRun !== true) await deleteRest(store, name, objects);
            swept.push(name);
            freedBytes += bytes;
        });
    }
    return { decisions, deleted, spared, swept, freedBytes };
}

/** @returns why it was left alone; undefined when it is gone */
async function deleteSnapshot(store: SnapshotStore, { name }: Manifest, now: () => Date): Promise<string | undefined> {
    const before = await store.list();
    if (!before.some((o) => o.name === name + manifestSuffix)) return "it is gone already";
    const wanted = whyWanted(before, name, now());
    if (wanted !== undefined) return wanted;
    // As it is stored: a later schemaward's keys are not ours to drop.
    const text = await readWhole(store, name + manifestSuffix, manifestMaxBytes);
    await store.delete(name + manifestSuffix);
    const after = await store.list();
    const wantedNow = whyWanted(after, name, now());
    if (wantedNow !== undefined) {
        await store.put(name + manifestSuffix, Readable.from([text]));
        return wantedNow;
    }
    await deleteRest(store, name, after);
    return undefined;
}

function whyWanted(objects: readonly StoredObject[], name: string, now: Date): string | undefined {
    if (isProtected(new Set(objects.map((o) => o.name)), name)) return "it has been protected";
    return inUse(objects, now).has(name) ? "somebody reads it" : undefined;
}

/** The archive, then its marks. */
async function deleteRest(store: SnapshotStore, name: string, objects: readonly StoredObject[]): Promise<void> {
    for (const object of objects) if (snapshotOfArchive(object.name) === name) await store.delete(object.name);
    for (const object of objects) if (markOf(object.name) === name) await store.delete(object.name);
}

/** The snapshot that an object is a mark of. */
function markOf(object: string): string | undefined {
    const suffix = [protectedSuffix, verifiedSuffix].find((s) => object.endsWith(s));
    return suffix === undefined ? markedBy(object) : object.slice(0, -suffix.length);
}

/** What dead runs of the scope have left, with the bytes of its archive: it has no manifest, and nobody has touched it for a day. */
function leftovers(objects: readonly StoredObject[], scope: Scope, now: Date): ReadonlyMap<string, number> {
    const names = new Set(objects.map((o) => o.name));
    const found = new Map<string, number>();
    const young = new Set<string>();
    for (const object of objects) {
        const archived = snapshotOfArchive(object.name);
        const isArchive = archived !== undefined;
        const name = archived ?? markOf(object.name);
        if (name === undefined || names.has(name + manifestSuffix) || names.has(name + takingSuffix)) continue;
        const parsed = parseSnapshotName(name);
        // Whose set it was nobody knows any more.
        if (parsed === undefined) continue;
        if (scope.environment !== undefined && scope.environment !== parsed.environment) continue;
        if (now.getTime() - object.modified.getTime() < sweepAfterMs) young.add(name);
        found.set(name, (found.get(name) ?? 0) + (isArchive ? object.bytes : 0));
    }
    for (const name of young) found.delete(name);
    return found;
}

function ended(store: SnapshotStore, name: string, deleted: readonly string[], why: unknown): FailedError {
    const parts = why instanceof SchemawardError ? why.parts : undefined;
    const text = parts?.what ?? (why instanceof Error ? why.message : String(why));
    return new FailedError({
        what: `Retention ended at ${name}: ${text}`,
        where: { object: store.url },
        detail: parts?.detail ?? [],
        state:
            deleted.length === 0
                ? "No snapshot was deleted wholly."
                : `Deleted: ${deleted.join(", ")}. All others are as they were, but for ${name} at most.`,
        next: parts?.next ?? "Run it again: it goes on where it ended.",
        cause: why,
    });
}
