import fc from "fast-check";

/** Small, so that a run is quick; with what one object can hang on another by. */
export const smallSchema = `
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE addr AS (street text, zip text);
CREATE DOMAIN amount AS integer CHECK (VALUE > 0);
CREATE SEQUENCE loose;
CREATE SCHEMA s;
CREATE FUNCTION f(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n + 1';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TABLE a (id integer PRIMARY KEY, x integer DEFAULT 1, y text UNIQUE, m mood, v varchar(10), CONSTRAINT x_ok CHECK (x > 0));
CREATE TABLE b (id serial PRIMARY KEY, a integer CONSTRAINT to_a REFERENCES a, x amount, y text DEFAULT 'y', h addr);
CREATE TABLE c (id integer GENERATED ALWAYS AS IDENTITY, x integer, twice integer GENERATED ALWAYS AS (x * 2) STORED, y text REFERENCES a (y));
CREATE TABLE p (id integer, x integer, y text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
CREATE TABLE parent (id integer, x integer, y text);
CREATE TABLE child (z integer) INHERITS (parent);
CREATE TABLE s.t (id integer PRIMARY KEY, x integer, y text);
CREATE TABLE "Odd T" ("Odd c" integer, x integer, y text);
CREATE INDEX a_x ON a (x);
CREATE INDEX a_f ON a (f(x)) WHERE y IS NOT NULL;
CREATE INDEX p_x ON p (x);
CREATE INDEX "Odd i" ON "Odd T" (x);
CREATE STATISTICS a_stat ON x, y FROM a;
CREATE VIEW va AS SELECT id, x, y FROM a;
CREATE VIEW vb AS SELECT va.id, b.y FROM va JOIN b ON b.a = va.id;
CREATE MATERIALIZED VIEW ma AS SELECT x, count(*) AS n FROM a GROUP BY x;
CREATE VIEW s.v AS SELECT x FROM s.t;
CREATE TRIGGER touches BEFORE UPDATE OF x ON a FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER p_touches BEFORE UPDATE ON p FOR EACH ROW EXECUTE FUNCTION touch();
CREATE POLICY own ON b USING (x > 1);
CREATE RULE quiet AS ON DELETE TO c DO ALSO NOTHING;
`;

type Text = fc.Arbitrary<string>;

const from = (...texts: string[]): Text => fc.constantFrom(...texts);

/** Text with arbitraries in it. */
const say = (texts: TemplateStringsArray, ...parts: Text[]): Text =>
    fc.tuple(...parts).map((chosen) => texts.map((text, i) => text + (chosen[i] ?? "")).join(""));

const table = from("a", "a", "b", "c", "p", "p1", "p2", "parent", "child", "s.t", '"Odd T"', "n1", "n2");
const column = from("id", "x", "x", "y", "m", "v", "a", "h", "twice", "z", '"Odd c"', "c1");
const fresh = from("n1", "n2", "s.n1", '"New T"');
const freshName = from("n1", "n2", '"New"', "a");
const type = from(
    "integer",
    "bigint",
    "text",
    "varchar(20)",
    "varchar(5)",
    "mood",
    "amount",
    "numeric(8,2)",
    "boolean",
);
const value = from("1", "'y'", "f(1)", "NULL", "now()::text", "nextval('loose')");
const cascade = from("", " CASCADE", " CASCADE", " RESTRICT");
const maybe = from("", "IF EXISTS ");
const constraint = from("x_ok", "to_a", "a_pkey", "a_y_key", "b_pkey", "c_y_fkey", "p_pkey", "k1");
const index = from("a_x", "a_f", "p_x", '"Odd i"', "i1", "p1_x_idx");

