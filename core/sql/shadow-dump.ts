import { spawn } from "node:child_process";
import type { Client } from "pg";
import { clientEnvironment } from "../client-environment";
import type { Database, LibpqEnvironment } from "../connection";
import { findPgTool } from "../pg-tools";

/** How many of a dump's objects are made in one transaction: each holds locks, and the server's lock table is shared with everyone. */
const objectsPerTransaction = 200;

/**
 * The schema of a database as SQL, by pg_dump, without owners, tablespaces, subscriptions, security labels and the
 * schema `schemaward`. The password goes through the environment.
 * @returns the SQL, or why there is none
 */
export async function dumpSchema(
    database: Database,
    serverMajor: number,
): Promise<{ readonly sql: string } | { readonly reason: string }> {
    const tool = await findPgTool("pg_dump", serverMajor);
    if (tool === undefined) return { reason: `no pg_dump of version ${serverMajor} or newer was found` };
    const args = ["--schema-only", "--no-owner", "--no-tablespaces", "--no-subscriptions", "--no-security-labels"];
    args.push("--exclude-schema=schemaward", "--lock-wait-timeout=5000", "--encoding=UTF8", "--no-password");
    const { output, errors, code } = await run(tool, args, await database.libpq());
    if (code !== 0) return { reason: `pg_dump failed (${errors.trim().split("\n", 1)[0] ?? ""})` };
    return { sql: forServer(output, serverMajor) };
}

/** Takes out what only psql understands, and settings that an older server does not know. */
function forServer(dump: string, serverMajor: number): string {
    // Since the fixes of August 2025 a dump stands between \restrict and \unrestrict with a random key.
    const key = /^\\restrict (\S+)$/m.exec(dump)?.[1];
    let sql = key === undefined ? dump : dump.replace(`\\restrict ${key}\n`, "").replace(`\\unrestrict ${key}\n`, "");
    if (serverMajor < 17) sql = sql.replace(/^SET transaction_timeout = 0;$/m, "");
    return sql;
}

/** Runs a plain dump, a few hundred objects per transaction. @throws pg's DatabaseError */
export async function runDump(client: Client, sql: string): Promise<void> {
    // Each object of a dump begins with this comment.
    const parts = sql.split(/^(?=--\n-- Name: .*; Type: .*; Schema: .*; Owner: .*\n--\n)/m);
    for (let i = 0; i < parts.length; i += objectsPerTransaction)
        await client.query(parts.slice(i, i + objectsPerTransaction).join(""));
    await client.query("RESET ALL");
}

function run(
    tool: string,
    args: readonly string[],
    libpq: LibpqEnvironment,
): Promise<{ output: string; errors: string; code: number | null }> {
    return new Promise((resolve, reject) => {
        const child = spawn(tool, args, { env: clientEnvironment(libpq), stdio: ["ignore", "pipe", "pipe"] });
        const output: Buffer[] = [];
        const errors: Buffer[] = [];
        child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
        child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
        child.on("error", reject);
        child.on("close", (code) => {
            resolve({
                output: Buffer.concat(output).toString("utf8"),
                errors: Buffer.concat(errors).toString("utf8"),
                code,
            });
        });
    });
}
