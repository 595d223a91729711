import assert from "node:assert/strict";
import type { Client } from "pg";
import { FailedError } from "../../core/errors";
import { buildPlan } from "../../core/plan/build";
import type { Loss, Plan } from "../../core/plan/plan";
import { renderPlan } from "../../core/plan/render-text";
import { eachMajor, startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";

const base = `
    CREATE TABLE users (id int PRIMARY KEY, email text, CONSTRAINT has_at CHECK (email LIKE '%@%'));
    CREATE INDEX users_email ON users (email);
    CREATE VIEW emails AS SELECT email FROM users;
    CREATE TYPE mood AS ENUM ('sad');
    CREATE FUNCTION one() RETURNS int LANGUAGE sql RETURN 1;
    CREATE SEQUENCE tickets;
    CREATE SCHEMA app; CREATE TABLE app."Odd Table" ("A b" int);
    COMMENT ON TABLE users IS 'people';
    INSERT INTO users VALUES (1, 'a@b'), (2, 'c@d');`;

/** What a hand did, and what the plan must say of it. */
const changes: Readonly<Record<string, readonly string[]>> = {
    "ALTER TABLE users ADD COLUMN extra text": ["added column users.extra"],
    "ALTER TABLE users DROP CONSTRAINT has_at": ["dropped constraint users.has_at"],
    "ALTER TABLE users ALTER email SET NOT NULL": ["changed column users.email"],
    "ALTER TABLE users ALTER id TYPE bigint": ["changed column users.id"],
    "DROP INDEX users_email": ["dropped index users_email"],
    "DROP INDEX users_email; CREATE INDEX users_email ON users (lower(email))": ["changed index users_email"],
    "COMMENT ON TABLE users IS 'customers'": ["changed comment on table users"],
    "COMMENT ON TABLE users IS NULL": ["dropped comment on table users"],
    "CREATE OR REPLACE VIEW emails AS SELECT email, id FROM users": ["changed view emails"],
    "ALTER TYPE mood ADD VALUE 'happy'": ["changed enum mood"],
    "CREATE OR REPLACE FUNCTION one() RETURNS int LANGUAGE sql RETURN 2": ["changed function one()"],
    "ALTER SEQUENCE tickets INCREMENT 5": ["changed sequence tickets"],
    'ALTER TABLE app."Odd Table" RENAME COLUMN "A b" TO "C"': [
        'added column app."Odd Table"."C"',
        'dropped column app."Odd Table"."A b"',
    ],
    "ALTER TABLE users ENABLE ROW LEVEL SECURITY": ["changed table users"],
    "GRANT SELECT ON users TO PUBLIC": ["added grant on table users to PUBLIC"],
    "CREATE TABLE loose (id int); DROP TABLE loose": [],
    "TRUNCATE users": [],
    "INSERT INTO users VALUES (3, 'e@f'); VACUUM ANALYZE users; REINDEX TABLE users": [],
    "DROP VIEW emails; CREATE VIEW emails AS SELECT email FROM users": [],
};

describe("drift", function () {
    this.timeout(30_000);
    let server: TestServer;
    let project: TestProject;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = new TestProject(server, await server.create());
        project.migration("001", base, "SELECT 1").migration("002", "SELECT 1", "SELECT 1");
        await project.migrate("001");
    });
    afterEach(() => {
        project.remove();
    });

    const driftOf = ({ drift }: Plan): string[] =>
        drift
            .map(({ what, kind, name }) => `${what} ${kind} ${name}`)
            .filter((line) => !/^\w+ (?:constraint users\.users_id_not_null)/.test(line))
            .sort();

    for (const [sql, expected] of Object.entries(changes)) {
        it(`${expected.length === 0 ? "is none" : "is told"} after ${sql}`, async () => {
            // One by one: VACUUM cannot run with others.
            for (const statement of sql.split("; ")) await project.query(statement);
            assert.deepEqual(driftOf(await project.plan("001")), expected);
        });
    }

    it("is told in front of a plan with steps, too, and in its text, and is gone after being taken back", async () => {
        await project.query("ALTER TABLE users ADD COLUMN extra text");
        const plan = await project.plan("002");
        assert.equal(plan.steps.length, 1);
        assert(renderPlan(plan).includes("    added column users.extra"));
        await project.query("ALTER TABLE users DROP COLUMN extra");
        assert.deepEqual((await project.plan("002")).drift, []);
    });

    it("is told by a run that was allowed beforehand, after which nothing knows of it any more", async () => {
        await project.query("ALTER TABLE users ADD COLUMN extra text");
        const { plan } = await project.migrate("002", {}, { observe: "quick" });
        assert.deepEqual(driftOf(plan), ["added column users.extra"]);
    });

    it("does not report what a migration did, going forward and back", async () => {
        project.migration("002", "ALTER TABLE users ADD COLUMN extra text", "ALTER TABLE users DROP COLUMN extra");
        await project.migrate("002");
        assert.deepEqual((await project.plan("002")).drift, []);
        await project.migrate("001");
        assert.deepEqual((await project.plan("001")).drift, []);
    });
});

