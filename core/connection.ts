import { execFile } from "node:child_process";
import { Socket } from "node:net";
import { promisify } from "node:util";
import type { Client as PgClient, ClientConfig } from "pg";
import { type CertificateFiles, certificateFiles, libpqTls } from "./libpq-tls";
import { BadInputError, FailedError } from "./errors";

interface Role {
    /** Role that scripts run as (SET ROLE); absent: the one that logs in. */
    readonly role?: string;
}

/**
 * Where the database's URL comes from: a reference, so that no password enters a stack's state and a rotated one is no
 * change. It is resolved anew at each connect. `url` is for the command's `--url` alone.
 */
export type ConnectionReference = Role &
    (
        | {
              /** Name of an environment variable that holds the URL. */ readonly env: string;
          }
        | {
              /** A command and its arguments, run without a shell; its first line of output is the URL. */
              readonly command: readonly string[];
          }
        | { readonly url: string }
    );

/** What libpq's own tools need; the password goes through the environment, never through arguments. */
export type LibpqEnvironment = Readonly<Record<string, string>>;

/** A way to one database. Holds no open connection itself. */
export interface Database {
    readonly role: string | undefined;
    /**
     * Opens one connection.
     * @param purpose shown in pg_stat_activity as `schemaward <purpose>`
     * @throws FailedError when nothing answers, BadInputError when the reference is wrong; neither names the password
     */
    connect(purpose: string, options?: ConnectOptions): Promise<PgClient>;
    /** `host:port/database` for people. */
    describe(): Promise<string>;
    /** Environment for pg_dump and its kin. */
    libpq(database?: string): Promise<LibpqEnvironment>;
    /** The same server and login, another database. */
    sibling(database: string): Database;
}

export interface ConnectOptions {
    /** Run-time parameters sent in the start-up packet, so that RESET ALL returns to them. */
    readonly parameters?: Readonly<Record<string, string>>;
    readonly connectTimeoutMs?: number;
    /**
     * Whether a question is sent without waiting for the answers to those before it: for a session that only we use, where an error is
     * no reason not to run what was sent behind it.
     */
    readonly pipeline?: boolean;
    /** Gives up the attempt. */
    readonly signal?: AbortSignal;
}

/** A connection's settings, and where the files of its certificates are, which pg is given the contents of and libpq the paths. */
type Config = ClientConfig & { readonly files: CertificateFiles };

export function openDatabase(reference: ConnectionReference, database?: string): Database {
    const config = async (): Promise<Config> => {
        const parsed = parseUrl(await resolveUrl(reference), sourceOf(reference));
        return database === undefined ? parsed : { ...parsed, database };
    };
    return {
        role: reference.role,
        connect: async (purpose, options) => connect(await config(), purpose, options ?? {}),
        describe: async () => describe(await config()),
        libpq: async (other) => libpqEnvironment(await config(), other),
        sibling: (other) => openDatabase(reference, other),
    };
}

function sourceOf(reference: ConnectionReference): string {
    if ("env" in reference) return `environment variable ${reference.env}`;
    if ("command" in reference) return `output of ${reference.command[0] ?? "the connection command"}`;
    return "--url";
}

async function resolveUrl(reference: ConnectionReference): Promise<string> {
    if ("url" in reference) return reference.url;
    if ("env" in reference) {
        const url = process.env[reference.env];
        if (url !== undefined && url !== "") return url;
        throw new BadInputError({
            what: `The environment variable ${reference.env} is not set, so the database's address is unknown.`,
            where: { object: "connection.env" },
            state: "Nothing was touched.",
            next: `Set ${reference.env} to postgresql://user:password@host:port/database and run again.`,
        });
    }
    const [command, ...args] = reference.command;
    if (command === undefined)
        throw new BadInputError({ what: "connection.command is empty.", next: "Name a command that prints the URL." });
    try {
        const { stdout } = await promisify(execFile)(command, args, { timeout: 30_000 });
        return stdout.split("\n", 1)[0]?.trim() ?? "";
    } catch (error) {
        // Neither the arguments nor the output are shown: both may hold a secret.
        const code = (error as { code?: unknown }).code;
        throw new FailedError({
            what: `The connection command ${command} failed (${String(code)}).`,
            state: "Nothing was touched.",
            next: "Run the command by hand; it must print the database's URL as its first line and exit with 0.",
        });
    }
}

function parseUrl(url: string, source: string): Config {
    const { parse } = require("pg-connection-string") as typeof import("pg-connection-string");
    let options: ReturnType<typeof parse>;
    let sslmode: string | null;
    let files: CertificateFiles;
    try {
        const parsed = new URL(url);
        if (parsed.protocol !== "postgres:" && parsed.protocol !== "postgresql:") throw new Error("protocol");
        sslmode = parsed.searchParams.get("sslmode");
        // sslmode is judged here, in libpq's meaning; pg's own reading of it changes between its versions.
        parsed.searchParams.delete("sslmode");
        files = certificateFiles(parsed.searchParams);
        // libpq's word for the certificates that the system trusts; pg would look for a file of that name.
        if (files.sslrootcert === undefined) parsed.searchParams.delete("sslrootcert");
        options = parse(parsed.toString());
        // pg-connection-string leaves %3D and its like as they are in a database's name.
        const named = decodeURIComponent(parsed.pathname.slice(1));
        if (named !== "") options = { ...options, database: named };
    } catch (error) {
        if (isMissingFile(error))
            throw new BadInputError({
                what: `A file that the ${source} names as sslrootcert, sslcert or sslkey cannot be read: ${error.path} (${error.code}).`,
                state: "Nothing was touched.",
                next: "Correct the path, or let this user read the file.",
            });
        throw new BadInputError({
            what: `The ${source} is no PostgreSQL URL.`,
            state: "Nothing was touched.",
            next: "It must look like postgresql://user:password@host:5432/database?sslmode=verify-full.",
        });
    }
    const host = options.host ?? "localhost";
    return {
        host,
        port: Number(options.port ?? 5432),
        ...(options.user === undefined ? {} : { user: options.user }),
        ...(typeof options.password === "string" ? { password: options.password } : {}),
        database: options.database ?? options.user ?? "postgres",
        ssl: tls(sslmode, host, options.ssl),
        files,
        ...(options.options === undefined ? {} : { options: options.options }),
    };
}

