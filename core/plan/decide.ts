import type { LedgerRow, StoredSql } from "../history/ledger";
import { headOf, type Migration, type MigrationSet, spelled } from "../migrations/set";
import { BadInputError } from "../errors";
import { linesOf } from "../lines";
import { skipBlank } from "../sql/lexical";

/** A rule that forbids carrying out a plan, and how it may be lifted. */
export interface Refusal {
    /** Stable word for programs: `out-of-order`, `history-differs`, `approval`, … */
    readonly code: string;
    /** What is the matter, for people. */
    readonly text: string;
    /** The key or command that allows it. */
    readonly allow: string;
}

/** Where a script's text comes from. */
export type ScriptSource = "disk" | "ledger";

export interface DecidedStep {
    readonly direction: "up" | "down";
    readonly version: string;
    readonly name: string;
    readonly script: { readonly file: string; readonly sql: string; readonly checksum: string };
    readonly source: ScriptSource;
    /** For a down script from disk: it is not the one that the ledger keeps from the time of apply. */
    readonly differsFromLedger: boolean;
    /** For an up step: the down script that is stored with it. */
    readonly down: Migration["down"];
    /** For an up step: the query that has to yield true before it takes effect. */
    readonly verify: Migration["verify"];
}

export interface Decision {
    /** Highest applied version before; null when nothing is applied. */
    readonly from: string | null;
    /** Highest applied version after. */
    readonly to: string | null;
    readonly steps: readonly DecidedStep[];
    readonly refusals: readonly Refusal[];
}

export interface Situation {
    readonly set: MigrationSet;
    /** In the order of applying. */
    readonly applied: readonly LedgerRow[];
    /** Scripts as of apply, for the versions that `storedSqlNeeded` names. */
    readonly stored: ReadonlyMap<string, StoredSql>;
    /** `"024"`, `"latest"` or `"0"`. */
    readonly target: string;
    /** Whether `24` may be written for `024`. */
    readonly looseVersion: boolean;
    readonly outOfOrder: "allow" | "refuse";
    /** Where a down script would be on disk, for messages. */
    readonly downFile: (version: string) => string;
}

const untouched = "Nothing was touched.";

/**
 * Which scripts bring the database to the target: applied∖desired in reverse applied order, then desired∖applied
 * ascending, where desired are the set's migrations up to the target.
 * @throws BadInputError for an unknown target, an edited file of an applied migration, a down script that is needed
 * and not there
 */
export function decide(situation: Situation): Decision {
    const { set, applied } = situation;
    const target = resolveTarget(situation);
    const desired = set.migrations.filter((m) => target !== null && set.compare(m.version, target) <= 0);
    if (isSame(applied, desired)) {
        const head = desired.at(-1)?.version ?? null;
        return { from: head, to: head, steps: [], refusals: [] };
    }
    refuseEdited(situation);

    const desiredVersions = new Set(desired.map((m) => m.version));
    const stays = (row: LedgerRow): boolean => desiredVersions.has(spelled(set, row.version));
    const keep = applied.filter(stays);
    const undo = applied.filter((row) => !stays(row)).toReversed();
    const appliedVersions = new Set(applied.map((row) => spelled(set, row.version)));
    const apply = desired.filter((m) => !appliedVersions.has(m.version));

    const keptHead = highest(set, keep);
    const refusals: Refusal[] = [];
    if (situation.outOfOrder === "refuse") {
        const holes = apply.filter((m) => keptHead !== null && set.compare(m.version, keptHead) < 0);
        if (holes.length > 0) {
            refusals.push({
                code: "out-of-order",
                text: `${list(holes.map((m) => m.version))} lies below the head ${keptHead ?? ""} and was never applied (a branch merged late?).`,
                allow: "policy.outOfOrder: allow, after checking that it fits what came later",
            });
        }
        const below = undo.filter((row) => keptHead !== null && set.compare(row.version, keptHead) < 0);
        if (below.length > 0) {
            refusals.push({
                code: "missing-below",
                text: `${list(below.map((row) => row.version))} is applied below the head ${keptHead ?? ""}, but is no longer in ${set.dir}.`,
                allow: "put the file back; or policy.outOfOrder: allow, to undo it by the down SQL in the ledger",
            });
        }
    }
    return {
        from: highest(set, applied),
        to: desired.at(-1)?.version ?? null,
        steps: [...undo.map((row) => undoStep(situation, row)), ...apply.map((m) => applyStep(m))],
        refusals,
    };
}

/** Whether something applied lies above the target. To be known early; what is done about it, `decide` says. */
export function isBeyond({ set, applied, target }: Pick<Situation, "set" | "applied" | "target">): boolean {
    return /^\d+$/.test(target) && applied.some((row) => set.compare(row.version, target) > 0);
}

/** Whether just these migrations are applied, in their order and as they are on disk: what it mostly comes to, seen in one look at each. */
function isSame(applied: readonly LedgerRow[], desired: readonly Migration[]): boolean {
    return (
        applied.length === desired.length &&
        desired.every(
            ({ version, up }, index) =>
                version === applied[index]?.version && up.checksum === applied[index].upChecksum,
        )
    );
}

