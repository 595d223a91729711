import assert from "node:assert/strict";
import { BadInputError } from "../../core/errors";
import { refuseBackslashLiterals } from "../../core/sql/conforming-strings";
import { refuseLockRelease, shapeScript } from "../../core/sql/script";
import { splitScript } from "../../core/sql/split";

async function shape(
    sql: string,
): Promise<{ units: { n: number; tx: boolean; options: string }[]; reason: string | undefined }> {
    const { units, reason } = shapeScript(await splitScript(sql, "f.sql"), sql, "f.sql");
    return {
        units: units.map((u) => ({ n: u.statements.length, tx: u.transactional, options: u.beginOptions })),
        reason,
    };
}

describe("a script's transactions", () => {
    it("are one where there is no transaction control", async () => {
        assert.deepEqual(await shape("SELECT 1; SELECT 2"), {
            units: [{ n: 2, tx: true, options: "" }],
            reason: undefined,
        });
    });

    it("are one where one block is around the file", async () => {
        assert.deepEqual(await shape("SET x.y = 1; BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1; COMMIT;"), {
            units: [{ n: 2, tx: true, options: "ISOLATION LEVEL SERIALIZABLE" }],
            reason: undefined,
        });
        assert.equal(
            (await shape("BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1; COMMIT")).units[0]?.options,
            "ISOLATION LEVEL SERIALIZABLE",
        );
    });

    it("are the script's own where it has several blocks", async () => {
        const { units, reason } = await shape("BEGIN; SELECT 1; SELECT 2; COMMIT; SELECT 3; BEGIN; SELECT 4; END;");
        assert.deepEqual(
            units.map((u) => u.n),
            [2, 1, 1],
        );
        assert.match(reason ?? "", /several/);
    });

    for (const sql of [
        "CREATE INDEX CONCURRENTLY i ON t (a)",
        "DROP INDEX CONCURRENTLY i",
        "REINDEX (CONCURRENTLY) INDEX i",
        "REINDEX DATABASE d",
        "VACUUM t",
        "ALTER SYSTEM SET work_mem = '1MB'",
        "CREATE DATABASE d",
        "ALTER TABLE p DETACH PARTITION c CONCURRENTLY",
        "CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p",
        "DISCARD ALL",
        "DO $$ BEGIN INSERT INTO t VALUES (1); COMMIT; END $$",
    ]) {
        it(`run outside of one: ${sql}`, async () => {
            assert.deepEqual(
                (await shape(`SELECT 1; ${sql}; SELECT 2`)).units.map((u) => u.tx),
                [true, false, true],
            );
            await assert.rejects(shape(`BEGIN; SELECT 1;\n${sql}; COMMIT`), (error: unknown) => {
                assert(error instanceof BadInputError);
                assert.match(error.message, /^f\.sql:2: .*cannot run between BEGIN and COMMIT/);
                return true;
            });
        });
    }

    it("are single statements where the script asks for it", async () => {
        const { units, reason } = await shape("-- schemaward: no-transaction\nSELECT 1; SELECT 2");
        assert.equal(units.length, 2);
        assert.equal(reason, "-- schemaward: no-transaction");
        assert.equal((await shape("SELECT '\n -- schemaward: no-transactions'")).units.length, 1);
    });

    it("are several where a new enum value is used at once", async () => {
        assert.equal((await shape("ALTER TYPE e ADD VALUE 'x'; SELECT 'x'::e")).units.length, 2);
        assert.equal((await shape("ALTER TYPE e ADD VALUE 'x'; SELECT 'y'::e")).units.length, 1);
        assert.equal(
            (await shape("CREATE TYPE e AS ENUM ('a'); ALTER TYPE e ADD VALUE 'x'; SELECT 'x'::e")).units.length,
            1,
        );
    });

    for (const [sql, message] of [
        ["BEGIN; SELECT 1", /f\.sql:1: A BEGIN without COMMIT/],
        ["SELECT 1;\nCOMMIT", /f\.sql:2: A COMMIT without BEGIN/],
        ["BEGIN;\nBEGIN; COMMIT", /f\.sql:2: A BEGIN inside the block that line 1 began/],
        ["BEGIN; SELECT 1;\nROLLBACK", /f\.sql:2: ROLLBACK would leave/],
        ["BEGIN; COMMIT AND CHAIN; COMMIT", /COMMIT AND CHAIN/],
        ["BEGIN;\nPREPARE TRANSACTION 'x'", /f\.sql:2: PREPARE TRANSACTION/],
    ] as const) {
        it(`refuses ${sql.replaceAll("\n", " ")}`, async () => {
            await assert.rejects(shape(sql), message);
        });
    }

    it("keeps savepoints", async () => {
        assert.deepEqual((await shape("BEGIN; SAVEPOINT a; SELECT 1; ROLLBACK TO a; COMMIT")).units, [
            { n: 3, tx: true, options: "" },
        ]);
    });

    for (const sql of [
        "SET standard_conforming_strings = off",
        "SET LOCAL standard_conforming_strings TO 'off'",
        "SET SESSION Standard_Conforming_Strings = 0",
        "SET standard_conforming_strings = false",
        "SELECT pg_catalog.set_config('standard_conforming_strings', 'off', false)",
    ])
        it(`refuses a script in which literals would have backslashes that mean something: ${sql}`, async () => {
            const statements = await splitScript(`SELECT 1;\n${sql};\nSELECT 'a\\\\b'`, "f.sql");
            assert.throws(() => {
                refuseBackslashLiterals(statements, "f.sql");
            }, /^BadInputError: f\.sql:2: The script sets standard_conforming_strings.*\nState: Nothing was touched\.\nNext: .*E'…'/);
        });

    for (const sql of [
        "SET standard_conforming_strings = on",
        "SET standard_conforming_strings = 1",
        "RESET standard_conforming_strings",
        "SELECT set_config('standard_conforming_strings', 'true', true)",
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql SET standard_conforming_strings = off AS $$SELECT 'a'$$",
        "SELECT 'standard_conforming_strings = off'",
    ])
        it(`takes, as it changes nothing: ${sql}`, async () => {
            refuseBackslashLiterals(await splitScript(sql, "f.sql"), "f.sql");
        });

    it("refuses to let go of advisory locks, with the line", async () => {
        const statements = await splitScript(
            "SELECT 1;\nDO $$ BEGIN PERFORM pg_advisory_unlock_all(); END $$",
            "f.sql",
        );
        assert.throws(() => {
            refuseLockRelease(statements, "f.sql");
        }, /^BadInputError: f\.sql:2: The script releases advisory locks/);
    });
});
