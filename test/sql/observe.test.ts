import assert from "node:assert/strict";
import type { Observation } from "../../core/sql/observation";
import { anyBinaries, startTestServer, type TestServer } from "../support/postgres";
import { inShort, locksOf, Observed } from "./observing";

const schema = `
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE customers (id integer PRIMARY KEY, email text NOT NULL, code varchar(10), feeling mood,
    CONSTRAINT email_key UNIQUE (email), CONSTRAINT email_ok CHECK (email <> ''));
CREATE INDEX customers_email ON customers (lower(email));
CREATE TABLE orders (id integer PRIMARY KEY, customer integer CONSTRAINT of_customer REFERENCES customers, total integer);
CREATE VIEW mails AS SELECT email FROM customers;
CREATE VIEW mail_count AS SELECT count(*) AS n FROM mails;
CREATE MATERIALIZED VIEW totals AS SELECT sum(total) AS total FROM orders;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE FUNCTION purge() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM orders; RETURN NULL; END $$;
CREATE TRIGGER touches BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TABLE watched (id integer);
CREATE TRIGGER purges AFTER DELETE ON watched EXECUTE FUNCTION purge();
CREATE SCHEMA side;
CREATE TABLE side.orders (id integer);
`;

describe("observing scripts on a shadow", function () {
    this.timeout(30_000);
    let server: TestServer;
    let live: Observed;

    before(async () => {
        server = await startTestServer(anyBinaries());
        live = await Observed.make(server, schema);
    });

    after(() => server.stop());

    /** Of one script: what happens, what is locked, what is written anew. */
    const cases: readonly {
        readonly script: string;
        readonly happens: readonly string[];
        readonly locks?: readonly string[];
        readonly rewrites?: readonly string[];
        readonly opaque?: RegExp;
    }[] = [
        {
            script: "ALTER TABLE customers DROP COLUMN email CASCADE",
            happens: [
                "dropped column customers.email",
                "dropped constraint customers.email_key",
                "dropped constraint customers.email_ok",
                "dropped index customers_email",
                "dropped view mail_count (victim)",
                "dropped view mails (victim)",
            ],
            locks: ["ACCESS EXCLUSIVE on customers", "ACCESS EXCLUSIVE on mail_count", "ACCESS EXCLUSIVE on mails"],
        },
        {
            script: "DROP TABLE customers CASCADE",
            happens: [
                "dropped column customers.code",
                "dropped column customers.email",
                "dropped column customers.feeling",
                "dropped column customers.id",
                "dropped constraint customers.customers_pkey",
                "dropped constraint customers.email_key",
                "dropped constraint customers.email_ok",
                "dropped constraint orders.of_customer (victim)",
                "dropped index customers_email",
                "dropped table customers",
                "dropped view mail_count (victim)",
                "dropped view mails (victim)",
            ],
            locks: [
                "ACCESS EXCLUSIVE on customers",
                "ACCESS EXCLUSIVE on mail_count",
                "ACCESS EXCLUSIVE on mails",
                "ACCESS EXCLUSIVE on orders",
            ],
        },
        {
            script: "DROP TYPE mood CASCADE",
            happens: ["dropped column customers.feeling (victim)", "dropped enum mood"],
            locks: ["ACCESS EXCLUSIVE on customers"],
        },
        {
            script: "DROP SCHEMA side CASCADE",
            happens: [
                "dropped column side.orders.id (victim)",
                "dropped schema side",
                "dropped table side.orders (victim)",
            ],
            locks: ["ACCESS EXCLUSIVE on side.orders"],
        },
        {
            script: "DO $$ BEGIN DROP MATERIALIZED VIEW totals; END $$",
            happens: ["dropped materialized view totals (victim)"],
            locks: ["ACCESS EXCLUSIVE on totals"],
        },
        {
            script: "ALTER TABLE watched RENAME TO seen",
            happens: ["renamed table seen was watched"],
            locks: ["ACCESS EXCLUSIVE on watched"],
        },
        {
            script: "ALTER TABLE orders RENAME total TO amount",
            happens: ["renamed column orders.amount was orders.total"],
            locks: ["ACCESS EXCLUSIVE on orders"],
        },
        {
            script: "ALTER TABLE watched SET SCHEMA side",
            happens: ["renamed table side.watched was watched"],
            locks: ["ACCESS EXCLUSIVE on watched"],
        },
        {
            script: "ALTER TABLE watched ALTER id TYPE bigint",
            happens: ["changed column watched.id: integer → bigint"],
            locks: ["ACCESS EXCLUSIVE on watched"],
            rewrites: ["watched"],
        },
        {
            script: "ALTER TABLE customers ALTER code TYPE varchar(20)",
            happens: ["changed column customers.code: character varying(10) → character varying(20)"],
            locks: ["ACCESS EXCLUSIVE on customers"],
        },
        {
            script: "ALTER TABLE watched ADD at timestamptz DEFAULT clock_timestamp()",
            happens: ["added column watched.at"],
            locks: ["ACCESS EXCLUSIVE on watched"],
            rewrites: ["watched"],
        },
        {
            script: "ALTER TABLE watched ADD at timestamptz DEFAULT now()",
            happens: ["added column watched.at"],
            locks: ["ACCESS EXCLUSIVE on watched"],
        },
        { script: "TRUNCATE watched", happens: [], locks: ["ACCESS EXCLUSIVE on watched"] },
        {
            script: "TRUNCATE watched; ALTER TABLE watched ALTER id TYPE bigint",
            happens: ["changed column watched.id: integer → bigint"],
            locks: ["ACCESS EXCLUSIVE on watched"],
            rewrites: ["watched"],
        },
        {
            script: "CREATE INDEX by_total ON orders (total)",
            happens: ["added index by_total"],
            locks: ["SHARE on orders"],
        },
        {
            script: "CREATE TRIGGER more AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch()",
            happens: ["added trigger orders.more"],
            locks: ["SHARE ROW EXCLUSIVE on orders"],
        },
        {
            script: "ALTER TABLE watched ADD CONSTRAINT to_order FOREIGN KEY (id) REFERENCES orders",
            happens: ["added constraint watched.to_order"],
            locks: ["SHARE ROW EXCLUSIVE on orders", "SHARE ROW EXCLUSIVE on watched"],
        },
        {
            script: "CREATE TABLE fresh (id integer); ALTER TABLE fresh ADD b text; DROP TABLE fresh",
            happens: [],
            locks: [],
        },
        {
            script: "DROP VIEW mail_count; CREATE VIEW mail_count AS SELECT count(*) AS n FROM customers",
            happens: [
                "changed view mail_count: AS SELECT count(*) AS n\n   FROM public.mails; → AS SELECT count(*) AS n\n   FROM public.customers;",
            ],
            locks: ["ACCESS EXCLUSIVE on mail_count"],
        },
        {
            script: "DROP TABLE watched; CREATE TABLE watched (id integer)",
            happens: [
                "dropped column watched.id",
                "dropped table watched",
                "dropped trigger watched.purges",
                "added column watched.id",
                "added table watched",
            ],
            locks: ["ACCESS EXCLUSIVE on watched"],
        },
        { script: "UPDATE orders SET total = 0; DELETE FROM customers; INSERT INTO watched VALUES (1)", happens: [] },
        { script: "DELETE FROM watched", happens: [], opaque: /trigger purges of watched with DELETE/ },
        {
            script: "DO $$ DECLARE what text := 'DROP TABLE ' || 'watched'; BEGIN EXECUTE what; END $$",
            happens: [
                "dropped column watched.id (victim)",
                "dropped table watched (victim)",
                "dropped trigger watched.purges (victim)",
            ],
            locks: ["ACCESS EXCLUSIVE on watched"],
            opaque: /^1: DO block with EXECUTE$/,
        },
        {
            script: "BEGIN; ALTER TABLE watched ALTER id TYPE bigint; COMMIT",
            happens: ["changed column watched.id: integer → bigint"],
            locks: ["ACCESS EXCLUSIVE on watched"],
            rewrites: ["watched"],
        },
        {
            script: "BEGIN; ALTER TABLE watched ADD a integer; COMMIT; BEGIN; CREATE INDEX i ON orders (total); COMMIT",
            happens: ["added column watched.a", "added index i"],
            locks: ["ACCESS EXCLUSIVE on watched", "SHARE on orders"],
        },
        {
            script: "SAVEPOINT a; DROP TABLE watched; ROLLBACK TO a; ALTER TABLE orders ADD a integer",
            happens: ["added column orders.a"],
            locks: ["ACCESS EXCLUSIVE on orders"],
        },
        { script: "CREATE INDEX CONCURRENTLY i ON orders (total)", happens: ["added index i"] },
        { script: "DROP INDEX CONCURRENTLY customers_email", happens: ["dropped index customers_email"] },
        {
            script: "ALTER TABLE watched ADD a integer; CREATE INDEX CONCURRENTLY i ON watched (a); ALTER TABLE orders DROP total CASCADE",
            happens: [
                "dropped column orders.total",
                "dropped materialized view totals (victim)",
                "added column watched.a",
                "added index i",
            ],
            locks: ["ACCESS EXCLUSIVE on orders", "ACCESS EXCLUSIVE on totals", "ACCESS EXCLUSIVE on watched"],
        },
        {
            script: "VACUUM FULL orders",
            happens: [],
            locks: ["ACCESS EXCLUSIVE on orders"],
            rewrites: ["orders"],
        },
        { script: "REFRESH MATERIALIZED VIEW totals", happens: [], locks: ["ACCESS EXCLUSIVE on totals"] },
    ];

    /** Two of them are on their way while one is waited for. */
    const underWay = new Map<string, Promise<Observation>>();
    const seeAhead = (index: number): Promise<Observation> => {
        for (const { script } of cases.slice(index, index + 3)) {
            const seen = underWay.get(script) ?? live.seeOne(script);
            // It is reported where it is waited for.
            seen.catch(() => undefined);
            underWay.set(script, seen);
        }
        return underWay.get(cases[index]?.script ?? "") ?? assert.fail();
    };

    for (const [index, { script, happens, locks = [], rewrites = [], opaque }] of cases.entries()) {
        it(script, async () => {
            const seen = await seeAhead(index);
            assert.equal(seen.method, "observed", seen.reason);
            assert.equal(seen.wouldFail, undefined);
            assert.deepEqual(inShort(seen), happens);
            assert.deepEqual(locksOf(seen), locks);
            assert.deepEqual(seen.rewrites, rewrites);
            if (opaque === undefined) assert.deepEqual(seen.opaque, []);
            else assert.match(seen.opaque.map(({ line, why }) => `${line}: ${why}`).join("\n"), opaque);
        });
    }

    it("names what a step before renamed as the live database does", async () => {
        const [first, second] = await live.see([
            "ALTER TABLE orders RENAME TO bills; ALTER TABLE bills RENAME total TO amount",
            "ALTER TABLE bills DROP amount CASCADE; DROP TABLE watched",
        ]);
        assert.ok(first && second);
        assert.deepEqual(
            inShort(first),
            ["renamed table bills was orders", "renamed column bills.amount was orders.total"].sort(),
        );
        assert.deepEqual(inShort(second), [
            "dropped column bills.amount (live orders.total)",
            "dropped column watched.id",
            "dropped materialized view totals (victim)",
            "dropped table watched",
            "dropped trigger watched.purges",
        ]);
    });

    it("begins each step with the session's own settings", async () => {
        const seen = await live.see(["SET search_path TO side; DROP TABLE orders", "ALTER TABLE orders ADD a integer"]);
        assert.deepEqual(seen.map(inShort), [
            ["dropped column side.orders.id", "dropped table side.orders"],
            ["added column orders.a"],
        ]);
        const [aside] = await live.see(["DROP TABLE orders"], { searchPath: ["side", "public"] });
        assert.deepEqual(aside && inShort(aside), ["dropped column side.orders.id", "dropped table side.orders"]);
    });

    describe("a script that fails", () => {
        const failing: readonly { script: string; line: number; sqlstate: string; message: RegExp }[] = [
            {
                script: "SELECT 1;\n\nALTER TABLE orders\n    ADD a integer,\n    DROP missing;",
                line: 3,
                sqlstate: "42703",
                message: /column "missing" of relation "orders" does not exist/,
            },
            {
                script: "-- è ünd 🐘\nCREATE VIEW v AS\n    SELECT id,\n        '🐘' AS elephant,\n        missing\n    FROM orders;",
                line: 5,
                sqlstate: "42703",
                message: /column "missing" does not exist/,
            },
            {
                script: "DO $$\nBEGIN\n    PERFORM 1;\n    DROP TABLE missing;\nEND $$;",
                line: 4,
                sqlstate: "42P01",
                message: /table "missing" does not exist/,
            },
            {
                script: "ALTER TABLE watched ADD a integer;\nDROP TABLE customers;",
                line: 2,
                sqlstate: "2BP01",
                message: /cannot drop table customers because other objects depend on it/,
            },
            {
                script: "BEGIN;\nUPDATE orders SET missing = 1;\nCOMMIT;",
                line: 2,
                sqlstate: "42703",
                message: /column "missing" of relation "orders" does not exist/,
            },
            {
                script: "CREATE INDEX CONCURRENTLY i ON orders (total);\nCREATE INDEX CONCURRENTLY i ON orders (total);",
                line: 2,
                sqlstate: "42P07",
                message: /relation "i" already exists/,
            },
        ];
        for (const { script, line, sqlstate, message } of failing) {
            it(`${sqlstate} at line ${line}: ${script.replaceAll("\n", " ")}`, async () => {
                const [first, second] = await live.see([script, "DROP TABLE watched"]);
                assert.ok(first && second);
                assert.equal(first.method, "parsed");
                assert.deepEqual(
                    { line: first.wouldFail?.line, sqlstate: first.wouldFail?.sqlstate },
                    { line, sqlstate },
                );
                assert.match(first.wouldFail?.message ?? "", message);
                assert.match(first.reason ?? "", new RegExp(`^line ${line}, on the shadow: .*\\(${sqlstate}\\)$`));
                assert.equal(second.method, "parsed");
                assert.equal(second.wouldFail, undefined);
                assert.equal(second.reason, "the shadow could not follow after step 1");
                assert.ok(inShort(second).includes("dropped table watched"), inShort(second).join());
            });
        }

        const uncertain: readonly { script: string; reason: RegExp }[] = [
            // What rows there are decides about these.
            { script: "SELECT 1 / count(*) FROM orders", reason: /division by zero \(22012\)/ },
            {
                script: "DO $$ BEGIN IF NOT EXISTS (SELECT FROM orders) THEN DROP TABLE missing; END IF; END $$",
                reason: /table "missing" does not exist \(42P01\)/,
            },
            // Only the end of the transaction tells.
            {
                script: `ALTER TABLE orders ALTER CONSTRAINT of_customer DEFERRABLE INITIALLY DEFERRED;
                    DO $$ BEGIN INSERT INTO orders VALUES (1, 1, 1); END $$`,
                reason: /violates foreign key constraint "of_customer" \(23503\)/,
            },
            { script: "SELECT pg_sleep(20)", reason: /statement timeout \(57014\)/ },
        ];
        for (const { script, reason } of uncertain) {
            it(`perhaps: ${script}`, async () => {
                const seen = await live.seeOne(script, { statementTimeoutMs: 500 });
                assert.equal(seen.method, "parsed");
                assert.match(seen.reason ?? "", reason);
                assert.equal(seen.wouldFail, undefined);
            });
        }

        it("keeps what was observed before it, and what it had done outside of a transaction", async () => {
            const seen = await live.see([
                "ALTER TABLE orders RENAME TO bills",
                "CREATE INDEX CONCURRENTLY i ON bills (total); DROP TABLE missing",
                "DROP TABLE bills CASCADE",
            ]);
            assert.deepEqual(
                seen.map(({ method }) => method),
                ["observed", "parsed", "parsed"],
            );
            assert.ok(seen[2]?.dropped.some(({ object }) => object.kind === "index" && object.name === "i"));
            assert.equal(seen[2]?.dropped.find(({ object }) => object.kind === "table")?.liveName, "orders");
        });
    });

    it("takes a role that the plan itself makes for one that will be there", async () => {
        const [first, second] = await live.see([
            "CREATE ROLE newcomer",
            "GRANT SELECT ON orders TO newcomer;\nALTER TABLE orders DROP total CASCADE",
        ]);
        assert.ok(first && second);
        assert.deepEqual(first.opaque, [{ line: 1, why: "CREATE ROLE acts outside this database" }]);
        assert.equal(second.method, "observed", second.reason);
        assert.deepEqual(second.opaque, [{ line: 1, why: "needs role newcomer, which this plan makes" }]);
        assert.deepEqual(inShort(second), ["dropped column orders.total", "dropped materialized view totals (victim)"]);
    });
});
