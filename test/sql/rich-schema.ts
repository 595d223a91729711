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
CREATE COLLATION german (provider = icu, locale = 'de');
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
`;
