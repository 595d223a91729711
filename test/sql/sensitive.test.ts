import assert from "node:assert/strict";
import fc from "fast-check";
import { isSensitive, redactSql } from "../../core/sql/sensitive";

describe("passwords in SQL and messages", () => {
    for (const text of [
        "CREATE ROLE a PASSWORD 'hunter2'",
        "CREATE ROLE a ENCRYPTED PASSWORD 'hunter2' VALID UNTIL '2030-01-01'",
        "CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'a', \"password\" 'hunter2')",
        "ALTER ROLE a PASSWORD /* c ' */ 'hunter2'",
        "ALTER ROLE a PASSWORD -- it's\n  'hunter2'",
        "ALTER ROLE a PASSWORD U&'hunter2'",
        "ALTER ROLE a PASSWORD E'a\\'hunter2'",
        "ALTER ROLE a PASSWORD 'a''hunter2'",
        "ALTER ROLE a PASSWORD 'a'\n'hunter2'",
        "ALTER ROLE a PASSWORD $x$hunter2$x$",
        "ALTER ROLE a PASSWORD 'hunter2",
        "ALTER ROLE a PASSWORD ', hunter2'",
        "DO $$ BEGIN EXECUTE format('ALTER ROLE %I PASSWORD %L', 'a', 'hunter2'); END $$",
        "DO $$ BEGIN EXECUTE format($f$ALTER ROLE a PASSWORD %1$L$f$, 'a;b', 'hunter2'); END $$",
        "DO $$ BEGIN EXECUTE 'ALTER ROLE a PASSWORD ' || quote_literal('hunter2'); END $$",
        "DO $$ BEGIN EXECUTE 'ALTER ROLE a PASSWORD ''hunter2'''; END $$",
        "DO $$ BEGIN EXECUTE E'ALTER ROLE a PASSWORD \\'hunter2\\''; END $$",
        "DO $$ DECLARE v_password text := 'hunter2'; BEGIN NULL; END $$",
        "SELECT jsonb_build_object('password', 'hunter2')",
        'SELECT \'{"password": "hunter2"}\'',
        "UPDATE users SET password = crypt('hunter2', gen_salt('bf'))",
        "CREATE SUBSCRIPTION s CONNECTION 'host=h password=hunter2 dbname=d' PUBLICATION p",
        "SELECT dblink_connect('host=h passwd=hunter2')",
        "SELECT dblink_connect('host=h pwd=hunter2 pass=hunter2 sslpassword=hunter2')",
        "CREATE SUBSCRIPTION s CONNECTION 'host=h password=''hunter2 hunter2''' PUBLICATION p",
        "INSERT INTO users (login, password) VALUES ('a', 'hunter2')",
        "INSERT INTO users (login, password, age) OVERRIDING USER VALUE SELECT 'a', 'hunter2', 3",
        "could not connect to postgresql://a:hunter2@h/d",
        "could not connect to redis://:hunter2@h/d",
        "ALTER ROLE a PASSWORD 'SCRAM-SHA-256$4096:hunter2'",
    ])
        it(`are not shown: ${text.replaceAll("\n", " ")}`, () => {
            const shown = redactSql(text);
            assert.doesNotMatch(shown, /hunter2/);
            assert.equal(isSensitive(text), true);
            assert.equal(redactSql(shown), shown);
        });

    for (const text of [
        "CREATE TABLE users (login text, password text NOT NULL)",
        "CREATE TABLE users (login text, password text); INSERT INTO other VALUES ('x')",
        "INSERT INTO users (login, password) SELECT login, hash FROM old",
        "SELECT 1 AS pass, 2 AS pwd",
        "UPDATE exams SET pass = true",
        "SET password_encryption = 'scram-sha-256'",
        "ALTER ROLE a PASSWORD NULL",
        "CREATE TABLE passengers (id int DEFAULT 1)",
        "see https://example.org/a:b",
    ])
        it(`are not seen in: ${text}`, () => {
            assert.equal(redactSql(text), text);
        });

    it("leave what comes after a plain one", () => {
        assert.equal(
            redactSql("ALTER ROLE a PASSWORD 'x' VALID UNTIL '2030-01-01'; SELECT 'y'"),
            "ALTER ROLE a PASSWORD '[redacted]' VALID UNTIL '2030-01-01'; SELECT 'y'",
        );
        assert.equal(redactSql("host=h password=x dbname=d"), "host=h password=[redacted] dbname=d");
    });

    it("never stay, whatever they consist of", () => {
        fc.assert(
            fc.property(
                fc.string({ unit: fc.constantFrom("'", '"', "\\", "$", ";", ",", " ", "|", "a", "%", "-") }),
                fc.constantFrom("PASSWORD ", 'OPTIONS ("password" ', "PASSWORD /**/", "password => "),
                (noise, before) => {
                    const secret = `${noise}hunter2${noise}hunter2`;
                    const plain = `'${secret.replaceAll("'", "''")}'`;
                    const escaped = `E'${secret.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
                    const dollar = `$secret$${secret.replaceAll("$", "")}$secret$`;
                    for (const literal of [plain, escaped, dollar])
                        assert.doesNotMatch(redactSql(`ALTER ${before}${literal} VALID`), /hunter2/);
                },
            ),
            { numRuns: 1000 },
        );
    });
});
