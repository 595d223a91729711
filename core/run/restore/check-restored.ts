import type { Client } from "pg";
import { type Database, disconnect } from "../../connection";
import { FailedError } from "../../errors";
import { appliedVersions, isSameApplied } from "../../history/applied";
import { readLedger } from "../../history/ledger";
import type { Manifest } from "../../snapshots/manifest";
import { readCatalog, restorableHash } from "../../sql/catalog";
import { serverMajor } from "../../sql/server-major";
import { unhurried } from "./server-databases";

/** What was held against the manifest, for people. */
export interface Checked {
    readonly tables: number;
    readonly rows: number;
    /** Tables of which the manifest has only an estimate. */
    readonly estimated: number;
    /** Whether the schema was compared: not across versions of PostgreSQL, which write definitions differently. */
    readonly schema: boolean;
}

/**
 * Holds a restored database against its snapshot's manifest: schema, applied versions, rows of each table that was counted.
 * @param database the restored one
 * @param jobs connections to count with
 * @throws FailedError naming what differs
 */
export async function checkRestored(database: Database, manifest: Manifest, jobs: number): Promise<Checked> {
    const client = await database.connect("restore check", { pipeline: true, parameters: unhurried });
    const faults: string[] = [];
    let schema = false;
    try {
        const sameMajor = (await serverMajor(client)) === Number.parseInt(manifest.database.serverVersion, 10);
        if (manifest.schemaHash !== null && sameMajor) {
            schema = true;
            const hash = restorableHash(await readCatalog(client));
            if (hash !== manifest.schemaHash)
                faults.push(`the schema: its hash is ${hash}, the manifest says ${manifest.schemaHash}`);
        }
        const { exists, rows } = await readLedger(client, manifest.set);
        // One that was taken before there was a ledger has none.
        if (exists) {
            const now = appliedVersions(rows);
            if (!isSameApplied(now, manifest.applied))
                faults.push(
                    `the ledger: applied are ${now.map((r) => r.version).join(" ") || "none"}, the manifest says ${manifest.applied.map((r) => r.version).join(" ") || "none"}`,
                );
        }
    } finally {
        await disconnect(client);
    }
    const counted = await countAll(database, manifest, jobs);
    faults.push(...counted.faults);
    if (faults.length > 0)
        throw new FailedError({
            what: "What was restored is not what the manifest says.",
            where: { object: manifest.name },
            detail: faults.slice(0, 20),
            next: "Restore an older snapshot, and keep this one for whoever looks into it.",
        });
    return { ...counted, schema };
}

/** What it found, for people. */
export function checkedText({ tables, rows, estimated, schema }: Checked): string {
    return [
        `is what the manifest says: ${String(rows)} rows in ${String(tables)} tables`,
        ...(estimated === 0 ? [] : [`${String(estimated)} large tables not counted`]),
        schema ? "the schema by its hash" : "the schema not compared (another version of PostgreSQL, or no hash)",
    ].join(", ");
}

async function countAll(
    database: Database,
    manifest: Manifest,
    jobs: number,
): Promise<{ tables: number; rows: number; estimated: number; faults: string[] }> {
    const exact = manifest.tables.filter((t) => t.exact);
    const waiting = [...exact];
    const faults: string[] = [];
    let rows = 0;
    const work = async (): Promise<void> => {
        const client = await database.connect("restore check", { parameters: unhurried });
        try {
            await client.query("SET row_security = off");
            for (let table = waiting.pop(); table !== undefined; table = waiting.pop()) {
                const n = await rowsOf(client, table);
                rows += n ?? 0;
                if (n !== table.rows)
                    faults.push(
                        `${table.schema}.${table.name}: ${n === undefined ? "not there" : `${String(n)} rows`}, the manifest says ${String(table.rows)}`,
                    );
            }
        } finally {
            await disconnect(client);
        }
    };
    await Promise.all(Array.from({ length: Math.max(1, Math.min(jobs, exact.length)) }, work));
    return { tables: exact.length, rows, estimated: manifest.tables.length - exact.length, faults: faults.sort() };
}

async function rowsOf(
    client: Client,
    { schema, name }: { readonly schema: string; readonly name: string },
): Promise<number | undefined> {
    try {
        const { rows } = await client.query<{ n: string }>(
            `SELECT count(*) AS n FROM ONLY ${client.escapeIdentifier(schema)}.${client.escapeIdentifier(name)}`,
        );
        return Number(rows[0]?.n ?? 0);
    } catch (error) {
        if (["42P01", "3F000"].includes(String((error as { code?: unknown }).code))) return undefined;
        throw error;
    }
}