function resolveTarget({ set, applied, target, looseVersion }: Situation): string | null {
    if (target === "latest") {
        const head = set.migrations.at(-1);
        if (head === undefined && applied.length > 0) throw noneLeft(set, applied);
        return head?.version ?? null;
    }
    if (/^0+$/.test(target) && set.find(target) === undefined) return null;
    const version = set.find(target)?.version;
    if (version !== undefined && /^\d+$/.test(target)) {
        if (version === target || looseVersion) return version;
        throw new BadInputError({
            what: `Version "${target}" is not spelled as in the set, where it is "${version}".`,
            where: { object: "version" },
            state: untouched,
            next: `Write version: "${version}", in quotes: unquoted, YAML may make another number of it (20 of 024).`,
        });
    }
    const versions = set.migrations.map((m) => m.version);
    if (applied.some((row) => set.compare(row.version, target) === 0)) {
        throw new BadInputError({
            what: `Version "${target}" is applied, and its script is no longer in ${set.dir}: the database cannot be kept at it.`,
            where: { object: "version" },
            state: untouched,
            next: "Put the script back; or declare a version that the folder holds, and this one goes back by the SQL in the ledger.",
        });
    }
    throw new BadInputError({
        what: `Version "${target}" is unknown: ${set.dir} holds ${versions.length === 0 ? "no migration" : `${versions[0] ?? ""} to ${versions.at(-1) ?? ""}`}.`,
        where: { object: "version" },
        state: untouched,
        next: 'Use one of its versions, "latest", or "0" for nothing applied.',
    });
}

/** An empty folder is rather a wrong one, or one not checked out, than the wish to undo everything. */
function noneLeft({ dir }: MigrationSet, applied: readonly LedgerRow[]): BadInputError {
    return new BadInputError({
        what: `${dir} holds no migration, and the database has ${applied.length} applied.`,
        where: { object: "version" },
        state: untouched,
        next: 'See that migrations.dir (or --dir) is the right folder, and complete; to undo everything, declare version "0".',
    });
}

/** Versions whose stored scripts `decide` may look at: where the disk has no down script, or another text than was applied. */
export function storedSqlNeeded(set: MigrationSet, applied: readonly LedgerRow[]): string[] {
    return applied
        .filter((row) => {
            const onDisk = set.find(row.version);
            return onDisk?.hasDown !== true || onDisk.up.checksum !== row.upChecksum;
        })
        .map((row) => row.version);
}

function refuseEdited({ set, applied, stored }: Situation): void {
    for (const row of applied) {
        const onDisk = set.find(row.version);
        if (onDisk === undefined || onDisk.up.checksum === row.upChecksum) continue;
        const before = stored.get(row.version)?.up ?? undefined;
        const line = before === undefined ? undefined : firstDifference(before, onDisk.up.sql);
        throw new BadInputError({
            what: `Version ${row.version} was applied on ${row.appliedAt.toISOString().slice(0, 10)}, and its script has been edited since.`,
            where: { file: onDisk.up.file, ...(line === undefined ? {} : { line }) },
            detail: [
                `applied: SHA-256 ${row.upChecksum.slice(0, 12)}…`,
                `on disk: SHA-256 ${onDisk.up.checksum.slice(0, 12)}…`,
            ],
            state: untouched,
            next: `Put the applied text back and write a new migration; or, if the edit changes nothing that matters, accept it with \`schemaward resolve --applied ${row.version}\`.`,
        });
    }
}

function firstDifference(before: string, after: string): number {
    const a = linesOf(before);
    const b = linesOf(after);
    let line = 0;
    while (line < a.length && a[line] === b[line]) line++;
    return line + 1;
}

function applyStep(m: Migration): DecidedStep {
    return {
        direction: "up",
        version: m.version,
        name: m.name,
        script: m.up,
        source: "disk",
        differsFromLedger: false,
        down: m.down,
        verify: m.verify,
    };
}

function undoStep({ set, stored, downFile }: Situation, row: LedgerRow): DecidedStep {
    const onDisk = set.find(row.version)?.down;
    const kept = stored.get(row.version)?.down ?? undefined;
    const script =
        onDisk ??
        (kept === undefined || row.downChecksum === null
            ? undefined
            : { file: row.downFile ?? downFile(row.version), sql: kept, checksum: row.downChecksum });
    const file = onDisk?.file ?? downFile(row.version);
    if (script === undefined) {
        throw new BadInputError({
            what: `Going back over ${row.version} needs its down script, and there is none on disk or in the ledger.`,
            where: { file, line: 1 },
            state: untouched,
            next: `Write ${file}; or restore a snapshot.`,
        });
    }
    if (isBlank(script.sql)) {
        throw new BadInputError({
            what: `The down script of ${row.version} is empty: it would undo nothing, yet the version would count as undone.`,
            where: { file, line: 1 },
            state: untouched,
            next: "Write what undoes the migration; if truly nothing is to be done, write SELECT 1 with a comment why.",
        });
    }
    return {
        direction: "down",
        version: row.version,
        name: row.name,
        script,
        source: onDisk === undefined ? "ledger" : "disk",
        differsFromLedger: onDisk !== undefined && row.downChecksum !== null && onDisk.checksum !== row.downChecksum,
        down: undefined,
        verify: undefined,
    };
}

/** Only white space, comments and semicolons. */
function isBlank(sql: string): boolean {
    let i = skipBlank(sql, 0);
    while (sql[i] === ";") i = skipBlank(sql, i + 1);
    return i >= sql.length;
}

function highest(set: MigrationSet, rows: readonly LedgerRow[]): string | null {
    return headOf(
        set,
        rows.map((row) => row.version),
    );
}

function list(versions: readonly string[]): string {
    return versions.join(", ");
}
