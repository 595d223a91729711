import assert from "node:assert/strict";
import { eachMajor, startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";
import { databasesOf, dumpOf, restoreTo, snapshotsOf, withoutCasts, withStore } from "./fixture";

/** Something of everything that a database can hold. */
const everything = `
    CREATE SCHEMA billing;
    -- Written back with other casts by each dump.
    CREATE TABLE kinds (kind varchar(9) CHECK (kind IN ('a', 'b')), n numeric(10,2) DEFAULT 1.5, CHECK (kind::text || n::text <> 'x1.50'));
    CREATE INDEX some_kinds ON kinds (n) WHERE kind IN ('a', 'c');
    CREATE VIEW kinds_of AS SELECT * FROM kinds WHERE kind IN ('a', 'b') AND n = ANY ('{1,2}');
    CREATE EXTENSION IF NOT EXISTS plpgsql;
    CREATE TYPE billing.state AS ENUM ('open', 'paid', 'void');
    CREATE DOMAIN billing.cents AS bigint CHECK (VALUE >= 0);
    CREATE TABLE billing.invoices (
        id bigint GENERATED ALWAYS AS IDENTITY (START 1000 INCREMENT 5) PRIMARY KEY,
        amount billing.cents NOT NULL, tax billing.cents GENERATED ALWAYS AS (amount / 5) STORED,
        state billing.state NOT NULL DEFAULT 'open', note text COLLATE "C", at timestamptz NOT NULL DEFAULT '2024-01-01'
    );
    COMMENT ON TABLE billing.invoices IS 'what people owe; ''quoted''';
    COMMENT ON COLUMN billing.invoices.amount IS 'in cents';
    INSERT INTO billing.invoices (amount, note) SELECT i * 100, 'note ' || i FROM generate_series(1, 500) i;
    CREATE TABLE events (day date NOT NULL, n int NOT NULL, PRIMARY KEY (day, n)) PARTITION BY RANGE (day);
    CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY LIST (n);
    CREATE TABLE events_2025_rest PARTITION OF events_2025 DEFAULT;
    INSERT INTO events SELECT date '2024-06-01' + i, i FROM generate_series(0, 399) i;
    CREATE TABLE dropped_and_added (a int, b int, c int);
    ALTER TABLE dropped_and_added DROP COLUMN b;
    ALTER TABLE dropped_and_added ADD COLUMN d text DEFAULT 'd';
    INSERT INTO dropped_and_added VALUES (1, 2), (3, 4);
    ALTER TABLE billing.invoices ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON billing.invoices FOR SELECT TO restore_reader USING (state <> 'void');
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := NEW.note; RETURN NEW; END $$;
    CREATE TRIGGER touched BEFORE UPDATE ON billing.invoices FOR EACH ROW EXECUTE FUNCTION touch();
    ALTER TABLE billing.invoices DISABLE TRIGGER touched;
    CREATE VIEW open_invoices AS SELECT * FROM billing.invoices WHERE state = 'open';
    CREATE MATERIALIZED VIEW totals AS SELECT state, sum(amount) FROM billing.invoices GROUP BY state;
    CREATE UNIQUE INDEX totals_state ON totals (state);
    CREATE INDEX notes ON billing.invoices (lower(note)) WHERE state = 'open';
    CREATE STATISTICS invoice_stats (dependencies) ON amount, state FROM billing.invoices;
    CREATE PUBLICATION changes FOR TABLE billing.invoices (id, note) WHERE (id > 100);
    SELECT lo_from_bytea(424242, decode(repeat('ab', 5000), 'hex'));
    COMMENT ON LARGE OBJECT 424242 IS 'a scan';
    GRANT SELECT ON LARGE OBJECT 424242 TO restore_reader;
    GRANT USAGE ON SCHEMA billing TO restore_reader;
    GRANT SELECT (id, amount), UPDATE (note) ON billing.invoices TO restore_reader WITH GRANT OPTION;
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO restore_reader;
    ALTER DEFAULT PRIVILEGES FOR ROLE restore_owner IN SCHEMA billing GRANT SELECT ON TABLES TO restore_reader;
    ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
    ALTER TABLE events OWNER TO restore_owner; ALTER TABLE events_2024 OWNER TO restore_owner;
    ALTER SCHEMA billing OWNER TO restore_owner;
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
    CREATE EVENT TRIGGER watcher ON ddl_command_end EXECUTE FUNCTION watch();
`;

for (const binaries of eachMajor().filter((b) => b.hasDump)) {
    describe(`restore on PostgreSQL ${String(binaries.major)}`, function () {
        this.timeout(120_000);
        let server: TestServer;
        let project: TestProject;
        let database: string;
        const chosen = process.env["SCHEMAWARD_PG_BIN"];

        before(async () => {
            process.env["SCHEMAWARD_PG_BIN"] = binaries.dir;
            server = await startTestServer(binaries);
            await server.withClient("postgres", async (client) =>
                client.query(
                    "CREATE ROLE restore_owner; CREATE ROLE restore_reader LOGIN; CREATE ROLE restore_grantor",
                ),
            );
        });
        after(async () => {
            if (chosen === undefined) delete process.env["SCHEMAWARD_PG_BIN"];
            else process.env["SCHEMAWARD_PG_BIN"] = chosen;
            await server.stop();
        });
        beforeEach(async () => {
            const plain = await server.create("odd");
            database = `Odd "=' ${plain}`;
            await server.withClient("postgres", async (client) =>
                client.query(`ALTER DATABASE ${plain} RENAME TO ${client.escapeIdentifier(database)}`),
            );
            project = new TestProject(server, database);
            project.migration("001", everything, "DROP SCHEMA billing CASCADE");
            project.migration("002", "CREATE TABLE later (id int); INSERT INTO later VALUES (1)", "DROP TABLE later");
            await project.migrate("001", { declarer: { project: "app", stack: "prod", environment: "prod" } });
        });
        afterEach(() => {
            project.remove();
        });

        it("gives back the database as it was: rows, owners, grants, settings, locale, comment", async () => {
            await server.withClient("postgres", async (client) => {
                const name = client.escapeIdentifier(database);
                for (const statement of [
                    `ALTER DATABASE ${name} OWNER TO restore_owner`,
                    `ALTER DATABASE ${name} SET search_path = "$user", public, "odd ""schema"`,
                    `ALTER DATABASE ${name} SET work_mem = '7MB'`,
                    `ALTER DATABASE ${name} SET app.greeting = 'it''s, "fine"'`,
                    `ALTER ROLE restore_reader IN DATABASE ${name} SET statement_timeout = '9s'`,
                    `COMMENT ON DATABASE ${name} IS 'the ''prod'' one'`,
                    `ALTER DATABASE ${name} CONNECTION LIMIT 17`,
                    `REVOKE ALL ON DATABASE ${name} FROM PUBLIC`,
                    `GRANT CONNECT ON DATABASE ${name} TO restore_reader, restore_grantor WITH GRANT OPTION`,
                    `SET ROLE restore_grantor; GRANT CONNECT ON DATABASE ${name} TO restore_reader; RESET ROLE`,
                ])
                    await client.query(statement);
            });
            const before = await dumpOf(server, database);
            await project.migrate("002", withStore(project, "002"));
            await project.query(
                "INSERT INTO billing.invoices (amount) VALUES (1); DELETE FROM events; SELECT lo_unlink(424242)",
            );
            assert.notEqual(await dumpOf(server, database), before);

            const [snapshot] = await snapshotsOf(project);
            const result = await restoreTo(project, snapshot?.name ?? "");
            assert.equal(withoutCasts(await dumpOf(server, database)), withoutCasts(before));
            assert.deepEqual([result.version, result.heldFor], ["001", []]);
            assert.deepEqual(await project.applied(), ["001"]);

            const { rows } = await server.withClient("postgres", async (client) =>
                client.query(
                    "SELECT datconnlimit, datallowconn, (SELECT count(*)::int FROM pg_db_role_setting WHERE setdatabase = d.oid) AS settings FROM pg_database d WHERE datname = $1",
                    [database],
                ),
            );
            assert.deepEqual(rows, [{ datconnlimit: 17, datallowconn: true, settings: 2 }]);
            // What was there is kept, twice: as a database and as a snapshot.
            assert.deepEqual(await databasesOf(server), [database, result.kept].sort());
            const kept = await server.withClient(result.kept ?? "", async (client) =>
                client.query<{ n: number }>("SELECT count(*)::int AS n FROM billing.invoices"),
            );
            assert.deepEqual(kept.rows, [{ n: 501 }]);
            assert.match(result.emergency ?? "", /^prod_pre-restore_\d{8}_\d{6}$/);
            // The run that was undone, and the restore, are in the ledger that goes on.
            const { lastRun, drift, refusals } = await project.plan("001", withStore(project, "001"));
            assert.deepEqual([lastRun, drift, refusals], [null, [], []]);
            assert.deepEqual(
                await project.query("SELECT direction, status, to_version FROM schemaward.runs ORDER BY started_at"),
                [
                    ["forward", "done", "001"],
                    ["forward", "done", "002"],
                    ["restore", "done", "001"],
                ],
            );

            // And forward again, and back by the snapshot that the restore took.
            await project.migrate("002", withStore(project, "002"));
            const again = await restoreTo(project, result.emergency ?? "");
            assert.equal(again.version, "002");
            assert.deepEqual(await project.query("SELECT count(*) FROM billing.invoices"), [["501"]]);
        });
    });
}
