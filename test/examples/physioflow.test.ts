import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Client } from "pg";
import { isOwnRowMaintenance } from "../../core/history/own-row";
import { compareCatalogs, readCatalog, toObjects, fromObjects, type Catalog } from "../../core/sql/catalog";
import { shapeScript } from "../../core/sql/script";
import { splitScript } from "../../core/sql/split";
import { type CommandResult, startProcess } from "../support/command";
import { eachMajor, startTestServer, type TestServer } from "../support/postgres";
import { skip } from "../support/skip";
import {
    between,
    dataFiles,
    downOf,
    loadMigrations,
    migrations,
    migrationsDir,
    recordAsPhysioflow,
    withoutOwnRows,
} from "./physioflow-files";
import { made } from "./physioflow-made";

before(loadMigrations);

describe("the physioflow example", () => {
    it("is 001 to 027, each with its rollback", () => {
        const expected = Array.from({ length: 27 }, (_, i) => String(i + 1).padStart(3, "0"));
        assert.deepEqual(
            migrations.map((m) => m.version),
            expected,
        );
        for (const migration of migrations)
            assert.equal(downOf(migration).file, `rollback/${migration.version}_down.sql`);
    });

    it("has only scripts that parse and are one transaction each", async () => {
        for (const { up, down } of migrations) {
            for (const script of [up, down]) {
                assert(script !== undefined);
                const shape = shapeScript(await splitScript(script.sql, script.file), script.sql, script.file);
                assert.deepEqual([shape.units.length, shape.units[0]?.transactional], [1, true], script.file);
            }
        }
        for (const file of Object.values(dataFiles)) await splitScript(readFileSync(file, "utf8"), file);
    });

    it("says BEGIN and keeps its own row in some scripts, and not in others, as people do", async () => {
        const counts = { begin: 0, noBegin: 0, ownRow: 0, noOwnRow: 0 };
        for (const migration of migrations) {
            for (const script of [migration.up, downOf(migration)]) {
                counts[/^begin;/im.test(script.sql) ? "begin" : "noBegin"]++;
                const statements = await splitScript(script.sql, script.file);
                counts[statements.some((s) => isOwnRowMaintenance(s, migration, "public")) ? "ownRow" : "noOwnRow"]++;
            }
        }
        for (const [what, count] of Object.entries(counts)) assert(count >= 10, `${what}: ${count}`);
    });

    it("touches schema_migrations only in its own rows, save where it is made, changed and dropped", async () => {
        const others = new Set<string>();
        for (const migration of migrations) {
            for (const script of [migration.up, downOf(migration)]) {
                for (const statement of await splitScript(script.sql, script.file))
                    if (
                        statement.sql.includes("schema_migrations") &&
                        !isOwnRowMaintenance(statement, migration, "public")
                    )
                        others.add(script.file);
            }
        }
        assert.deepEqual(
            [...others].sort(),
            [
                "001_initial_schema.sql",
                "026_version_column.sql",
                "rollback/001_down.sql",
                "rollback/026_down.sql",
            ].sort(),
        );
    });
});

/** A hash of the rows of each table, by server: they are to be the same everywhere. */
const contents = new Map<number, Readonly<Record<string, string>>>();

