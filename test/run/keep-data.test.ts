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

        it("rows whose parents are gone stay kept; a table that is there already is not touched", async () => {
            project.migration("001", "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2)");
            project.migration(
                "002",
                "CREATE TABLE IF NOT EXISTS flags (id int PRIMARY KEY, by int REFERENCES users, v text); CREATE TABLE IF NOT EXISTS loose (v text)",
                "DROP TABLE flags; DROP TABLE loose",
            );
            const fill =
                "INSERT INTO flags VALUES (1, 1, 'one'), (2, 2, 'two'), (3, NULL, 'three'); INSERT INTO loose VALUES ('a'), ('a')";
            await project.migrate("002", keep);
            await project.query(fill);
            await project.migrate("001", keep);
            await project.query(
                "CREATE TABLE flags (id int PRIMARY KEY, by int, v text); INSERT INTO flags VALUES (1, NULL, 'theirs')",
            );
            await project.migrate("002", keep);
            await same("SELECT * FROM flags ORDER BY id", [[1, null, "theirs"]]);
            await same("SELECT * FROM loose", [["a"], ["a"]]);
            assert.match(
                notices().join("\n"),
                /3 rows of public\.flags could NOT be loaded back .*: a table of that name was there before the script/,
            );
            await project.query("DROP TABLE flags");
            await project.migrate("001", keep).catch(() => undefined);
        });

        it("of which a parent is gone: that row stays kept, the others are back", async () => {
            project.migration("001", "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2)");
            project.migration(
                "002",
                "CREATE TABLE flags (id int PRIMARY KEY, by int REFERENCES users, v text)",
                "DROP TABLE flags",
            );
            await project.migrate("002", keep);
            await project.query("INSERT INTO flags VALUES (1, 1, 'one'), (2, 2, 'two'), (3, NULL, 'three')");
            await project.migrate("001", keep);
            await project.query("DELETE FROM users WHERE id = 2");
            await project.migrate("002", keep);
            await same("SELECT id FROM flags ORDER BY id", [[1], [3]]);
            assert.match(
                notices().join("\n"),
                /kept: 1 of 3 rows of public\.flags have no place any more and stay in schemaward\.kept_1/,
            );
            await same("SELECT * FROM schemaward.kept_1", [["2", "2", "two"]]);
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
                /^kept: the 1 rows of public\.n could NOT be loaded back and stay in schemaward\.kept_1: SQLSTATE 22P02/,
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

        /** Kept rows must never cost one that was written since; each script makes sense to somebody. */
        const since: readonly (readonly [
            string,
            {
                up: string;
                down: string;
                base?: string;
                meanwhile: string;
                look: string;
                rows: readonly (readonly (string | number | null)[])[];
            },
        ])[] = [
            [
                "a table that others refer to with ON DELETE CASCADE: nothing of theirs goes",
                {
                    base: "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2)",
                    up: "CREATE TABLE roles (id int PRIMARY KEY, v text); INSERT INTO roles VALUES (1, 'seed'); ALTER TABLE users ADD COLUMN role int NOT NULL DEFAULT 1 REFERENCES roles ON DELETE CASCADE",
                    down: "ALTER TABLE users DROP COLUMN role; DROP TABLE roles",
                    meanwhile: "INSERT INTO users VALUES (3)",
                    look: "SELECT id, role FROM users ORDER BY id",
                    rows: [
                        [1, 1],
                        [2, 1],
                        [3, 1],
                    ],
                },
            ],
            [
                "a table that is built anew under its name: the rows of now stay",
                {
                    base: "CREATE TABLE users (id int PRIMARY KEY, v text); INSERT INTO users VALUES (1, 'a'), (2, 'b')",
                    up: "CREATE TABLE users_new (id int PRIMARY KEY, v text, n int); INSERT INTO users_new SELECT id, v, 0 FROM users; DROP TABLE users; ALTER TABLE users_new RENAME TO users",
                    down: "CREATE TABLE users_old (id int PRIMARY KEY, v text); INSERT INTO users_old SELECT id, v FROM users; DROP TABLE users; ALTER TABLE users_old RENAME TO users",
                    meanwhile:
                        "INSERT INTO users VALUES (3, 'new'); UPDATE users SET v = 'changed' WHERE id = 1; DELETE FROM users WHERE id = 2",
                    look: "SELECT id, v FROM users ORDER BY id",
                    rows: [
                        [1, "changed"],
                        [3, "new"],
                    ],
                },
            ],
            [
                "a table that the script fills from another: the copies of now stay",
                {
                    base: "CREATE TABLE users (id int PRIMARY KEY, pref text); INSERT INTO users VALUES (1, 'a'), (2, 'b')",
                    up: "CREATE TABLE prefs (id int PRIMARY KEY, pref text); INSERT INTO prefs SELECT id, pref FROM users; ALTER TABLE users DROP COLUMN pref",
                    down: "ALTER TABLE users ADD COLUMN pref text; UPDATE users u SET pref = p.pref FROM prefs p WHERE p.id = u.id; DROP TABLE prefs",
                    meanwhile: "UPDATE users SET pref = 'changed' WHERE id = 1; INSERT INTO users VALUES (3, 'new')",
                    look: "SELECT id, pref FROM prefs ORDER BY id",
                    rows: [
                        [1, "changed"],
                        [2, "b"],
                        [3, "new"],
                    ],
                },
            ],
            [
                "a table that becomes a partition: the rows of now stay",
                {
                    base: "CREATE TABLE ev (day date PRIMARY KEY, v text); INSERT INTO ev VALUES ('2024-01-01', 'a')",
                    up: "ALTER TABLE ev RENAME TO ev_24; CREATE TABLE ev (day date PRIMARY KEY, v text) PARTITION BY RANGE (day); ALTER TABLE ev ATTACH PARTITION ev_24 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
                    down: "ALTER TABLE ev DETACH PARTITION ev_24; DROP TABLE ev; ALTER TABLE ev_24 RENAME TO ev",
                    meanwhile:
                        "INSERT INTO ev VALUES ('2024-02-02', 'new'); UPDATE ev SET v = 'changed' WHERE day = '2024-01-01'",
                    look: "SELECT day::text, v FROM ev ORDER BY day",
                    rows: [
                        ["2024-01-01", "changed"],
                        ["2024-02-02", "new"],
                    ],
                },
            ],
            [
                "an inheritance child that is there: its rows stay",
                {
                    base: "CREATE TABLE ch (id int, v text); INSERT INTO ch VALUES (1, 'theirs')",
                    up: "CREATE TABLE pa (id int, v text); ALTER TABLE ch INHERIT pa; INSERT INTO pa VALUES (9, 'seed')",
                    down: "ALTER TABLE ch NO INHERIT pa; DROP TABLE pa",
                    meanwhile: "INSERT INTO ch VALUES (2, 'new')",
                    look: "SELECT id, v FROM ONLY ch ORDER BY id",
                    rows: [
                        [1, "theirs"],
                        [2, "new"],
                    ],
                },
            ],
            [
                "sequences that no column owns: the next number is free",
                {
                    base: "CREATE TABLE other (id int)",
                    up: "CREATE SEQUENCE s; CREATE TABLE t (id int PRIMARY KEY DEFAULT nextval('s'), v text)",
                    down: "DROP TABLE t; DROP SEQUENCE s",
                    meanwhile: "SELECT 1",
                    look: "INSERT INTO t (v) VALUES ('next') RETURNING id",
                    rows: [[4]],
                },
            ],
        ];
        for (const [what, { up, down, base, meanwhile, look, rows: expected }] of since)
            it(what, async () => {
                project.migration("001", base ?? "SELECT 1", "SELECT 1");
                project.migration("002", up, down);
                await project.migrate("002", keep);
                if (what.startsWith("sequences")) await project.query("INSERT INTO t (v) VALUES ('a'), ('b'), ('c')");
                await project.migrate("001", keep);
                await project.query(meanwhile);
                await project.migrate("002", keep);
                await same(look, expected);
            });

        it("what has become a view stays kept, and nothing is written through it", async () => {
            project.migration(
                "001",
                "CREATE TABLE base (id int PRIMARY KEY); INSERT INTO base VALUES (1), (2)",
                "DROP TABLE base",
            );
            project.migration("002", "CREATE TABLE x (id int PRIMARY KEY)", "DROP TABLE x");
            await project.migrate("002", keep);
            await project.query("INSERT INTO x VALUES (7)");
            await project.migrate("001", keep);
            project.migration("002", "CREATE VIEW x AS SELECT id FROM base", "DROP VIEW x");
            await project.migrate("002", keep);
            await same("SELECT id FROM base ORDER BY id", [[1], [2]]);
            await same("SELECT * FROM schemaward.kept_1", [["7"]]);
        });

        it("needs READ COMMITTED: else what others commit meanwhile would be destroyed and not be kept", async () => {
            project.migration(
                "001",
                "CREATE TABLE a (id int)",
                "BEGIN ISOLATION LEVEL REPEATABLE READ; DROP TABLE a; COMMIT;",
            );
            await project.migrate("001", keep);
            await project.query("INSERT INTO a VALUES (1)");
            await assert.rejects(project.migrate("0", keep), /keepData needs the isolation level READ COMMITTED/);
            await same("SELECT id FROM a", [[1]]);
        });

        it("the guard takes an inherited column, and partitions of partitions, for what they are", async () => {
            project.migration(
                "001",
                `CREATE TABLE pa (id int PRIMARY KEY, x int); CREATE TABLE ch () INHERITS (pa); INSERT INTO ch VALUES (1, 1);
                 CREATE TABLE top (a int, b int) PARTITION BY LIST (a); CREATE TABLE mid PARTITION OF top FOR VALUES IN (1) PARTITION BY LIST (b);
                 CREATE TABLE leaf PARTITION OF mid FOR VALUES IN (1); INSERT INTO top VALUES (1, 1)`,
                "ALTER TABLE pa DROP COLUMN x; DROP TABLE mid",
            );
            await project.migrate("001", keep);
            await project.migrate("0", keep);
            await same("SELECT count(*) FROM top", [[0]]);
        });

        it("a value's text is in no message", async () => {
            project.migration("001", "CREATE TABLE a (id int)", "DROP TABLE a");
            project.migration("002", "CREATE TABLE cards (id int PRIMARY KEY, no text)", "DROP TABLE cards");
            await project.migrate("002", keep);
            await project.query("INSERT INTO cards VALUES (1, '4111-1111')");
            await project.migrate("001", keep);
            project.migration("002", "CREATE TABLE cards (id int PRIMARY KEY, no bigint)", "DROP TABLE cards");
            await project.migrate("002", keep);
            assert(!JSON.stringify([project.events, await rows("SELECT error FROM schemaward.kept")]).includes("4111"));
        });

        it("what an earlier way back has kept, and nobody loaded, does not come back later", async () => {
            project.migration("001", "CREATE TABLE a (id int)", "DROP TABLE a");
            project.migration("002", "CREATE TABLE t (id int PRIMARY KEY)", "DROP TABLE t");
            await project.migrate("002", keep);
            await project.query("INSERT INTO t VALUES (1)");
            await project.migrate("001", keep);
            await project.migrate("002");
            await project.migrate("001");
            await project.migrate("002", keep);
            await same("SELECT * FROM t", []);
            await same("SELECT count(*) FROM schemaward.kept_1", [[1]]);
        });

        it("rows are written as the table's owner, so that a function of its checks is not ours", async () => {
            await project.query(
                `DROP ROLE IF EXISTS app_owner_${project.database}; CREATE ROLE app_owner_${project.database}; GRANT CREATE ON SCHEMA public TO app_owner_${project.database}`,
            );
            project.migration("001", "CREATE TABLE base (id int)", "DROP TABLE base");
            project.migration(
                "002",
                `CREATE TABLE who (name text); GRANT INSERT ON who TO app_owner_${project.database};
                 CREATE FUNCTION f(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.who VALUES (current_user); RETURN true; END $$;
                 CREATE TABLE t (id int PRIMARY KEY CHECK (public.f(id))); ALTER TABLE t OWNER TO app_owner_${project.database}`,
                "DROP TABLE t; DROP FUNCTION f; DROP TABLE who",
            );
            await project.migrate("002", keep);
            await project.query("INSERT INTO t VALUES (1)");
            await project.migrate("001", keep);
            await project.query("DELETE FROM schemaward.kept WHERE object = 'public.who'");
            await project.migrate("002", keep);
            await same("SELECT DISTINCT name FROM who", [[`app_owner_${project.database}`]]);
            await same("SELECT has_schema_privilege($$app_owner_" + project.database + "$$, 'schemaward', 'USAGE')", [
                ["false"],
            ]);
        });
    });