const action = fc.oneof(
    say`ADD c1 ${type}`,
    say`ADD COLUMN IF NOT EXISTS c1 ${type} DEFAULT ${value}`,
    say`ADD c1 integer NOT NULL`,
    say`ADD c1 serial`,
    say`ADD c1 integer REFERENCES a`,
    say`ADD c1 integer GENERATED ALWAYS AS IDENTITY`,
    say`ADD c1 integer GENERATED ALWAYS AS (x + 1) STORED`,
    say`ADD c1 text UNIQUE CHECK (c1 <> '')`,
    say`DROP ${column}${cascade}`,
    say`DROP ${column}${cascade}`,
    say`DROP COLUMN IF EXISTS ${column}${cascade}`,
    say`ALTER ${column} TYPE ${type}`,
    say`ALTER ${column} TYPE ${type} USING NULL`,
    say`ALTER ${column} SET DEFAULT ${value}`,
    say`ALTER ${column} DROP DEFAULT`,
    say`ALTER ${column} SET NOT NULL`,
    say`ALTER ${column} DROP NOT NULL`,
    say`ALTER ${column} DROP EXPRESSION IF EXISTS`,
    say`ALTER ${column} DROP IDENTITY IF EXISTS`,
    say`ALTER ${column} SET STATISTICS 5`,
    say`ALTER ${column} SET STORAGE ${from("EXTERNAL", "PLAIN")}`,
    say`ADD CONSTRAINT k1 CHECK (${column} IS NOT NULL)${from("", " NOT VALID", " NO INHERIT")}`,
    say`ADD CONSTRAINT k1 UNIQUE (${column})`,
    say`ADD PRIMARY KEY (${column})`,
    say`ADD CONSTRAINT k1 FOREIGN KEY (${column}) REFERENCES ${from("a", "b", "s.t", "p")}${from("", " NOT VALID", " ON DELETE CASCADE")}`,
    say`DROP CONSTRAINT ${constraint}${cascade}`,
    say`DROP CONSTRAINT IF EXISTS ${constraint}${cascade}`,
    say`VALIDATE CONSTRAINT ${constraint}`,
    say`SET (fillfactor = 70)`,
    say`SET ${from("LOGGED", "UNLOGGED")}`,
    say`${from("ENABLE", "DISABLE", "FORCE")} ROW LEVEL SECURITY`,
    say`REPLICA IDENTITY ${from("FULL", "DEFAULT", "USING INDEX a_pkey")}`,
    say`CLUSTER ON ${index}`,
    say`${from("ENABLE", "DISABLE")} TRIGGER ${from("ALL", "touches", "p_touches")}`,
    say`NO INHERIT parent`,
    say`INHERIT parent`,
);

const alone = fc.oneof(
    say`RENAME TO ${freshName}`,
    say`RENAME ${column} TO ${from("c1", "x", '"New c"')}`,
    say`RENAME CONSTRAINT ${constraint} TO ${from("k1", "k2")}`,
    say`SET SCHEMA ${from("s", "public")}`,
    say`DETACH PARTITION ${from("p1", "p2")}`,
    say`ATTACH PARTITION ${from("p1", "p2", "n1")} FOR VALUES FROM (${from("10", "20")}) TO (30)`,
);

const actions = fc.array(action, { minLength: 1, maxLength: 3 }).map((all) => all.join(", "));