for (const binaries of eachMajor()) {
    describe(`the physioflow example on PostgreSQL ${binaries.major}`, function () {
        this.timeout(120_000);
        const psql = findPsql(binaries.dir);
        let server: TestServer;
        /** At 027 with all rows; never changed, only copied. */
        let full: string;
        /** The catalog before a migration, by version, and after the last. */
        const catalogs = new Map<string, Catalog>();
        let loadedInMs = 0;

        before(async () => {
            server = await startTestServer(binaries);
            full = await server.create("physioflow");
            for (const migration of migrations) {
                catalogs.set(migration.version, await catalogOf(full));
                await runWhole(full, path.join(migrationsDir, migration.up.file));
                await server.withClient(full, async (client) => recordAsPhysioflow(client, migration));
            }
            catalogs.set("end", await catalogOf(full));
            const started = Date.now();
            for (const file of Object.values(dataFiles)) await runWhole(full, file);
            loadedInMs = Date.now() - started;
        });
        after(async () => server.stop());

        /** Runs a file as a person would: with psql where it is, else as one simple query. */
        async function runWhole(database: string, file: string): Promise<void> {
            if (psql === undefined) {
                await server.withClient(database, async (client) => client.query(readFileSync(file, "utf8")));
                return;
            }
            const { code, stderr } = await runPsql(psql, database, ["-q", "-v", "ON_ERROR_STOP=1", "-f", file]);
            assert.equal(code, 0, stderr);
        }

        async function runPsql(program: string, database: string, args: readonly string[]): Promise<CommandResult> {
            return startProcess(program, ["-X", "-d", database, ...args], { cwd: migrationsDir, env: server.env }).done;
        }

        async function copyOf(database: string): Promise<string> {
            const name = `${database}_${Math.random().toString(36).slice(2, 10)}`;
            await server.withClient("postgres", async (client) =>
                client.query(`CREATE DATABASE ${name} TEMPLATE ${database}`),
            );
            return name;
        }

        async function catalogOf(database: string): Promise<Catalog> {
            return server.withClient(database, plainCatalog);
        }

        function beforeOf(version: string): Catalog {
            const catalog = catalogs.get(version);
            assert(catalog !== undefined);
            return catalog;
        }

        function afterOf(version: string): Catalog {
            return beforeOf(migrations[migrations.findIndex((m) => m.version === version) + 1]?.version ?? "end");
        }

        it("makes what the procedures say, migration by migration", () => {
            for (const { version } of migrations) {
                const added = compareCatalogs(beforeOf(version), afterOf(version))
                    .filter((d) => d.change === "added")
                    .map((d) => `${d.object.kind} ${d.object.name}`);
                for (const object of made[version] ?? []) assert(added.includes(object), `${version}: ${object}`);
            }
        });

        it("keeps 006, 007, 010 and 011 free of other migrations' tables, and ties 008 and 009 to the clinical schema", () => {
            const tablesOf = (version: string): Set<string> =>
                new Set(
                    compareCatalogs(beforeOf(version), afterOf(version))
                        .filter((d) => d.change === "added" && ["table", "partition"].includes(d.object.kind))
                        .map((d) => d.object.name),
                );
            const referredBy = (version: string): string[] => {
                const own = tablesOf(version);
                return afterOf(version)
                    .objects.filter((o) => o.kind === "constraint" && own.has(o.of ?? ""))
                    .flatMap((o) => /REFERENCES (?:public\.)?(\w+)/.exec(o.definition)?.[1] ?? [])
                    .filter((table) => !own.has(table));
            };
            for (const version of ["006", "007", "010", "011"]) assert.deepEqual(referredBy(version), [], version);
            const clinical = tablesOf("004");
            for (const version of ["008", "009"])
                assert(
                    referredBy(version).some((t) => clinical.has(t)),
                    version,
                );
        });

        it("has at least 1,000 rows or values wherever a rollback loses some", async () => {
            const few = await server.withClient(full, async (client) => {
                const found: string[] = [];
                for (const { version } of migrations) {
                    const lost = compareCatalogs(afterOf(version), beforeOf(version)).filter(
                        (d) => d.change === "dropped",
                    );
                    const tables = new Set(lost.filter((d) => isRowHolder(d.object.kind)).map((d) => d.object.name));
                    for (const { object } of lost) {
                        const column = object.kind === "column" && !tables.has(object.of ?? "");
                        if (!column && !tables.has(object.name)) continue;
                        const counted = column ? object.name.split(".")[1] : "*";
                        const table = column ? object.of : object.name;
                        const rows = await numberOf(client, `SELECT count(${counted ?? "*"}) FROM ${table ?? ""}`);
                        if (rows < 1000 && table !== "schema_migrations")
                            found.push(`${version}: ${object.name} ${rows}`);
                    }
                }
                return found;
            });
            assert.deepEqual(few, []);
        });

        it("is small, loads fast, and has reports with something in them", async () => {
            // 4 s on a quiet machine with two cores.
            assert(loadedInMs < 15_000, `${loadedInMs} ms`);
            await server.withClient(full, async (client) => {
                const bytes = await numberOf(client, "SELECT pg_database_size(current_database())");
                assert(bytes < 40 * 1024 * 1024, `${bytes} bytes`);
                for (const [view, rows] of [
                    ["mv_therapist_productivity", 1500],
                    ["mv_diagnosis_statistics", 1500],
                    ["mv_treatment_outcomes", 1000],
                    ["mv_insurance_claims_summary", 1000],
                ] as const) {
                    assert((await numberOf(client, `SELECT count(*) FROM ${view}`)) >= rows, view);
                    assert((await numberOf(client, `SELECT pg_table_size('${view}')`)) >= 65_536, view);
                }
                assert.equal(await numberOf(client, "SELECT count(*) FROM feature_flag_audit_log"), 11_482);
            });
        });

        it("has bills and claims that add up", async () => {
            await server.withClient(full, async (client) => {
                for (const wrong of [
                    "SELECT count(*) FROM invoices i WHERE total_vnd <> (SELECT sum(line_total_vnd) FROM invoice_line_items l WHERE l.invoice_id = i.id)",
                    "SELECT count(*) FROM bhyt_claim_submissions c WHERE claimed_vnd <> (SELECT sum(claimed_vnd) FROM bhyt_claim_items i WHERE i.submission_id = c.id)",
                    "SELECT count(*) FROM payment_transactions p JOIN invoices i ON i.id = p.invoice_id WHERE i.status <> 'paid' OR p.amount_vnd <> i.patient_vnd",
                ])
                    assert.equal(await numberOf(client, wrong), 0, wrong);
            });
        });

        it("finds patients without their diacritics", async () => {
            await server.withClient(full, async (client) => {
                const query =
                    "SELECT count(*) FROM patients WHERE search_vector @@ plainto_tsquery('vietnamese', 'nguyen')";
                assert((await numberOf(client, query)) > 100);
            });
        });

        it("has a rollback for each migration that gives back the schema before", async () => {
            const database = await copyOf(full);
            for (const migration of migrations.toReversed()) {
                const down = downOf(migration);
                const sql = await withoutOwnRows(migration, down);
                await server.withClient(database, async (client) => {
                    await client.query(sql);
                    const left = compareCatalogs(beforeOf(migration.version), await plainCatalog(client));
                    assert.deepEqual(left, [], down.file);
                });
            }
        });

        it("goes back to 012 and forward again over the rows that are left", async () => {
            const database = await copyOf(full);
            await server.withClient(database, async (client) => {
                const way = between("013", "027");
                for (const migration of way.toReversed())
                    await client.query(await withoutOwnRows(migration, downOf(migration)));
                for (const migration of way) await client.query(await withoutOwnRows(migration, migration.up));
                assert.deepEqual(compareCatalogs(beforeOf("end"), await plainCatalog(client)), []);
                assert.equal(await numberOf(client, "SELECT count(*) FROM patients WHERE search_vector IS NULL"), 0);
                assert((await numberOf(client, "SELECT count(*) FROM mv_therapist_productivity")) > 1500);
            });
            await runWhole(database, dataFiles.upTo027);
        });

        it("can be loaded at 024, and comes to the same rows at 027", async () => {
            const database = await server.create("physioflow_024");
            await server.withClient(database, async (client) => {
                for (const { up } of between("001", "024")) await client.query(up.sql);
                await client.query(readFileSync(dataFiles.upTo024, "utf8"));
                for (const { up } of between("025", "027")) await client.query(up.sql);
                await client.query(readFileSync(dataFiles.upTo027, "utf8"));
            });
            const rows = await server.withClient(database, contentOf);
            assert.deepEqual(rows, await server.withClient(full, contentOf));
            contents.set(binaries.major, rows);
        });

        it("is the trap: 027, 026, 025 by hand fail at 025, where the version column is gone", async () => {
            const database = await copyOf(full);
            await server.withClient(database, async (client) => {
                for (const migration of between("026", "027").toReversed()) await client.query(downOf(migration).sql);
                const [migration] = between("025", "025");
                assert(migration !== undefined);
                const { sql } = downOf(migration);
                await assert.rejects(async () => client.query(sql), {
                    code: "42703",
                    message: /"version" does not exist/,
                });
                await client.query("ROLLBACK");
                assert((await numberOf(client, "SELECT count(*) FROM mv_treatment_outcomes")) > 0);
                const rows = await client.query("SELECT FROM schema_migrations WHERE migration_name ~ '^02[5-7]_'");
                assert.equal(rows.rowCount, 2, "025 stays applied, and 026's row was never deleted");
            });
        });

        it("is the trap with psql, too, whose exit code even says that all went well", async function () {
            if (psql === undefined) skip(this, "no psql on this machine");
            const database = await copyOf(full);
            const answers: CommandResult[] = [];
            for (const version of ["027", "026", "025"])
                answers.push(
                    await runPsql(psql, database, ["-v", "VERBOSITY=sqlstate", "-f", `rollback/${version}_down.sql`]),
                );
            assert.deepEqual(
                answers.map((a) => [a.code, /ERROR:\s+(\w+)/.exec(a.stderr)?.[1], a.stdout.trim().split("\n").at(-1)]),
                [
                    [0, undefined, "COMMIT"],
                    [0, undefined, "COMMIT"],
                    [0, "42703", "ROLLBACK"],
                ],
            );
        });
    });
}

