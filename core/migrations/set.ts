/** One SQL script as the set's folder has it. */
export interface Script {
    /** Path relative to the set's folder, with forward slashes: `rollback/027_down.sql`. */
    readonly file: string;
    /** The text, without BOM, line ends as LF. */
    readonly sql: string;
    /** SHA-256 of `sql` in UTF-8, lower-case hex: the same for CRLF and BOM variants of one file. */
    readonly checksum: string;
}

export interface Migration {
    /** As the file name has it: `"027"`. */
    readonly version: string;
    /** What follows the version in the file name: `feature_flags`. */
    readonly name: string;
    readonly up: Script;
    /** Whether there is a down script; cheaper than `down`. */
    readonly hasDown: boolean;
    /** Read at the first look; then a file that cannot be used throws a BadInputError. */
    readonly down: Script | undefined;
    /** The query that says whether the up script did what it is for, where there is one; read as `down`. */
    readonly verify: Script | undefined;
}

/** All migrations of one folder, ascending. */
export interface MigrationSet {
    /** Absolute path of the folder. */
    readonly dir: string;
    readonly format: string;
    readonly migrations: readonly Migration[];
    /** Compares two versions of this format: negative, 0 or positive. Never throws. */
    compare(a: string, b: string): number;
    /** The version of the set that a person means by `text` (`"24"` for `"024"`), if there is one. */
    find(text: string): Migration | undefined;
}

/** The version as the set's folder spells it, where it is there. */
export function spelled(set: Pick<MigrationSet, "find">, version: string): string {
    return set.find(version)?.version ?? version;
}

/** Compares versions as the numbers that they are in every format; for where no set is at hand to ask. */
export function compareNumbers(a: string, b: string): number {
    return a.localeCompare(b, "en", { numeric: true });
}

/** The highest of some versions; null: there is none. */
export function headOf(set: Pick<MigrationSet, "compare">, versions: Iterable<string>): string | null {
    let head: string | null = null;
    for (const version of versions) if (head === null || set.compare(version, head) > 0) head = version;
    return head;
}
