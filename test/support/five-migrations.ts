import type { TestProject } from "./project";

/**
 * Five migrations for runs that are killed: one that makes the history table, several transactions, a BEGIN of its own, a verify query.
 * @param rows of the table `a`
 */
export function writeFiveMigrations(project: TestProject, rows: number): void {
    project
        .migration(
            "001",
            `CREATE TABLE schema_migrations (version text PRIMARY KEY, at timestamptz DEFAULT now());\nCREATE TABLE a (id int); INSERT INTO a SELECT generate_series(1, ${rows})`,
            "DROP TABLE a; DROP TABLE schema_migrations",
        )
        .migration("002", "CREATE TABLE b (id int)", "DROP TABLE b")
        .migration(
            "003",
            "CREATE INDEX CONCURRENTLY a_id ON a (id);\nALTER TABLE a ADD COLUMN x text DEFAULT 'x'",
            "ALTER TABLE a DROP COLUMN x;\nDROP INDEX CONCURRENTLY a_id",
        )
        .migration("004", "BEGIN; UPDATE a SET x = 'y'; COMMIT;", "UPDATE a SET x = 'x'")
        .migration("005", "CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM a", "DROP MATERIALIZED VIEW m")
        .write({ "verify/004_verify.sql": `SELECT count(*) = ${rows} FROM a WHERE x = 'y'` });
}
