import assert from "node:assert/strict";
import fc from "fast-check";
import { BadInputError } from "../../core/errors";
import { findPsqlOnly, skipBlank } from "../../core/sql/lexical";
import { loadParser } from "../../core/sql/parser";
import { splitScript, splitScriptSync } from "../../core/sql/split";

async function refusal(sql: string): Promise<string> {
    try {
        await splitScript(sql, "f.sql");
    } catch (error) {
        assert(error instanceof BadInputError);
        return error.message;
    }
    throw new Error("the script was split");
}

describe("splitting a script", () => {
    before(loadParser);

    it("gives text and line of each statement, comments before it left out", async () => {
        const sql = "-- first\nSELECT 1;\n\n/* two /* nested */ */\nSELECT\n  'é; --';\nSELECT $$;$$ -- end\n";
        const found = await splitScript(sql, "f.sql");
        assert.deepEqual(
            found.map((s) => [s.line, s.sql]),
            [
                [2, "SELECT 1"],
                [5, "SELECT\n  'é; --'"],
                [7, "SELECT $$;$$ -- end"],
            ],
        );
        for (const s of found) assert.equal(sql.slice(s.offset, s.offset + s.sql.length), s.sql);
    });

    it("splits anything it can quote, at the right places", () => {
        const piece = fc.oneof(
            fc.string({ unit: "grapheme" }).map((s) => `'${s.replaceAll("\0", "").replaceAll("'", "''")}'`),
            fc
                .string({ unit: "grapheme" })
                .map((s) => `E'${s.replaceAll("\0", "").replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`),
            fc.string({ unit: "grapheme" }).map((s) => `$q$${s.replaceAll("\0", "").replaceAll("$", "")}$q$`),
            fc.nat().map(String),
        );
        const blank = fc.constantFrom(" ", "\n", "\n-- a ; ' comment\n", " /* ; ' \\d /* \" */ */ ", "\t");
        const statement = fc.tuple(blank, piece, blank).map(([before, value, after]) => ({
            text: `${before}SELECT ${value} AS "a;""b"${after}`,
            value,
        }));
        fc.assert(
            fc.property(fc.array(statement, { minLength: 1, maxLength: 6 }), (statements) => {
                const sql = statements.map((s) => s.text).join(";");
                const found = splitScriptSync(sql, "f.sql");
                assert.equal(found.length, statements.length);
                found.forEach((s, i) => {
                    assert(s.sql.startsWith(`SELECT ${statements[i]?.value ?? ""} AS`), s.sql);
                    assert.equal(s.line, sql.slice(0, s.offset).split("\n").length);
                });
            }),
            { numRuns: 300 },
        );
    });

    it("finds no psql command where PostgreSQL's parser finds none", () => {
        fc.assert(
            fc.property(
                fc.array(
                    fc.constantFrom("'", '"', "$$", "$a$", "--", "/*", "*/", "\n", "E'", "x", ";", " ", "\\", "1", "é"),
                ),
                (parts) => {
                    const sql = `SELECT ${parts.join("")}`;
                    let parses = true;
                    try {
                        splitScriptSync(sql, "f.sql");
                    } catch {
                        parses = false;
                    }
                    // Whatever our own scan rejects, the parser must reject, too: the reverse of a false alarm.
                    if (findPsqlOnly(sql) === undefined) return;
                    assert.equal(parses, false);
                },
            ),
            { numRuns: 500 },
        );
    });

    it("names file and line of a syntax error", async () => {
        assert.match(
            await refusal("SELECT 1;\nSELECT 'é';\nSELEC 2;"),
            /^f\.sql:3: PostgreSQL's parser says: syntax error at or near "SELEC"/,
        );
    });

    it("names file and line of a psql command", async () => {
        assert.match(
            await refusal("SELECT '\\d';\n-- \\d\n\\i other.sql\n"),
            /^f\.sql:3: `\\i other\.sql` is a psql meta-command/,
        );
    });

    it("names file and line of inline COPY data", async () => {
        assert.match(
            await refusal("SELECT 1;\n-- rows\nCOPY t (a)\n  FROM stdin;\n1\n\\.\n"),
            /^f\.sql:3: COPY … FROM STDIN/,
        );
    });

    it("hints at psql variables", async () => {
        assert.match(await refusal("SELECT 1;\nSELECT :'name';"), /^f\.sql:2: .*\nState.*\nNext: .*psql variable/);
    });

    it("takes COPY from a file on the server for what it is", async () => {
        assert.equal((await splitScript("COPY t FROM '/data/t.csv'", "f.sql")).length, 1);
    });

    it("finds nothing in a script of comments", async () => {
        assert.deepEqual(await splitScript("-- nothing\n/* here */ ;;\n", "f.sql"), []);
        assert.deepEqual(await splitScript("", "f.sql"), []);
    });

    it("skips white space and nested comments", () => {
        assert.equal(skipBlank("  /* a /* b */ c */ -- d\n x", 0), 26);
    });
});