for (const binaries of eachMajor()) {
    describe(`planning under adverse conditions on PostgreSQL ${binaries.version}`, function () {
        this.timeout(60_000);
        let server: TestServer;
        let project: TestProject;

        before(async () => {
            server = await startTestServer(binaries);
            await server.withClient("postgres", async (client) => {
                await client.query("CREATE ROLE planner LOGIN PASSWORD 'plans-only' NOCREATEDB");
                await client.query("CREATE ROLE stranger LOGIN PASSWORD 'plans-only' NOCREATEDB");
            });
        });
        after(async () => server.stop());
        beforeEach(async () => {
            project = new TestProject(server, await server.create());
            project
                .migration(
                    "001",
                    "CREATE TABLE a (id int); INSERT INTO a SELECT generate_series(1, 7); CREATE TABLE b (id int); INSERT INTO b VALUES (1)",
                    "DROP TABLE a; DROP TABLE b",
                )
                .migration("002", "CREATE TABLE c (id int)", "DROP TABLE c");
            await project.migrate("001");
        });
        afterEach(() => {
            project.remove();
        });

        const as = (user: string): { connection: { url: string } } => ({
            connection: { url: server.url(project.database, { user, password: "plans-only" }) },
        });

        /** Holds a lock while something else is done, and counts how long that took. @returns milliseconds */
        async function holding(lock: string, work: () => Promise<void>): Promise<number> {
            return server.withClient(project.database, async (client) => {
                await client.query(`BEGIN; ${lock}`);
                const start = performance.now();
                await work();
                const took = performance.now() - start;
                await client.query("ROLLBACK");
                return took;
            });
        }

        /** What is never told as less than it is: an exact count, a bound, or a clear error. */
        async function planOrError(user?: string): Promise<Plan | FailedError> {
            try {
                return await project.plan("0", user === undefined ? {} : as(user));
            } catch (error) {
                assert(error instanceof FailedError, String(error));
                return error;
            }
        }

        it("answers in bounded time while somebody holds ACCESS EXCLUSIVE on a table that goes", async () => {
            const took = await holding("LOCK TABLE a IN ACCESS EXCLUSIVE MODE", async () => {
                const outcome = await planOrError();
                if (outcome instanceof FailedError) {
                    assert.match(outcome.message, /lock/);
                    assert.match(outcome.message, /^State: Nothing was touched/m);
                    assert.match(outcome.message, /^Next: .*pg_locks/m);
                } else {
                    const loss = outcome.steps.flatMap((s) => s.losses).find((l) => l.object === "a");
                    assert(loss !== undefined && !loss.exact);
                    assert(loss.rows === null || loss.rows >= 7, `told ${String(loss.rows)} of 7 rows`);
                }
            });
            assert(took < 25_000, `took ${took} ms`);
        });

        it("answers in bounded time while somebody alters the table, for a role without a shadow, too", async () => {
            await server.withClient(project.database, grantAll);
            const took = await holding("ALTER TABLE a ADD COLUMN x int", async () => {
                const outcome = await planOrError("planner");
                if (outcome instanceof FailedError) assert.match(outcome.message, /lock/);
                else {
                    const loss = outcome.steps.flatMap((s) => s.losses).find((l) => l.object === "a");
                    assert(loss !== undefined && (loss.rows === null || loss.rows >= 7), JSON.stringify(loss));
                }
            });
            assert(took < 25_000, `took ${took} ms`);
        });

        it("says what it waited for, also where several questions were on their way", async () => {
            // What loses nothing is not judged: the server is asked something else after the catalog was read in vain.
            for (let i = 100; i < 400; i++) project.migration(String(i), "SELECT 1", `CREATE TABLE t${i} (id int)`);
            project.write({ "rollback/001_down.sql": "CREATE TABLE d (id int)" });
            await project.migrate("latest");
            await holding("LOCK TABLE pg_catalog.pg_policy IN ACCESS EXCLUSIVE MODE", async () => {
                await assert.rejects(project.plan("0", {}, "quick"), (error) => {
                    assert(error instanceof FailedError, String(error));
                    assert.match(error.message, /SQLSTATE 55P03/);
                    assert.match(error.message, /^Next: .*pg_locks/m);
                    return true;
                });
            });
        });

        it("waits for nobody when only its own tables are locked weakly", async () => {
            const took = await holding("LOCK TABLE a IN EXCLUSIVE MODE; DELETE FROM a WHERE id = 1", async () => {
                assert.equal((await project.plan("0")).lost.rows, 8);
            });
            assert(took < 15_000, `took ${took} ms`);
        });

        it("gives a role with CONNECT, USAGE and SELECT a whole plan, and changes nothing", async () => {
            await server.withClient(project.database, grantAll);
            const before = await project.query("SELECT s FROM schemaward.sets s");
            const plan = await project.plan("0", as("planner"));
            assert.deepEqual(plan.lost, { rows: 8, values: 0, bytes: plan.lost.bytes, unknown: false });
            assert(plan.steps.every((s) => s.method === "parsed" && s.losses.every((l) => l.exact)));
            assert.match(plan.steps[0]?.methodReason ?? "", /planner may not create a shadow database \(no CREATEDB\)/);
            assert.deepEqual(await project.query("SELECT s FROM schemaward.sets s"), before);
            assert.deepEqual(
                await project.query("SELECT datname FROM pg_database WHERE datname LIKE 'schemaward_shadow%'"),
                [],
            );
        });

        it("says what a role lacks that may not read the ledger", async () => {
            await assert.rejects(project.plan("0", as("stranger")), (error: unknown) => {
                assert(error instanceof FailedError, String(error));
                assert.match(error.message, /permission denied for .*schemaward/);
                assert.match(error.message, /SQLSTATE 42501/);
                assert.match(error.message, /^State: Nothing was touched: planning only reads\.$/m);
                assert.match(error.message, /^Next: Grant the role that logs in what it lacks/m);
                return true;
            });
        });

        it("never tells a table that it may not read as empty", async () => {
            await server.withClient(project.database, async (client) => {
                await grantAll(client);
                await client.query("REVOKE SELECT ON a FROM planner");
            });
            const loss = (await project.plan("0", as("planner"))).steps[0]?.losses.find((l) => l.object === "a");
            assert(loss !== undefined && !loss.exact);
            assert(loss.rows === null || loss.rows >= 7, `told ${String(loss.rows)} of 7 rows`);
        });

        it("never tells rows that row-level security hides from it as not there", async () => {
            await server.withClient(project.database, async (client) => {
                await grantAll(client);
                await client.query("ALTER TABLE a ENABLE ROW LEVEL SECURITY; ANALYZE a");
            });
            const loss = (await project.plan("0", as("planner"))).steps[0]?.losses.find((l) => l.object === "a");
            assert(loss !== undefined && !loss.exact, JSON.stringify(loss));
            assert(loss.rows === null || loss.rows >= 7, `told ${String(loss.rows)} of 7 rows`);
        });
    });
}

