import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Client } from "pg";
import { type LocalPostgres, startPostgres } from "../tools/local-postgres";
import { type LocalS3, s3Server, startS3 } from "../tools/local-s3";
import { type PgBinaries, root } from "../tools/pg-binaries";
import { createDatabase } from "./database";
import { measure, type Measured, median } from "./measure";

/** Gigabytes of tables and indexes, about: the goals are for the last one. */
const sizes = [0.5, 2] as const;

const goals = {
    /** Throughput of a verified snapshot, of `pg_dump -Fc` to nothing. */
    snapshot: 0.9,
    /** Time of a restore, of `pg_restore -j2`. */
    restore: 1.15,
    megabytes: 200,
} as const;

const settings = {
    fsync: "on",
    full_page_writes: "on",
    synchronous_commit: "on",
    shared_buffers: "256MB",
    max_wal_size: "8GB",
    checkpoint_timeout: "1h",
    maintenance_work_mem: "128MB",
    autovacuum: "off",
};

/** Rows as applications have them: numbers, times, words, some JSON; they compress to about a third. */
const rowsSql = (megabytes: number): string => `
    CREATE TABLE visits (id bigint NOT NULL, patient int NOT NULL, at timestamptz NOT NULL, kind text NOT NULL, note text NOT NULL, data jsonb NOT NULL);
    CREATE TABLE readings (id bigint NOT NULL, visit bigint NOT NULL, value numeric(12, 4) NOT NULL, code text NOT NULL, hash text NOT NULL);
    INSERT INTO visits SELECT i, (random() * 100000)::int, timestamptz '2020-01-01' + i * interval '7 s', (ARRAY['first', 'follow-up', 'phone', 'group'])[1 + i % 4],
        'visit ' || i || ' ' || md5(i::text) || ' ' || repeat('pain in the lower back, ', (i % 7)::int), jsonb_build_object('score', i % 10, 'by', md5((i % 500)::text), 'ok', i % 3 = 0)
      FROM generate_series(1, ${Math.round(megabytes * 1450)}::bigint) i;
    INSERT INTO readings SELECT i, i % ${Math.round(megabytes * 1450)}, random() * 1000, 'C' || (i % 900), md5((i * 7)::text) FROM generate_series(1, ${Math.round(megabytes * 4500)}::bigint) i;
    ALTER TABLE visits ADD PRIMARY KEY (id); CREATE INDEX ON visits (patient, at);
    ALTER TABLE readings ADD PRIMARY KEY (id); CREATE INDEX ON readings (visit);
    ANALYZE; CHECKPOINT`;

/**
 * Snapshots of large databases into an S3 server on the same machine, verification included, beside pg_dump that writes nowhere; and restores from
 * there beside pg_restore from a local file. In turn.
 * @returns whether every goal was reached
 */
export async function benchSnapshots(binaries: PgBinaries, rounds: number): Promise<boolean> {
    const prepared = await s3Server.prepare();
    if (prepared.state !== "ready") {
        console.log(`snapshots: not measured, ${prepared.why}`);
        return false;
    }
    let all = true;
    console.log(`snapshots and restores, ${String(rounds)} rounds, PostgreSQL ${binaries.version}, fsync on\n`);
    for (const gigabytes of sizes) {
        const times = await atSize(binaries, gigabytes, rounds);
        const isLast = gigabytes === sizes.at(-1);
        const of = (list: readonly Measured[]): number => median(list.map((m) => m.seconds));
        const peak = Math.max(...[...times.create, ...times.restore].map((m) => m.peakMegabytes ?? 0));
        const throughput = of(times.dump) / of(times.create);
        const slower = of(times.restore) / of(times.plain);
        const verdict = (reached: boolean): string => (!isLast ? "" : reached ? "reached" : "NOT reached");
        const print = (what: string, value: string, goal: string, reached: boolean): void => {
            if (isLast) all &&= reached;
            console.log(
                `${`${times.size}  ${what}`.padEnd(58)} ${value.padStart(22)}   goal ${goal}   ${verdict(reached)}`,
            );
        };
        print(
            "snapshot / pg_dump -Fc to nothing, throughput",
            `${throughput.toFixed(2)} × (${of(times.create).toFixed(1)} / ${of(times.dump).toFixed(1)} s)`,
            `≥ ${String(goals.snapshot)}`,
            throughput >= goals.snapshot,
        );
        print(
            "restore / pg_restore -j2, time",
            `${slower.toFixed(2)} × (${of(times.restore).toFixed(1)} / ${of(times.plain).toFixed(1)} s)`,
            `≤ ${String(goals.restore)}`,
            slower <= goals.restore,
        );
        print(
            "peak memory of ours",
            `${peak.toFixed(0)} MB`,
            `≤ ${String(goals.megabytes)} MB`,
            peak <= goals.megabytes,
        );
    }
    return all;
}

