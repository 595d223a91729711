import assert from "node:assert/strict";
import fc from "fast-check";
import { BadInputError } from "../../core/errors";
import { findPsqlOnly, skipBlank } from "../../core/sql/lexical";
import { loadParser, parser } from "../../core/sql/parser";
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
        const blank = fc.constantFrom(
            " ",
            "\n",
            "\r",
            "\r\n",
            "\n-- a ; ' comment\n",
            " -- b ; ' \\\r",
            " /* ; ' \\d /* \" */ */ ",
            "\t",
        );
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
                    assert.equal(s.line, sql.slice(0, s.offset).split(/\r\n|\r|\n/).length);
                });
            }),
            { numRuns: 300 },
        );
    });

    it("finds no psql command where PostgreSQL's parser finds none", () => {
        fc.assert(
            fc.property(
                fc.array(
                    fc.constantFrom(
                        "'",
                        '"',
                        "$$",
                        "$a$",
                        "--",
                        "/*",
                        "*/",
                        "\n",
                        "\r",
                        "E'",
                        "x",
                        ";",
                        " ",
                        "\\",
                        "1",
                        "é",
                    ),
                ),
                (parts) => {
                    const sql = `SELECT ${parts.join("")}`;
                    // Whatever our own scan rejects, the parser must reject, too: the reverse of a false alarm.
                    if (findPsqlOnly(sql) !== undefined) assert.throws(() => parser().parseSync(sql));
                },
            ),
            { numRuns: 500 },
        );
    });

    it("sees as many statements as PostgreSQL's parser, whatever ends the lines", () => {
        const piece = fc.constantFrom(
            "SELECT 1",
            ";",
            "-- c",
            "/* c */",
            "\n",
            "\r",
            "\r\n",
            " ",
            "\f",
            "$$\r$$",
            "'\r'",
        );
        fc.assert(
            fc.property(fc.array(piece, { minLength: 1 }), (pieces) => {
                const sql = pieces.join("");
                let parsed: number;
                try {
                    // A word that ends it, as the parser takes no empty text.
                    parsed = (parser().parseSync(`${sql}\n;SELECT`).stmts ?? []).length - 1;
                } catch {
                    return;
                }
                assert.equal(splitScriptSync(sql, "f.sql").length, parsed, JSON.stringify(sql));
            }),
            { numRuns: 2000 },
        );
    });

    it("counts each way to end a line once, in statements and in errors", async () => {
        const sql = "-- a\rSELECT 1;\r\nSELECT 2;\n\rSELECT 3;";
        assert.deepEqual(
            (await splitScript(sql, "f.sql")).map((s) => [s.line, s.sql]),
            [
                [2, "SELECT 1"],
                [3, "SELECT 2"],
                [5, "SELECT 3"],
            ],
        );
        assert.match(await refusal("-- a\rSELECT 1;\rSELEC 2;"), /^f\.sql:3: /);
        assert.match(await refusal("-- a\rSELECT 1;\r\\d t\rSELECT 2"), /^f\.sql:3: `\\d t` is a psql meta-command/);
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

    it("repeats no password", async () => {
        for (const sql of [
            "\\c postgresql://app:s3cret@db/x",
            "ALTER ROLE app WITH ENCRYPTED 's3cret'",
            "ALTER ROLE app ENCRYPTED E's3cret\\'s'",
            "ALTER ROLE app PASSWORD 's3cret' 's3cret' nonsense",
        ])
            assert.doesNotMatch(await refusal(sql), /s3cret/, sql);
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
