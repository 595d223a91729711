import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { clientEnvironment } from "../client-environment";
import { FailedError } from "../errors";
import { linesOf } from "../lines";

/** What an archive's table of contents tells before anything is restored. */
export interface ArchiveNeeds {
    /** Names of the extensions that it makes. */
    readonly extensions: readonly string[];
    /** Its lines without numbers: what, in which schema, name, owner. */
    readonly entries: readonly string[];
}

/** Bytes of a table of contents: some 100 for each object. */
const largest = 512 * 1024 * 1024;

/**
 * Reads what an archive needs of the server: `pg_restore --list`. It proves nothing about the rest of the file.
 * @param pgRestore absolute path
 * @throws FailedError when even the list cannot be read
 */
export async function readNeeds(pgRestore: string, file: string): Promise<ArchiveNeeds> {
    let text: string;
    try {
        const env = clientEnvironment();
        ({ stdout: text } = await promisify(execFile)(pgRestore, ["--list", file], { env, maxBuffer: largest }));
    } catch (error) {
        throw new FailedError({
            what: "pg_restore cannot read the archive's table of contents.",
            detail: linesOf((error as { stderr?: string }).stderr ?? "").slice(-5),
            state: "Nothing was touched.",
            next: "Use an older snapshot, or pg_restore of a newer version (SCHEMAWARD_PG_BIN).",
        });
    }
    return parseNeeds(text);
}

/** The pure part: `4; 3079 16390 EXTENSION - pgcrypto ` and `215; 1259 16385 TABLE public orders app_owner`. */
export function parseNeeds(list: string): ArchiveNeeds {
    const entries = linesOf(list).flatMap((line) => /^\d+; \d+ \d+ (.*)$/s.exec(line)?.slice(1) ?? []);
    const extensions = entries.flatMap((entry) => /^EXTENSION - (.+?) ?$/s.exec(entry)?.slice(1) ?? []);
    return { extensions, entries };
}

/** An owner that is not there. */
export interface MissingOwner {
    /** Its name; of one with spaces the last word: where it begins nothing tells. */
    readonly role: string;
    /** The first line that ends with it. */
    readonly entry: string;
}

/**
 * Owners in a table of contents that are none of `roles`. Owners end the lines, and names may hold spaces: so it is the other way round, an owner is
 * missing where no role's name ends the line.
 */
export function missingOwners({ entries }: ArchiveNeeds, roles: readonly string[]): MissingOwner[] {
    // As pg_restore lists them.
    const known = new Set(roles.map((role) => role.replace(/[\r\n]/g, " ")));
    const missing = new Map<string, string>();
    for (const entry of entries) {
        // Extensions, their comments and the archive's own settings have no owner.
        if (entry.endsWith(" ") || entry.endsWith(" -")) continue;
        const words = entry.split(" ");
        const found = words.some((_, i) => i > 0 && known.has(words.slice(i).join(" ")));
        const role = words.at(-1) ?? "";
        if (!found && !missing.has(role)) missing.set(role, entry);
    }
    return [...missing].map(([role, entry]) => ({ role, entry })).sort((a, b) => (a.role < b.role ? -1 : 1));
}
