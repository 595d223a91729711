import path from "node:path";
import type { Client } from "pg";
import { isOwnRowMaintenance } from "../../core/history/own-row";
import { readNumberedSet } from "../../core/migrations/numbered";
import type { Migration, Script } from "../../core/migrations/set";
import { splitScript } from "../../core/sql/split";
import { root } from "../../tools/pg-binaries";

const folder = path.join(root, "examples", "physioflow", "db");

export const migrationsDir = path.join(folder, "migrations");

/** 001 to 027, as the example has them; empty before `loadMigrations`. */
export const migrations: Migration[] = [];

/** For a `before`. */
export async function loadMigrations(): Promise<void> {
    if (migrations.length === 0) migrations.push(...(await readNumberedSet(migrationsDir)).migrations);
}

/** The rows, in the order of loading: for 024 and later, and for 027. */
export const dataFiles = {
    upTo024: path.join(folder, "data", "001-024.sql"),
    upTo027: path.join(folder, "data", "025-027.sql"),
} as const;

/** The migrations between two versions, both included, ascending. */
export function between(first: string, last: string): Migration[] {
    return migrations.filter((m) => m.version >= first && m.version <= last);
}

/** A rollback of the example; each migration has one. */
export function downOf({ version, down }: Migration): Script {
    if (down === undefined) throw new Error(`${version} has no rollback`);
    return down;
}

/** The script with those statements left out that schemaward replaces by its own write to schema_migrations. */
export async function withoutOwnRows(migration: Migration, script: Script): Promise<string> {
    const statements = await splitScript(script.sql, script.file);
    let text = script.sql;
    for (const { offset, sql } of statements.filter((s) => isOwnRowMaintenance(s, migration, "public")).reverse())
        text = text.slice(0, offset) + text.slice(offset + sql.length);
    return text;
}

/** What PhysioFlow's own runner does after each file: adds the row, unless the script has done so. */
export async function recordAsPhysioflow(client: Client, { version, name }: Migration): Promise<void> {
    await client.query("INSERT INTO schema_migrations (migration_name) VALUES ($1) ON CONFLICT DO NOTHING", [
        `${version}_${name}`,
    ]);
}