const definition: Text = fc.oneof(
    { weight: 8, arbitrary: say`ALTER TABLE ${maybe}${from("", "", "", "ONLY ")}${table} ${actions}` },
    { weight: 4, arbitrary: say`ALTER TABLE ${table} ${alone}` },
    { weight: 3, arbitrary: say`DROP TABLE ${maybe}${table}${cascade}` },
    say`DROP TABLE ${table}, ${table}${cascade}`,
    say`DROP VIEW ${maybe}${from("va", "vb", "s.v", "n1")}${cascade}`,
    say`DROP MATERIALIZED VIEW ma${cascade}`,
    say`DROP SEQUENCE ${from("loose", "b_id_seq")}${cascade}`,
    say`DROP TYPE ${from("mood", "addr", "n1")}${cascade}`,
    say`DROP DOMAIN amount${cascade}`,
    say`DROP FUNCTION ${from("f", "touch", "f(integer)")}${cascade}`,
    say`DROP INDEX ${maybe}${index}${cascade}`,
    say`DROP SCHEMA s${cascade}`,
    say`DROP TRIGGER ${maybe}${from("touches", "p_touches")} ON ${table}`,
    say`DROP POLICY own ON b`,
    say`DROP RULE quiet ON c`,
    say`DROP STATISTICS a_stat`,
    say`TRUNCATE ${table}${cascade}`,
    say`TRUNCATE ${table}, ${table} RESTART IDENTITY CASCADE`,
    say`CREATE TABLE ${fresh} (id integer PRIMARY KEY, x integer REFERENCES ${from("a", "b", "p")}, y text)`,
    say`CREATE TABLE ${fresh} (LIKE ${table}${from("", " INCLUDING ALL")})`,
    say`CREATE TABLE ${fresh} () INHERITS (${from("parent", "child", "a")})`,
    say`CREATE TABLE ${fresh} PARTITION OF p FOR VALUES FROM (20) TO (30)`,
    say`CREATE TABLE ${fresh} AS SELECT * FROM ${table}`,
    say`CREATE ${from("", "UNIQUE ")}INDEX i1 ON ${table} (${column})`,
    say`CREATE INDEX ON ${from("", "ONLY ")}${table} (${column})`,
    say`CREATE ${from("", "OR REPLACE ")}VIEW ${from("n1", "va", "s.n1")} AS SELECT id, x, y FROM ${table}`,
    say`CREATE MATERIALIZED VIEW ${fresh} AS SELECT x FROM ${table}`,
    say`CREATE TRIGGER t1 ${from("BEFORE", "AFTER")} UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION touch()`,
    say`CREATE POLICY p1 ON ${table} USING (x > 1)`,
    say`CREATE RULE r1 AS ON UPDATE TO ${table} DO ALSO NOTHING`,
    say`CREATE STATISTICS st1 ON x, y FROM ${table}`,
    say`CREATE TYPE n1 AS ENUM ('a')`,
    say`CREATE SEQUENCE ${fresh} OWNED BY ${table}.id`,
    say`CREATE SCHEMA n1`,
    say`CREATE OR REPLACE FUNCTION f(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n + 2'`,
    say`ALTER TYPE mood ${from("ADD VALUE 'new'", "RENAME VALUE 'sad' TO 'blue'", "RENAME TO feeling", "SET SCHEMA s")}`,
    say`ALTER TYPE addr ${from("ADD ATTRIBUTE a1 text CASCADE", "DROP ATTRIBUTE zip CASCADE", "RENAME TO address")}`,
    say`ALTER DOMAIN amount ${from("SET NOT NULL", "DROP CONSTRAINT amount_check", "ADD CONSTRAINT k1 CHECK (VALUE < 9)", "RENAME TO n1")}`,
    say`ALTER FUNCTION ${from("f(integer)", "touch()")} ${from("STABLE", "RENAME TO g", "SET SCHEMA s")}`,
    say`ALTER INDEX ${index} ${from("RENAME TO i2", "SET (fillfactor = 70)")}`,
    say`ALTER VIEW ${from("va", "vb", "s.v")} ${from("RENAME TO n1", "RENAME x TO c1", "SET SCHEMA s", "SET (security_barrier)")}`,
    say`ALTER MATERIALIZED VIEW ma ${from("RENAME TO n1", "SET SCHEMA s")}`,
    say`ALTER SEQUENCE ${from("loose", "b_id_seq", "c_id_seq")} ${from("OWNED BY a.x", "OWNED BY NONE", "RENAME TO n1", "CYCLE", "AS integer", "RESTART")}`,
    say`ALTER SCHEMA s RENAME TO n1`,
    say`ALTER TRIGGER touches ON a RENAME TO t2`,
    say`ALTER TABLE ALL IN TABLESPACE pg_default SET TABLESPACE pg_default`,
    say`REFRESH MATERIALIZED VIEW ma`,
    say`REINDEX ${from("TABLE a", "INDEX a_x", "TABLE p1", "SCHEMA s")}`,
    say`LOCK TABLE ${table}${from("", " IN SHARE MODE", " IN ROW EXCLUSIVE MODE")}`,
    say`COMMENT ON TABLE ${table} IS 'x'`,
    say`GRANT SELECT ON ${table} TO PUBLIC`,
    say`CLUSTER ${table}`,
    say`SET search_path TO ${from("s", "public", "s, public")}`,
    say`SAVEPOINT one`,
    say`ROLLBACK TO one`,
    say`INSERT INTO ${table} (id) VALUES (1)`,
    say`UPDATE ${table} SET x = 1`,
    say`DELETE FROM ${table}`,
);

const statement: Text = fc.oneof(
    { weight: 12, arbitrary: definition },
    {
        weight: 1,
        arbitrary: definition
            .filter((sql) => !/^(?:SAVEPOINT|ROLLBACK)/.test(sql))
            .map((sql) => `DO $do$ BEGIN ${sql}; END $do$`),
    },
);

/** A script of one to four statements over the small schema; many of them fail. */
export const script: Text = fc
    .array(statement, { minLength: 1, maxLength: 4 })
    .map((statements) => statements.join(";\n"));
