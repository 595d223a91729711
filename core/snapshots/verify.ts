import { BadInputError, FailedError } from "../errors";
import { ArchiveReader } from "./archive-reader";
import { dumpSuffix, manifestSuffix, readManifest, type Manifest } from "./manifest";
import type { SnapshotStore, StoredObject } from "./store";
import { needTool } from "./tool";

/** A snapshot that was read wholly and found to be what its manifest says. */
export interface VerifiedSnapshot {
    readonly manifest: Manifest;
    readonly bytes: number;
    readonly sha256: string;
}

/**
 * Reads a snapshot wholly: size and SHA-256 must match its manifest, and pg_restore must be able to read all of it. Writes
 * nothing, and needs no database.
 * @throws FailedError saying what is damaged; BadInputError when there is no such snapshot
 */
export async function verifySnapshot(store: SnapshotStore, name: string): Promise<VerifiedSnapshot> {
    const objects = await store.list();
    const dump = objects.find((o) => o.name === name + dumpSuffix);
    const manifestThere = objects.some((o) => o.name === name + manifestSuffix);
    if (!manifestThere) throw noSnapshot(store, name, objects, dump !== undefined);
    const manifest = await readManifest(await store.get(name + manifestSuffix), name);
    if (dump === undefined) throw damaged(store, name, [`${name}${dumpSuffix} is missing; only its manifest is there`]);
    const pgRestore = await needTool("pg_restore", Number.parseInt(manifest.archive.pgDumpVersion, 10), "archive");
    const reader = new ArchiveReader(pgRestore);
    try {
        for await (const chunk of await store.get(name + dumpSuffix)) await reader.write(chunk as Buffer);
        const { bytes, sha256, restore } = await reader.end();
        const faults = [
            ...(bytes === manifest.archive.bytes
                ? []
                : [`size: ${String(bytes)} bytes, the manifest says ${String(manifest.archive.bytes)}`]),
            ...(sha256 === manifest.archive.sha256
                ? []
                : [`SHA-256: ${sha256}, the manifest says ${manifest.archive.sha256}`]),
            ...(restore.ok
                ? []
                : [`pg_restore cannot read it (${restore.how}):`, ...restore.lines.map((l) => `  ${l}`)]),
        ];
        if (faults.length > 0) throw damaged(store, name, faults);
        return { manifest, bytes, sha256 };
    } finally {
        await reader.stop();
    }
}

/** Snapshots of a store, newest first, by their manifests alone; `verifySnapshot` looks into one. */
export async function listSnapshots(store: SnapshotStore): Promise<readonly Manifest[]> {
    return (await readStore(store)).snapshots;
}

/** What a store holds. */
export interface StoreContents {
    /** Newest first. */
    readonly snapshots: readonly Manifest[];
    /** Archives and manifests that are no snapshots, and why. */
    readonly unusable: readonly { readonly name: string; readonly why: string }[];
}

/** Snapshots need both objects, a manifest that can be read, and an archive of the size it says. */
export async function readStore(store: SnapshotStore): Promise<StoreContents> {
    const objects = new Map((await store.list()).map((object) => [object.name, object]));
    const snapshots: Manifest[] = [];
    const unusable: { name: string; why: string }[] = [];
    for (const object of objects.keys()) {
        if (object.endsWith(dumpSuffix)) {
            const name = object.slice(0, -dumpSuffix.length);
            if (!objects.has(name + manifestSuffix)) unusable.push({ name, why: "it has no manifest" });
        }
        if (!object.endsWith(manifestSuffix)) continue;
        const name = object.slice(0, -manifestSuffix.length);
        const found = await usable(store, name, objects.get(name + dumpSuffix));
        if (typeof found === "string") unusable.push({ name, why: found });
        else snapshots.push(found);
    }
    const newestFirst = snapshots.sort((a, b) => {
        const byTime = b.created.localeCompare(a.created);
        return byTime === 0 ? b.name.localeCompare(a.name) : byTime;
    });
    return { snapshots: newestFirst, unusable };
}

async function usable(store: SnapshotStore, name: string, dump: StoredObject | undefined): Promise<Manifest | string> {
    if (dump === undefined) return "its archive is missing";
    let manifest: Manifest;
    try {
        manifest = await readManifest(await store.get(name + manifestSuffix), name);
    } catch (error) {
        return error instanceof FailedError ? error.parts.what : "its manifest cannot be read";
    }
    if (manifest.archive.bytes === dump.bytes) return manifest;
    return `its archive has ${String(dump.bytes)} bytes, the manifest says ${String(manifest.archive.bytes)}`;
}

/** What a person has to know of a snapshot that is not what its manifest says. */
export function damaged(store: SnapshotStore, name: string, faults: readonly string[]): FailedError {
    return new FailedError({
        what: "The snapshot is damaged.",
        where: { object: `${store.url} ${name}` },
        detail: faults,
        state: "Nothing was changed.",
        next: "Do not restore from it; use an older snapshot, and take a new one now.",
    });
}

function noSnapshot(
    store: SnapshotStore,
    name: string,
    objects: readonly StoredObject[],
    dump: boolean,
): BadInputError {
    const names = objects
        .filter((o) => o.name.endsWith(manifestSuffix))
        .map((o) => o.name.slice(0, -manifestSuffix.length))
        .sort()
        .slice(-10);
    return new BadInputError({
        what: dump
            ? `${name} is no snapshot: its archive is there, but its manifest is not, so it was never completed.`
            : `There is no snapshot ${name}.`,
        where: { object: store.url },
        detail: names.map((n) => `there is: ${n}`),
        state: "Nothing was changed.",
        next: names.length === 0 ? "The store holds no snapshot: check its URL." : "Name one of these.",
    });
}
