import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createWriteStream, existsSync, promises as fs } from "node:fs";
import { resolve } from "node:path";
import type { Writable } from "node:stream";
import { BadInputError, SchemawardError } from "../core/errors";
import { bytesText } from "../core/plan/render-text";
import { keyOf } from "../core/snapshots/encryption";
import { extractTables, type Extracted } from "../core/snapshots/extract";
import { interruptible } from "./interruptible";
import { endLine, print, progressLines } from "./output";
import { readSnapshot, readSnapshotTarget, type SnapshotFlags } from "./snapshot-target";

interface ExtractFlags extends SnapshotFlags {
    readonly table: readonly string[];
    readonly schema?: string;
    readonly withDefinition?: boolean;
    readonly out?: string;
}

/** `schemaward snapshot extract NAME --table T`: rows of some tables as SQL, into a file or to standard output. Needs no database. */
export async function extractCommand(asked: string, flags: ExtractFlags): Promise<void> {
    const json = flags.json === true;
    if (json && flags.out === undefined)
        throw new BadInputError({
            what: "Standard output cannot hold both the rows and a JSON document.",
            state: "Nothing was touched.",
            next: "Give --out FILE.",
        });
    const target = readSnapshotTarget(flags);
    const tell = progressLines(json);
    await interruptible(async (signal) => {
        const { name } = (await readSnapshot(target, asked)).manifest;
        const key = keyOf(target.encryption);
        const extract = async (open: () => Promise<Writable>): Promise<Extracted> =>
            extractTables({
                ...{ store: target.store, name, tables: flags.table, open, signal },
                ...(flags.schema === undefined ? {} : { schema: flags.schema }),
                definition: flags.withDefinition === true,
                ...(key === undefined ? {} : { key }),
                onProgress: (read, of) => {
                    tell(`extracting from ${name}: ${bytesText(read)} of ${bytesText(of)}`, read / of);
                },
            });
        const { out } = flags;
        const { schema, names, bytes } = await (out === undefined ? toStandardOutput(extract) : toFile(out, extract));
        endLine();
        const tables = names.map((table) => ({ schema, name: table }));
        if (out === undefined) return;
        print(json, { ok: true, store: target.store.url, name, tables, file: out, bytes }, [
            `${names.map((table) => `${schema}.${table}`).join(", ")} of ${name} written to ${out}: ${bytesText(bytes)} of SQL`,
        ]);
    }, "the snapshot is read no further");
}

type Extract = (open: () => Promise<Writable>) => Promise<Extracted>;

async function toStandardOutput(extract: Extract): Promise<Extracted> {
    const opened: Writable[] = [];
    try {
        return await extract(async () => {
            opened.push(process.stdout);
            return Promise.resolve(process.stdout);
        });
    } catch (error) {
        // A pipe's reader has it already, and has to be told that it must not be believed.
        if (opened.length > 0)
            process.stderr.write("error: what is on standard output is not whole or not right: do not use it\n");
        throw error;
    }
}

/** The file bears its name only when it is whole and right. As secret as the database: mode 0600. */
async function toFile(file: string, extract: Extract): Promise<Extracted> {
    const final = resolve(file);
    if (existsSync(final))
        throw new BadInputError({
            what: "The file exists already.",
            where: { file },
            state: "Nothing was written.",
            next: "Name another one.",
        });
    const temporary = `${final}.part-${randomBytes(4).toString("hex")}`;
    let stream: Writable | undefined;
    try {
        const extracted = await extract(async () => {
            stream = createWriteStream(temporary, { flags: "wx", mode: 0o600 });
            await once(stream, "open");
            return stream;
        });
        stream?.end();
        if (stream !== undefined) await once(stream, "close");
        // Never over one that somebody made in the meantime.
        await fs.link(temporary, final);
        return extracted;
    } catch (error) {
        if (error instanceof SchemawardError) throw error;
        throw new BadInputError({
            what: `The file cannot be written: ${error instanceof Error ? error.message : String(error)}.`,
            where: { file },
            state: "Nothing is left of it.",
            next: "Name another one with --out.",
        });
    } finally {
        stream?.destroy();
        await fs.rm(temporary, { force: true });
    }
}
