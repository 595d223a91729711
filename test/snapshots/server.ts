import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { openDatabase, type Database } from "../../core/connection";
import { findPgTool } from "../../core/pg-tools";

const run = promisify(execFile);

/** The password of the one role; hunted for by the canary tests. */
export const canary = "c4nary:Sn4p/sh0t@%zebra";

export interface Server {
    url(database: string): string;
    database(name: string): Database;
    /** Absolute path of a client program of the server's own version. */
    tool(name: "pg_dump" | "pg_restore" | "psql"): string;
    readonly env: Readonly<Record<string, string>>;
    stop(): Promise<void>;
}

/** A PostgreSQL of this machine on a free port, with its own data folder, asking for a password. */
export async function startServer(): Promise<Server> {
    const dump = await findPgTool("pg_dump", 14);
    if (dump === undefined) throw new Error("no pg_dump");
    const bin = path.dirname(dump);
    const as: { uid?: number; gid?: number } = process.getuid?.() === 0 ? await idsOf("postgres") : {};
    const home = await mkdtemp(path.join(os.tmpdir(), "schemaward-snapshots-"));
    const data = path.join(home, "data");
    const passwordFile = path.join(home, "password");
    await writeFile(passwordFile, canary);
    if (as.uid !== undefined && as.gid !== undefined)
        for (const f of [home, passwordFile]) await chown(f, as.uid, as.gid);
    await run(
        path.join(bin, "initdb"),
        ["-D", data, "-U", "owner", "-A", "scram-sha-256", `--pwfile=${passwordFile}`, "-N"],
        {
            ...as,
            cwd: home,
        },
    );
    const port = await freePort();
    const args = ["-D", data, "-p", String(port), "-h", "127.0.0.1", "-k", "", "-F", "-c", "max_connections=30"];
    const child = spawn(path.join(bin, "postgres"), args, { ...as, cwd: home, stdio: "ignore" });
    const gone = once(child, "exit");
    const url = (database: string): string =>
        `postgresql://owner:${encodeURIComponent(canary)}@127.0.0.1:${String(port)}/${database}`;
    const database = (name: string): Database => openDatabase({ url: url(name) });
    const deadline = Date.now() + 30_000;
    for (;;) {
        try {
            await (await database("postgres").connect("test")).end();
            break;
        } catch (error) {
            if (Date.now() > deadline || child.exitCode !== null) throw error;
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
    }
    return {
        url,
        database,
        tool: (name) => path.join(bin, name),
        env: { PGHOST: "127.0.0.1", PGPORT: String(port), PGUSER: "owner", PGPASSWORD: canary },
        stop: async () => {
            child.kill("SIGINT");
            await gone;
            await rm(home, { recursive: true });
        },
    };
}

async function idsOf(user: string): Promise<{ uid: number; gid: number }> {
    const [uid, gid] = await Promise.all(
        ["-u", "-g"].map(async (flag) => Number((await run("id", [flag, user])).stdout)),
    );
    return { uid: uid ?? 0, gid: gid ?? 0 };
}

async function freePort(): Promise<number> {
    const server = net.createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as net.AddressInfo;
    server.close();
    await once(server, "close");
    return port;
}
