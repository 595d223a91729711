import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { Client } from "pg";
import { freePort } from "../../tools/local-postgres";
import type { findPgbouncer } from "../../tools/prepare";
import { eventually } from "./eventually";
import type { TestServer } from "./postgres";

/** A PgBouncer before a server; it drops start-up options, which is how most are set up. */
export interface Bouncer {
    readonly url: (database: string) => string;
    readonly stop: () => Promise<void>;
}

/** @param more lines of its settings */
export async function startBouncer(
    bouncer: NonNullable<ReturnType<typeof findPgbouncer>>,
    server: TestServer,
    mode: "session" | "transaction",
    more = "",
): Promise<Bouncer> {
    const home = await mkdtemp(path.join(os.tmpdir(), "schemaward-bouncer-"));
    const port = await freePort();
    const ini = path.join(home, "pgbouncer.ini");
    await writeFile(path.join(home, "users"), `"owner" "${server.password}"\n`);
    await writeFile(
        ini,
        `[databases]\n* = host=127.0.0.1 port=${server.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}\n` +
            `auth_type = scram-sha-256\nauth_file = ${home}/users\npool_mode = ${mode}\nignore_startup_parameters = options,extra_float_digits\nunix_socket_dir =\n${more}`,
    );
    if (process.getuid?.() === 0) await promisify(execFile)("chmod", ["-R", "a+rX", home]);
    const child = spawn(bouncer.file, ["-q", ...(process.getuid?.() === 0 ? ["-u", "nobody"] : []), ini], {
        stdio: "ignore",
        env: bouncer.env,
    });
    const gone = once(child, "exit");
    const url = (database: string): string => {
        const own = new URL(server.url(database));
        own.port = String(port);
        return own.toString();
    };
    await eventually(async () => {
        const client = new Client({ connectionString: url("postgres") });
        return client.connect().then(
            async () => client.end().then(() => true),
            () => false,
        );
    });
    return {
        url,
        stop: async () => {
            child.kill("SIGTERM");
            await gone;
            await rm(home, { recursive: true });
        },
    };
}
