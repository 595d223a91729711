/** A schema that has at least one of everything a catalog can hold; needs a superuser and PostgreSQL's contrib modules. */
export const richSchema = `
CREATE EXTENSION pg_trgm;
CREATE EXTENSION hstore;
CREATE SCHEMA audit;
CREATE SCHEMA "Odd Name";
COMMENT ON SCHEMA audit IS 'who did what';
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN positive AS integer DEFAULT 1 NOT NULL CHECK (VALUE > 0);
CREATE TYPE address AS (street text, zip varchar(10));
CREATE TYPE floatrange AS RANGE (subtype = float8);
CREATE COLLATION german (provider = libc, locale = 'C');
CREATE SEQUENCE loose START 5 INCREMENT 2 CACHE 3 CYCLE MAXVALUE 99;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.changed := now(); RETURN NEW; END $$;
CREATE FUNCTION add(a integer, b integer DEFAULT 1) RETURNS integer LANGUAGE sql IMMUTABLE RETURN a + b;
CREATE PROCEDURE nothing() LANGUAGE sql AS $$ SELECT 1 $$;
CREATE AGGREGATE total(integer) (sfunc = int4pl, stype = integer, initcond = '0');
CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE,
    feeling mood DEFAULT 'ok',
    home address,
    credit numeric(10, 2) DEFAULT 0 CHECK (credit >= 0),
    born date,
    shout text GENERATED ALWAYS AS (upper(email)) STORED,
    tags hstore,
    name text COLLATE german,
    changed timestamptz DEFAULT now()
) WITH (fillfactor = 80);
ALTER TABLE customers ALTER COLUMN email SET STATISTICS 500, ALTER COLUMN tags SET STORAGE EXTERNAL;
COMMENT ON TABLE customers IS 'people';
COMMENT ON COLUMN customers.email IS 'unique';
CREATE TABLE orders (id serial, day date NOT NULL, customer bigint REFERENCES customers, amount positive, PRIMARY KEY (id, day))
    PARTITION BY RANGE (day);
CREATE TABLE orders_2024 PARTITION OF orders FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE orders_rest PARTITION OF orders DEFAULT;
CREATE INDEX orders_customer ON orders (customer);
CREATE INDEX customers_search ON customers USING gin (email gin_trgm_ops) WHERE feeling <> 'sad';
CREATE STATISTICS customers_stat (dependencies) ON feeling, born FROM customers;
CREATE TRIGGER customers_touch BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION touch();
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON customers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE customers DISABLE TRIGGER late;
CREATE TABLE audit."Log" (at timestamptz, "What" text, "from" text, EXCLUDE USING btree ("What" WITH =));
CREATE UNLOGGED TABLE scratch (x int);
CREATE TABLE parent (a int, b text);
CREATE TABLE child (c int) INHERITS (parent);
ALTER TABLE customers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON customers FOR SELECT TO PUBLIC USING (email = current_user);
CREATE RULE no_delete AS ON DELETE TO audit."Log" DO INSTEAD NOTHING;
CREATE VIEW rich WITH (security_barrier) AS SELECT id, email FROM customers WHERE credit > 1000;
CREATE MATERIALIZED VIEW per_day AS SELECT day, count(*) AS n FROM orders GROUP BY day WITH NO DATA;
CREATE UNIQUE INDEX per_day_key ON per_day (day);
CREATE VIEW over_matview AS SELECT sum(n) FROM per_day;
CREATE PUBLICATION pub FOR TABLE customers WITH (publish = 'insert, update');
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE OPERATOR === (leftarg = integer, rightarg = integer, function = int4eq);
CREATE CAST (mood AS integer) WITH INOUT;
CREATE TEXT SEARCH CONFIGURATION plain (copy = simple);
GRANT SELECT ON customers TO PUBLIC;
GRANT SELECT (born), UPDATE (born) ON customers TO pg_monitor;
GRANT USAGE ON SCHEMA audit TO pg_monitor WITH GRANT OPTION;
REVOKE EXECUTE ON FUNCTION add FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA audit GRANT SELECT ON TABLES TO pg_monitor;
CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE EVENT TRIGGER watch ON ddl_command_end WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION on_ddl();

CREATE DOMAIN big AS positive CHECK (VALUE > 10);
CREATE FUNCTION label() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'x'; END $$;
CREATE FUNCTION bonus(n numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';
CREATE TABLE depts (id integer PRIMARY KEY, name text NOT NULL, code varchar(5) UNIQUE, boss integer REFERENCES depts ON DELETE SET NULL);
CREATE TABLE staff (
    id serial PRIMARY KEY,
    dept integer NOT NULL REFERENCES depts,
    name varchar(40),
    pay numeric(10, 2) CONSTRAINT pay_fair CHECK (bonus(pay) > 1),
    born date,
    feeling mood DEFAULT 'ok',
    feelings mood[],
    level positive,
    home address,
    bonus numeric GENERATED ALWAYS AS (bonus(pay)) STORED,
    tag text DEFAULT label(),
    CONSTRAINT pay_ok CHECK (pay > 0 AND id > 0)
);
CREATE INDEX staff_name ON staff (lower(name));
CREATE INDEX staff_bonus ON staff (bonus(pay)) WHERE born IS NOT NULL;
CREATE STATISTICS staff_stat ON dept, born FROM staff;
CREATE FUNCTION full_name(staff) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1.name::text';
CREATE FUNCTION head_count() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM staff WHERE pay > 10; END;
CREATE VIEW v1 AS SELECT id, name, dept FROM staff;
CREATE VIEW v2 AS SELECT v1.id, d.name FROM v1 JOIN depts d ON d.id = v1.dept;
CREATE VIEW v3 AS SELECT count(*) AS n FROM v2;
CREATE MATERIALIZED VIEW mv4 AS SELECT id, name FROM v2 WITH NO DATA;
CREATE UNIQUE INDEX mv4_id ON mv4 (id);
COMMENT ON VIEW v2 IS 'joined';
COMMENT ON COLUMN v2.name IS 'of the department';
COMMENT ON CONSTRAINT pay_ok ON staff IS 'fair';
CREATE TABLE badges (no integer DEFAULT nextval('loose'), owner integer REFERENCES staff ON DELETE CASCADE, code varchar(5) REFERENCES depts (code));
CREATE TABLE notes (id integer GENERATED BY DEFAULT AS IDENTITY, order_id integer, day date, note text, FOREIGN KEY (order_id, day) REFERENCES orders);
CREATE TABLE measures (region text NOT NULL, at date NOT NULL, value integer, staff integer REFERENCES staff) PARTITION BY LIST (region);
CREATE TABLE measures_eu PARTITION OF measures FOR VALUES IN ('eu') PARTITION BY RANGE (at);
CREATE TABLE measures_eu_2024 PARTITION OF measures_eu FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE measures_us PARTITION OF measures FOR VALUES IN ('us');
CREATE TABLE measures_asia (region text NOT NULL, at date NOT NULL, value integer, staff integer);
CREATE INDEX measures_at ON measures (at);
CREATE TRIGGER measures_touch AFTER INSERT ON measures FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE parent ADD CONSTRAINT a_ok CHECK (a > 0);
CREATE TABLE grandchild (d integer) INHERITS (child);
CREATE TABLE loner (a integer, b text, CONSTRAINT a_ok CHECK (a > 0));
CREATE TABLE addresses OF address;
CREATE TABLE "Odd Name"."Quoted Table" ("Col One" integer PRIMARY KEY, "select" text DEFAULT 'a''b', "Ünïcode" text);
CREATE VIEW "Odd Name"."A View" AS SELECT "Col One", "select" FROM "Odd Name"."Quoted Table";
CREATE TABLE audit.trail (id bigserial, what integer REFERENCES "Odd Name"."Quoted Table", feeling mood);
CREATE INDEX ON audit.trail (what);
CREATE FUNCTION audit.purge() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM audit."Log"; RETURN NULL; END $$;
CREATE TRIGGER purge AFTER DELETE ON audit.trail EXECUTE FUNCTION audit.purge();
CREATE FUNCTION wipe() RETURNS void LANGUAGE sql AS 'DELETE FROM scratch';
CREATE FUNCTION harmless(x integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT x + 1';
CREATE FUNCTION makes() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE made (a integer); END $$;
CREATE PROCEDURE sweeps() LANGUAGE plpgsql AS $$ BEGIN DELETE FROM scratch; END $$;
CREATE POLICY by_dept ON staff USING (dept IN (SELECT id FROM depts WHERE code IS NOT NULL));
ALTER TABLE staff ENABLE ROW LEVEL SECURITY;
CREATE TABLE spare (x integer);
CREATE RULE staff_moves AS ON UPDATE TO badges DO ALSO INSERT INTO spare VALUES (1);
CREATE PUBLICATION pub_two FOR TABLE staff, depts;
CREATE TABLE same_name (a integer);
CREATE TABLE audit.same_name (a integer);
CREATE TABLE clustered (id integer PRIMARY KEY, at date);
CREATE INDEX clustered_at ON clustered (at);
ALTER TABLE clustered CLUSTER ON clustered_at;
CREATE TABLE kinds (a varchar(10), b varchar, c text, d char(5), e numeric(6, 2), f timestamp(3), g timestamptz, h integer, i bigint, j interval, k bit(4), l positive, m cidr, n mood, o jsonb, p date);
`;
