import type { Client } from "pg";
import type { Declarer } from "../declaration";
import { FailedError, RefusedError } from "../errors";

/** Version of the ledger's own tables. */
export const ledgerFormat = 1;

/** How a row came into the ledger. */
export type Origin = "applied" | "adopted" | "resolved";

/** One applied migration. */
export interface LedgerRow {
    readonly version: string;
    readonly name: string;
    readonly format: string;
    readonly upFile: string;
    readonly upChecksum: string;
    /** The up script as of apply; null when it is over `storedSqlLimit` or holds a password. */
    readonly upSql: string | null;
    readonly downFile: string | null;
    readonly downChecksum: string | null;
    readonly downSql: string | null;
    /** Ascending in the order of applying. */
    readonly seq: number;
    readonly origin: Origin;
    readonly appliedBy: string;
    readonly appliedAt: Date;
    readonly durationMs: number;
}

/** What a set's first run wrote about whose database this is. */
export interface LedgerOwner {
    readonly declarer: Declarer;
    readonly systemIdentifier: string | null;
}

/** Units of a several-transaction script that are done while the script as a whole is not. */
export interface Progress {
    readonly version: string;
    readonly direction: "up" | "down";
    readonly checksum: string;
    /** Indices of the finished units. */
    readonly done: readonly number[];
    /** Index of a unit outside a transaction that was begun and not reported as finished. */
    readonly begun: number | null;
}

/** The ledger of one set in one database, as read. */
export interface Ledger {
    /** False: there is no ledger in this database, or this set has none. */
    readonly exists: boolean;
    readonly owner: LedgerOwner | undefined;
    /** In the order of applying. */
    readonly rows: readonly LedgerRow[];
    readonly progress: Progress | undefined;
    /** Catalog after the last run, as `CatalogObject[]`; undefined before the first. */
    readonly catalog: unknown;
    /** Names of all sets in this database. */
    readonly sets: readonly string[];
}

/** Scripts over this many UTF-8 bytes are stored by hash only. */
export const storedSqlLimit = 8 * 1024 * 1024;

const none: Ledger = { exists: false, owner: undefined, rows: [], progress: undefined, catalog: undefined, sets: [] };

/**
 * Reads a set's ledger; changes nothing and needs USAGE on schema `schemaward` and SELECT on its tables only.
 * @throws RefusedError when the ledger is of a newer schemaward, FailedError when it may not be read
 */
export async function readLedger(client: Client, set: string, options?: { catalog?: boolean }): Promise<Ledger> {
    const { rows: found } = await client.query<{ there: boolean }>(
        "SELECT to_regclass('schemaward.sets') IS NOT NULL AS there",
    );
    if (found[0]?.there !== true) return none;
    try {
        const { rows: sets } = await client.query<SetRow>(
            `SELECT name, project, stack, environment, system_identifier, format${options?.catalog === true ? ", catalog" : ""}
               FROM schemaward.sets ORDER BY name`,
        );
        const names = sets.map((s) => s.name);
        const mine = sets.find((s) => s.name === set);
        if (mine === undefined) return { ...none, sets: names };
        if (mine.format > ledgerFormat) {
            throw new RefusedError({
                what: `The ledger has format ${mine.format}; this schemaward knows ${ledgerFormat}.`,
                where: { object: "schemaward.sets" },
                state: "Nothing was touched.",
                next: "Use the newer schemaward that wrote it.",
            });
        }
        const { rows } = await client.query<MigrationRow>({
            text: `SELECT version, name, format, up_file, up_checksum, up_sql, down_file, down_checksum, down_sql, seq::float8 AS seq,
                          origin, applied_by, applied_at, duration_ms
                     FROM schemaward.migrations WHERE set_name = $1 ORDER BY seq`,
            values: [set],
        });
        const { rows: progress } = await client.query<ProgressRow>({
            text: "SELECT version, direction, checksum, unit, finished FROM schemaward.progress WHERE set_name = $1 ORDER BY unit",
            values: [set],
        });
        return {
            exists: true,
            owner: {
                declarer: { project: mine.project, stack: mine.stack, environment: mine.environment },
                systemIdentifier: mine.system_identifier,
            },
            rows: rows.map(toLedgerRow),
            progress: toProgress(progress),
            catalog: mine.catalog ?? undefined,
            sets: names,
        };
    } catch (error) {
        if ((error as { code?: unknown }).code !== "42501") throw error;
        throw new FailedError({
            what: "The ledger may not be read by this role.",
            where: { object: "schema schemaward" },
            state: "Nothing was touched.",
            next: "GRANT USAGE ON SCHEMA schemaward and SELECT ON ALL TABLES IN SCHEMA schemaward to it.",
            cause: error,
        });
    }
}

interface SetRow {
    name: string;
    project: string;
    stack: string;
    environment: string;
    system_identifier: string | null;
    format: number;
    catalog?: unknown;
}

interface MigrationRow {
    version: string;
    name: string;
    format: string;
    up_file: string;
    up_checksum: string;
    up_sql: string | null;
    down_file: string | null;
    down_checksum: string | null;
    down_sql: string | null;
    seq: number;
    origin: Origin;
    applied_by: string;
    applied_at: Date;
    duration_ms: number;
}

interface ProgressRow {
    version: string;
    direction: "up" | "down";
    checksum: string;
    unit: number;
    finished: boolean;
}

function toLedgerRow(r: MigrationRow): LedgerRow {
    return {
        version: r.version,
        name: r.name,
        format: r.format,
        upFile: r.up_file,
        upChecksum: r.up_checksum,
        upSql: r.up_sql,
        downFile: r.down_file,
        downChecksum: r.down_checksum,
        downSql: r.down_sql,
        seq: r.seq,
        origin: r.origin,
        appliedBy: r.applied_by,
        appliedAt: r.applied_at,
        durationMs: r.duration_ms,
    };
}

function toProgress(rows: readonly ProgressRow[]): Progress | undefined {
    const [first] = rows;
    if (first === undefined) return undefined;
    return {
        version: first.version,
        direction: first.direction,
        checksum: first.checksum,
        done: rows.filter((r) => r.finished).map((r) => r.unit),
        begun: rows.find((r) => !r.finished)?.unit ?? null,
    };
}