interface Times {
    /** `2.1 GB`. */
    readonly size: string;
    readonly dump: Measured[];
    readonly create: Measured[];
    readonly plain: Measured[];
    readonly restore: Measured[];
}

async function atSize(binaries: PgBinaries, gigabytes: number, rounds: number): Promise<Times> {
    const dir = mkdtempSync(path.join(os.tmpdir(), "schemaward-bench-"));
    let server: LocalPostgres | undefined;
    let s3: LocalS3 | undefined;
    try {
        server = await startPostgres(binaries, { settings });
        s3 = await startS3();
        await makeBucket(s3);
        const world = { server, s3, dir, binaries };
        await createDatabase(server, "bench");
        await query(server, "bench", rowsSql(gigabytes * 1024));
        const [[bytes = "0"] = []] = await query(server, "postgres", "SELECT pg_database_size('bench')");
        const times: Times = {
            size: `${(Number(bytes) / 1e9).toFixed(1)} GB`,
            ...{ dump: [], create: [], plain: [], restore: [] },
        };
        const local = path.join(dir, "local.dump");
        await pgTool(world, "pg_dump", ["-Fc", "-f", local, "bench"]);
        // The first round warms up server and file system.
        for (let round = 0; round <= rounds; round++) {
            const { dump, create, plain, restore }: Times =
                round === 0 ? { size: "", dump: [], create: [], plain: [], restore: [] } : times;
            dump.push(await pgTool(world, "pg_dump", ["-Fc", "--no-sync", "-f", os.devNull, "bench"]));
            create.push(await ours(world, ["snapshot", "create", "--label", `r${String(round)}`]));
            await createDatabase(server, "plain");
            plain.push(await pgTool(world, "pg_restore", ["-j2", "--exit-on-error", "-d", "plain", local]));
            await query(server, "postgres", "DROP DATABASE plain");
            restore.push(
                await ours(world, [
                    ...["snapshot", "restore", "latest", "--yes", "--allow-data-loss", "--jobs", "2"],
                    "--no-emergency-snapshot",
                ]),
            );
            const [[kept = ""] = []] = await query(
                server,
                "postgres",
                "SELECT datname FROM pg_database WHERE datname LIKE 'bench_before_%'",
            );
            await query(server, "postgres", `DROP DATABASE "${kept}"`);
            await query(server, "postgres", "CHECKPOINT");
            console.log(
                `round ${String(round)}  pg_dump ${shown(dump)}  snapshot ${shown(create)}  pg_restore ${shown(plain)}  restore ${shown(restore)}`,
            );
        }
        return times;
    } finally {
        await s3?.stop();
        await server?.stop();
        rmSync(dir, { recursive: true, force: true });
    }
}

interface World {
    readonly server: LocalPostgres;
    readonly s3: LocalS3;
    readonly dir: string;
    readonly binaries: PgBinaries;
}

function shown(list: readonly Measured[]): string {
    const last = list.at(-1);
    return `${(last?.seconds ?? 0).toFixed(1)} s (${(last?.peakMegabytes ?? 0).toFixed(0)} MB)`;
}

async function pgTool({ server, dir, binaries }: World, tool: string, args: readonly string[]): Promise<Measured> {
    const { port, user, password } = server;
    const env = { ...process.env, PGHOST: "127.0.0.1", PGPORT: String(port), PGUSER: user, PGPASSWORD: password };
    return measure(path.join(binaries.dir, tool), args, { cwd: dir, env });
}

async function ours({ server, s3, dir, binaries }: World, args: readonly string[]): Promise<Measured> {
    const store = `s3://bench/snapshots?endpoint=${encodeURIComponent(s3.endpoint)}&region=${s3.region}`;
    return measure(
        process.execPath,
        [path.join(root, "dist", "cli", "main.js"), ...args, "--store", store, "--environment", "bench"],
        {
            cwd: dir,
            env: {
                ...process.env,
                AWS_ACCESS_KEY_ID: s3.accessKeyId,
                AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
                SCHEMAWARD_PG_BIN: binaries.dir,
                DATABASE_URL: `${server.url("bench")}?sslmode=disable`,
            },
        },
    );
}

async function makeBucket(s3: LocalS3): Promise<void> {
    const { S3 } = await import("@aws-sdk/client-s3");
    const client = new S3({
        endpoint: s3.endpoint,
        region: s3.region,
        forcePathStyle: true,
        credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey },
    });
    await client.createBucket({ Bucket: "bench" });
    client.destroy();
}

async function query(server: LocalPostgres, database: string, sql: string): Promise<string[][]> {
    const client = new Client({ connectionString: server.url(database) });
    await client.connect();
    try {
        const { rows } = await client.query<string[]>({ text: sql, rowMode: "array" });
        return rows;
    } finally {
        await client.end();
    }
}
