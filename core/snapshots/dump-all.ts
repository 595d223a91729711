import type { Client } from "pg";
import { partName } from "./archive";
import { divide, type LargeTable, patternOf, readSizes } from "./divide";
import { dumpInto, type Dumped, type DumpRequest } from "./dump";
import { dumpSuffix } from "./manifest";
import type { SnapshotStore } from "./store";

/** A whole database, dumped. */
export interface DumpedAll extends Dumped {
    readonly parts: readonly (Pick<Dumped, "bytes" | "sha256"> & {
        readonly tables: readonly Pick<LargeTable, "schema" | "name">[];
    })[];
}

export interface DumpAllRequest extends Omit<DumpRequest, "object" | "part"> {
    /** The snapshot's. */
    readonly name: string;
    /** Tables whose rows go into objects of their own; see `divide`. */
    readonly groups: readonly (readonly LargeTable[])[];
}

/**
 * Dumps a database with several pg_dump at a time, each of the same exported snapshot into an object of its own: the first all but the rows of some
 * large tables, the others those. (pg_dump's own --jobs needs a folder of this machine to write into.) When one fails, all are ended, and nothing stays.
 * @throws FailedError
 */
export async function dumpAll({ name, groups, ...request }: DumpAllRequest): Promise<DumpedAll> {
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, request.signal]);
    const bytes = groups.map(() => 0);
    let firstBytes = 0;
    const tell = (): void => {
        request.onBytes(bytes.reduce((sum, n) => sum + n, firstBytes));
    };
    const failures: unknown[] = [];
    const dump = async (
        object: string,
        part: readonly string[],
        onBytes: (n: number) => void,
    ): Promise<Dumped | undefined> => {
        try {
            return await dumpInto({ ...request, signal, object, part, onBytes });
        } catch (error) {
            failures.push(error);
            stop.abort();
            return undefined;
        }
    };
    const [first, ...parts] = await Promise.all([
        dump(
            name + dumpSuffix,
            groups.flat().map((table) => `--exclude-table-data=${patternOf(table)}`),
            (n) => {
                firstBytes = n;
                tell();
            },
        ),
        ...groups.map((tables, i) =>
            dump(
                partName(name, i + 1),
                ["--data-only", ...tables.map((table) => `--table=${patternOf(table)}`)],
                (n) => {
                    bytes[i] = n;
                    tell();
                },
            ),
        ),
    ]);
    const whole = parts.flatMap((part) => part ?? []);
    if (first !== undefined && whole.length === groups.length)
        return {
            ...first,
            parts: whole.map((part, i) => ({
                bytes: part.bytes,
                sha256: part.sha256,
                tables: (groups[i] ?? []).map((table) => ({ schema: table.schema, name: table.name })),
            })),
        };
    await deleteArchive(request.store, name, groups.length);
    // The others were only ended by it.
    throw failures[0];
}

/**
 * Which tables are dumped by themselves.
 * @param client in the exporting transaction
 */
export async function groupsFor(client: Client, jobs: number): Promise<readonly (readonly LargeTable[])[]> {
    if (jobs < 2) return [];
    const { tables, rest } = await readSizes(client);
    return divide(tables, rest, jobs);
}

/** Deletes what there is of an archive without a manifest. Never rejects. */
export async function deleteArchive(store: SnapshotStore, name: string, parts: number): Promise<void> {
    const objects = [name + dumpSuffix, ...Array.from({ length: parts }, (_, i) => partName(name, i + 1))];
    for (const object of objects) await store.delete(object).catch(() => undefined);
}
