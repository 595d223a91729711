import { isUtf8 } from "node:buffer";
import { hash } from "node:crypto";
import { type Dirent, lstatSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { setImmediate } from "node:timers/promises";
import { BadInputError } from "../errors";
import { lineAt, linesOf } from "../lines";
import type { Migration, MigrationSet, Script } from "./set";

/** A kind of file: its folder in the set's, and what it is called there. */
interface Kind {
    readonly dir: string;
    readonly pattern: RegExp;
    readonly form: string;
}

const ups: Kind = { dir: "", pattern: /^\d+_.+\.sql$/, form: "NNN_name.sql" };
const downs: Kind = { dir: "rollback", pattern: /^\d+_down\.sql$/, form: "NNN_down.sql" };
const verifies: Kind = { dir: "verify", pattern: /^\d+_verify\.sql$/, form: "NNN_verify.sql" };
const untouched = "Nothing was touched.";
/** Read without letting go, one after the other: faster than each on its own in the background. */
const filesPerTurn = 50;

/**
 * Reads a set as PhysioFlow keeps it: `NNN_name.sql` with `rollback/NNN_down.sql`, any width, numeric order; and `verify/NNN_verify.sql`. In between it lets go,
 * so that a connection can be opened at the same time.
 * A missing down script is no error here: whether one is needed, the plan knows. Down scripts are read when they are looked at.
 * @throws BadInputError for a folder that is not there, a name that does not fit, two files of one version, text that
 * is not UTF-8, and a file that lies outside the folder (a symbolic link)
 */
export async function readNumberedSet(dir: string): Promise<MigrationSet> {
    const root = resolve(dir);
    // A connection that is to be opened at the same time is on its way first.
    await setImmediate();
    const upFiles = collect(root, ups);
    // And what it needs to be asked next does not wait for both folders.
    await setImmediate();
    const downFiles = collect(root, downs);
    const verifyFiles = collect(root, verifies);
    const migrations: Migration[] = [];
    for (const { version, name, file } of [...upFiles.values()].sort((a, b) => compareNumbers(a.version, b.version))) {
        const number = key(version);
        const down = readOnce(root, downFiles.get(number));
        const verify = readOnce(root, verifyFiles.get(number));
        if (migrations.length % filesPerTurn === 0) await setImmediate();
        migrations.push({
            version,
            name,
            up: readScript(root, file),
            hasDown: downFiles.has(number),
            get down() {
                return down();
            },
            get verify() {
                return verify();
            },
        });
    }
    const byName = new Map(migrations.map((m) => [m.version, m]));
    let byNumber: Map<string, Migration> | undefined;
    return {
        dir: root,
        format: "numbered",
        migrations,
        compare: compareNumbers,
        // Mostly it is spelled as on disk, and it is asked for thousands of times.
        find: (text) => {
            const found = byName.get(text);
            if (found !== undefined || !/^\d+$/.test(text)) return found;
            byNumber ??= new Map(migrations.map((m) => [key(m.version), m]));
            return byNumber.get(key(text));
        },
    };
}

/** Where the down script of a version is expected, relative to the set's folder. */
export function numberedDownFile(version: string): string {
    return `${downs.dir}/${version}_down.sql`;
}

interface Found {
    readonly version: string;
    readonly name: string;
    readonly file: string;
}

/** Reads a file at the first look, where there is one. */
function readOnce(root: string, found: Found | undefined): () => Script | undefined {
    let script: Script | undefined;
    return () => (found === undefined ? undefined : (script ??= readScript(root, found.file)));
}

function collect(root: string, { dir, pattern, form }: Kind): Map<string, Found> {
    const found = new Map<string, Found>();
    for (const entry of entries(root, dir)) {
        // Also .SQL, which is on one system the same and on another passed over.
        if (!/\.sql$/i.test(entry.name)) continue;
        const file = dir === "" ? entry.name : `${dir}/${entry.name}`;
        if (!pattern.test(entry.name)) {
            throw new BadInputError({
                what: `The name does not follow ${form}, so its version is unknown.`,
                where: { file },
                state: untouched,
                next: `Rename the file to ${form}, or move it out of the folder.`,
            });
        }
        if (!entry.isFile()) regularOnly(root, file, entry);
        const end = entry.name.indexOf("_");
        const version = entry.name.slice(0, end);
        const number = key(version);
        const before = found.get(number);
        if (before !== undefined) {
            throw new BadInputError({
                what: `Version ${version} exists twice: ${before.file} and ${file}.`,
                where: { file },
                state: untouched,
                next: "Give one of them another number.",
            });
        }
        found.set(number, { version, name: entry.name.slice(end + 1, -".sql".length), file });
    }
    return found;
}

function entries(root: string, sub: string): Dirent[] {
    try {
        // A link that leads nowhere is there, and is told.
        if (sub !== "" && lstatSync(join(root, sub), { throwIfNoEntry: false }) === undefined) return [];
        if (sub !== "") insideOnly(root, sub);
        return readdirSync(join(root, sub), { withFileTypes: true });
    } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if (error instanceof BadInputError) throw error;
        throw new BadInputError({
            what: `The migration folder cannot be read (${code ?? String(error)}).`,
            where: { file: join(root, sub) },
            state: untouched,
            next: "Check migrations.dir (or --dir): it is relative to the project's root.",
        });
    }
}

