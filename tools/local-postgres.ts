import { execFile, execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { Client } from "pg";
import type { PgBinaries } from "./pg-binaries";

const run = promisify(execFile);

export interface LocalPostgresOptions {
    /** Name of the superuser; default `postgres`. */
    readonly user?: string;
    /** Its password; default a random one. */
    readonly password?: string;
    /** Settings as postgres -c takes them. fsync is off unless given. */
    readonly settings?: Readonly<Record<string, string>>;
    /** Folder for the one with its files, which other users may enter; default that for temporary files. */
    readonly folder?: string;
}

/** A server of one's own: a free port of the loopback, its own data folder, password authentication. */
export interface LocalPostgres {
    readonly binaries: PgBinaries;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    /** The postmaster's process. */
    readonly pid: number;
    /** The folder of all its files. */
    readonly home: string;
    /** URL as another role, if one is given. */
    url(database: string, role?: { readonly user: string; readonly password: string }): string;
    /** Ends it (fast shutdown) and removes its files. */
    stop(): Promise<void>;
    /** Kills it as a power cut would. */
    kill(): Promise<void>;
    /** Starts it again on the same port and data after `kill`. */
    restart(): Promise<void>;
}

/** Starts a PostgreSQL server and waits until it answers. */
export async function startPostgres(binaries: PgBinaries, options: LocalPostgresOptions = {}): Promise<LocalPostgres> {
    const user = options.user ?? "postgres";
    const password = options.password ?? randomBytes(12).toString("hex");
    const as = serverUser();
    const bin = reachable(binaries, as);
    const home = await mkdtemp(path.join(options.folder ?? os.tmpdir(), "schemaward-pg-"));
    const data = path.join(home, "data");
    const passwordFile = path.join(home, "password");
    await writeFile(passwordFile, password, { mode: 0o600 });
    if (as !== undefined) for (const file of [home, passwordFile]) await chown(file, as.uid, as.gid);
    await run(
        path.join(bin, "initdb"),
        [
            "-D",
            data,
            "-U",
            user,
            "-A",
            "scram-sha-256",
            `--pwfile=${passwordFile}`,
            "-N",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ],
        { ...as, cwd: home },
    );
    await rm(passwordFile);
    const port = await freePort();
    const settings = {
        fsync: "off",
        full_page_writes: "off",
        synchronous_commit: "off",
        max_connections: "40",
        shared_buffers: "64MB",
        ...options.settings,
    };
    const args = ["-D", data, "-p", String(port), "-h", "127.0.0.1", "-k", ""].concat(
        Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    );
    const url: LocalPostgres["url"] = (database, role) =>
        `postgresql://${encodeURIComponent(role?.user ?? user)}:${encodeURIComponent(role?.password ?? password)}` +
        `@127.0.0.1:${port}/${encodeURIComponent(database)}`;
    const launch = async (): Promise<Running> => {
        const child = spawn(path.join(bin, "postgres"), args, {
            ...as,
            cwd: home,
            stdio: ["ignore", "ignore", "pipe"],
        });
        let log = "";
        child.stderr.setEncoding("utf8").on("data", (text: string) => {
            log = (log + text).slice(-20_000);
        });
        const gone = once(child, "exit");
        await answers(url("postgres"), () =>
            child.exitCode === null ? undefined : `PostgreSQL ended with ${child.exitCode}:\n${log}`,
        );
        return {
            pid: child.pid ?? 0,
            end: async (signal) => {
                child.kill(signal);
                await gone;
            },
        };
    };
    let running = await launch();
    return {
        binaries,
        port,
        user,
        password,
        home,
        url,
        get pid() {
            return running.pid;
        },
        stop: async () => {
            await running.end("SIGINT");
            await rm(home, { recursive: true, force: true });
        },
        kill: async () => {
            // Immediate shutdown: no checkpoint, no goodbye to clients; the next start recovers from the log.
            await running.end("SIGQUIT");
        },
        restart: async () => {
            running = await launch();
        },
    };
}

interface Running {
    readonly pid: number;
    end(signal: NodeJS.Signals): Promise<void>;
}

/** A hot standby of a server; undefined where the binaries lack pg_basebackup. */
export async function startStandby(
    primary: LocalPostgres,
): Promise<{ url(database: string): string; stop(): Promise<void> } | undefined> {
    const as = serverUser();
    const bin = reachable(primary.binaries, as);
    if (!existsSync(path.join(bin, "pg_basebackup"))) return undefined;
    const home = await mkdtemp(path.join(os.tmpdir(), "schemaward-standby-"));
    const data = path.join(home, "data");
    if (as !== undefined) await chown(home, as.uid, as.gid);
    const { user, password } = primary;
    await run(
        path.join(bin, "pg_basebackup"),
        ["-D", data, "-R", "-X", "stream", "-c", "fast", "-h", "127.0.0.1", "-p", String(primary.port), "-U", user],
        { ...as, cwd: home, env: { ...process.env, PGPASSWORD: password } },
    );
    const port = await freePort();
    const child = spawn(
        path.join(bin, "postgres"),
        ["-D", data, "-p", String(port), "-h", "127.0.0.1", "-k", "", "-F", "-c", "max_connections=40"],
        { ...as, cwd: home, stdio: "ignore" },
    );
    const gone = once(child, "exit");
    const url = (database: string): string => {
        const address = new URL(primary.url(database));
        address.port = String(port);
        return address.toString();
    };
    await answers(url("postgres"), () => (child.exitCode === null ? undefined : "the standby ended"));
    return {
        url,
        stop: async () => {
            child.kill("SIGINT");
            await gone;
            await rm(home, { recursive: true, force: true });
        },
    };
}

/** PostgreSQL refuses to run as root: then another user's ids. */
function serverUser(): { uid: number; gid: number } | undefined {
    if (process.getuid?.() !== 0) return undefined;
    for (const name of ["postgres", "nobody"]) {
        try {
            const id = (flag: string): number => Number(execFileSync("id", [flag, name], { encoding: "utf8" }));
            return { uid: id("-u"), gid: id("-g") };
        } catch {
            continue;
        }
    }
    return { uid: 65_534, gid: 65_534 };
}

/** The binaries' folder, or a copy of it where that other user may not go (a checkout in root's home). */
function reachable(binaries: PgBinaries, as: { uid: number; gid: number } | undefined): string {
    if (as === undefined) return binaries.dir;
    try {
        execFileSync(path.join(binaries.dir, "postgres"), ["--version"], { ...as, stdio: "ignore" });
        return binaries.dir;
    } catch {
        const install = whole(binaries);
        const key = createHash("sha256")
            .update(`${install} ${binaries.version} ${statSync(install).ino}`)
            .digest("hex");
        const copy = path.join(os.tmpdir(), `schemaward-postgres-${binaries.major}-${key.slice(0, 12)}`);
        if (!existsSync(copy)) {
            const half = mkdtempSync(`${copy}-`);
            cpSync(install, half, { recursive: true, verbatimSymlinks: true });
            execFileSync("chmod", ["-R", "a+rX", half]);
            try {
                renameSync(half, copy);
            } catch (error) {
                // Another process was faster.
                rmSync(half, { recursive: true });
                if (!existsSync(copy)) throw error;
            }
        }
        return path.join(copy, path.relative(install, binaries.dir));
    }
}

/** The folder that an installation needs with all that is in it: that of the Python package has its libraries two floors up. */
function whole({ dir }: PgBinaries): string {
    const above = path.resolve(dir, "..", "..", "..");
    return existsSync(path.join(above, "embedded_postgres.libs")) ? above : path.dirname(dir);
}

async function answers(url: string, dead: () => string | undefined): Promise<void> {
    const deadline = Date.now() + 60_000;
    for (;;) {
        const client = new Client({ connectionString: url });
        try {
            await client.connect();
            await client.end();
            return;
        } catch (error) {
            await client.end().catch(() => undefined);
            const why = dead();
            if (why !== undefined) throw new Error(why);
            if (Date.now() > deadline) throw error;
            await new Promise((resolve) => setTimeout(resolve, 30));
        }
    }
}

/** A port of the loopback that nobody listens on now. */
export async function freePort(): Promise<number> {
    const server = net.createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as net.AddressInfo;
    server.close();
    await once(server, "close");
    return port;
}
