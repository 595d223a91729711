import assert from "node:assert/strict";
import { isBrief } from "../../core/sql/brief";
import { splitScript } from "../../core/sql/split";

async function brief(sql: string): Promise<boolean> {
    return isBrief(await splitScript(sql, "f.sql"));
}

describe("brief scripts", () => {
    const yes = [
        "",
        "-- nothing",
        "CREATE TABLE a (id int PRIMARY KEY, at timestamptz DEFAULT clock_timestamp())",
        "CREATE TABLE IF NOT EXISTS a (id int)",
        "CREATE TABLE b (a int REFERENCES a); CREATE UNIQUE INDEX ON b (a); COMMENT ON TABLE b IS 'b'",
        "CREATE TABLE app.b (a int); CREATE INDEX i ON app.b (lower(a::text))",
        "CREATE TABLE p (at date) PARTITION BY RANGE (at)",
        "CREATE TYPE mood AS ENUM ('ok')",
        "CREATE SEQUENCE s",
        "CREATE VIEW v AS SELECT * FROM a",
        "DROP TABLE a, b CASCADE",
        "DROP TABLE IF EXISTS a; DROP VIEW v; DROP MATERIALIZED VIEW m CASCADE; DROP SEQUENCE s; DROP TYPE mood; DROP DOMAIN d",
        "DROP FUNCTION f(int); DROP PROCEDURE p()",
    ];
    const no = [
        ["changes what is in use", "ALTER TABLE a ADD COLUMN n int"],
        ["changes what is in use", "DROP INDEX i"],
        ["changes what is in use", "DROP TRIGGER t ON a"],
        ["changes what is in use", "DROP TYPE mood CASCADE"],
        ["changes what is in use", "DROP FUNCTION f(int) CASCADE"],
        ["changes what is in use", "CREATE OR REPLACE VIEW v AS SELECT 1"],
        ["reads a table", "CREATE INDEX ON a (id)"],
        ["reads a table", "CREATE TABLE IF NOT EXISTS a (id int); CREATE INDEX ON a (id)"],
        ["reads a table", "CREATE TABLE a (id int); CREATE INDEX ON other.a (id)"],
        ["reads a table", "CREATE TABLE a (id int); DROP TABLE a; CREATE INDEX ON a (id)"],
        ["reads a table", "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')"],
        ["reads a table", "CREATE TABLE t AS SELECT * FROM a"],
        ["reads a table", "CREATE MATERIALIZED VIEW m AS SELECT * FROM a"],
        ["writes rows", "CREATE TABLE a (id int); INSERT INTO a VALUES (1)"],
        ["runs code", "SELECT f()"],
        ["runs code", "DO $$ BEGIN PERFORM 1; END $$"],
        ["cannot be used before it is committed", "ALTER TYPE mood ADD VALUE 'bad'"],
        ["ends with the transaction", "CREATE TEMP TABLE a (id int) ON COMMIT DROP"],
        ["ends with the transaction", "CREATE TABLE pg_temp.a (id int) ON COMMIT DROP"],
        ["ends with the transaction", "CREATE TEMP VIEW v AS SELECT 1"],
        ["stays in the session", "SET work_mem = '1GB'"],
        ["stays in the session", "CREATE TEMP SEQUENCE s"],
        ["stays in the session", "PREPARE q AS SELECT 1"],
        ["holds any number of locks", "DROP SCHEMA app CASCADE"],
        ["holds any number of locks", "DROP EXTENSION pg_trgm CASCADE"],
        ["is no part of a transaction", "DROP INDEX CONCURRENTLY i"],
        ["is no part of a transaction", "CREATE TABLE a (id int); CREATE INDEX CONCURRENTLY ON a (id)"],
        ["takes a savepoint", "SAVEPOINT s"],
    ] as const;

    for (const sql of yes)
        it(`such is ${sql === "" ? "an empty one" : sql}`, async () => assert.equal(await brief(sql), true));
    for (const [why, sql] of no) it(`none is what ${why}: ${sql}`, async () => assert.equal(await brief(sql), false));
});