/** @throws BadInputError for what cannot be read as a script */
function regularOnly(root: string, file: string, entry: Dirent): void {
    if (entry.isSymbolicLink()) {
        insideOnly(root, file);
        if (statSync(join(root, file)).isFile()) return;
    }
    throw new BadInputError({
        what: "This is no file, yet it is named like a script.",
        where: { file },
        state: untouched,
        next: "Rename it, or move it out of the folder.",
    });
}

function unreadable(file: string, error: unknown): BadInputError {
    return new BadInputError({
        what: `The file cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)}).`,
        where: { file },
        state: untouched,
        next: "See whether it is a link that leads nowhere, and whether the user who runs this may read it.",
    });
}

function insideOnly(root: string, file: string): void {
    const real = pathOf(root, file);
    const inside = relative(realpathSync(root), real);
    if (inside === ".." || inside.startsWith(`..${sep}`) || resolve(inside) === inside) {
        throw new BadInputError({
            what: "The path leaves the migration folder (a symbolic link), so it is not read.",
            where: { file },
            state: untouched,
            next: "Put the script itself into the folder.",
        });
    }
}

function pathOf(root: string, file: string): string {
    try {
        return realpathSync(join(root, file));
    } catch (error) {
        throw unreadable(file, error);
    }
}

function readScript(root: string, file: string): Script {
    const path = `${root}${sep}${file}`;
    // Read as text at once, which takes half the time; what is no UTF-8 then shows as U+FFFD (as a real U+FFFD does). Of two BOMs, which
    // checksums have never counted, this takes the first.
    const text = withoutBom(readText(path, file));
    if (text.includes("\uFFFD")) refuseOtherEncoding(readFileSync(path), file);
    const nul = text.indexOf("\0");
    if (nul !== -1) {
        throw new BadInputError({
            what: "The file holds a NUL character; it may be UTF-16.",
            where: { file, line: lineAt(text, nul) },
            state: untouched,
            next: "Save it as UTF-8.",
        });
    }
    return makeScript(file, text);
}

function readText(path: string, file: string): string {
    try {
        return readFileSync(path, asText);
    } catch (error) {
        throw unreadable(file, error);
    }
}

/** Node takes a word apart for each file, and this as it is. */
const asText = { encoding: "utf8", flag: "r" } as const;

function refuseOtherEncoding(bytes: Buffer, file: string): void {
    if (isUtf8(bytes)) return;
    throw new BadInputError({
        what: "The file is not UTF-8.",
        where: { file, line: firstBadLine(bytes) },
        state: untouched,
        next: "Save it as UTF-8 (for example: iconv -f WINDOWS-1258 -t UTF-8).",
    });
}

/** A script from its text; BOM and CR LF are normalised, so that the checksum is the same on every system. */
export function makeScript(file: string, text: string): Script {
    const sql = withoutBom(text).replaceAll("\r\n", "\n");
    return { file, sql, checksum: hash("sha256", sql) };
}

function withoutBom(text: string): string {
    return text.startsWith("\uFEFF") ? text.slice(1) : text;
}

function firstBadLine(bytes: Buffer): number {
    // As Latin-1 each byte is one character, and comes back as it was.
    return 1 + linesOf(bytes.toString("latin1")).findIndex((line) => !isUtf8(Buffer.from(line, "latin1")));
}

/** Leading zeros do not count: `7`, `07` and `007` are one version. */
function key(version: string): string {
    let zeros = 0;
    while (zeros < version.length - 1 && version[zeros] === "0") zeros++;
    return version.slice(zeros);
}

function compareNumbers(a: string, b: string): number {
    if (a.length === b.length) return a < b ? -1 : a > b ? 1 : 0;
    const x = key(a);
    const y = key(b);
    return x.length - y.length || (x < y ? -1 : x > y ? 1 : 0);
}