describe("the physioflow example's rows", () => {
    it("are the same on every server", function () {
        const [first, ...others] = [...contents.values()];
        if (others.length === 0) skip(this, "only one version of PostgreSQL on this machine");
        for (const other of others) assert.deepEqual(other, first);
    });
});

function findPsql(dir: string): string | undefined {
    const beside = path.join(dir, "psql");
    if (existsSync(beside)) return beside;
    try {
        execFileSync("psql", ["--version"], { stdio: "ignore" });
        return "psql";
    } catch {
        return undefined;
    }
}

function isRowHolder(kind: string): boolean {
    return kind === "table" || kind === "partition";
}

/** Names and definitions only, so that catalogs of different databases can be compared and shown. */
async function plainCatalog(client: Client): Promise<Catalog> {
    return fromObjects(toObjects(await readCatalog(client)));
}

async function numberOf(client: Client, sql: string): Promise<number> {
    const { rows } = await client.query<[string]>({ text: sql, rowMode: "array" });
    return Number(rows[0]?.[0]);
}

/** A hash of each table's and materialized view's rows, save the history with its times. */
async function contentOf(client: Client): Promise<Record<string, string>> {
    await client.query("SET TIME ZONE 'UTC'");
    const { rows } = await client.query<{ name: string }>(
        `SELECT relname AS name FROM pg_class
          WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'm') AND relname <> 'schema_migrations'`,
    );
    const content: Record<string, string> = {};
    for (const { name } of rows) {
        const { rows: hashes } = await client.query<{ hash: string }>(
            `SELECT count(*) || ' ' || md5(string_agg(t::text, '|' ORDER BY t::text COLLATE "C")) AS hash FROM ${name} t`,
        );
        content[name] = hashes[0]?.hash ?? "";
    }
    return content;
}
