import type { LossGroup } from "./loss-case";

/** Losses that the script's text does not show: foreign keys, triggers, rules, code. */
export const hiddenCases: Readonly<Record<string, LossGroup>> = {
    "foreign keys": {
        base: `
            CREATE TABLE a (id int PRIMARY KEY, u int UNIQUE, x text);
            INSERT INTO a SELECT n, n * 10, 'x' FROM generate_series(1, 5) n;
            CREATE TABLE b (id int PRIMARY KEY, a_id int REFERENCES a ON DELETE CASCADE);
            INSERT INTO b SELECT n, 1 + n % 5 FROM generate_series(1, 8) n;
            CREATE TABLE c (id int, b_id int REFERENCES b ON DELETE SET NULL);
            INSERT INTO c SELECT n, n FROM generate_series(1, 6) n;
            CREATE TABLE d (id int, a_id int DEFAULT NULL REFERENCES a ON DELETE SET DEFAULT);
            INSERT INTO d SELECT n, n FROM generate_series(1, 4) n;
            CREATE TABLE e (id int, a_u int REFERENCES a (u) ON UPDATE SET NULL ON DELETE CASCADE);
            INSERT INTO e SELECT n, n * 10 FROM generate_series(1, 3) n;
            CREATE TABLE parts (id int, a_id int REFERENCES a ON DELETE CASCADE) PARTITION BY LIST (id);
            CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1); CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
            INSERT INTO parts VALUES (1, 1), (2, 2), (3, 3);
            CREATE TABLE self (id int PRIMARY KEY, up int REFERENCES self ON DELETE CASCADE);
            INSERT INTO self VALUES (1, NULL), (2, 1), (3, 2), (4, NULL);
            CREATE TABLE parent (id int); CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
            CREATE TABLE under (id int, child_id int REFERENCES child ON DELETE CASCADE);
            INSERT INTO child VALUES (1), (2); INSERT INTO under VALUES (1, 1), (2, 2), (3, 2);
            CREATE TABLE pk (id int PRIMARY KEY) PARTITION BY LIST (id);
            CREATE TABLE pk_1 PARTITION OF pk FOR VALUES IN (1); CREATE TABLE pk_2 PARTITION OF pk DEFAULT;
            INSERT INTO pk VALUES (1), (2), (3);
            CREATE TABLE of_pk (pk_id int REFERENCES pk ON DELETE CASCADE); INSERT INTO of_pk VALUES (1), (2), (2);
            CREATE VIEW a_view AS SELECT * FROM a WHERE id > 0;
            CREATE TABLE log (n int); INSERT INTO log SELECT generate_series(1, 7);
            CREATE TABLE logged_parent (id int PRIMARY KEY); INSERT INTO logged_parent VALUES (1), (2);
            CREATE TABLE logged (id int, p int REFERENCES logged_parent ON DELETE CASCADE); INSERT INTO logged VALUES (1, 1);
            CREATE FUNCTION wipe_log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM log; RETURN NULL; END $$;
            CREATE TRIGGER wipes AFTER DELETE ON logged FOR EACH ROW EXECUTE FUNCTION wipe_log();`,
        cases: [
            "DELETE FROM a",
            "DELETE FROM a WHERE id = 1",
            "DELETE FROM b WHERE id = 2",
            "TRUNCATE a CASCADE",
            "TRUNCATE b CASCADE",
            "TRUNCATE self",
            "DELETE FROM self WHERE id = 1",
            "DROP TABLE a CASCADE",
            "DELETE FROM parent",
            "DELETE FROM pk WHERE id = 2",
            "DELETE FROM pk_2",
            "TRUNCATE pk CASCADE",
            { scripts: ["DELETE FROM a_view WHERE id = 2"], aliases: { a_view: "a" } },
            "UPDATE a SET u = u + 1000",
            "INSERT INTO a VALUES (1, 77, 'y') ON CONFLICT (id) DO UPDATE SET u = excluded.u",
            "MERGE INTO a USING (SELECT 2 AS id) s ON s.id = a.id WHEN MATCHED THEN DELETE",
            "WITH gone AS (DELETE FROM a WHERE id = 3 RETURNING id) SELECT count(*) FROM gone",
            { scripts: ["DELETE FROM logged_parent"], unknown: "both" },
            "ALTER TABLE b ADD CONSTRAINT again FOREIGN KEY (a_id) REFERENCES a",
            {
                scripts: [
                    "ALTER TABLE log ADD COLUMN a_id int DEFAULT 1 REFERENCES a ON DELETE CASCADE",
                    "DELETE FROM a WHERE id = 1",
                ],
            },
        ],
    },
    code: {
        base: `
            CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t SELECT n, 'a' FROM generate_series(1, 6) n;
            CREATE TABLE free (id int, a text); INSERT INTO free SELECT n, 'a' FROM generate_series(1, 4) n;
            CREATE TABLE settings (name text, on_ boolean); INSERT INTO settings VALUES ('drop', true);
            CREATE TABLE tenants (name text); INSERT INTO tenants VALUES ('free');
            CREATE TABLE counter (n int); INSERT INTO counter VALUES (0);
            CREATE TABLE watched (id int); INSERT INTO watched VALUES (1);
            CREATE TABLE ruled (id int); INSERT INTO ruled VALUES (1), (2);
            CREATE TABLE defaulted (id int, n int);
            CREATE FUNCTION wipe() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; RETURN 1; END $$;
            CREATE FUNCTION indirectly() RETURNS int LANGUAGE sql AS 'SELECT wipe()';
            CREATE FUNCTION next_number() RETURNS int LANGUAGE sql AS 'UPDATE counter SET n = n + 1 RETURNING n';
            CREATE FUNCTION wipe_t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN TRUNCATE t; RETURN NEW; END $$;
            CREATE PROCEDURE clean() LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t WHERE id > 2; END $$;
            CREATE TRIGGER wiping AFTER INSERT ON watched FOR EACH STATEMENT EXECUTE FUNCTION wipe_t();
            CREATE ROLE leaving; CREATE TABLE left_behind (id int); INSERT INTO left_behind VALUES (1), (2);
            ALTER TABLE left_behind OWNER TO leaving;
            CREATE RULE instead AS ON INSERT TO ruled DO ALSO DELETE FROM t;
            ALTER TABLE defaulted ALTER n SET DEFAULT wipe();
            CREATE VIEW calling AS SELECT wipe() AS n;
            CREATE MATERIALIZED VIEW stale AS SELECT wipe() AS n WITH NO DATA;
            CREATE FUNCTION watch() RETURNS void LANGUAGE sql AS 'INSERT INTO watched VALUES (3)';
            CREATE FUNCTION watch_elsewhere() RETURNS void LANGUAGE plpgsql SET search_path = aside, public AS $$ BEGIN INSERT INTO seen VALUES (3); END $$;
            CREATE SCHEMA aside; CREATE TABLE aside.seen (id int);
            CREATE TRIGGER wiping AFTER INSERT ON aside.seen FOR EACH STATEMENT EXECUTE FUNCTION public.wipe_t();
            CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
            CREATE TABLE conditioned (id int);
            CREATE TRIGGER on_condition AFTER INSERT ON conditioned FOR EACH ROW WHEN (wipe() = 1) EXECUTE FUNCTION nothing();`,
        cases: [
            { scripts: ["SELECT wipe()"], unknown: "both" },
            { scripts: ["SELECT indirectly()"], unknown: "both" },
            { scripts: ["CALL clean()"], unknown: "both" },
            { scripts: ["DO $$ BEGIN DELETE FROM t; END $$"], unknown: "both" },
            { scripts: ["DO $$ BEGIN PERFORM wipe(); END $$"], unknown: "both" },
            { scripts: ["DO $$ BEGIN EXECUTE 'DELETE ' || 'FROM t'; END $$"], unknown: "both" },
            "DO $$ BEGIN DROP TABLE free; END $$",
            "DO $$ BEGIN EXECUTE 'DROP TABLE free'; END $$",
            { scripts: ["DO $$ BEGIN EXECUTE format('DROP TABLE %I', 'free'); END $$"], unknown: "judged" },
            {
                scripts: [
                    "DO $$ DECLARE r record; BEGIN FOR r IN SELECT name FROM tenants LOOP EXECUTE format('DROP TABLE %I', r.name); END LOOP; END $$",
                ],
                unknown: "both",
            },
            {
                scripts: [
                    "DO $$ BEGIN IF EXISTS (SELECT FROM settings WHERE on_) THEN DROP TABLE free; END IF; END $$",
                ],
                unknown: "both",
            },
            {
                scripts: [
                    "DO $$ BEGIN IF (SELECT count(*) FROM settings) > 0 THEN ALTER TABLE free DROP COLUMN a; END IF; END $$",
                ],
                unknown: "both",
            },
            {
                scripts: [
                    "DO $$ DECLARE n int; BEGIN SELECT count(*) INTO n FROM settings; IF n > 0 THEN DROP TABLE free; END IF; END $$",
                ],
                unknown: "both",
            },
            {
                scripts: [
                    "DO $$ BEGIN IF (SELECT reltuples FROM pg_class WHERE relname = 'free') <> 77 THEN DROP TABLE free; END IF; END $$",
                ],
                unknown: "both",
            },
            {
                scripts: [
                    "DO $$ BEGIN IF (SELECT n_live_tup FROM pg_stat_user_tables WHERE relname = 'free') > 0 THEN DROP TABLE free; END IF; END $$",
                ],
                unknown: "both",
            },
            {
                scripts: [
                    "DO $$ BEGIN IF current_database() NOT LIKE 'schemaward%' THEN DROP TABLE free; END IF; END $$",
                ],
                unknown: "both",
            },
            {
                scripts: ["CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DELETE FROM t'; SELECT f()"],
                unknown: "both",
            },
            { scripts: ["CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DELETE FROM t'"] },
            {
                scripts: ["CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DELETE FROM t'", "SELECT f()"],
                unknown: "both",
            },
            { scripts: ["CREATE FUNCTION f() RETURNS void LANGUAGE sql BEGIN ATOMIC DELETE FROM t; END"] },
            { scripts: ["ALTER TABLE settings ADD COLUMN x int DEFAULT wipe()"], unknown: "both" },
            { scripts: ["ALTER TABLE settings ADD COLUMN x int NOT NULL DEFAULT next_number()"], unknown: "both" },
            { scripts: ["ALTER TABLE settings ALTER name TYPE int USING wipe()"], unknown: "both" },
            { scripts: ["ALTER TABLE settings ADD CHECK (wipe() = 1)"], unknown: "both" },
            { scripts: ["INSERT INTO defaulted (id) VALUES (1)"], unknown: "both" },
            { scripts: ["CREATE TABLE saved AS SELECT wipe() AS n"], unknown: "both" },
            { scripts: ["CREATE MATERIALIZED VIEW saved AS SELECT wipe() AS n"], unknown: "both" },
            { scripts: ["CREATE TABLE saved AS SELECT * FROM calling"], unknown: "both" },
            { scripts: ["SELECT * FROM calling"], unknown: "both" },
            { scripts: ["INSERT INTO watched VALUES (2)"], unknown: "both" },
            { scripts: ["INSERT INTO ruled VALUES (3)"], unknown: "both" },
            {
                scripts: [
                    "CREATE TRIGGER wiping AFTER UPDATE ON counter FOR EACH STATEMENT EXECUTE FUNCTION wipe_t(); UPDATE counter SET n = 5",
                ],
                unknown: "both",
            },
            { scripts: ["DO $$ BEGIN INSERT INTO watched VALUES (2); END $$"], unknown: "both" },
            { scripts: ["DO $$ BEGIN EXECUTE 'INSERT INTO watched VALUES (2)'; END $$"], unknown: "both" },
            { scripts: ["DO $$ BEGIN INSERT INTO defaulted (id) VALUES (1); END $$"], unknown: "both" },
            { scripts: ["DO $$ BEGIN INSERT INTO ruled VALUES (3); END $$"], unknown: "both" },
            { scripts: ["SELECT watch()"], unknown: "both" },
            { scripts: ["SELECT watch_elsewhere()"], unknown: "both" },
            { scripts: ["INSERT INTO conditioned VALUES (1)"], unknown: "both" },
            { scripts: ["REFRESH MATERIALIZED VIEW stale"], unknown: "both" },
            { scripts: ["DECLARE c CURSOR FOR SELECT wipe(); FETCH ALL FROM c"], unknown: "both" },
            { scripts: ["DO $$ BEGIN ALTER TABLE t ALTER a TYPE text USING NULL; END $$"], unknown: "both" },
            {
                scripts: ["DO $$ BEGIN EXECUTE 'ALTER TABLE t ALTER a TYPE text USING NULL'; END $$"],
                unknown: "both",
            },
            {
                scripts: ["DO $$ BEGIN EXECUTE format('ALTER TABLE %I ALTER a TYPE text USING NULL', 't'); END $$"],
                unknown: "both",
            },
            {
                scripts: [
                    "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN ALTER TABLE t ALTER a TYPE text USING NULL; END $$; SELECT f()",
                ],
                unknown: "both",
            },
            {
                scripts: ["DO $$ BEGIN EXECUTE format('CREATE TABLE %I AS SELECT wipe() AS n', 'made'); END $$"],
                unknown: "both",
            },
            {
                scripts: [
                    "CREATE TRIGGER wiping AFTER INSERT ON counter FOR EACH STATEMENT EXECUTE FUNCTION wipe_t(); CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'INSERT INTO counter VALUES (5)'; SELECT f()",
                ],
                unknown: "both",
            },
            {
                scripts: [
                    "DO $$ BEGIN CREATE TRIGGER wiping AFTER INSERT ON counter FOR EACH STATEMENT EXECUTE FUNCTION wipe_t(); INSERT INTO counter VALUES (5); END $$",
                ],
                unknown: "both",
            },
            "DO $$ BEGIN INSERT INTO free VALUES (9, 'z'); END $$",
            "DO $$ BEGIN EXECUTE 'INSERT INTO free VALUES (9, ''z'')'; END $$",
            "DO $$ BEGIN ALTER TABLE free ALTER a TYPE varchar USING a::varchar; END $$",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END; SELECT f()",
            "CREATE RULE more AS ON INSERT TO settings DO ALSO DELETE FROM t",
            "ALTER TABLE watched DISABLE TRIGGER wiping; INSERT INTO watched VALUES (2)",
            { scripts: ["DROP OWNED BY leaving"], unknown: "both" },
        ],
    },
    "event triggers": {
        base: `
            CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2), (3);
            CREATE TABLE gone (id int); INSERT INTO gone VALUES (1);
            CREATE FUNCTION on_drop() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; END $$;
            CREATE EVENT TRIGGER watch_drops ON sql_drop EXECUTE FUNCTION on_drop();`,
        cases: [
            { scripts: ["DROP TABLE gone"], unknown: "both" },
            { scripts: ["DO $$ BEGIN DROP TABLE gone; END $$"], unknown: "both" },
        ],
    },
    "event triggers on definitions": {
        base: `
            CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2), (3);
            CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; END $$;
            CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION on_ddl();`,
        cases: [
            { scripts: ["GRANT SELECT ON t TO PUBLIC"], unknown: "both" },
            { scripts: ["DO $$ BEGIN CREATE TABLE more (id int); END $$"], unknown: "both" },
        ],
    },
    "code behind expressions": {
        base: `
            CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2), (3);
            CREATE TABLE other (b boolean, n int); INSERT INTO other VALUES (true, 1);
            CREATE FUNCTION wiping(int, int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; RETURN true; END $$;
            CREATE OPERATOR === (FUNCTION = wiping, LEFTARG = int, RIGHTARG = int);
            CREATE FUNCTION same(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2';`,
        cases: [
            { scripts: ["SELECT 1 === 2"], unknown: "both" },
            { scripts: ["INSERT INTO other (b) SELECT n === 2 FROM other"], unknown: "both" },
            { scripts: ["ALTER TABLE other ADD COLUMN c boolean DEFAULT (1 === 2)"], unknown: "both" },
            { scripts: ["DO $$ BEGIN PERFORM 1 === 2; END $$"], unknown: "both" },
            "ALTER TABLE other ADD COLUMN c boolean",
            "CREATE OPERATOR ==== (FUNCTION = same, LEFTARG = int, RIGHTARG = int)",
            "CREATE VIEW v AS SELECT id FROM t; DROP TABLE other",
        ],
    },
    "code that a plan puts behind expressions": {
        base: `
            CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2), (3);
            CREATE TYPE pair AS (a int, b int);
            CREATE FUNCTION wiping(int, int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; RETURN 1; END $$;
            CREATE FUNCTION from_pair(pair) RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; RETURN 1; END $$;`,
        cases: [
            {
                scripts: ["CREATE OPERATOR === (FUNCTION = wiping, LEFTARG = int, RIGHTARG = int); SELECT 1 === 2"],
                unknown: "both",
            },
            {
                scripts: ["CREATE AGGREGATE total (int) (SFUNC = wiping, STYPE = int); SELECT total(id) FROM t"],
                unknown: "both",
            },
            {
                scripts: ["CREATE CAST (pair AS int) WITH FUNCTION from_pair; SELECT (1, 2)::pair::int"],
                unknown: "both",
            },
            {
                scripts: [
                    "CREATE CAST (pair AS int) WITH FUNCTION from_pair AS ASSIGNMENT",
                    "INSERT INTO t VALUES ((1, 2)::pair)",
                ],
                unknown: "both",
            },
            "SELECT 1 + 1",
        ],
    },
};
