import type { Client } from "pg";
import type { Declarer } from "../declaration";
import { FailedError, RefusedError } from "../errors";
import type { CatalogObject } from "../sql/observation";
import { gateQuery, type GateRow, type RecordedGate, toRecordedGate } from "./ledger-gates";
import { lastRunQuery, type RecordedRun, type RunRow, toRecordedRun } from "./recorded-run";
import { unpackCatalog } from "./stored-catalog";

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
    readonly downFile: string | null;
    readonly downChecksum: string | null;
    /** Ascending in the order of applying. */
    readonly seq: number;
    readonly origin: Origin;
    readonly appliedBy: string;
    readonly appliedAt: Date;
    readonly durationMs: number;
}

/** The scripts of a migration as of apply; null when there was none, it is over `storedSqlLimit`, or it holds a password. */
export interface StoredSql {
    readonly up: string | null;
    readonly down: string | null;
}

/** What a set's first run wrote about whose database this is. */
export interface LedgerOwner {
    readonly declarer: Declarer;
    readonly systemIdentifier: string | null;
}

/** A unit of a several-transaction script that was begun. */
export interface UnitProgress {
    readonly index: number;
    /** Of the unit's own text; see `unitChecksum`. */
    readonly checksum: string;
    /** False: begun outside a transaction, and not reported as finished. */
    readonly finished: boolean;
}

/** What is done of a several-transaction script while the script as a whole is not. */
export interface Progress {
    readonly version: string;
    readonly direction: "up" | "down";
    readonly units: readonly UnitProgress[];
}

/** The ledger of one set in one database, as read. */
export interface Ledger {
    /** False: there is no ledger in this database, or this set has none. */
    readonly exists: boolean;
    readonly owner: LedgerOwner | undefined;
    /** In the order of applying. */
    readonly rows: readonly LedgerRow[];
    readonly progress: Progress | undefined;
    /** The run that began last; undefined: there was none. */
    readonly lastRun: RecordedRun | undefined;
    /** Traffic that is stopped; undefined: none is, as far as the ledger knows. */
    readonly gate: RecordedGate | undefined;
    /** History table that the set keeps in step; null: none, or not known yet. */
    readonly mirror: string | null;
    /** `readCatalogStamp` at the end of the last run; null: unknown. */
    readonly catalogStamp: string | null;
    /** All sets in this database, with the history tables that they keep in step. */
    readonly sets: readonly { readonly name: string; readonly mirror: string | null }[];
}

/** Scripts over this many UTF-8 bytes are stored by hash only. */
export const storedSqlLimit = 8 * 1024 * 1024;

const none: Ledger = {
    exists: false,
    owner: undefined,
    rows: [],
    progress: undefined,
    lastRun: undefined,
    gate: undefined,
    mirror: null,
    catalogStamp: null,
    sets: [],
};

/**
 * Reads a set's ledger; changes nothing and needs USAGE on schema `schemaward` and SELECT on its tables only.
 * @param onAsked called when everything is asked for and answers are still on their way, with whether there are ledger tables at all; for a
 * client with `pipeline`
 * @throws RefusedError when the ledger is of a newer schemaward, FailedError when it may not be read
 */
