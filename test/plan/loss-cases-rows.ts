import type { LossGroup } from "./loss-case";

/** What statements take from rows: types that narrow, DELETE and its kind, keys that pass it on. */
export const rowCases: Readonly<Record<string, LossGroup>> = {
    "changing types": {
        base: `
            CREATE TABLE t (id int PRIMARY KEY, money numeric(12, 4), name text, code varchar(40), big bigint, at timestamptz, day date,
                flag boolean, half float8, ip inet, doc jsonb, ch char(10));
            INSERT INTO t SELECT n, n + 0.1234, 'name' || n, 'code' || n, n, timestamptz '2024-05-01 10:11:12+00' + n * interval '1 hour',
                date '2024-01-01', n > 2, n + 0.123456789, '10.0.0.1', '{"b":1,"a":2}', 'c' FROM generate_series(1, 6) n;
            INSERT INTO t (id) VALUES (7), (8);
            CREATE TABLE parts (id int, a text) PARTITION BY LIST (id);
            CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1); CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
            INSERT INTO parts VALUES (1, 'xxxx'), (1, NULL), (2, 'yyyy'), (3, 'zzzz');`,
        cases: [
            "ALTER TABLE t ALTER money TYPE numeric(12, 2)",
            "ALTER TABLE t ALTER money TYPE int",
            "ALTER TABLE t ALTER name TYPE varchar(3) USING left(name, 3)",
            "ALTER TABLE t ALTER name TYPE varchar(3) USING name::varchar(3)",
            "ALTER TABLE t ALTER name TYPE text USING name::varchar(3)",
            "ALTER TABLE t ALTER name TYPE text USING NULL",
            "ALTER TABLE t ALTER name TYPE int USING NULL",
            "ALTER TABLE t ALTER name TYPE char(3) USING name::char(3)",
            "ALTER TABLE t ALTER at TYPE date",
            "ALTER TABLE t ALTER at TYPE date; ALTER TABLE t ALTER at TYPE timestamptz",
            { scripts: ["ALTER TABLE t ALTER at TYPE date", "ALTER TABLE t ALTER at TYPE timestamptz"] },
            "ALTER TABLE t ALTER at TYPE timestamptz(0), ALTER half TYPE real",
            "ALTER TABLE t ALTER half TYPE int",
            "ALTER TABLE t ALTER big TYPE numeric",
            "ALTER TABLE t ALTER code TYPE text",
            "ALTER TABLE t ALTER code TYPE varchar(50)",
            "ALTER TABLE t ALTER code TYPE varchar(3) USING substr(code, 1, 3)",
            "ALTER TABLE t ALTER flag TYPE int USING CASE WHEN flag THEN 1 WHEN NOT flag THEN 0 END",
            "ALTER TABLE t ALTER name TYPE text USING code",
            "ALTER TABLE t RENAME COLUMN name TO called; ALTER TABLE t ALTER called TYPE text USING NULL",
            {
                scripts: [
                    "ALTER TABLE t RENAME COLUMN name TO called",
                    "ALTER TABLE t ALTER called TYPE text USING NULL",
                ],
            },
            {
                scripts: ["ALTER TABLE t RENAME TO u", "ALTER TABLE u ALTER name TYPE text USING NULL"],
                aliases: { u: "t" },
            },
            "ALTER TABLE parts ALTER a TYPE varchar(2) USING left(a, 2)",
            "ALTER TABLE parts ALTER a TYPE varchar(2) USING a::varchar(2)",
            "ALTER TABLE t ALTER doc TYPE json",
            'ALTER TABLE t ALTER name TYPE text COLLATE "C"',
        ],
    },
    "changing rows": {
        base: `
            CREATE TABLE t (id int PRIMARY KEY, a text, n int, flag boolean DEFAULT false);
            INSERT INTO t SELECT n, 'a' || n, n % 3, n > 7 FROM generate_series(1, 10) n;
            CREATE TABLE archive (id int, a text, n int, flag boolean);
            CREATE TABLE doomed (id int);
            CREATE TABLE parent (id int, a text); CREATE TABLE child () INHERITS (parent);
            INSERT INTO parent VALUES (1, 'x'), (2, 'y'); INSERT INTO child VALUES (3, 'y'), (4, 'z');
            CREATE TABLE "user" (id int, "order" int); INSERT INTO "user" SELECT n, n FROM generate_series(1, 4) n;
            CREATE TABLE "order" (id int, "where" text); INSERT INTO "order" SELECT n, 'w' FROM generate_series(1, 3) n;
            CREATE TABLE "Mixed" ("Id" int); INSERT INTO "Mixed" VALUES (1), (2);
            CREATE SCHEMA other; CREATE TABLE other.t (id int); INSERT INTO other.t SELECT generate_series(1, 12);
            CREATE TABLE other.far (id int); INSERT INTO other.far SELECT generate_series(1, 6);
            CREATE TABLE empty_here (id int); CREATE TABLE other.empty_here (id int); INSERT INTO other.empty_here VALUES (1), (2), (3);
            CREATE VIEW v AS SELECT id, a FROM t WHERE n = 0;
            CREATE TABLE new_t (id int PRIMARY KEY, a text); INSERT INTO new_t VALUES (1, 'other'), (99, 'new');
            CREATE TABLE a (id int); INSERT INTO a VALUES (1); CREATE TABLE b (id int); INSERT INTO b SELECT generate_series(1, 5);`,
        cases: [
            "DELETE FROM t",
            "DELETE FROM t WHERE id > 3",
            "DELETE FROM t AS x WHERE x.id > 3 AND x.a IN (SELECT a FROM t WHERE n = 1)",
            "DELETE FROM t WHERE id > 3 -- the old ones",
            "DELETE FROM t USING archive WHERE t.id = archive.id OR t.id = 2",
            "DELETE FROM t WHERE id > 8 RETURNING id",
            "DELETE FROM public.t WHERE id = 1; DELETE FROM t WHERE id = 2",
            { scripts: ["DELETE FROM ONLY parent"], over: "rows of children are counted though ONLY spares them" },
            "DELETE FROM parent WHERE a = 'y'",
            "DELETE FROM child",
            { scripts: ["TRUNCATE ONLY parent"], over: "rows of children are counted though ONLY spares them" },
            "TRUNCATE parent",
            "TRUNCATE t, archive",
            "UPDATE t SET a = NULL WHERE id <= 2",
            "UPDATE t SET (a, n) = ('z', 9)",
            "UPDATE t SET a = new_t.a || 'x' FROM new_t WHERE new_t.id = t.id",
            "ALTER TABLE t ADD COLUMN extra text; UPDATE t SET extra = a",
            "ALTER TABLE t RENAME COLUMN a TO z; UPDATE t SET z = NULL",
            { scripts: ["ALTER TABLE t RENAME COLUMN a TO z", "UPDATE t SET z = NULL"] },
            "WITH gone AS (DELETE FROM t WHERE id < 4 RETURNING *) INSERT INTO archive SELECT * FROM gone",
            "WITH gone AS (UPDATE t SET a = 'q' RETURNING *) SELECT count(*) FROM gone",
            "INSERT INTO t VALUES (11, 'n', 1, true)",
            "INSERT INTO t VALUES (1, 'over', 1, true) ON CONFLICT (id) DO UPDATE SET a = excluded.a",
            "INSERT INTO t VALUES (1, 'over', 1, true) ON CONFLICT DO NOTHING",
            "INSERT INTO t VALUES (50, 'n', 50, true); DELETE FROM t WHERE id = 50",
            "MERGE INTO t USING new_t n ON n.id = t.id WHEN MATCHED THEN UPDATE SET a = n.a WHEN NOT MATCHED THEN INSERT VALUES (n.id, n.a, 0, false)",
            "MERGE INTO t USING new_t n ON n.id = t.id WHEN MATCHED THEN DELETE",
            { scripts: ["COPY (DELETE FROM t WHERE id = 3 RETURNING *) TO '/dev/null'"], unknown: "both" },
            { scripts: ["COPY t TO '/dev/null'"], unknown: "both" },
            "EXPLAIN ANALYZE DELETE FROM t WHERE id = 4",
            { scripts: ["PREPARE p AS DELETE FROM t; EXECUTE p; DEALLOCATE p"], unknown: "both" },
            { scripts: ["DELETE FROM v"], aliases: { v: "t" } },
            { scripts: ["UPDATE v SET a = 'v'"], aliases: { v: "t" } },
            'DELETE FROM "user"',
            'DELETE FROM "user" WHERE "order" < 3',
            'UPDATE "user" SET "order" = 0',
            'DELETE FROM "order" WHERE "where" = \'w\'',
            'TRUNCATE "order", "Mixed"',
            'DELETE FROM "Mixed" WHERE "Id" = 2',
            // A condition that an earlier statement makes true.
            "UPDATE t SET flag = true; DELETE FROM t WHERE flag",
            { scripts: ["UPDATE t SET flag = true", "DELETE FROM t WHERE flag"] },
            "INSERT INTO doomed VALUES (1), (2); DELETE FROM t WHERE id IN (SELECT id FROM doomed)",
            { scripts: ["INSERT INTO doomed VALUES (1), (2)", "DELETE FROM t WHERE id IN (SELECT id FROM doomed)"] },
            "UPDATE a SET id = 7; DELETE FROM t WHERE id IN (SELECT id FROM a)",
            "ALTER TABLE t ADD COLUMN gone boolean DEFAULT true; DELETE FROM t WHERE gone",
            "SET my.id = '5'; DELETE FROM t WHERE id = current_setting('my.id', true)::int",
            "DROP VIEW v; ALTER TABLE t ALTER n TYPE int USING 1; DELETE FROM t WHERE n = 1",
            // Names that mean something else while the script runs.
            "SET search_path = other; DELETE FROM t",
            "SET search_path = other; DELETE FROM empty_here",
            "SET search_path = other; TRUNCATE far",
            { scripts: ["SELECT set_config('search_path', 'other', false); DELETE FROM empty_here"], unknown: "both" },
            "SET LOCAL search_path = missing, other; DELETE FROM empty_here",
            "SET search_path = other; SET search_path TO DEFAULT; DELETE FROM a",
            "SET search_path = other; CREATE TABLE a (id int); DELETE FROM a; DELETE FROM public.a",
            "SET search_path = other, public; DELETE FROM a; DELETE FROM far",
            {
                scripts: [
                    "SET search_path = other; ALTER TABLE far RENAME TO near",
                    "DELETE FROM other.near; DELETE FROM a",
                ],
            },
            { scripts: ["ALTER TABLE b SET SCHEMA other", "DELETE FROM other.b"] },
            { scripts: ["SAVEPOINT s; CREATE TEMP TABLE b (id int); ROLLBACK TO s; DELETE FROM b"], unknown: "both" },
            {
                scripts: [
                    "SAVEPOINT s; ALTER TABLE a RENAME TO x; ALTER TABLE b RENAME TO a; ROLLBACK TO s; DELETE FROM a",
                ],
                unknown: "both",
            },
            {
                scripts: ["DO $$ BEGIN ALTER TABLE a RENAME TO x; ALTER TABLE b RENAME TO a; END $$; DELETE FROM a"],
                unknown: "both",
            },
            { scripts: ["DO $$ BEGIN ALTER TABLE a RENAME TO x; ALTER TABLE b RENAME TO a; END $$", "DELETE FROM a"] },
            { scripts: ["ALTER TABLE a INHERIT b; DELETE FROM b"], unknown: "both" },
            "CREATE TABLE IF NOT EXISTS b (id int); DELETE FROM b",
            "DROP TABLE b; CREATE TABLE b (id int); INSERT INTO b VALUES (1); DELETE FROM b",
            "DELETE FROM a WHERE id = 1; DELETE FROM t WHERE n = 1; DELETE FROM b WHERE id > 2",
            "CREATE TABLE far (id int); SET search_path = other; DELETE FROM far",
            { scripts: ["ALTER TABLE a RENAME TO x; ALTER TABLE b RENAME TO a", "DELETE FROM a"] },
            "ALTER TABLE a RENAME TO x; ALTER TABLE b RENAME TO a; DELETE FROM a",
            { scripts: ["CREATE TABLE tmp (id int)", "DROP TABLE tmp; ALTER TABLE b RENAME TO tmp; DELETE FROM tmp"] },
            { scripts: ["ALTER TABLE b RENAME TO c", "DELETE FROM c"] },
            "CREATE TEMP TABLE t (id int); INSERT INTO t VALUES (1); DELETE FROM t",
            { scripts: ["CREATE TEMP TABLE new_t (id int); DELETE FROM new_t; DROP TABLE new_t; DELETE FROM new_t"] },
            { scripts: ["DELETE FROM t WHERE id = 1", "DELETE FROM t", "DROP TABLE t CASCADE"] },
            { scripts: ["TRUNCATE t", "DROP TABLE t CASCADE"] },
        ],
    },
};
