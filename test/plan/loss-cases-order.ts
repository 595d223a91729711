import type { LossGroup } from "./loss-case";

/** What a statement takes only because of what the statements before it did: names, conditions and tables that mean something else by then. */
export const orderCases: Readonly<Record<string, LossGroup>> = {
    "conditions that mean something else by then": {
        base: `
            CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t SELECT n, 'a' FROM generate_series(1, 6) n;
            CREATE TABLE b (id int); INSERT INTO b SELECT generate_series(1, 5);
            CREATE TABLE doomed (id int); INSERT INTO doomed VALUES (99);
            CREATE TABLE owned (id int, who text, at timestamptz);
            INSERT INTO owned VALUES (1, 'order_leaving', '2024-05-01 20:00+00'), (2, 'x', '2024-05-01 01:00+00');
            CREATE ROLE order_leaving; GRANT ALL ON owned TO order_leaving;
            CREATE FUNCTION is_old(int) RETURNS boolean LANGUAGE sql AS 'SELECT false';
            CREATE FUNCTION never(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT false';
            CREATE OPERATOR === (FUNCTION = never, LEFTARG = int, RIGHTARG = int);
            CREATE FUNCTION mark() RETURNS void LANGUAGE sql AS 'INSERT INTO doomed VALUES (1), (2)';
            CREATE VIEW chosen AS SELECT id FROM t WHERE false; CREATE VIEW old_ones AS SELECT id FROM t WHERE is_old(id);
            CREATE MATERIALIZED VIEW stale AS SELECT id FROM t WHERE id < 3 WITH NO DATA;
            CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TABLE moods (m mood); INSERT INTO moods VALUES ('happy'), ('happy');
            CREATE SEQUENCE s; CREATE TABLE two (x int, z int); INSERT INTO two VALUES (0, 1), (0, 1);
            CREATE TABLE parts (id int, a text) PARTITION BY LIST (id);
            CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1); CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
            INSERT INTO parts VALUES (1, 'x'), (1, 'y'), (2, 'y'), (3, 'z');`,
        cases: [
            "DELETE FROM t WHERE random() < 0.5",
            "ALTER TABLE doomed RENAME TO x; ALTER TABLE b RENAME TO doomed; DELETE FROM t WHERE id IN (SELECT id FROM doomed)",
            {
                scripts: [
                    "ALTER TABLE doomed RENAME TO x; ALTER TABLE b RENAME TO doomed",
                    "DELETE FROM t WHERE id IN (SELECT id FROM doomed)",
                ],
            },
            "CREATE TEMP TABLE doomed AS SELECT 1 AS id; DELETE FROM t WHERE id IN (SELECT id FROM doomed)",
            "SELECT 1 AS id INTO TEMP doomed; DELETE FROM t WHERE id IN (SELECT id FROM doomed)",
            "DROP TABLE doomed; CREATE TABLE doomed AS SELECT 1 AS id; DELETE FROM t WHERE id IN (SELECT id FROM doomed)",
            "ALTER TABLE doomed RENAME id TO other; DELETE FROM t WHERE id IN (SELECT id FROM doomed)",
            "ALTER TABLE doomed ADD COLUMN other int; ALTER TABLE doomed DROP COLUMN id; DELETE FROM t WHERE id IN (SELECT id FROM doomed)",
            "CREATE OR REPLACE FUNCTION is_old(int) RETURNS boolean LANGUAGE sql AS 'SELECT true'; DELETE FROM t WHERE is_old(id)",
            "CREATE OR REPLACE FUNCTION never(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT true'; DELETE FROM t WHERE id === 1",
            "CREATE OR REPLACE VIEW chosen AS SELECT id FROM t; DELETE FROM t WHERE id IN (SELECT id FROM chosen)",
            "REFRESH MATERIALIZED VIEW stale; DELETE FROM t WHERE id IN (SELECT id FROM stale)",
            "ALTER TYPE mood RENAME VALUE 'sad' TO 'x'; ALTER TYPE mood RENAME VALUE 'happy' TO 'sad'; DELETE FROM moods WHERE m = 'sad'",
            "ALTER TYPE mood ADD VALUE 'so'; DELETE FROM moods WHERE m = 'happy'",
            "SELECT mark(); DELETE FROM t WHERE id IN (SELECT id FROM doomed)",
            "SELECT setval('s', 4); DELETE FROM t WHERE id <= (SELECT last_value FROM s)",
            "SET TIME ZONE 'Asia/Tokyo'; DELETE FROM owned WHERE at::date = '2024-05-02'",
            "SET TIME ZONE 'Asia/Tokyo'; DELETE FROM owned WHERE at < '2024-05-01 08:00'",
            "SELECT set_config('timezone', 'Asia/Tokyo', false); DELETE FROM owned WHERE at < '2024-05-01 08:00'",
            "SET ROLE order_leaving; DELETE FROM owned WHERE who = current_user; RESET ROLE",
            "SET lock_timeout = '5s'; CREATE TABLE more (id int); DELETE FROM t WHERE id > 4",
            "ALTER TABLE two RENAME COLUMN x TO y; ALTER TABLE two RENAME COLUMN z TO x; DELETE FROM two WHERE x = 1",
            // A partition's rows are the table's.
            "UPDATE parts_1 SET a = 'z'; DELETE FROM parts WHERE a = 'z'",
            "UPDATE parts SET a = 'z'; DELETE FROM parts_2 WHERE a = 'z'",
            "DELETE FROM parts_1; DELETE FROM parts",
        ],
    },
    "tables and views that a plan makes over others": {
        base: `
            CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t SELECT n, 'a' FROM generate_series(1, 6) n;
            CREATE TABLE free (id int, a text); INSERT INTO free SELECT n, 'a' FROM generate_series(1, 4) n;
            CREATE TABLE b (id int); INSERT INTO b SELECT generate_series(1, 5);
            CREATE TABLE flagged (id int, flag boolean); INSERT INTO flagged VALUES (1, false), (2, false), (3, true);
            CREATE VIEW v AS SELECT id FROM t; CREATE VIEW w_v AS SELECT id FROM v;
            CREATE VIEW flagged_view AS SELECT id FROM flagged WHERE flag;
            CREATE SCHEMA other; CREATE TABLE other.b (id int); INSERT INTO other.b SELECT generate_series(1, 7);
            CREATE SCHEMA another; CREATE TABLE another.b (id int); INSERT INTO another.b SELECT generate_series(1, 8);
            CREATE TABLE parts (id int) PARTITION BY LIST (id); CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1) PARTITION BY LIST (id);
            CREATE TABLE ones (id int); INSERT INTO ones VALUES (1), (1); CREATE TABLE twos (id int); INSERT INTO twos VALUES (2), (2);
            CREATE TABLE p (id int, a text); CREATE TABLE c () INHERITS (p); INSERT INTO c VALUES (1, 'x'), (2, 'y');`,
        cases: [
            "CREATE VIEW nv AS SELECT id FROM t; DELETE FROM nv",
            { scripts: ["CREATE VIEW nv AS SELECT id FROM t", "DELETE FROM nv"] },
            "CREATE VIEW w AS SELECT * FROM free; UPDATE w SET a = NULL",
            "CREATE VIEW w AS SELECT * FROM free; INSERT INTO w VALUES (77, 'x')",
            "CREATE TEMP VIEW b AS SELECT * FROM free; DELETE FROM b",
            "CREATE VIEW w AS SELECT * FROM free; CREATE VIEW ww AS SELECT * FROM w WHERE id > 1; ALTER VIEW ww RENAME TO w3; DELETE FROM w3",
            { scripts: ["DO $$ BEGIN CREATE VIEW nv AS SELECT id FROM t; END $$; DELETE FROM nv"], unknown: "both" },
            "CREATE OR REPLACE VIEW v AS SELECT id, a AS other FROM t; UPDATE v SET other = 'z'",
            { scripts: ["CREATE OR REPLACE VIEW v AS SELECT id FROM b", "DELETE FROM v"] },
            { scripts: ["CREATE OR REPLACE VIEW v AS SELECT id FROM b; DELETE FROM w_v"], unknown: "both" },
            {
                scripts: ["DO $$ BEGIN CREATE OR REPLACE VIEW v AS SELECT id FROM b; END $$; DELETE FROM v"],
                unknown: "both",
            },
            "UPDATE flagged SET flag = true; DELETE FROM flagged_view",
            { scripts: ["DELETE FROM v WHERE id > 3; DELETE FROM t"], aliases: { v: "t" } },
            "CREATE TABLE np (id int) PARTITION BY LIST (id); ALTER TABLE np ATTACH PARTITION b DEFAULT; DELETE FROM np",
            "CREATE TABLE np (id int) PARTITION BY LIST (id); ALTER TABLE np ATTACH PARTITION b DEFAULT; TRUNCATE np",
            "CREATE TABLE np (id int) PARTITION BY LIST (id); ALTER TABLE np ATTACH PARTITION b DEFAULT; DROP TABLE np",
            "CREATE TABLE np (id int) PARTITION BY LIST (id); ALTER TABLE np ATTACH PARTITION b DEFAULT; ALTER TABLE np RENAME id TO x; UPDATE np SET x = NULL",
            {
                scripts: [
                    "CREATE TABLE np (id int) PARTITION BY LIST (id); ALTER TABLE np ATTACH PARTITION b DEFAULT",
                    "DELETE FROM np",
                ],
            },
            {
                scripts: [
                    "CREATE TABLE np PARTITION OF parts FOR VALUES IN (2) PARTITION BY LIST (id); ALTER TABLE np ATTACH PARTITION twos DEFAULT; DELETE FROM parts",
                ],
                unknown: "both",
            },
            { scripts: ["ALTER TABLE parts_1 ATTACH PARTITION ones DEFAULT; DELETE FROM parts"], unknown: "both" },
            "CREATE TABLE np (id int); ALTER TABLE b INHERIT np; DELETE FROM np",
            "CREATE TABLE np (id int); ALTER TABLE b INHERIT np; ALTER TABLE np RENAME id TO x; ALTER TABLE np ALTER x TYPE text USING NULL",
            {
                scripts: ["DO $$ BEGIN CREATE TABLE np (id int); ALTER TABLE b INHERIT np; END $$; DELETE FROM np"],
                unknown: "both",
            },
            "CREATE TABLE np (id int PRIMARY KEY); INSERT INTO np SELECT id FROM b; ALTER TABLE b ADD FOREIGN KEY (id) REFERENCES np ON DELETE CASCADE; DELETE FROM np",
            {
                scripts: [
                    "CREATE TABLE np (id int PRIMARY KEY); INSERT INTO np SELECT id FROM b; ALTER TABLE b ADD FOREIGN KEY (id) REFERENCES np ON DELETE CASCADE",
                    "DELETE FROM np WHERE id > 2",
                ],
            },
            {
                scripts: [
                    "CREATE TABLE np (id int PRIMARY KEY); INSERT INTO np SELECT id FROM b; ALTER TABLE b ADD FOREIGN KEY (id) REFERENCES np ON DELETE CASCADE",
                    "ALTER TABLE np RENAME TO nq; DELETE FROM nq WHERE id > 2",
                ],
            },
            "CREATE TABLE np (id int PRIMARY KEY); INSERT INTO np SELECT id FROM b; ALTER TABLE b ADD FOREIGN KEY (id) REFERENCES np; TRUNCATE np CASCADE",
            "CREATE TABLE np (id int PRIMARY KEY); INSERT INTO np SELECT id FROM b; ALTER TABLE b ADD FOREIGN KEY (id) REFERENCES np ON UPDATE CASCADE; UPDATE np SET id = id + 100",
            "CREATE TABLE np (id int PRIMARY KEY); CREATE TABLE nc (id int REFERENCES np ON DELETE CASCADE, t_id int REFERENCES t ON DELETE CASCADE); DELETE FROM np; DELETE FROM t WHERE id = 1",
            // Temporary tables that have gone, and names that have become another's.
            "CREATE TEMP TABLE b (id int); ALTER TABLE b RENAME TO x; DELETE FROM b; DELETE FROM x",
            "SET search_path = other; DISCARD PLANS; DELETE FROM b",
            {
                scripts: ["ALTER SCHEMA other RENAME TO x; ALTER SCHEMA another RENAME TO other; DELETE FROM other.b"],
                unknown: "both",
            },
            "ALTER TABLE p RENAME a TO z; UPDATE c SET z = NULL",
        ],
    },
    "triggers, casts and types that lose values": {
        base: `
            CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t SELECT n, 'a' FROM generate_series(1, 6) n;
            CREATE TABLE free (id int, small smallint); INSERT INTO free SELECT n, n FROM generate_series(1, 4) n;
            CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.a := NULL; RETURN NEW; END $$;
            CREATE TABLE touched (id int, a text); INSERT INTO touched VALUES (1, 'x'), (2, 'y');
            CREATE TRIGGER forgets BEFORE UPDATE ON touched FOR EACH ROW EXECUTE FUNCTION forget();
            CREATE TABLE at_peace (id int, a text); INSERT INTO at_peace VALUES (1, 'x'), (2, 'y');
            CREATE TRIGGER forgets BEFORE UPDATE ON at_peace FOR EACH ROW EXECUTE FUNCTION forget(); ALTER TABLE at_peace DISABLE TRIGGER forgets;
            CREATE TABLE up (id int, a text); CREATE TABLE down () INHERITS (up); INSERT INTO down VALUES (1, 'x');
            CREATE TRIGGER forgets BEFORE UPDATE ON down FOR EACH ROW EXECUTE FUNCTION forget();
            CREATE FUNCTION mangle(int) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT NULL::text';
            CREATE CAST (int AS text) WITH FUNCTION mangle(int) AS ASSIGNMENT;
            CREATE FUNCTION cut(smallint) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT NULL::text';
            CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN feeling AS mood;
            CREATE TABLE registry (id int, m mood, f feeling, ms mood[], c citext);
            INSERT INTO registry VALUES (1, 'sad', 'sad', '{sad}', 'c'), (2, 'sad', 'sad', NULL, 'c');
            ALTER EXTENSION hstore ADD TABLE registry;`,
        cases: [
            "ALTER TABLE touched ADD COLUMN x int; UPDATE touched SET x = 1",
            "ALTER TABLE touched ADD COLUMN x int; UPDATE touched SET x = 1 WHERE id = 1",
            "ALTER TABLE at_peace ADD COLUMN x int; UPDATE at_peace SET x = 1",
            "ALTER TABLE at_peace ENABLE TRIGGER forgets; ALTER TABLE at_peace ADD COLUMN x int; UPDATE at_peace SET x = 1",
            "ALTER TABLE up ADD COLUMN x int; UPDATE up SET x = 1",
            {
                scripts: [
                    "ALTER TABLE t ADD COLUMN x int; CREATE TRIGGER forgets BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION forget()",
                    "UPDATE t SET x = 1",
                ],
            },
            "ALTER TABLE free ALTER id TYPE text",
            "ALTER TABLE free ALTER small TYPE text",
            "CREATE CAST (smallint AS text) WITH FUNCTION cut(smallint) AS ASSIGNMENT; ALTER TABLE free ALTER small TYPE text",
            "DROP TYPE mood CASCADE",
            "DROP EXTENSION citext CASCADE",
            "DROP EXTENSION hstore CASCADE; DROP TYPE mood CASCADE",
        ],
    },
};
