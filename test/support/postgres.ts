import { randomBytes } from "node:crypto";
import { Client } from "pg";
import { openDatabase, type Database } from "../../core/connection";
import { type LocalPostgres, startPostgres } from "../../tools/local-postgres";
import { findPgBinaries, type PgBinaries } from "../../tools/pg-binaries";

/** The superuser's password in tests; hunted for wherever no password may be. */
export const canary = "c4nary:Sn4p/sh0t@%zebra";

/** A server for tests, and databases on it. */
export interface TestServer extends LocalPostgres {
    /** A way to a database as the core takes it. */
    database(name: string): Database;
    /** Makes an empty database under a new name. @returns the name */
    create(prefix?: string): Promise<string>;
    /** Opens a connection, works, closes it. */
    withClient<T>(database: string, work: (client: Client) => Promise<T>): Promise<T>;
    /** Environment by which PostgreSQL's client programs reach it. */
    readonly env: Readonly<Record<string, string>>;
}

/** The server that most suites run on: one that has pg_dump, if there is any. */
export function anyBinaries(): PgBinaries {
    const [first] = findPgBinaries();
    if (first === undefined) throw new Error("no PostgreSQL server can be started here: run npm ci");
    return first;
}

/** One server for each major version that this machine can start, those with pg_dump preferred. */
export function eachMajor(): readonly PgBinaries[] {
    const majors = new Map<number, PgBinaries>();
    for (const binaries of findPgBinaries()) if (!majors.has(binaries.major)) majors.set(binaries.major, binaries);
    return [...majors.values()].sort((a, b) => a.major - b.major);
}

export async function startTestServer(
    binaries: PgBinaries = anyBinaries(),
    settings: Readonly<Record<string, string>> = {},
    folder?: string,
): Promise<TestServer> {
    const server = await startPostgres(binaries, {
        user: "owner",
        password: canary,
        settings,
        ...(folder === undefined ? {} : { folder }),
    });
    const withClient: TestServer["withClient"] = async (database, work) => {
        const { port, user, password } = server;
        const client = new Client({
            ...{ host: "127.0.0.1", port, user, password, database },
            application_name: "schemaward test",
        });
        await client.connect();
        try {
            return await work(client);
        } finally {
            await client.end();
        }
    };
    return {
        ...server,
        // It changes when the server is started again.
        get pid() {
            return server.pid;
        },
        database: (name) => openDatabase({ url: server.url(name) }),
        create: async (prefix = "db") => {
            const name = `${prefix}_${randomBytes(4).toString("hex")}`;
            await withClient("postgres", async (client) => client.query(`CREATE DATABASE ${name}`));
            return name;
        },
        withClient,
        env: {
            PGHOST: "127.0.0.1",
            PGPORT: String(server.port),
            PGUSER: server.user,
            PGPASSWORD: canary,
            PGSSLMODE: "disable",
        },
    };
}
