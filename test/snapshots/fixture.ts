import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import type { Client } from "pg";
import type { Database } from "../../core/connection";
import type { SnapshotRequest } from "../../core/snapshots/take";
import type { SnapshotStore } from "../../core/snapshots/store";

/** About 10 MB that do not compress, so that a dump does not fit into the buffers between pg_dump and a store. */
export const fixture = `
    CREATE SCHEMA "odd schema";
    CREATE TABLE orders (id int PRIMARY KEY, note text NOT NULL, body bytea NOT NULL);
    ALTER TABLE orders ALTER body SET STORAGE EXTERNAL;
    INSERT INTO orders SELECT i, 'order ' || i,
           (SELECT string_agg(sha256((i || '-' || j)::bytea), '') FROM generate_series(1, 100) j) FROM generate_series(1, 3000) i;
    CREATE TABLE "odd schema"."Odd ""name""" (id int);
    INSERT INTO "odd schema"."Odd ""name""" SELECT generate_series(1, 7);
    CREATE TABLE empty_one (id int);
    CREATE TABLE events (day date NOT NULL, n int) PARTITION BY RANGE (day);
    CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
    INSERT INTO events SELECT date '2024-06-01' + i, i FROM generate_series(0, 299) i;
    CREATE MATERIALIZED VIEW totals AS SELECT count(*) FROM orders;
`;

export const fixtureRows: Readonly<Record<string, number>> = {
    'odd schema.Odd "name"': 7,
    "public.empty_one": 0,
    "public.events_2024": 214,
    "public.events_2025": 86,
    "public.orders": 3000,
};

export async function withClient<T>(database: Database, work: (client: Client) => Promise<T>): Promise<T> {
    const client = await database.connect("test");
    try {
        return await work(client);
    } finally {
        await client.end();
    }
}

/** A hash of each table's rows. */
export async function contentOf(database: Database): Promise<Record<string, string>> {
    return withClient(database, async (client) => {
        const { rows } = await client.query<{ name: string }>(
            `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
              WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`,
        );
        const content: Record<string, string> = {};
        for (const { name } of rows) {
            const { rows: hash } = await client.query<{ h: string }>(
                `SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') AS h FROM ${name} t`,
            );
            content[name] = hash[0]?.h ?? "";
        }
        return content;
    });
}

export function request(
    database: Database,
    store: SnapshotStore,
    more: Partial<SnapshotRequest> = {},
): SnapshotRequest {
    return {
        database,
        store,
        declarer: { project: "physioflow", stack: "prod", environment: "prod" },
        set: "physioflow",
        app: "1.3.0",
        from: "027",
        to: "024",
        applied: [{ version: "027", checksum: "c".repeat(64) }],
        ...more,
    };
}

/**
 * The same store with something happening while it is written to.
 * @param bytes of the dump that have passed when `midStream` is called
 */
export function hooked(
    store: SnapshotStore,
    hooks: { readonly before?: (name: string) => Promise<void>; readonly midStream?: (name: string) => Promise<void> },
    bytes = 200_000,
): SnapshotStore {
    return {
        url: store.url,
        probe: async () => store.probe(),
        get: async (name) => store.get(name),
        list: async () => store.list(),
        delete: async (name) => store.delete(name),
        put: async (name, body) => {
            await hooks.before?.(name);
            return store.put(
                name,
                name.endsWith(".dump") ? withPause(body, bytes, async () => hooks.midStream?.(name)) : body,
            );
        },
    };
}

/** Waits for `pause` once, after so many bytes. */
function withPause(body: Readable, after: number, pause: () => Promise<void>): Readable {
    const pieces = async function* (): AsyncGenerator<Buffer> {
        let bytes = 0;
        let paused = false;
        for await (const chunk of body) {
            bytes += (chunk as Buffer).length;
            if (!paused && bytes >= after) {
                paused = true;
                await pause();
            }
            yield chunk as Buffer;
        }
    };
    return Readable.from(pieces(), { objectMode: false });
}

/** Process ids of a process's children that run the named program. */
export async function childrenNamed(program: string, parent = process.pid): Promise<number[]> {
    const found: number[] = [];
    for (const pid of (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry))) {
        const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
        const mine = status.includes(`\nPPid:\t${String(parent)}\n`);
        if (mine && status.startsWith(`Name:\t${program}\n`) && !status.includes("State:\tZ")) found.push(Number(pid));
    }
    return found;
}

/** Everything a folder holds, hidden files included. */
export async function filesIn(folder: string): Promise<{ name: string; content: Buffer }[]> {
    const names = await readdir(folder).catch(() => []);
    return Promise.all(names.sort().map(async (name) => ({ name, content: await readFile(path.join(folder, name)) })));
}
