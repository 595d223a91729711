import type { LossGroup } from "./loss-case";

/** What goes with objects that are dropped: tables, columns, types, schemas, extensions. */
export const objectCases: Readonly<Record<string, LossGroup>> = {
    "tables of extensions": {
        base: `
            CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE SCHEMA apart;
            CREATE TABLE registry (id int PRIMARY KEY, a text); INSERT INTO registry SELECT n, 'r' FROM generate_series(1, 7) n;
            CREATE TABLE apart.parts (id int) PARTITION BY LIST (id);
            CREATE TABLE apart.part PARTITION OF apart.parts DEFAULT; INSERT INTO apart.parts VALUES (1), (2);
            CREATE TABLE mine (id int, h hstore); INSERT INTO mine VALUES (1, 'a=>1'), (2, NULL);
            ALTER EXTENSION hstore ADD TABLE registry; ALTER EXTENSION hstore ADD TABLE apart.parts; ALTER EXTENSION hstore ADD TABLE apart.part;
            CREATE EXTENSION pg_trgm SCHEMA apart;`,
        cases: [
            "DROP EXTENSION hstore CASCADE",
            "DROP EXTENSION citext",
            "DROP EXTENSION pg_trgm",
            "ALTER TABLE mine DROP COLUMN h; DROP EXTENSION hstore",
            "DO $$ BEGIN ALTER TABLE mine DROP COLUMN h; DROP EXTENSION hstore; END $$",
        ],
    },
    "dropping tables": {
        base: `
            CREATE TABLE plain (id int PRIMARY KEY, a text, b int);
            INSERT INTO plain SELECT n, 'x' || n, CASE WHEN n > 2 THEN n END FROM generate_series(1, 5) n;
            CREATE TABLE pointing (id int, plain_id int REFERENCES plain);
            INSERT INTO pointing VALUES (1, 1), (2, 2);
            CREATE TABLE nothing (id int, a text);
            CREATE TABLE parent (id int, a text);
            CREATE TABLE child (extra text) INHERITS (parent);
            INSERT INTO parent SELECT n, 'p' FROM generate_series(1, 3) n;
            INSERT INTO child SELECT n, 'c', 'e' FROM generate_series(1, 4) n;
            CREATE TABLE parts (id int, day date NOT NULL, a text) PARTITION BY RANGE (day);
            CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
            CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2024-02-01') TO ('2024-03-01') PARTITION BY LIST (id);
            CREATE TABLE parts_2_all PARTITION OF parts_2 DEFAULT;
            CREATE TABLE parts_3 (id int, day date NOT NULL, a text);
            INSERT INTO parts SELECT n, date '2024-01-01' + n * 5, CASE WHEN n % 2 = 0 THEN 'a' END FROM generate_series(1, 11) n;
            INSERT INTO parts_3 SELECT n, date '2024-03-01', 'z' FROM generate_series(1, 6) n;
            CREATE VIEW shown AS SELECT id, a FROM plain;
            CREATE MATERIALIZED VIEW sums AS SELECT count(*) AS n FROM plain;
            CREATE TABLE serials (id serial, n int GENERATED ALWAYS AS IDENTITY, a text);
            INSERT INTO serials (a) VALUES ('a'), ('b');
            CREATE SEQUENCE loose;
            CREATE UNLOGGED TABLE light AS SELECT n FROM generate_series(1, 8) n;`,
        cases: [
            "DROP TABLE plain CASCADE",
            "DROP TABLE pointing, plain CASCADE",
            "DROP TABLE IF EXISTS nothing, missing",
            "DROP TABLE child",
            "DROP TABLE parent CASCADE",
            "DROP TABLE parts",
            "DROP TABLE parts_1",
            "DROP TABLE parts_2",
            "DROP TABLE parts_2_all",
            "ALTER TABLE parts DETACH PARTITION parts_1",
            "ALTER TABLE parts DETACH PARTITION parts_1; DROP TABLE parts_1",
            "ALTER TABLE parts DETACH PARTITION parts_2; DROP TABLE parts_2, parts",
            { scripts: ["ALTER TABLE parts DETACH PARTITION parts_1", "DROP TABLE parts_1"] },
            {
                scripts: ["ALTER TABLE parts DETACH PARTITION parts_1; DROP TABLE parts"],
                over: "parts is counted as it is now, with what is taken out of it first",
            },
            "ALTER TABLE parts ATTACH PARTITION parts_3 FOR VALUES FROM ('2024-03-01') TO ('2024-04-01'); DROP TABLE parts",
            {
                scripts: [
                    "ALTER TABLE parts ATTACH PARTITION parts_3 FOR VALUES FROM ('2024-03-01') TO ('2024-04-01')",
                    "DROP TABLE parts",
                ],
            },
            { scripts: ["ALTER TABLE child NO INHERIT parent", "DROP TABLE parent"] },
            {
                scripts: [
                    "DROP TABLE nothing; ALTER TABLE light RENAME TO nothing; ALTER TABLE nothing ALTER n TYPE text USING NULL",
                    "ALTER TABLE nothing DROP COLUMN n",
                ],
            },
            "DROP MATERIALIZED VIEW sums",
            "REFRESH MATERIALIZED VIEW sums",
            "DROP VIEW shown; CREATE VIEW shown AS SELECT id FROM plain",
            "DROP SEQUENCE loose",
            "DROP SEQUENCE serials_id_seq CASCADE",
            "ALTER TABLE serials ALTER n DROP IDENTITY",
            "DROP TABLE serials",
            "ALTER TABLE pointing SET UNLOGGED",
            "ALTER TABLE light SET LOGGED; DROP TABLE light",
            {
                scripts: ["ALTER TABLE pointing RENAME TO pointed; DROP TABLE pointed"],
                aliases: { pointed: "pointing" },
            },
            {
                scripts: ["ALTER TABLE pointing RENAME TO pointed", "DROP TABLE pointed"],
                aliases: { pointed: "pointing" },
            },
            "DROP TABLE pointing; CREATE TABLE pointing (id int, plain_id int REFERENCES plain)",
            "CREATE TABLE pointing_new AS SELECT id FROM pointing WHERE false; DROP TABLE pointing; ALTER TABLE pointing_new RENAME TO pointing",
            {
                scripts: [
                    "CREATE TABLE swapped AS SELECT * FROM pointing",
                    "DROP TABLE pointing; ALTER TABLE swapped RENAME TO pointing",
                ],
            },
            "CREATE TABLE made (id int); INSERT INTO made VALUES (1); DROP TABLE made",
            { scripts: ["CREATE TABLE made AS SELECT 1 AS id", "DELETE FROM made; DROP TABLE made"] },
            "CREATE TEMP TABLE pointing AS SELECT 1 AS id; DROP TABLE pointing; DROP TABLE pointing",
            {
                scripts: ["CREATE SCHEMA away; ALTER TABLE pointing SET SCHEMA away", "DROP SCHEMA away CASCADE"],
                aliases: { "away.pointing": "pointing" },
            },
            "CREATE SCHEMA away; ALTER TABLE pointing SET SCHEMA away; DROP SCHEMA away CASCADE",
        ],
    },
    "dropping columns, types, schemas and extensions": {
        base: `
            CREATE EXTENSION hstore;
            CREATE TYPE mood AS ENUM ('sad', 'happy');
            CREATE TYPE place AS (street text, zip text);
            CREATE DOMAIN positive AS int CHECK (VALUE > 0);
            CREATE COLLATION german (provider = libc, locale = 'C');
            CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE RETURN $1 * 2;
            CREATE TABLE wide (id int PRIMARY KEY, a text, empty text, m mood, p place, d positive, h hstore, g text COLLATE german,
                two int GENERATED ALWAYS AS (id * 2) STORED, twice int GENERATED ALWAYS AS (twice(id)) STORED,
                told text DEFAULT 'generated always as (id) stored', "not null default" text);
            INSERT INTO wide (id, a, m, p, d, h, g, "not null default")
                SELECT n, CASE WHEN n <= 4 THEN 'a' END, 'sad', ROW('s', 'z')::place, n, 'k=>v', 'g', 'q' FROM generate_series(1, 6) n;
            CREATE TABLE moods (m mood[], one int); INSERT INTO moods VALUES (ARRAY['sad']::mood[], 1), (NULL, 2);
            CREATE VIEW wide_view AS SELECT id, a FROM wide;
            CREATE TABLE parent (id int, a text); CREATE TABLE child () INHERITS (parent);
            INSERT INTO parent VALUES (1, 'x'), (2, NULL); INSERT INTO child VALUES (3, 'y'), (4, 'z');
            CREATE TABLE parts (id int, a text) PARTITION BY LIST (id);
            CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1); CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
            INSERT INTO parts VALUES (1, 'x'), (1, NULL), (2, 'y'), (3, 'z');
            CREATE SCHEMA other; CREATE TABLE other.log (id int, note text);
            INSERT INTO other.log SELECT n, 'n' FROM generate_series(1, 9) n;
            CREATE TABLE other.wide (id int); INSERT INTO other.wide VALUES (1), (2);
            CREATE SCHEMA "Odd.One"; CREATE TABLE "Odd.One"."The ""Table""" ("A.b" text, id int);
            INSERT INTO "Odd.One"."The ""Table""" VALUES ('x', 1), (NULL, 2);`,
        cases: [
            "ALTER TABLE wide DROP COLUMN a CASCADE",
            "ALTER TABLE wide DROP COLUMN empty",
            "ALTER TABLE wide DROP COLUMN told",
            'ALTER TABLE wide DROP COLUMN "not null default"',
            "ALTER TABLE wide DROP COLUMN two, DROP COLUMN twice",
            "ALTER TABLE wide DROP COLUMN id CASCADE",
            "DROP VIEW wide_view; ALTER TABLE wide DROP COLUMN a; ALTER TABLE wide ADD COLUMN a text",
            { scripts: ["DROP VIEW wide_view; ALTER TABLE wide DROP COLUMN a", "ALTER TABLE wide ADD COLUMN a text"] },
            {
                scripts: ["ALTER TABLE wide RENAME COLUMN g TO gg", "ALTER TABLE wide DROP COLUMN gg"],
                aliases: { "wide.gg": "wide.g" },
            },
            "ALTER TABLE wide RENAME COLUMN g TO gg; ALTER TABLE wide DROP COLUMN gg",
            "ALTER TABLE wide RENAME COLUMN g TO kept; ALTER TABLE wide ADD COLUMN g text; ALTER TABLE wide DROP COLUMN g",
            {
                scripts: ["ALTER TABLE wide RENAME TO wider", "ALTER TABLE wider DROP COLUMN g"],
                aliases: { wider: "wide", "wider.g": "wide.g" },
            },
            "ALTER TABLE parent DROP COLUMN a",
            {
                scripts: ["ALTER TABLE ONLY parent DROP COLUMN a"],
                over: "values of children are counted, though ONLY spares them",
            },
            "ALTER TABLE parts DROP COLUMN a",
            "DROP TYPE mood CASCADE",
            "DROP DOMAIN positive CASCADE",
            "DROP TYPE place CASCADE",
            { scripts: ["ALTER TYPE place DROP ATTRIBUTE zip CASCADE"], unknown: "both" },
            "DROP COLLATION german CASCADE",
            "DROP FUNCTION twice(int) CASCADE",
            "DROP EXTENSION hstore CASCADE",
            "DROP SCHEMA other CASCADE",
            "DROP TABLE other.wide",
            "SET search_path = other; DROP TABLE wide",
            "SET search_path TO other, public; ALTER TABLE wide DROP COLUMN id",
            'DROP SCHEMA "Odd.One" CASCADE',
            'ALTER TABLE "Odd.One"."The ""Table""" DROP COLUMN "A.b"',
            'DROP TABLE "Odd.One"."The ""Table"""; ALTER TABLE wide DROP COLUMN h',
            { scripts: ["ALTER TABLE other.log DROP COLUMN note", "DROP TABLE other.log"] },
            { scripts: ["ALTER TABLE other.log DROP COLUMN note", "ALTER TABLE other.log DROP COLUMN IF EXISTS note"] },
        ],
    },
};
