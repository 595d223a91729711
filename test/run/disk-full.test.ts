import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chownSync, mkdirSync, statSync } from "node:fs";
import path from "node:path";
import { renderPlan } from "../../core/plan/render-text";
import { FailedError } from "../../core/errors";
import { needs } from "../support/capability";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";
import { SmallDisk, smallDisk } from "../support/small-disk";

/** What somebody reads whose run has failed: never a stack, always the state of things and what to do. */
async function failureOf(running: Promise<unknown>): Promise<string> {
    const error: unknown = await running.then(
        () => assert.fail("there was room for it"),
        (e: unknown) => e,
    );
    assert(error instanceof FailedError, String(error));
    assert.match(error.message, /\nState: .+\nNext: Make room on the server's disk.+$/);
    assert.doesNotMatch(error.message, /^\s+at |node_modules/m);
    return error.message;
}

/** A table with so many megabytes of rows. */
function filled(table: string, megabytes: number): string {
    return `CREATE TABLE ${table} (line text);\nINSERT INTO ${table} SELECT repeat('x', 1000) FROM generate_series(1, ${megabytes * 1000})`;
}

/** Text that cannot be compressed to less than half. */
function noise(kilobytes: number): string {
    return randomBytes(kilobytes * 512).toString("hex");
}

/** Two transactions; the index is about half as large as its table of so many megabytes. */
const indexed = "CREATE INDEX CONCURRENTLY numbers_n ON numbers (n);\nALTER TABLE numbers ADD COLUMN more int";
const unindexed = "ALTER TABLE numbers DROP COLUMN more;\nDROP INDEX numbers_n";

describe("disk full on the database", function () {
    this.timeout(60_000);
    needs(smallDisk);
    let disk: SmallDisk;
    let server: TestServer;
    let project: TestProject;

    async function begin(start: (folder: string) => Promise<TestServer>): Promise<void> {
        disk = new SmallDisk();
        try {
            server = await start(disk.folder);
        } catch (error) {
            disk.remove();
            throw error;
        }
    }
    async function end(): Promise<void> {
        try {
            await server.stop();
        } finally {
            disk.remove();
        }
    }

    function makeProject(database: string): void {
        project = new TestProject(server, database);
        project
            .migration("001", "CREATE TABLE schema_migrations (version text PRIMARY KEY)", "SELECT 1")
            .migration("003", "CREATE TABLE c (id int)", "DROP TABLE c");
    }
    afterEach(() => {
        project.remove();
    });

    /** What is applied, in which ledger and history table have to be at one. */
    async function applied(): Promise<string> {
        const versions = (await project.applied()).join(" ");
        const mirrored = await project.query("SELECT string_agg(version, ' ' ORDER BY version) FROM schema_migrations");
        assert.deepEqual(mirrored, [[versions]]);
        return versions;
    }

    async function lastRun(version: string): Promise<string> {
        const { lastRun } = await project.plan(version);
        return `${lastRun?.outcome ?? "well"} ${lastRun?.done.map((d) => `${d.version} ${d.how}`).join() ?? ""}`.trim();
    }

    const invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    const built = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('numbers_n')";

    describe("where its tablespace is", () => {
        before(async () =>
            begin(async (folder) => {
                const started = await startTestServer();
                const { uid, gid } = statSync(started.home);
                const location = path.join(folder, "tablespace");
                mkdirSync(location);
                chownSync(location, uid, gid);
                await started.withClient("postgres", (c) => c.query(`CREATE TABLESPACE small LOCATION '${location}'`));
                return started;
            }),
        );
        after(end);
        beforeEach(async () => {
            disk.makeRoom();
            const name = await server.create();
            // With its catalog and the ledger, all of it.
            await server.withClient("postgres", (c) => c.query(`ALTER DATABASE ${name} SET TABLESPACE small`));
            makeProject(name);
        });

        it("going forward: told where, rolled back, what was before it stays; with room one re-run gets there", async () => {
            project.migration("002", filled("log", 20), "DROP TABLE log");
            disk.leave(6);
            const said = await failureOf(project.migrate("latest"));
            assert.match(said, /^002_m2\.sql:2: 002 failed going forward: could not extend file "[^]*No space left/);
            assert.match(said, /\n {2}\| INSERT INTO log SELECT.*\n {2}SQLSTATE 53100\n/);
            assert.match(said, /Done and staying: 001 applied\. 002 was rolled back whole\. The database is at 001\./);
            assert.equal(await applied(), "001");
            assert.deepEqual(await project.query("SELECT to_regclass('log')"), [[null]]);
            assert.equal(await lastRun("latest"), "failed 001 applied");
            disk.makeRoom();
            await project.migrate("latest");
            assert.equal(await applied(), "001 002 003");
            assert.deepEqual(await project.query("SELECT count(*) FROM log"), [["20000"]]);
        });

        it("going back, where what was rolled back takes up the disk: not even that it failed can be written", async () => {
            project
                // So that the schema as it is, written at a run's end, takes room.
                .migration("002", `${filled("log", 6)};\nCREATE VIEW v AS SELECT '${noise(100)}'`, "SELECT 1")
                .migration("003", "CREATE TABLE c (id int)", "DROP TABLE c;\nUPDATE log SET line = upper(line)")
                .migration("004", "CREATE TABLE d (id int)", "DROP TABLE d");
            await project.migrate("latest");
            disk.leave(2);
            const said = await failureOf(project.migrate("2"));
            assert.match(said, /^rollback\/003_down\.sql:2: 003 failed going back: could not extend file/);
            assert.match(said, /\| UPDATE log SET line = upper\(line\)\n {2}SQLSTATE 53100\n/);
            assert.match(said, /Done and staying: 004 undone\. 003 was rolled back whole\. The database is at 003\./);
            assert.equal(await applied(), "001 002 003");
            assert.equal(await lastRun("2"), "cut off 004 undone");
            const left = "SELECT count(*), to_regclass('c')::text FROM log WHERE line LIKE 'x%'";
            assert.deepEqual(await project.query(left), [["6000", "c"]]);
            disk.makeRoom();
            await project.migrate("2");
            assert.equal(await applied(), "001 002");
            assert.deepEqual(await project.query(left), [["0", null]]);
            assert.equal(await lastRun("2"), "well");
        });

        it("nothing is left for the ledger's own row: the script is rolled back with it", async () => {
            project.migration("002", `CREATE TABLE b (id int); -- ${noise(100)}`, "DROP TABLE b");
            await project.migrate("1");
            disk.leave(0.1);
            const said = await failureOf(project.migrate("2"));
            assert.match(said, /^002_m2\.sql:1: .*\n {2}while writing schemaward's ledger\n {2}SQLSTATE 53100\n/);
            assert.equal(await applied(), "001");
            assert.deepEqual(await project.query("SELECT to_regclass('b')"), [[null]]);
            disk.makeRoom();
            await project.migrate("2");
            assert.equal(await applied(), "001 002");
        });

        it("nothing is left for a ledger: no script is run", async () => {
            // The first session of a database writes what later ones read.
            await project.query("SELECT 1");
            disk.leave(0);
            const said = await failureOf(project.migrate("1"));
            assert.match(said, /^The run failed: could not .*\n {2}SQLSTATE 53100\nState: No script was run\.\n/);
            disk.makeRoom();
            await project.migrate("1");
            assert.equal(await applied(), "001");
        });

        it("nothing is left for the run's end: what has taken effect is said to", async () => {
            project.migration("002", `CREATE VIEW v AS SELECT '${noise(100)}' AS text`, "DROP VIEW v");
            const running = project.migrate(
                "2",
                {},
                {
                    report: (event) => {
                        if (event.type === "step-done" && event.version === "002") disk.leave(0);
                    },
                },
            );
            const said = await failureOf(running);
            assert.match(said, /\nState: All scripts have taken effect; the database is at 002\.\n/);
            assert.equal(await applied(), "001 002");
            disk.makeRoom();
            assert.match(renderPlan(await project.plan("2"))[0] ?? "", /at 002, nothing to do but to verify$/);
            await project.migrate("2");
            assert.equal(await lastRun("2"), "well");
            assert.equal((await project.migrate("2")).changed, false);
        });

        it("while an index is built outside a transaction: what was left invalid is dropped, the re-run builds it", async () => {
            project
                .migration("002", "CREATE TABLE numbers AS SELECT generate_series(1, 300000) AS n", "SELECT 1")
                .migration("003", indexed, unindexed);
            await project.migrate("2");
            disk.leave(3);
            const said = await failureOf(project.migrate("latest"));
            assert.match(said, /^003_m3\.sql:1: [^]*\n {2}\| CREATE INDEX CONCURRENTLY [^]*SQLSTATE 53100\n/);
            assert.match(said, /Of 003, 0 of 2 transactions are done and stay .* The database is at 002\./);
            assert.equal(await applied(), "001 002");
            assert.deepEqual(await project.query(invalid), [["0"]]);
            disk.makeRoom();
            await project.migrate("latest");
            assert.equal(await applied(), "001 002 003");
            assert.deepEqual(await project.query(built), [["true"]]);
        });
    });

    describe("where all of the server is, which ends itself as it has no room for its log", () => {
        before(async () =>
            begin((folder) =>
                startTestServer(
                    undefined,
                    {
                        // What is committed has to outlive its end.
                        synchronous_commit: "on",
                        restart_after_crash: "off",
                        // It is the script's own session that finds the log full.
                        wal_writer_delay: "10s",
                        autovacuum: "off",
                        max_parallel_maintenance_workers: "0",
                    },
                    folder,
                ),
            ),
        );
        after(end);
        beforeEach(async () => {
            makeProject(await server.create());
        });
        afterEach(makeRoomAndRestart);

        async function makeRoomAndRestart(): Promise<void> {
            disk.makeRoom();
            await server.kill();
            await server.restart();
        }

        /** Leaves 4 MB of the log's present file, and no room for the next one, which takes 16 MB. */
        async function leaveNoLog(): Promise<void> {
            const ahead = "SELECT count(*) FROM pg_ls_waldir() WHERE name > pg_walfile_name(pg_current_wal_lsn())";
            do
                await project.query(
                    "SELECT pg_switch_wal(); SELECT pg_logical_emit_message(true, '', repeat('x', 12 * 1024 * 1024))",
                );
            while ((await project.query(ahead))[0]?.[0] !== "0");
            disk.leave(12);
        }

        const crashed =
            /: The connection broke while 00\d was going \w+: could not write to file "pg_wal\/.+": No space/;

        for (const [way, from, to, expected, look, found] of [
            ["forward", "001", "003", "001", "SELECT to_regclass('log')", null],
            ["back", "003", "001", "001 002", "SELECT count(*) FROM log WHERE line LIKE 'x%'", "6000"],
        ] as const)
            it(`going ${way}: told, nothing of the script is there; with room one re-run gets there`, async () => {
                project.migration(
                    "002",
                    filled("log", 6),
                    "ALTER TABLE log RENAME line TO was;\nUPDATE log SET was = upper(was);\nDROP TABLE log",
                );
                await project.migrate(from);
                await leaveNoLog();
                const said = await failureOf(project.migrate(to));
                assert.match(said, crashed);
                assert.match(said, /\n {2}Then: No connection to PostgreSQL at .*\nState: /);
                assert.match(said, /Whether 002.* took effect is not known as long as the server does not answer/);
                await makeRoomAndRestart();
                assert.equal(await applied(), expected);
                assert.deepEqual(await project.query(look), [[found]]);
                assert.equal(await lastRun(to), `cut off ${way === "back" ? "003 undone" : ""}`.trim());
                await project.migrate(to);
                assert.equal(await applied(), to === "001" ? "001" : "001 002 003");
                assert.equal(await lastRun(to), "well");
            });

        it("while an index is built outside a transaction: it is left invalid, the re-run drops it and builds it", async () => {
            project
                .migration("002", "CREATE TABLE numbers AS SELECT generate_series(1, 300000) AS n", "SELECT 1")
                .migration("003", indexed, unindexed);
            await project.migrate("2");
            await leaveNoLog();
            const said = await failureOf(project.migrate("latest"));
            assert.match(said, crashed);
            assert.match(said, /Of 003, which has 2 transactions, those that were committed stay/);
            await makeRoomAndRestart();
            assert.equal(await applied(), "001 002");
            assert.deepEqual(await project.query(invalid), [["1"]]);
            await project.migrate("latest");
            assert.equal(await applied(), "001 002 003");
            assert.deepEqual(await project.query(invalid), [["0"]]);
            assert.deepEqual(await project.query(built), [["true"]]);
        });
    });
});
