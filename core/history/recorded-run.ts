import type { Client } from "pg";

/** A run as the ledger has it. */
export interface RecordedRun {
    readonly id: string;
    readonly direction: string;
    readonly from: string | null;
    readonly to: string | null;
    readonly who: string;
    readonly host: string;
    /** `running`: it has not written its end, whether it is still at work or is gone. */
    readonly status: "running" | "done" | "failed";
    /** Name of the snapshot that it took. */
    readonly snapshot: string | null;
    /** What it failed of. */
    readonly error: string | null;
    readonly startedAt: Date;
    readonly endedAt: Date | null;
}

export interface RunRow {
    readonly id: string;
    readonly direction: string;
    readonly from_version: string | null;
    readonly to_version: string | null;
    readonly who: string;
    readonly host: string;
    readonly status: RecordedRun["status"];
    readonly snapshot: string | null;
    readonly error: string | null;
    readonly started_at: Date;
    readonly ended_at: Date | null;
}

const columns =
    "id::pg_catalog.text AS id, direction, from_version, to_version, who, host, status, snapshot, error, started_at, ended_at";

/** Of a restore: whether another database is in the place of the one that was there. Before that nothing has changed. */
const isSwapped = `(status OPERATOR(pg_catalog.=) 'done' OR EXISTS (SELECT FROM schemaward.run_steps AS s
                     WHERE s.run_id OPERATOR(pg_catalog.=) r.id AND s.kind OPERATOR(pg_catalog.=) 'swapped'))`;

/** A set's run that began last, restores aside that have changed nothing; parameter: its name. */
export const lastRunQuery = `SELECT ${columns}
   FROM schemaward.runs AS r WHERE set_name OPERATOR(pg_catalog.=) $1 AND (direction OPERATOR(pg_catalog.<>) 'restore' OR ${isSwapped})
  ORDER BY started_at DESC LIMIT 1`;

/** A set's restore that began last, whatever became of it; of a ledger that is there. */
export async function readLastRestore(client: Client, set: string): Promise<RecordedRun | undefined> {
    const { rows } = await client.query<RunRow>({
        text: `SELECT ${columns} FROM schemaward.runs
                WHERE set_name OPERATOR(pg_catalog.=) $1 AND direction OPERATOR(pg_catalog.=) 'restore' ORDER BY started_at DESC LIMIT 1`,
        values: [set],
    });
    return rows[0] === undefined ? undefined : toRecordedRun(rows[0]);
}

/**
 * Whether a set was restored as somebody asked; of a ledger that is there.
 * @param requested a snapshot's name, or `latest`
 */
export async function wasRestored(client: Client, set: string, requested: string): Promise<boolean> {
    const { rows } = await client.query<{ was: boolean }>({
        text: `SELECT EXISTS (SELECT FROM schemaward.runs AS r
                WHERE set_name OPERATOR(pg_catalog.=) $1 AND direction OPERATOR(pg_catalog.=) 'restore'
                  AND (plan OPERATOR(pg_catalog.->>) 'requested') OPERATOR(pg_catalog.=) $2 AND ${isSwapped}) AS was`,
        values: [set, requested],
    });
    return rows[0]?.was === true;
}

/**
 * A run of a set, of a ledger that is there.
 * @param id absent: the last one that went back
 */
export async function readRun(client: Client, set: string, id?: string): Promise<RecordedRun | undefined> {
    const { rows } = await client.query<RunRow>({
        text: `SELECT ${columns} FROM schemaward.runs
                WHERE set_name OPERATOR(pg_catalog.=) $1
                  AND CASE WHEN $2::pg_catalog.text IS NULL THEN direction IN ('back', 'both')
                           ELSE id::pg_catalog.text OPERATOR(pg_catalog.=) $2 END
                ORDER BY started_at DESC LIMIT 1`,
        values: [set, id ?? null],
    });
    return rows[0] === undefined ? undefined : toRecordedRun(rows[0]);
}

export function toRecordedRun(row: RunRow): RecordedRun {
    const { id, direction, who, host, status, snapshot, error } = row;
    return {
        ...{ id, direction, who, host, status, snapshot, error },
        from: row.from_version,
        to: row.to_version,
        startedAt: row.started_at,
        endedAt: row.ended_at,
    };
}

/** A line of a run's journal. */
export interface JournalLine {
    /** `planned`, `snapshotted`, `adopted`, `applied`, `undone`, `verified`. */
    readonly kind: string;
    /** Of what concerns one migration. */
    readonly version: string | null;
    readonly at: Date;
    readonly ms: number | null;
}

export async function readJournal(client: Client, runId: string): Promise<readonly JournalLine[]> {
    const { rows } = await client.query<JournalLine>({
        text: `SELECT kind, version, at, duration_ms AS ms FROM schemaward.run_steps
                WHERE run_id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid ORDER BY seq`,
        values: [runId],
    });
    return rows;
}

/** What a run has done to a migration, and has stayed. */
export interface MigrationDone {
    readonly version: string;
    readonly how: "applied" | "undone";
}

/** The migrations that a run applied or undid, in order. */
export function migrationsDone(journal: readonly JournalLine[]): MigrationDone[] {
    return journal.flatMap(({ kind, version }) =>
        version !== null && (kind === "applied" || kind === "undone") ? [{ version, how: kind }] : [],
    );
}

/** The plan that a run was to carry out, as JSON; of a ledger that nobody else may write. */
export async function readRecordedPlan(client: Client, runId: string): Promise<unknown> {
    const { rows } = await client.query<{ plan: unknown }>({
        text: "SELECT plan FROM schemaward.runs WHERE id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid",
        values: [runId],
    });
    return rows[0]?.plan;
}