describe("planning on a table that takes too long to count", function () {
    this.timeout(60_000);
    let server: TestServer;
    let project: TestProject;

    before(async () => {
        server = await startTestServer();
        project = new TestProject(server, await server.create());
        project.migration("001", "CREATE UNLOGGED TABLE big (n int) WITH (autovacuum_enabled = off)", "DROP TABLE big");
        await project.migrate("001");
        await project.query("INSERT INTO big SELECT generate_series(1, 4000000)");
        await project.query(`ALTER DATABASE ${project.database} SET max_parallel_workers_per_gather = 0`);
    });
    after(async () => {
        project.remove();
        await server.stop();
    });

    async function told(): Promise<Loss | undefined> {
        const options = { projectDir: project.dir, observe: "quick", timeoutMs: 100 } as const;
        return (await buildPlan(project.declaration("0"), options)).plan.steps[0]?.losses[0];
    }

    it("does not tell it as empty", async () => {
        const loss = await told();
        assert(loss !== undefined && !loss.exact, JSON.stringify(loss));
        assert(loss.rows === null || loss.rows > 3_900_000, `told ${String(loss.rows)} of 4,000,000 rows`);
    });

    it("tells an estimate, marked as such", async () => {
        await project.query("ANALYZE big");
        const loss = await told();
        assert(loss?.exact === false, JSON.stringify(loss));
        assert(loss.rows !== null && Math.abs(loss.rows - 4_000_000) < 100_000, `told ${String(loss.rows)}`);
    });

    it("holds no limit against an estimate, and asks for approval also where it is 0", async () => {
        await project.query("UPDATE pg_class SET reltuples = 0 WHERE relname = 'big'");
        const base = project.declaration("0");
        const { plan } = await buildPlan(
            { ...base, policy: { ...base.policy, approval: "data-loss", maxRowsLost: 10 } },
            { projectDir: project.dir, observe: "quick", timeoutMs: 100 },
        );
        await project.query("ANALYZE big");
        assert.equal(plan.approval.needed, true);
        assert.deepEqual(
            plan.refusals.map((r) => r.code),
            ["approval", "unknown-loss"],
        );
    });

    it("does not call an estimate a bound", async () => {
        await project.query("INSERT INTO big SELECT generate_series(1, 1000000)");
        const { plan } = await buildPlan(project.declaration("0"), {
            projectDir: project.dir,
            observe: "quick",
            timeoutMs: 100,
        });
        const bound = /≤ ([\d,]+) rows/.exec(renderPlan(plan).join("\n"))?.[1];
        assert(
            bound === undefined || Number(bound.replaceAll(",", "")) >= 5_000_000,
            `≤ ${bound ?? ""} of 5,000,000 rows`,
        );
    });
});

async function grantAll(client: Client): Promise<void> {
    await client.query(
        `GRANT USAGE ON SCHEMA public, schemaward TO planner; GRANT SELECT ON ALL TABLES IN SCHEMA public, schemaward TO planner`,
    );
}
