import type { Client } from "pg";
import type { Declarer } from "../declaration";
import { keptTables } from "./kept";
import { ledgerFormat } from "./ledger";

/**
 * The ledger's tables. They belong to the role that logs in (not the one scripts run as), and nobody else may write
 * them; a role that only plans needs USAGE and SELECT. Without foreign keys among them: only this project writes them, always
 * under the run's lock, and each key would cost every migration a look-up and a row lock.
 */
const tables = `
CREATE SCHEMA IF NOT EXISTS schemaward;
REVOKE ALL ON SCHEMA schemaward FROM PUBLIC;
CREATE TABLE IF NOT EXISTS schemaward.sets (
    name text PRIMARY KEY,
    format integer NOT NULL,
    project text NOT NULL,
    stack text NOT NULL,
    environment text NOT NULL,
    system_identifier text,
    mirror text,
    catalog bytea,
    catalog_stamp text,
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS schemaward.runs (
    id uuid PRIMARY KEY,
    set_name text NOT NULL,
    direction text NOT NULL,
    from_version text,
    to_version text,
    digest text NOT NULL,
    plan jsonb NOT NULL,
    snapshot text,
    who text NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    status text NOT NULL CHECK (status IN ('running', 'done', 'failed')),
    error text,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz
);
CREATE TABLE IF NOT EXISTS schemaward.run_steps (
    run_id uuid NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL,
    version text,
    checksum text,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    duration_ms integer,
    PRIMARY KEY (run_id, seq)
);
CREATE TABLE IF NOT EXISTS schemaward.migrations (
    set_name text NOT NULL,
    version text NOT NULL,
    name text NOT NULL,
    format text NOT NULL,
    up_file text NOT NULL,
    up_checksum text NOT NULL,
    up_sql text,
    down_file text,
    down_checksum text,
    down_sql text,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    origin text NOT NULL CHECK (origin IN ('applied', 'adopted', 'resolved')),
    applied_by text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    duration_ms integer NOT NULL,
    run_id uuid,
    PRIMARY KEY (set_name, version)
);
CREATE TABLE IF NOT EXISTS schemaward.progress (
    set_name text NOT NULL,
    version text NOT NULL,
    direction text NOT NULL,
    checksum text NOT NULL,
    unit integer NOT NULL,
    finished boolean NOT NULL,
    PRIMARY KEY (set_name, unit)
);
CREATE TABLE IF NOT EXISTS schemaward.gates (
    set_name text PRIMARY KEY,
    run_id uuid NOT NULL,
    parts jsonb NOT NULL,
    who text NOT NULL,
    host text NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    held_for text
);
${keptTables}`;

/** Creates what is missing of the ledger. Call under the run's lock. */
export async function prepareLedger(client: Client): Promise<void> {
    const { rows } = await client.query<{ there: boolean }>(
        "SELECT to_regclass('schemaward.keep_guard') IS NOT NULL AS there",
    );
    if (rows[0]?.there !== true) await client.query(`BEGIN; ${tables} COMMIT;`);
}

/** Who declares by the command's flags alone. */
const nobody: Declarer = { project: "", stack: "", environment: "" };

/**
 * The set's own row, where it has none. From then on the set has a history of its own, so what is adopted has to be written in the same
 * transaction.
 */
export async function recordSet(
    client: Client,
    set: string,
    declarer: Declarer | undefined,
    systemIdentifier: string | null,
): Promise<void> {
    const { project, stack, environment } = declarer ?? nobody;
    await client.query({
        text: `INSERT INTO schemaward.sets (name, format, project, stack, environment, system_identifier)
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO NOTHING`,
        values: [set, ledgerFormat, project, stack, environment, systemIdentifier],
    });
}

/** Hands the set's ledger to another declarer: a renamed stack, or a clone that was adopted by name. */
export async function changeOwner(
    client: Client,
    set: string,
    declarer: Declarer,
    systemIdentifier: string | null,
): Promise<void> {
    await client.query({
        text: `UPDATE schemaward.sets SET project = $2, stack = $3, environment = $4, system_identifier = $5, changed_at = now()
                WHERE name = $1`,
        values: [set, declarer.project, declarer.stack, declarer.environment, systemIdentifier],
    });
}

/** The cluster's identity; null where the role may not ask. */
export async function readSystemIdentifier(client: Client): Promise<string | null> {
    try {
        const { rows } = await client.query<{ id: string }>(
            "SELECT system_identifier::text AS id FROM pg_catalog.pg_control_system()",
        );
        return rows[0]?.id ?? null;
    } catch (error) {
        if ((error as { code?: unknown }).code === "42501") return null;
        throw error;
    }
}