function isMissingFile(error: unknown): error is { code: string; path: string } {
    const { code, path } = error as { code?: unknown; path?: unknown };
    return typeof code === "string" && typeof path === "string";
}

/** TLS is verified unless the URL says otherwise; a server on this machine may do without. */
function tls(sslmode: string | null, host: string, files: unknown): ClientConfig["ssl"] {
    const local = host.startsWith("/") || host === "localhost" || host === "127.0.0.1" || host === "::1";
    const given = typeof files === "object" && files !== null ? files : {};
    switch (sslmode) {
        case "disable":
        case "allow":
            return false;
        case "prefer":
        case null:
            return local ? false : { ...given, rejectUnauthorized: true };
        case "no-verify":
            return { ...given, rejectUnauthorized: false };
        case "verify-ca":
            return { ...given, rejectUnauthorized: true, checkServerIdentity: () => undefined };
        case "require":
        case "verify-full":
            return { ...given, rejectUnauthorized: true };
        default:
            throw new BadInputError({
                what: `sslmode=${sslmode} is unknown.`,
                where: { object: "connection" },
                state: "Nothing was touched.",
                next: "Use disable, require, verify-ca, verify-full or no-verify.",
            });
    }
}

function describe(config: ClientConfig): string {
    return `${config.host ?? ""}:${String(config.port)}/${config.database ?? ""}`;
}

async function connect({ files: _, ...config }: Config, purpose: string, options: ConnectOptions): Promise<PgClient> {
    // The driver is loaded here: a Pulumi program that only declares does without.
    const { Client } = require("./driver.js") as typeof import("./driver");
    const parameters = Object.entries(options.parameters ?? {})
        .map(([name, value]) => `-c ${name}=${value.replace(/[\\ ]/g, "\\$&")}`)
        .join(" ");
    const socket = new Socket();
    const giveUp = (): void => {
        socket.destroy();
    };
    options.signal?.addEventListener("abort", giveUp, { once: true });
    const client = new Client({
        ...config,
        stream: () => socket,
        pipeline: options.pipeline ?? false,
        application_name: `schemaward ${purpose}`,
        connectionTimeoutMillis: options.connectTimeoutMs ?? 15_000,
        keepAlive: true,
        options: [config.options, parameters].filter((o) => o !== undefined && o !== "").join(" "),
    });
    sockets.set(client, socket);
    // A connection that dies while idle must not end the process; the next query on it reports the loss.
    client.on("error", () => undefined);
    try {
        options.signal?.throwIfAborted();
        await client.connect();
        options.signal?.removeEventListener("abort", giveUp);
        return client;
    } catch (error) {
        await client.end().catch(() => undefined);
        throw new FailedError({
            what: `No connection to PostgreSQL at ${describe(config)}: ${messageOf(error)}`,
            state: "Nothing was touched by this connection.",
            next: hintFor(error),
            cause: error,
        });
    }
}

/** Milliseconds for the farewell. */
const endTimeoutMs = 2_000;
const sockets = new WeakMap<PgClient, Socket>();

/** Ends a connection of `Database.connect`, also one whose server has stopped answering. */
export async function disconnect(client: PgClient): Promise<void> {
    const cut = setTimeout(() => sockets.get(client)?.destroy(), endTimeoutMs).unref();
    await client.end().catch(() => undefined);
    clearTimeout(cut);
}

/**
 * Says goodbye on a connection of `Database.connect` and waits for no answer, which would be the longest wait of a short command: for one that
 * holds nothing.
 */
export function leave(client: PgClient): void {
    sockets.get(client)?.unref();
    void disconnect(client);
}

function hintFor(error: unknown): string {
    const message = messageOf(error);
    if (message.includes("does not support SSL"))
        return "The server speaks no TLS. If that is meant to be, say sslmode=disable in the URL.";
    if (/certificate|self[- ]signed/i.test(message))
        return "Give the CA with sslrootcert=FILE in the URL, or correct the server's certificate.";
    if ((error as { code?: unknown }).code === "28P01")
        return "Check the user and the password the connection refers to.";
    if (message.includes("not currently accepting connections"))
        return "If a restore of it was killed in this moment: run that restore again, or pulumi up, and it goes on. Else: ALTER DATABASE … ALLOW_CONNECTIONS true, in another database.";
    return "Check that the server runs and that host, port and database are right.";
}

function messageOf(error: unknown): string {
    if (error instanceof AggregateError && error.message === "")
        return error.errors.map((e) => messageOf(e)).join("; ");
    return error instanceof Error ? error.message : String(error);
}

async function libpqEnvironment(config: Config, database: string | undefined): Promise<LibpqEnvironment> {
    return {
        PGHOST: config.host ?? "localhost",
        PGPORT: String(config.port ?? 5432),
        PGDATABASE: database ?? config.database ?? "postgres",
        ...(config.user === undefined ? {} : { PGUSER: config.user }),
        ...(typeof config.password === "string" ? { PGPASSWORD: config.password } : {}),
        ...(await libpqTls(config.ssl, config.files)),
    };
}