export async function readLedger(client: Client, set: string, onAsked?: (tables: boolean) => void): Promise<Ledger> {
    const { rows: found } = await client.query<{ there: boolean; gates: boolean }>(
        "SELECT pg_catalog.to_regclass('schemaward.sets') IS NOT NULL AS there, pg_catalog.to_regclass('schemaward.gates') IS NOT NULL AS gates",
    );
    if (found[0]?.there !== true) {
        onAsked?.(false);
        return none;
    }
    try {
        const askedSets = client.query<SetRow>(
            `SELECT name, project, stack, environment, system_identifier, format, mirror, catalog_stamp FROM schemaward.sets
              ORDER BY name`,
        );
        const asked = Promise.all([
            client.query<Columns>({
                text: `SELECT ${selectColumns} FROM schemaward.migrations WHERE set_name OPERATOR(pg_catalog.=) $1`,
                values: [set],
            }),
            client.query<ProgressRow>({
                text: "SELECT version, direction, checksum, unit, finished FROM schemaward.progress WHERE set_name OPERATOR(pg_catalog.=) $1 ORDER BY unit",
                values: [set],
            }),
            client.query<RunRow>({ text: lastRunQuery, values: [set] }),
            // A ledger that was made before there were gates has no table of them.
            found[0].gates ? client.query<GateRow>({ text: gateQuery, values: [set] }) : { rows: [] },
        ]);
        // Of a ledger with another format they may fail.
        asked.catch(() => undefined);
        onAsked?.(true);
        const { rows: sets } = await askedSets;
        const names = sets.map(({ name, mirror }) => ({ name, mirror }));
        const newer = sets.find((s) => s.format > ledgerFormat);
        if (newer !== undefined) {
            throw new RefusedError({
                what: `The ledger has format ${newer.format}; this schemaward knows ${ledgerFormat}.`,
                where: { object: "schemaward.sets" },
                state: "Nothing was touched.",
                next: "Use the newer schemaward that wrote it.",
            });
        }
        const mine = sets.find((s) => s.name === set);
        if (mine === undefined) {
            await asked;
            return { ...none, sets: names };
        }
        const [{ rows }, { rows: progress }, { rows: runs }, { rows: gates }] = await asked;
        return {
            exists: true,
            owner: {
                declarer: { project: mine.project, stack: mine.stack, environment: mine.environment },
                systemIdentifier: mine.system_identifier,
            },
            rows: rows[0] === undefined ? [] : rowsOf(rows[0]),
            progress: toProgress(progress),
            lastRun: runs[0] === undefined ? undefined : toRecordedRun(runs[0]),
            gate: gates[0] === undefined ? undefined : toRecordedGate(gates[0]),
            mirror: mine.mirror,
            catalogStamp: mine.catalog_stamp,
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

/** The stored scripts of some versions; of versions that the ledger does not have, none. */
export async function readStoredSql(
    client: Client,
    set: string,
    versions: readonly string[],
): Promise<Map<string, StoredSql>> {
    if (versions.length === 0) return new Map();
    const { rows } = await client.query<{ version: string; up: string | null; down: string | null }>({
        text: `SELECT version, up_sql AS up, down_sql AS down FROM schemaward.migrations
                WHERE set_name OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.=) ANY ($2::pg_catalog.text[])`,
        values: [set, versions],
    });
    return new Map(rows.map(({ version, up, down }) => [version, { up, down }]));
}

/** The catalog at the end of the last run; undefined when none is stored. */
export async function readStoredCatalog(client: Client, set: string): Promise<readonly CatalogObject[] | undefined> {
    const { rows } = await client.query<{ catalog: Buffer | null }>({
        text: "SELECT catalog FROM schemaward.sets WHERE name OPERATOR(pg_catalog.=) $1",
        values: [set],
    });
    const packed = rows[0]?.catalog ?? undefined;
    return packed === undefined ? undefined : unpackCatalog(packed);
}

interface SetRow {
    name: string;
    project: string;
    stack: string;
    environment: string;
    system_identifier: string | null;
    format: number;
    mirror: string | null;
    catalog_stamp: string | null;
}

interface ProgressRow {
    version: string;
    direction: "up" | "down";
    checksum: string;
    unit: number;
    finished: boolean;
}

/** Columns of schemaward.migrations by the members of a row; of a time, the JSON is text. */
const columnOf = {
    version: "version",
    name: "name",
    format: "format",
    upFile: "up_file",
    upChecksum: "up_checksum",
    downFile: "down_file",
    downChecksum: "down_checksum",
    seq: "seq",
    origin: "origin",
    appliedBy: "applied_by",
    appliedAt: "applied_at",
    durationMs: "duration_ms",
} as const satisfies Readonly<Record<keyof LedgerRow, string>>;

/** A JSON array for each member: thousands of rows are read in half the time so. Null where there is no row. */
type Columns = {
    readonly [M in keyof LedgerRow]: readonly (LedgerRow[M] extends Date ? string : LedgerRow[M])[] | null;
};

const selectColumns = Object.entries(columnOf)
    .map(([member, column]) => `pg_catalog.json_agg(${column}) AS "${member}"`)
    .join(", ");

/** @returns in the order of applying */
function rowsOf(c: Columns): LedgerRow[] {
    const rows = c.version?.map(
        (version, i) =>
            ({
                version,
                name: c.name?.[i],
                format: c.format?.[i],
                upFile: c.upFile?.[i],
                upChecksum: c.upChecksum?.[i],
                downFile: c.downFile?.[i],
                downChecksum: c.downChecksum?.[i],
                seq: c.seq?.[i],
                origin: c.origin?.[i],
                appliedBy: c.appliedBy?.[i],
                appliedAt: new Date(c.appliedAt?.[i] ?? 0),
                durationMs: c.durationMs?.[i],
            }) as LedgerRow,
    );
    return rows?.sort((a, b) => a.seq - b.seq) ?? [];
}

function toProgress(rows: readonly ProgressRow[]): Progress | undefined {
    const [first] = rows;
    if (first === undefined) return undefined;
    return {
        version: first.version,
        direction: first.direction,
        units: rows.map(({ unit, checksum, finished }) => ({ index: unit, checksum, finished })),
    };
}
