import { escapeLiteral } from "../driver";
import { isSensitive } from "../sql/sensitive";
import { type Origin, storedSqlLimit } from "./ledger";
import type { RunLocks } from "../run-locks";

// Everything here is SQL text with its values as literals, so that a migration, its rows and its COMMIT go to the server in
// one message. To be run as the role that logs in, and all but EXECUTE with search_path = pg_catalog. What is prepared is read anew
// under the search_path of whoever executes it, so each name in it says its schema, operators and types too: a function that another
// role has put into a schema of that path would run as the role that logs in.

/**
 * Milliseconds since the transaction began, or since the migration before it in the same transaction: what a script took, when its
 * rows are written at its end.
 * @param run and @param version the statement's parameters that hold them
 */
const elapsed = (run: string, version: string): string =>
    `(extract(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) greatest(pg_catalog.transaction_timestamp(),
        (SELECT at FROM schemaward.run_steps WHERE run_id OPERATOR(pg_catalog.=) ${run} AND version OPERATOR(pg_catalog.<>) ${version}
          ORDER BY seq DESC LIMIT 1))) OPERATOR(pg_catalog.*) 1000)::integer`;

function types(name: string, count: number): string {
    return Array<string>(count).fill(`pg_catalog.${name}`).join(", ");
}

/** Columns of a migration's row that tell of it and its scripts. */
const described = [
    "version",
    "name",
    "format",
    "up_file",
    "up_checksum",
    "up_sql",
    "down_file",
    "down_checksum",
    "down_sql",
    "origin",
    "applied_by",
] as const;

/** What the server says when `lockQuery` fails. */
export const lockLostMessage = "schemaward has lost its lock";

/**
 * Statements that a session needs before those below: planning them anew for each migration would take a good part of the time
 * of a small one. A script's DISCARD ALL or DEALLOCATE ALL takes them away; see
 * `isUnprepared`.
 */
export const ledgerStatements = (locks: RunLocks): readonly string[] => [
    `PREPARE schemaward_step (${types("uuid", 1)}, ${types("text", 3)}) AS
        INSERT INTO schemaward.run_steps (run_id, kind, version, checksum, duration_ms) VALUES ($1, $2, $3, $4, ${elapsed("$1", "$3")}) RETURNING duration_ms`,
    `PREPARE schemaward_applied (${types("text", 12)}, ${types("uuid", 1)}) AS
        INSERT INTO schemaward.migrations (set_name, ${described.join(", ")}, run_id, duration_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, ${elapsed("$13", "$2")})`,
    `PREPARE schemaward_undone (${types("text", 2)}) AS
        DELETE FROM schemaward.migrations WHERE set_name OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.=) $2`,
    `PREPARE schemaward_follows (${types("text", 2)}, boolean) AS
        SELECT (CASE WHEN EXISTS (SELECT FROM schemaward.migrations WHERE set_name OPERATOR(pg_catalog.=) $1
                                     AND version OPERATOR(pg_catalog.=) $2) OPERATOR(pg_catalog.=) $3
                     THEN '1' ELSE 'the step before did not take effect' END)::integer`,
    `PREPARE schemaward_locks AS ${lockQuery(locks)}`,
];

/** See `ledgerStatements`; fails when the run has lost a lock. */
export const lockCheck = "EXECUTE schemaward_locks";

/** See `ledgerStatements`; fails unless the ledger has the version as applied, or as not applied. */
export function followsCheck(set: string, version: string, applied: boolean): string {
    return `EXECUTE schemaward_follows (${literal(set)}, ${literal(version)}, ${String(applied)})`;
}

/** Whether an error of the server means that the session has lost `ledgerStatements`. */
export function isUnprepared({ code, message }: { readonly code?: unknown; readonly message?: string }): boolean {
    return code === "26000" && message?.includes('"schemaward_') === true;
}

/** A script as the ledger keeps it. */
export interface StoredScript {
    readonly file: string;
    readonly sql: string;
    readonly checksum: string;
}

export interface AppliedMigration {
    readonly set: string;
    readonly version: string;
    readonly name: string;
    readonly format: string;
    readonly up: StoredScript;
    readonly down: StoredScript | undefined;
    readonly origin: Origin;
    readonly runId: string | null;
    readonly who: string;
}

