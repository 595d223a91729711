import assert from "node:assert/strict";
import { renderPlan } from "../../core/plan/render-text";
import { eachMajor, startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";

const keep = { keepData: true } as const;

for (const binaries of eachMajor())
    describe(`keepData on PostgreSQL ${String(binaries.major)}`, function () {
        this.timeout(60_000);
        let server: TestServer;
        let project: TestProject;

        before(async () => {
            server = await startTestServer(binaries);
        });
        after(async () => server.stop());
        beforeEach(async () => {
            project = new TestProject(server, await server.create());
        });
        afterEach(() => {
            project.remove();
        });

        /** Rows of a query as text, in order. */
        const rows = async (sql: string): Promise<unknown> => project.query(sql);
        const same = async (sql: string, expected: readonly (readonly (string | number | null)[])[]): Promise<void> => {
            assert.deepEqual(
                await project.query(sql),
                expected.map((row) => row.map((value) => (value === null ? null : String(value)))),
            );
        };

        function notices(): string[] {
            return project.events.flatMap((event) => (event.type === "notice" ? event.text : []));
        }

        it("rows of dropped tables are there again, every type of them, with what they refer to and their sequences", async () => {
            project.migration(
                "001",
                "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users SELECT generate_series(1, 5)",
            );
            project.migration(
                "002",
                `CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE DOMAIN short AS varchar(8); CREATE TYPE pair AS (a int, b text);
                 CREATE SCHEMA "Odd";
                 CREATE TABLE "Odd"."Flags ""x""" (
                     id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "user" int REFERENCES users, "Name" text NOT NULL UNIQUE,
                     m mood, d short, p pair, n numeric(20, 4), f float8, r real, t timestamptz, ts timestamp, i interval, b bytea, j jsonb, js json,
                     a int[][], ta text[], c char(4), "c1" "char", u uuid, net inet, rng int4range, bits bit(5), ok boolean, mon money,
                     doubled numeric GENERATED ALWAYS AS (n * 2) STORED, parent bigint REFERENCES "Odd"."Flags ""x""");
                 CREATE TABLE audit (id serial PRIMARY KEY, flag bigint NOT NULL REFERENCES "Odd"."Flags ""x""", note text);
                 CREATE TABLE parts (day date NOT NULL, n int) PARTITION BY RANGE (day);
                 CREATE TABLE parts_24 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
                 CREATE TABLE parts_rest PARTITION OF parts DEFAULT;
                 INSERT INTO "Odd"."Flags ""x""" ("Name") VALUES ('made by the script'), ('and this');
                 INSERT INTO audit (flag, note) SELECT id, 'made by the script' FROM "Odd"."Flags ""x""";
                 CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no trigger fires'; END $$;
                 CREATE TRIGGER touched BEFORE INSERT OR UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION touch();
                 ALTER TABLE audit ENABLE ALWAYS TRIGGER touched`,
                `DROP TABLE audit; DROP TABLE "Odd"."Flags ""x"""; DROP TABLE parts; DROP TYPE mood; DROP TYPE pair; DROP DOMAIN short; DROP SCHEMA "Odd"; DROP FUNCTION touch()`,
            );
            await project.migrate("002");
            await project.query(`ALTER TABLE audit DISABLE TRIGGER touched;
                DELETE FROM audit; DELETE FROM "Odd"."Flags ""x""" WHERE "Name" = 'and this';
                INSERT INTO "Odd"."Flags ""x""" ("user", "Name", m, d, p, n, f, r, t, ts, i, b, j, js, a, ta, c, c1, u, net, rng, bits, ok, mon, parent)
                VALUES (1, 'it''s "one"', 'bad', 'dom', ROW(NULL, 'x,"y"'), 12345678.9012, 0.1 + 0.2, 1.1, '2024-02-29 12:00:00.123456+03', '-infinity',
                        '1 mon -2 days 03:04:05.678', '\\x00ff10', '{"a": null, "b": [1, "2"]}', '{ "k" : 1 }', '{{1,2},{3,NULL}}', ARRAY['', NULL, 'a"b', ' '],
                        'ab', 'z', '00000000-0000-0000-0000-000000000001', '10.1.2.3', '[1,5)', B'10101', true, 12.34, 1),
                       (NULL, '', NULL, NULL, ROW(NULL, NULL), 'NaN', 'Infinity', NULL, NULL, NULL, NULL, '', 'null', NULL, '{}', NULL, NULL, NULL, NULL, NULL, 'empty', NULL, false, NULL, 3);
                INSERT INTO audit (flag, note) SELECT id, 'by hand ' || id FROM "Odd"."Flags ""x""" WHERE id > 2;
                INSERT INTO parts SELECT date '2024-12-30' + i, i FROM generate_series(0, 5) i;
                ALTER TABLE audit ENABLE ALWAYS TRIGGER touched`);
            const all = `SELECT to_jsonb(f)::text || f::text FROM "Odd"."Flags ""x""" f UNION ALL SELECT a::text FROM audit a UNION ALL SELECT p::text FROM parts p
                         UNION ALL SELECT tgname || tgenabled::text FROM pg_trigger WHERE tgname = 'touched' ORDER BY 1`;
            const before = await rows(all);
            const back = await project.plan("001", keep);
            const lines = renderPlan(back).join("\n");
            assert.match(lines, /table audit +2 rows .*LOST, kept for going forward/);
            assert.match(lines, /^Lost .*; of it 11 kept$/m);

            await project.migrate("001", keep);
            await same("SELECT to_regclass('audit'), to_regtype('mood')", [[null, null]]);
            const forward = await project.plan("002", keep);
            assert.deepEqual(
                forward.steps[0]?.loads?.map(({ object, rows }) => [object, rows]),
                [
                    ['"Odd"."Flags ""x"""', 3],
                    ["audit", 2],
                    ["parts", 6],
                ],
            );
            assert.match(renderPlan(forward).join("\n"), /loads back 2 rows of audit, kept 2\d{3}-/);
            await project.migrate("002", keep);
            assert.deepEqual(await rows(all), before);
            assert.deepEqual((await project.plan("002", keep)).drift, []);
            // What comes next has numbers of its own.
            await project.query("ALTER TABLE audit DISABLE TRIGGER touched; INSERT INTO audit (flag) VALUES (3)");
            await same("SELECT max(id) FROM audit", [["5"]]);
            await same(
                "SELECT count(*) FROM pg_class WHERE relnamespace = 'schemaward'::regnamespace AND relname ~ '^kept_\\\\d+$'",
                [["0"]],
            );
        });

        it("values of dropped columns go to the rows that are still there; rows that came meanwhile have the script's", async () => {
            project.migration(
                "001",
                "CREATE TABLE t (k text, n int, note text, PRIMARY KEY (n, k)); INSERT INTO t SELECT 'k' || i, i FROM generate_series(1, 5) i",
            );
            project.migration(
                "002",
                "ALTER TABLE t ADD COLUMN score int DEFAULT 7, ADD COLUMN twice int GENERATED ALWAYS AS (n * 2) STORED; UPDATE t SET score = n",
                "ALTER TABLE t DROP COLUMN twice, DROP COLUMN score",
            );
            project.migration("003", "CREATE TABLE u (id int PRIMARY KEY)", "DROP TABLE u");
            await project.migrate("003", keep);
            await project.query(
                "UPDATE t SET score = score * 100; UPDATE t SET score = NULL WHERE n = 5; INSERT INTO u VALUES (1)",
            );
            await project.migrate("001", keep);
            await project.query(
                "DELETE FROM t WHERE n = 2; UPDATE t SET note = 'changed' WHERE n = 3; INSERT INTO t (k, n) VALUES ('k6', 6)",
            );
            project.events.length = 0;
            await project.migrate("003", keep);
            await same("SELECT n, score, note, twice FROM t ORDER BY n", [
                [1, 100, null, 2],
                [3, 300, "changed", 6],
                [4, 400, null, 8],
                [5, null, null, 10],
                [6, 6, null, 12],
            ]);
            await same("SELECT id FROM u", [[1]]);
            assert.deepEqual(notices(), [
                "kept: 1 of 5 rows of public.t.score have no place any more and stay in schemaward.kept_2",
                "kept: 4 rows of public.t.score are back",
                "kept: 1 rows of public.u are back",
            ]);
            await same("SELECT * FROM schemaward.kept_2", [["2", "k2", "200"]]);
        });

        it("rows whose parents are gone stay kept; rows of a table that is there already are not touched", async () => {
            project.migration("001", "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2)");
            project.migration(
                "002",
                "CREATE TABLE IF NOT EXISTS flags (id int PRIMARY KEY, by int REFERENCES users, v text); CREATE TABLE IF NOT EXISTS loose (v text)",
                "DROP TABLE flags; DROP TABLE loose",
            );
            await project.migrate("002", keep);
            await project.query(
                "INSERT INTO flags VALUES (1, 1, 'one'), (2, 2, 'two'), (3, NULL, 'three'); INSERT INTO loose VALUES ('a'), ('a')",
            );
            await project.migrate("001", keep);
            await project.query(
                "DELETE FROM users WHERE id = 2; CREATE TABLE flags (id int PRIMARY KEY, by int, v text); INSERT INTO flags VALUES (1, NULL, 'theirs')",
            );
            await project.migrate("002", keep);
            // This table has no foreign key, so all but the one that is there have a place.
            await same("SELECT * FROM flags ORDER BY id", [
                [1, null, "theirs"],
                [2, 2, "two"],
                [3, null, "three"],
            ]);
            await same("SELECT * FROM loose", [["a"], ["a"]]);
            await project.query("ALTER TABLE flags ADD FOREIGN KEY (by) REFERENCES users NOT VALID");
            await project.migrate("001", keep);
            await project.migrate("002", keep);
            await same("SELECT id FROM flags ORDER BY id", [[1], [3]]);
            assert.match(
                notices().join("\n"),
                /kept: 1 of 3 rows of public\.flags have no place any more and stay in schemaward\.kept_\d+/,
            );
        });

        it("what cannot be loaded stays kept and is told, and the migration goes on", async () => {
            project.migration("001", "CREATE TABLE a (id int)", "DROP TABLE a");
            project.migration("002", "CREATE TABLE n (id int PRIMARY KEY, v text)", "DROP TABLE n");
            await project.migrate("002", keep);
            await project.query("INSERT INTO n VALUES (1, 'not a number')");
            await project.migrate("001", keep);
            project.migration("002", "CREATE TABLE n (id int PRIMARY KEY, v int)", "DROP TABLE n");
            await project.migrate("002", keep);
            await same("SELECT * FROM n", []);
            assert.match(
                notices().at(-1) ?? "",
                /^kept: the 1 rows of public\.n could NOT be loaded back and stay in schemaward\.kept_1: invalid input syntax/,
            );
            await same("SELECT * FROM schemaward.kept_1", [["1", "not a number"]]);
        });

        it("is all or nothing with the script, and without keepData nothing is kept", async () => {
            project.migration("001", "CREATE TABLE a (id int); INSERT INTO a VALUES (1)", "DROP TABLE a; SELECT 1 / 0");
            await project.migrate("001", keep);
            await assert.rejects(project.migrate("0", keep), /division by zero/);
            await same("SELECT * FROM a", [[1]]);
            await same("SELECT count(*) FROM schemaward.kept", [["0"]]);
            project.migration("001", "CREATE TABLE a (id int); INSERT INTO a VALUES (1)", "DROP TABLE a");
            await project.migrate("0");
            await same("SELECT count(*) FROM schemaward.kept", [["0"]]);
        });

        it("a script that drops more than the plan has seen fails, and nothing of it stays", async () => {
            project.migration(
                "001",
                "CREATE TABLE a (id int); CREATE TABLE b (id int, v text)",
                "DROP TABLE a; SELECT drop_more()",
            );
            await project.migrate("001", keep);
            await project.query(`INSERT INTO a VALUES (1); INSERT INTO b VALUES (2, 'x');
                CREATE FUNCTION drop_more() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
                    IF (SELECT count(*) > 0 FROM b) THEN DROP TABLE b; END IF; END $$`);
            await assert.rejects(project.migrate("0", keep), /the script destroys public\.b as well/);
            await same("SELECT * FROM b", [[2, "x"]]);
            await same("SELECT * FROM a", [[1]]);
        });

        it("keeps before the first transaction of a script with several, and once only", async () => {
            project.migration(
                "001",
                "CREATE TABLE a (id int PRIMARY KEY); CREATE INDEX a_id ON a (id)",
                "DROP INDEX CONCURRENTLY a_id;\nDROP TABLE a;\n",
            );
            await project.migrate("001", keep);
            await project.query("INSERT INTO a VALUES (1), (2)");
            await project.migrate("0", keep);
            await project.migrate("001", keep);
            await same("SELECT * FROM a ORDER BY id", [[1], [2]]);
            await same("SELECT rows, loaded_rows FROM schemaward.kept", [["2", "2"]]);
        });
    });
