import { dumpSuffix, type Manifest } from "./manifest";

/** One of the objects that a snapshot's archive consists of, as it is stored. */
export interface ArchiveObject {
    /** Its name in the store: `NAME.dump`; of further ones, which hold rows of large tables, `NAME.dump.1` and so on. */
    readonly object: string;
    readonly bytes: number;
    readonly sha256: string;
    /** Tables whose rows are in here and not in the first; null: it is the first, which has all the rest. */
    readonly tables: readonly { readonly schema: string; readonly name: string }[] | null;
}

/** All of them, the first first. */
export function archiveObjects({ name, archive }: Pick<Manifest, "name" | "archive">): readonly ArchiveObject[] {
    const first = { object: name + dumpSuffix, bytes: archive.bytes, sha256: archive.sha256, tables: null };
    return [first, ...archive.parts.map((part, i) => ({ ...part, object: partName(name, i + 1) }))];
}

/** @param n from 1 */
export function partName(name: string, n: number): string {
    return `${name}${dumpSuffix}.${String(n)}`;
}

/** Bytes of all of them together, as stored. */
export function archiveBytes(manifest: Pick<Manifest, "name" | "archive">): number {
    return archiveObjects(manifest).reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The snapshot whose archive an object belongs to; undefined for any other object. */
export function snapshotOfArchive(object: string): string | undefined {
    return /^(.+)\.dump(?:\.[1-9]\d*)?$/.exec(object)?.[1];
}