/** What a migration's row says of it, in the order of `described`. */
function describing({ version, name, format, up, down, origin, who }: AppliedMigration): (string | null)[] {
    return [
        version,
        name,
        format,
        up.file,
        up.checksum,
        storable(up.sql),
        down?.file ?? null,
        down?.checksum ?? null,
        down === undefined ? null : storable(down.sql),
        origin,
        who,
    ];
}

/** Statements that write the rows of an applied migration; for the migration's own transaction. */
export function recordApplied(m: AppliedMigration): string[] {
    const row = [m.set, ...describing(m), m.runId].map(literal);
    return [
        ...recordStep(m.runId, m.origin, m.version, m.up.checksum),
        `EXECUTE schemaward_applied (${row.join(", ")})`,
    ];
}

/**
 * SQL that takes over the scripts of a migration that the ledger has as applied already. Its place in the order of applying stays: that is the
 * order in which the way back undoes.
 * @param recorded its version as the ledger writes it
 */
export function recordResolved(m: AppliedMigration, recorded: string): string {
    const values = describing(m);
    const assigned = described.map((column, i) => `${column} = ${literal(values[i] ?? null)}`);
    return `UPDATE schemaward.migrations SET ${assigned.join(", ")}, applied_at = clock_timestamp()
             WHERE set_name = ${literal(m.set)} AND version = ${literal(recorded)}`;
}

export interface UndoneMigration {
    readonly set: string;
    readonly version: string;
    readonly checksum: string;
    readonly runId: string | null;
}

/** Statements that delete the row of a migration that was undone; for the down script's own transaction. */
export function recordUndone(m: UndoneMigration): string[] {
    return [
        ...recordStep(m.runId, "undone", m.version, m.checksum),
        `EXECUTE schemaward_undone (${literal(m.set)}, ${literal(m.version)})`,
    ];
}

const stepRecord = "EXECUTE schemaward_step (";

function recordStep(runId: string | null, kind: string, version: string, checksum: string): string[] {
    if (runId === null) return [];
    return [`${stepRecord}${[runId, kind, version, checksum].map(literal).join(", ")})`];
}

/** Whether a statement is the one of a migration's own that gives back the milliseconds it took. */
export function isStepRecord(sql: string): boolean {
    return sql.startsWith(stepRecord);
}

function storable(sql: string): string | null {
    return Buffer.byteLength(sql, "utf8") > storedSqlLimit || isSensitive(sql) ? null : sql;
}

function literal(value: string | null): string {
    return value === null ? "NULL" : escapeLiteral(value);
}

/** A script whose transactions are recorded one by one. */
export interface ProgressKey {
    readonly set: string;
    readonly version: string;
    readonly direction: "up" | "down";
}

/**
 * SQL that marks a unit of a several-transaction script as begun or finished.
 * @param checksum of the unit's own text, so that an edited script is not taken for the one that was begun
 */
export function recordProgress(key: ProgressKey, unit: number, checksum: string, finished: boolean): string {
    const row = [key.set, key.version, key.direction, checksum].map(literal);
    return `INSERT INTO schemaward.progress (set_name, version, direction, checksum, unit, finished)
            VALUES (${row.join(", ")}, ${unit}, ${String(finished)})
            ON CONFLICT (set_name, unit) DO UPDATE SET finished = excluded.finished, checksum = excluded.checksum`;
}

/** SQL that takes back the note that a unit is begun: it failed, and did nothing. */
export function clearUnit(set: string, unit: number): string {
    return `DELETE FROM schemaward.progress WHERE set_name = ${literal(set)} AND unit = ${unit}`;
}

/** SQL that forgets what was noted of a version's unfinished script; another's stays. */
export function clearProgress(set: string, version: string): string {
    return `DELETE FROM schemaward.progress WHERE set_name = ${literal(set)} AND version = ${literal(version)}`;
}

/**
 * A query for the worker's session that fails when the run has lost a lock: last before a COMMIT, so that what is done after
 * that is rolled back. It asks by trying, which is far cheaper than a look into pg_locks: the worker's own lock can be taken again
 * until the transaction's end, unless another run has it; the guard's can be taken only when the guard has lost it. (When another
 * run took it, that run still waits for the worker's.) The message stands in a failing cast, which needs no function of ours.
 */
function lockQuery({ guard, worker }: RunLocks): string {
    return `SELECT (CASE WHEN pg_catalog.pg_try_advisory_xact_lock(${worker}) AND NOT pg_catalog.pg_try_advisory_xact_lock(${guard})
                         THEN '1' ELSE '${lockLostMessage}' END)::integer`;
}
