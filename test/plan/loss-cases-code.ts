import type { LossGroup } from "./loss-case";

/** Losses, and none, that only the text of code tells. */
export const codeCases: Readonly<Record<string, LossGroup>> = {
    "code that reaches further": {
        base: `
            CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t SELECT n, 'a' FROM generate_series(1, 6) n;
            CREATE TABLE free (id int, a text); INSERT INTO free SELECT n, 'a' FROM generate_series(1, 4) n;
            CREATE TABLE settings (name text, on_ boolean); INSERT INTO settings VALUES ('drop', true);
            CREATE TABLE tenants (name text); INSERT INTO tenants VALUES ('free');
            CREATE TABLE uniq (id int PRIMARY KEY); INSERT INTO uniq VALUES (1);
            CREATE TABLE counter (n int); INSERT INTO counter VALUES (0);
            CREATE FUNCTION wipe() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; RETURN 1; END $$;
            CREATE FUNCTION "Wipe"() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; RETURN 1; END $$;
            CREATE FUNCTION wipe_t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN TRUNCATE t; RETURN NEW; END $$;
            CREATE FUNCTION drop_it(n text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('DROP TABLE %I', n); RETURN 1; END $$;
            CREATE FUNCTION dropper() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DROP TABLE IF EXISTS free; RETURN 1; END $$;
            CREATE FUNCTION is_on() RETURNS boolean LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM settings WHERE on_)';
            CREATE FUNCTION drop_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DROP TABLE IF EXISTS free; RETURN NEW; END $$;
            CREATE TABLE dropping (id int); CREATE TRIGGER d AFTER INSERT ON dropping FOR EACH ROW EXECUTE FUNCTION drop_trigger();
            CREATE TABLE off (id int); CREATE TRIGGER off AFTER INSERT ON off FOR EACH STATEMENT EXECUTE FUNCTION wipe_t(); ALTER TABLE off DISABLE TRIGGER off;
            CREATE FUNCTION purge(tbl text) RETURNS SETOF int LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE format('DELETE FROM %I RETURNING 1', tbl); END $$;
            CREATE FUNCTION by_cursor() RETURNS int LANGUAGE plpgsql AS $$ DECLARE c refcursor; n int; BEGIN OPEN c FOR EXECUTE 'DELETE FROM t RETURNING 1'; FETCH c INTO n; RETURN n; END $$;
            CREATE FUNCTION by_default(x int DEFAULT wipe()) RETURNS int LANGUAGE sql AS 'SELECT x';
            CREATE FUNCTION forget(t) RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM free; RETURN 1; END $$;
            CREATE FUNCTION nested() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DO $x$ BEGIN DELETE FROM t; END $x$'; END $$;
            CREATE FUNCTION imm(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM wipe(); RETURN 1; END $$;
            CREATE TABLE indexed (id int); CREATE INDEX ON indexed (imm(id));
            CREATE DOMAIN plain_d AS int; CREATE TABLE has_plain (n plain_d); INSERT INTO has_plain VALUES (1);
            CREATE TABLE watched (id int); CREATE TRIGGER wiping AFTER INSERT ON watched FOR EACH STATEMENT EXECUTE FUNCTION wipe_t();
            CREATE VIEW watched_view AS SELECT id FROM watched;
            CREATE TABLE parts (id int) PARTITION BY LIST (id);
            CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1); CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
            INSERT INTO parts VALUES (1), (2);
            CREATE FUNCTION wipe_r() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; RETURN NEW; END $$;
            CREATE TABLE tparent (id int) PARTITION BY LIST (id); CREATE TRIGGER tp AFTER INSERT ON tparent FOR EACH ROW EXECUTE FUNCTION wipe_r();
            CREATE TABLE later (id int);
            CREATE SEQUENCE s; SELECT setval('s', 500);
            SELECT lo_from_bytea(0, 'abc');
            CREATE FUNCTION "repeat"(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; RETURN 1; END $$;`,
        cases: [
            { scripts: ["SELECT drop_it(name) FROM tenants"], unknown: "both" },
            {
                scripts: [
                    "DO $$ DECLARE r record; BEGIN FOR r IN SELECT name FROM tenants LOOP PERFORM drop_it(r.name); END LOOP; END $$",
                ],
                unknown: "both",
            },
            { scripts: ["SELECT dropper() FROM settings WHERE on_"], unknown: "both" },
            { scripts: ["DO $$ BEGIN IF is_on() THEN DROP TABLE free; END IF; END $$"], unknown: "both" },
            { scripts: ["INSERT INTO counter SELECT dropper()"], unknown: "both" },
            { scripts: ["INSERT INTO dropping VALUES (1)"], unknown: "both" },
            { scripts: ["DO $$ BEGIN INSERT INTO dropping SELECT id FROM t; END $$"], unknown: "both" },
            { scripts: ["ALTER TABLE settings ADD COLUMN x int DEFAULT dropper()"], unknown: "both" },
            {
                scripts: [
                    "DO $$ BEGIN INSERT INTO uniq VALUES (1) ON CONFLICT DO NOTHING; IF NOT FOUND THEN DROP TABLE free; END IF; END $$",
                ],
                unknown: "both",
            },
            {
                scripts: [
                    "DO $$ BEGIN ALTER TABLE free ADD CHECK (id < 3); EXCEPTION WHEN check_violation THEN DROP TABLE free; END $$",
                ],
                unknown: "both",
            },
            {
                scripts: [
                    "DO $$ BEGIN INSERT INTO uniq VALUES (1); EXCEPTION WHEN unique_violation THEN DROP TABLE free; END $$",
                ],
                unknown: "both",
            },
            {
                scripts: [
                    "DO $$ BEGIN CREATE UNIQUE INDEX ON free (a); EXCEPTION WHEN unique_violation THEN ALTER TABLE free DROP COLUMN a; END $$",
                ],
                unknown: "both",
            },
            { scripts: ["DO $$ BEGIN IF nextval('s') > 100 THEN DROP TABLE free; END IF; END $$"], unknown: "both" },
            { scripts: ["SELECT * FROM purge('t')"], unknown: "both" },
            { scripts: ["DO $$ BEGIN PERFORM purge('t'); END $$"], unknown: "both" },
            { scripts: ["SELECT by_cursor()"], unknown: "both" },
            {
                scripts: [
                    "DO $$ DECLARE c refcursor; n int; BEGIN OPEN c FOR EXECUTE 'DELETE ' || 'FROM t RETURNING 1'; FETCH c INTO n; END $$",
                ],
                unknown: "both",
            },
            { scripts: ["SELECT by_default()"], unknown: "both" },
            { scripts: ["SELECT t.forget FROM t"], unknown: "both" },
            { scripts: ["SELECT (t).forget FROM t LIMIT 1"], unknown: "both" },
            { scripts: ["SELECT nested()"], unknown: "both" },
            { scripts: ["DO $$ BEGIN EXECUTE 'DO $x$ BEGIN DELETE FROM t; END $x$'; END $$"], unknown: "both" },
            { scripts: ["DO $$ BEGIN DO $x$ BEGIN DELETE FROM t; END $x$; END $$"], unknown: "both" },
            {
                scripts: [
                    "DO $$ BEGIN CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DELETE FROM t'; PERFORM f(); END $$",
                ],
                unknown: "both",
            },
            {
                scripts: [
                    "DO $$ DECLARE n int; BEGIN CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'DELETE FROM t RETURNING 1'; n := f(); END $$",
                ],
                unknown: "both",
            },
            {
                scripts: ["DO $$ BEGIN ALTER TABLE off ENABLE TRIGGER off; INSERT INTO off VALUES (2); END $$"],
                unknown: "both",
            },
            {
                scripts: [
                    "DO $$ BEGIN EXECUTE format('CREATE TRIGGER x AFTER INSERT ON counter EXECUTE FUNCTION %I()', 'wipe_t'); INSERT INTO counter VALUES (5); END $$",
                ],
                unknown: "both",
            },
            {
                scripts: ["DO $$ BEGIN EXECUTE format('CREATE TABLE %I AS SELECT \"Wipe\"() AS n', 'made'); END $$"],
                unknown: "both",
            },
            {
                scripts: ["DO $$ BEGIN EXECUTE format('CREATE TABLE %I AS SELECT %I() AS n', 'made', 'wipe'); END $$"],
                unknown: "both",
            },
            {
                scripts: [
                    "DO $$ DECLARE q text := 'DELETE'; BEGIN EXECUTE 'CREATE TABLE IF NOT EXISTS made (id int); ' || q || ' FROM t'; END $$",
                ],
                unknown: "both",
            },
            { scripts: ["SELECT query_to_xml('SELECT wipe()', true, true, '')"], unknown: "both" },
            { scripts: ["SELECT * FROM ts_stat('SELECT to_tsvector(wipe()::text)')"], unknown: "both" },
            {
                scripts: ["PREPARE p AS SELECT wipe() AS n; CREATE TABLE made AS EXECUTE p; DEALLOCATE p"],
                unknown: "both",
            },
            { scripts: ["COPY (INSERT INTO watched VALUES (2) RETURNING id) TO '/dev/null'"], unknown: "both" },
            { scripts: ["EXPLAIN SELECT imm(1)"], unknown: "both" },
            { scripts: ["INSERT INTO indexed VALUES (1)"], unknown: "both" },
            { scripts: ["ALTER DOMAIN plain_d ADD CHECK (wipe() = 1)"], unknown: "both" },
            { scripts: ["INSERT INTO watched_view VALUES (2)"], unknown: "both" },
            {
                scripts: [
                    "CREATE TRIGGER w AFTER INSERT ON parts FOR EACH ROW EXECUTE FUNCTION wipe_r(); INSERT INTO parts_1 VALUES (1)",
                ],
                unknown: "both",
            },
            {
                scripts: ["CREATE TABLE tparent_1 PARTITION OF tparent DEFAULT; INSERT INTO tparent_1 VALUES (1)"],
                unknown: "both",
            },
            {
                scripts: ["ALTER TABLE tparent ATTACH PARTITION later DEFAULT; INSERT INTO later VALUES (1)"],
                unknown: "both",
            },
            { scripts: ["DO $$ BEGIN PERFORM lo_unlink(oid) FROM pg_largeobject_metadata; END $$"], unknown: "both" },
            { scripts: ["SELECT lowrite(lo_open(oid, 131072), 'x') FROM pg_largeobject_metadata"], unknown: "both" },
            { scripts: ["SELECT repeat(1)"], unknown: "both" },
            { scripts: ["SELECT 1 AS n WHERE wipe() = 1 FOR UPDATE"], unknown: "both" },
            { scripts: ["SELECT (SELECT count(*) FROM (VALUES (1)) v, LATERAL wipe())"], unknown: "both" },
        ],
    },
    "domains with code": {
        base: `
            CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t SELECT n, 'a' FROM generate_series(1, 6) n;
            CREATE FUNCTION wipe() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; RETURN 1; END $$;
            CREATE DOMAIN checked AS int CHECK (VALUE < 9 AND wipe() = 1);
            CREATE TABLE counter (n int); INSERT INTO counter VALUES (0); CREATE TABLE settings (name text, on_ boolean);
            CREATE TYPE comp AS (n checked); CREATE TABLE has_comp (c comp);
            CREATE FUNCTION takes(x checked) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN x; END';
            CREATE FUNCTION gives() RETURNS checked LANGUAGE plpgsql AS 'BEGIN RETURN 3; END';`,
        cases: [
            { scripts: ["INSERT INTO settings VALUES ('x', 3::checked > 1)"], unknown: "both" },
            { scripts: ["ALTER TABLE counter ALTER n TYPE checked"], unknown: "both" },
            { scripts: ["INSERT INTO has_comp VALUES (ROW(3))"], unknown: "both" },
            { scripts: ["SELECT ROW(3)::comp"], unknown: "both" },
            { scripts: ["SELECT takes(3)"], unknown: "both" },
            { scripts: ["SELECT gives()"], unknown: "both" },
            { scripts: ["DO $$ DECLARE v checked := 3; BEGIN NULL; END $$"], unknown: "both" },
            "CREATE TABLE more (id int)",
        ],
    },
    "triggers behind views": {
        base: `
            CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t SELECT n, 'a' FROM generate_series(1, 6) n;
            CREATE TABLE par (id int PRIMARY KEY); INSERT INTO par VALUES (1); CREATE VIEW par_v AS SELECT id FROM par;
            CREATE FUNCTION wipe_r() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; RETURN OLD; END $$;
            CREATE TRIGGER w AFTER DELETE ON par FOR EACH ROW EXECUTE FUNCTION wipe_r();
            CREATE TABLE moved (id int) PARTITION BY LIST (id);
            CREATE TABLE moved_1 PARTITION OF moved FOR VALUES IN (1); CREATE TABLE moved_2 PARTITION OF moved DEFAULT; INSERT INTO moved VALUES (1);
            CREATE FUNCTION wipe_n() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; RETURN NEW; END $$;
            CREATE TRIGGER mv AFTER INSERT ON moved FOR EACH ROW EXECUTE FUNCTION wipe_n();`,
        cases: [
            { scripts: ["DELETE FROM par_v"], unknown: "both", aliases: { par_v: "par" } },
            { scripts: ["CREATE VIEW made AS SELECT id FROM par; DELETE FROM made"], unknown: "both" },
            { scripts: ["UPDATE moved SET id = 2 WHERE id = 1"], unknown: "both" },
        ],
    },
    "tables made on the way, under event triggers": {
        base: `
            CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2), (3);
            CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; END $$;
            CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION on_ddl();
            CREATE TABLE q (id int);
            DO $$ BEGIN CREATE FUNCTION maker() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN CREATE TABLE made_by (id int); RETURN NEW; END'; END $$;
            CREATE TRIGGER m AFTER INSERT ON q FOR EACH ROW EXECUTE FUNCTION maker();
            INSERT INTO t VALUES (1), (2);`,
        cases: [
            { scripts: ["SELECT 1 AS x INTO made"], unknown: "both" },
            { scripts: ["INSERT INTO q VALUES (1)"], unknown: "both" },
            { scripts: ["DO $$ BEGIN INSERT INTO q VALUES (1); END $$"], unknown: "both" },
        ],
    },
    "harmless triggers and DO blocks": {
        base: `
            CREATE TABLE t (id int PRIMARY KEY, a text, updated_at timestamptz); INSERT INTO t SELECT n, 'a' FROM generate_series(1, 6) n;
            CREATE TABLE audit (what text);
            CREATE FUNCTION set_updated() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at := now(); RETURN NEW; END $$;
            CREATE TRIGGER upd BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION set_updated();
            CREATE FUNCTION log_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit VALUES (TG_OP); IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$;
            CREATE TRIGGER aud AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION log_it();`,
        cases: [
            "INSERT INTO t VALUES (7, 'b')",
            "DELETE FROM t WHERE id = 1",
            "DO $$ BEGIN CREATE TYPE st AS ENUM ('a', 'b'); EXCEPTION WHEN duplicate_object THEN NULL; END $$",
            "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_type WHERE typname = 'st') THEN CREATE TYPE st AS ENUM ('a'); END IF; END $$",
            "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_name = 't' AND column_name = 'n') THEN ALTER TABLE t ADD COLUMN n int; END IF; END $$",
            "DO $$ BEGIN ALTER TABLE t ADD CONSTRAINT u UNIQUE (id); EXCEPTION WHEN duplicate_table THEN NULL; END $$",
            "ALTER TABLE t ALTER a TYPE varchar USING a::varchar",
            "CREATE OR REPLACE FUNCTION set_updated() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at = clock_timestamp(); RETURN NEW; END $$; INSERT INTO t VALUES (9, 'c')",
            "CREATE TABLE n (id int GENERATED ALWAYS AS IDENTITY, t_id int REFERENCES t); CREATE TRIGGER x BEFORE UPDATE ON n FOR EACH ROW EXECUTE FUNCTION log_it(); INSERT INTO n (t_id) SELECT id FROM t",
            {
                scripts: [
                    "DO $$ DECLARE r record; BEGIN FOR r IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', r.tablename); END LOOP; END $$",
                ],
                unknown: "judged",
            },
        ],
    },
    "harmless code": {
        base: `
            CREATE TABLE t (id int PRIMARY KEY, a text, n text); INSERT INTO t SELECT n, 'a', '1' FROM generate_series(1, 6) n;
            CREATE TABLE log (id serial, what text);
            CREATE FUNCTION note(w text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log (what) VALUES (w); END $$;
            CREATE FUNCTION slug(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)';`,
        cases: [
            "SELECT note('x')",
            "DO $$ BEGIN PERFORM note('x'); END $$",
            "INSERT INTO t SELECT g, 'b', slug('X') FROM generate_series(10, 12) g ON CONFLICT DO NOTHING",
            "ALTER TABLE t ADD COLUMN s text GENERATED ALWAYS AS (slug(a)) STORED; CREATE INDEX ON t (slug(a))",
            "DO $$ BEGIN IF (SELECT count(*) FROM t) = 0 THEN INSERT INTO t VALUES (1, 'x', 'y'); END IF; END $$",
            "DO $$ DECLARE r record; BEGIN FOR r IN SELECT id FROM t LOOP INSERT INTO log (what) VALUES (r.id::text); END LOOP; END $$",
            "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'c') THEN ALTER TABLE t ADD CONSTRAINT c CHECK (id > 0); END IF; END $$",
            {
                scripts: ["DO $$ BEGIN EXECUTE format('ALTER TABLE %I ADD COLUMN z int', 't'); END $$"],
                unknown: "judged",
            },
            {
                scripts: [
                    "DO $$ BEGIN EXECUTE format('CREATE TABLE %I (id int)', 'log_' || to_char(now(), 'YYYY')); END $$",
                ],
                unknown: "judged",
            },
            "DO $$ BEGIN RAISE NOTICE 'hello %', current_database(); END $$",
            {
                scripts: [
                    "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || quote_ident(current_database()) || ' SET timezone = ''UTC'''; END $$",
                ],
                unknown: "both",
            },
            "SELECT setval('log_id_seq', (SELECT coalesce(max(id), 1) FROM log))",
            "SELECT pg_catalog.set_config('search_path', '', false); CREATE TABLE public.zz (id int)",
            "DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'app') THEN GRANT SELECT ON t TO app; END IF; END $$",
            {
                scripts: [
                    "DO $$ BEGIN IF EXISTS (SELECT 1 FROM information_schema.columns WHERE table_name = 't' AND column_name = 'n') THEN ALTER TABLE t RENAME COLUMN n TO m; END IF; END $$",
                ],
                unknown: "judged",
            },
            "DO $$ BEGIN IF (SELECT count(*) FROM t) > 0 THEN ALTER TABLE t ADD COLUMN q int; END IF; END $$",
        ],
    },
};
