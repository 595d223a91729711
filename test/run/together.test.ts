import assert from "node:assert/strict";
import { once } from "node:events";
import { defaultRunSettings } from "../../core/declaration";
import { FailedError } from "../../core/errors";
import { eventually } from "../support/eventually";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";
import { Proxy } from "../support/proxy";
import { migrateWithLostAnswers } from "./lost-answers";
import { startRun } from "./start-run";

describe("steps that are committed together", function () {
    this.timeout(60_000);
    let server: TestServer;
    let project: TestProject;
    const versions = ["001", "002", "003", "004", "005", "006"];

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = briefProject(await server.create());
        await project.query("CREATE TABLE schema_migrations (version text PRIMARY KEY)");
    });
    afterEach(() => {
        project.remove();
    });

    function briefProject(database: string): TestProject {
        const made = new TestProject(server, database);
        for (const v of versions) made.migration(v, `CREATE TABLE t${v} (id int)`, `DROP TABLE t${v}`);
        return made;
    }

    async function tables(): Promise<string[]> {
        const rows = await project.query("SELECT relname FROM pg_class WHERE relname ~ '^t\\d+$' ORDER BY 1");
        return rows.map(([name]) => name?.slice(1) ?? "");
    }

    async function assertAt(applied: readonly string[]): Promise<void> {
        assert.deepEqual(await project.applied(), applied);
        assert.deepEqual(await tables(), applied);
        assert.deepEqual(
            (await project.query("SELECT version FROM schema_migrations ORDER BY 1")).map(([v]) => v),
            applied,
        );
    }

    async function transactions(): Promise<string[]> {
        const rows = await project.query(
            "SELECT string_agg(version, ' ' ORDER BY seq) FROM schemaward.run_steps WHERE version IS NOT NULL GROUP BY xmin::text ORDER BY min(seq)",
        );
        return rows.map(([list]) => list ?? "");
    }

    /** Makes the server sleep when a version's row has been written or deleted. */
    async function sleepAt(when: "made" | "dropped", version: string, seconds: number): Promise<void> {
        const [event, row] = when === "made" ? ["INSERT", "NEW"] : ["DELETE", "OLD"];
        if (when === "made") {
            // The ledger's tables must be there.
            await project.migrate("1");
            await project.migrate("0");
            project.events.length = 0;
        }
        await project.query(
            `CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(${seconds}); RETURN NULL; END $$;
             CREATE TRIGGER sleep AFTER ${event} ON schemaward.migrations FOR EACH ROW WHEN (${row}.version = '${version}')
                 EXECUTE FUNCTION sleep()`,
        );
    }

    async function sleeping(): Promise<void> {
        await eventually(
            async () =>
                (
                    await project.query(
                        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
                    )
                )[0]?.[0] === "1",
            "the sleep",
        );
    }

    it("are in one transaction, forward and back, with their rows", async () => {
        await project.migrate("latest");
        await assertAt(versions);
        assert.deepEqual(await transactions(), [versions.join(" ")]);
        await project.migrate("2");
        await assertAt(["001", "002"]);
        assert.deepEqual((await transactions()).at(-1), "006 005 004 003");
    });

    it("stand between others that are committed for themselves", async () => {
        project.migration("003", "CREATE TABLE t003 (id int); INSERT INTO t003 VALUES (1)", "DROP TABLE t003");
        project.migration("006", "BEGIN; CREATE TABLE t006 (id int); COMMIT", "DROP TABLE t006");
        await project.migrate("latest");
        await assertAt(versions);
        assert.deepEqual(await transactions(), ["001 002", "003", "004 005", "006"]);
    });

    it("each have their own time and their own notices, in order", async () => {
        await sleepAt("made", "002", 0.3);
        project.migration("002", "DROP TABLE IF EXISTS nowhere; CREATE TABLE t002 (id int)", "DROP TABLE t002");
        project.migration("005", "DROP TABLE IF EXISTS neither; CREATE TABLE t005 (id int)", "DROP TABLE t005");
        await project.migrate("latest");
        assert.deepEqual((await transactions()).slice(2), [versions.join(" ")]);
        const told = project.events.flatMap((e) =>
            e.type === "notice"
                ? [`${e.version} ${/"(\w+)"/.exec(e.text)?.[1] ?? ""}`]
                : e.type === "step-start" || e.type === "step-done"
                  ? [`${e.version} ${e.type} ${e.index}/${e.count}`]
                  : [],
        );
        assert.deepEqual(
            told,
            versions.flatMap((v, i) => [
                `${v} step-start ${i + 1}/6`,
                ...(v === "002" ? ["002 nowhere"] : v === "005" ? ["005 neither"] : []),
                `${v} step-done ${i + 1}/6`,
            ]),
        );
        const took = new Map(
            project.events.flatMap((e) => (e.type === "step-done" ? [[e.version, e.ms] as const] : [])),
        );
        assert((took.get("003") ?? 0) >= 300);
        assert.equal(Math.max(...took.values()), took.get("003"));
        const kept = await project.query(
            `SELECT version, s.duration_ms >= 300 AND m.duration_ms >= 300 FROM schemaward.run_steps s JOIN schemaward.migrations m USING (version, run_id)
              ORDER BY s.duration_ms DESC, m.duration_ms DESC LIMIT 1`,
        );
        assert.deepEqual(kept, [["003", "true"]]);
    });

    it("one fails: those before it stay, and it is told of as if it had been alone", async () => {
        project.migration(
            "004",
            "DROP TABLE IF EXISTS nowhere;\nCREATE TABLE t004 (id int);\nCREATE TABLE t001 (id int)",
            "DROP TABLE t004",
        );
        await assert.rejects(project.migrate("latest"), (error) => {
            assert(error instanceof FailedError, String(error));
            assert.match(error.message, /^004_m4\.sql:3: 004 failed going forward: relation "t001" already exists/);
            assert.match(error.message, /\| CREATE TABLE t001 \(id int\)\n/);
            assert.match(
                error.message,
                /Done and staying: 001 applied, 002 applied, 003 applied\. 004 was rolled back whole\. The database is at 003\./,
            );
            return true;
        });
        await assertAt(["001", "002", "003"]);
        assert.deepEqual(await transactions(), ["001", "002", "003"]);
        assert.equal(project.events.filter((e) => e.type === "notice").length, 1);
    });

    it("a down script among them fails: likewise", async () => {
        await project.migrate("latest");
        project.migration("003", "CREATE TABLE t003 (id int)", "DROP TABLE t003, nowhere");
        await assert.rejects(project.migrate("0"), /003 failed going back: table "nowhere" does not exist/);
        await assertAt(["001", "002", "003"]);
    });

    it("one of them finds a lock: it is waited for by that one alone, and the others stay", async () => {
        await project.migrate("latest");
        await server.withClient(project.database, async (holder) => {
            await holder.query("BEGIN; SELECT * FROM t003");
            const run = { ...defaultRunSettings, lockTimeoutMs: 60_000, lockBudgetMs: 120_000 };
            const running = project.migrate("0", { run });
            await eventually(() => project.events.some((e) => e.type === "blocked" && e.version === "003"), "the wait");
            assert.deepEqual(await project.applied(), ["001", "002", "003"]);
            await holder.query("COMMIT");
            assert.equal((await running).version, null);
        });
        await assertAt([]);
        assert.deepEqual((await transactions()).slice(-6), versions.toReversed());
    });

    it("a trigger fails at their COMMIT: they are done one by one up to the one it is about", async () => {
        await project.migrate("1");
        await project.query(
            `CREATE TABLE late (id int);
             CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not at COMMIT'; END $$;
             CREATE CONSTRAINT TRIGGER late AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
             CREATE FUNCTION put_off() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF NEW.version = '004' THEN SET CONSTRAINTS ALL DEFERRED; INSERT INTO late VALUES (1); END IF; RETURN NULL; END $$;
             CREATE TRIGGER put_off AFTER INSERT ON schemaward.migrations FOR EACH ROW EXECUTE FUNCTION put_off()`,
        );
        await assert.rejects(project.migrate("latest"), /004 failed going forward: not at COMMIT/);
        await assertAt(["001", "002", "003"]);
    });

    it("run as the role, and their rows are written by who logs in", async () => {
        const role = `owner_${project.database}`;
        await project.query(
            `CREATE ROLE ${role}; GRANT CREATE ON SCHEMA public TO ${role}; GRANT INSERT, DELETE, SELECT ON schema_migrations TO ${role}`,
        );
        const connection = { url: server.url(project.database), role };
        await project.migrate("latest", { connection });
        assert.deepEqual(await transactions(), [versions.join(" ")]);
        assert.deepEqual(
            await project.query(
                "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relname ~ '^t\\d+$' AND relkind = 'r'",
            ),
            [[role]],
        );
        await project.migrate("0", { connection });
        await assertAt([]);
    });

    it("have rows of different times in the history table", async () => {
        await project.query(
            "DROP TABLE schema_migrations; CREATE TABLE schema_migrations (version text PRIMARY KEY, at timestamptz DEFAULT now(), local timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP)",
        );
        await project.migrate("latest");
        assert.deepEqual(await transactions(), [versions.join(" ")]);
        assert.deepEqual(
            await project.query("SELECT count(DISTINCT at), count(DISTINCT local) FROM schema_migrations"),
            [["6", "6"]],
        );
        assert.deepEqual(
            (await project.query("SELECT version FROM schema_migrations ORDER BY at")).map(([v]) => v),
            versions,
        );
    });

    for (const [what, sql] of [
        [
            "a history table with another default of the transaction",
            "ALTER TABLE schema_migrations ADD tx bigint DEFAULT txid_current()",
        ],
        [
            "an event trigger",
            `CREATE FUNCTION audit() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
             CREATE EVENT TRIGGER audit ON ddl_command_end EXECUTE FUNCTION audit()`,
        ],
        [
            "partitions",
            "CREATE TABLE p (id int) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)",
        ],
    ] as const) {
        it(`are none where there is ${what}`, async () => {
            await project.query(sql);
            await project.migrate("latest");
            await assertAt(versions);
            assert.deepEqual(await transactions(), versions);
        });
    }

    describe("and follow each other closely", () => {
        const many = Array.from({ length: 40 }, (_, i) => String(i + 1).padStart(3, "0"));
        const batches = [many.slice(0, 16), many.slice(16, 32), many.slice(32)].map((list) => list.join(" "));

        beforeEach(() => {
            for (const v of many) project.migration(v, `CREATE TABLE t${v} (id int)`, `DROP TABLE t${v}`);
        });

        it("are sixteen at a time", async () => {
            await project.migrate("latest");
            await assertAt(many);
            assert.deepEqual(await transactions(), batches);
            await project.migrate("0");
            await assertAt([]);
            assert.deepEqual(
                (await transactions()).slice(3),
                [many.slice(24), many.slice(8, 24), many.slice(0, 8)].map((list) => list.toReversed().join(" ")),
            );
        });

        it("do nothing when those before them fail, and are done when those have been done one by one", async () => {
            project.migration("020", "CREATE TABLE t020 (id int); CREATE TABLE t001 (id int)", "DROP TABLE t020");
            await assert.rejects(project.migrate("latest"), /020 failed going forward: relation "t001" already exists/);
            await assertAt(many.slice(0, 19));
            project.migration("020", "CREATE TABLE t020 (id int)", "DROP TABLE t020");
            await project.migrate("16");
            const before = (await transactions()).length;
            await server.withClient(project.database, async (holder) => {
                // 020 is made by somebody else, whose transaction is rolled back while it is waited for.
                await holder.query("BEGIN; CREATE TABLE t020 (id int)");
                const run = { ...defaultRunSettings, lockTimeoutMs: 60_000, lockBudgetMs: 120_000 };
                const running = project.migrate("latest", { run });
                running.catch(() => undefined);
                await eventually(
                    () => project.events.some((e) => e.type === "blocked" && e.version === "020"),
                    "the wait",
                );
                await holder.query("ROLLBACK");
                await running;
            });
            await assertAt(many);
            assert.deepEqual((await transactions()).slice(before), [...many.slice(16, 32), batches[2]]);
        });

        it("are not run once more when the connection broke after they took effect", async () => {
            assert.equal(
                (
                    await migrateWithLostAnswers(project, "CREATE TABLE t017", {
                        until: (applied) => applied.includes("040"),
                    })
                ).version,
                "040",
            );
            await assertAt(many);
            assert.deepEqual(await transactions(), batches);
            assert.deepEqual(
                project.events.flatMap((e) => (e.type === "step-done" ? e.version : [])),
                many,
            );
        });
    });

    it("leave no setting of ours to the step after them", async () => {
        project.migration(
            "006",
            "CREATE TABLE t006 AS SELECT current_setting('lock_timeout') AS id",
            "DROP TABLE t006",
        );
        await project.migrate("latest");
        assert.deepEqual(await project.query("SELECT id FROM t006"), [["500ms"]]);
    });

    it("take a script's DISCARD ALL before them", async () => {
        project.migration(
            "002",
            "-- schemaward: no-transaction\nCREATE TABLE t002 (id int); DISCARD ALL",
            "DROP TABLE t002",
        );
        await project.migrate("latest");
        await assertAt(versions);
    });

    it("an interruption rolls them back whole", async () => {
        await sleepAt("made", "003", 600);
        const stop = new AbortController();
        const running = project.migrate("latest", {}, { signal: stop.signal });
        running.catch(() => undefined);
        await sleeping();
        stop.abort();
        await assert.rejects(running, /001 was interrupted going forward.*No script has taken effect/s);
        await assertAt([]);
    });

    for (const when of ["made", "dropped"] as const) {
        it(`kill -9 in the middle (a table is ${when}): nothing of them is left, and the next run goes through`, async () => {
            if (when === "dropped") await project.migrate("latest");
            const before = when === "dropped" ? versions : [];
            await sleepAt(when, "003", 600);
            const child = startRun(project, when === "dropped" ? "0" : "latest");
            await sleeping();
            child.kill("SIGKILL");
            await once(child, "exit");
            assert.deepEqual(await tables(), before);
            assert.deepEqual(await project.applied(), before);
            await project.query("DROP TRIGGER sleep ON schemaward.migrations");
            await project.migrate(when === "dropped" ? "0" : "latest", {}, { waitMs: 10_000 });
            await assertAt(when === "dropped" ? [] : versions);
        });
    }

    it("the answer to their COMMIT was lost: the ledger says so, and nothing is run again", async () => {
        let lost = false;
        let sent = false;
        const proxy = await Proxy.start(server.port, {
            toServer: (chunk) => {
                sent ||= chunk.includes("CREATE TABLE t001");
                return true;
            },
            toClient: (chunk) => {
                if (lost || !sent || !chunk.includes("COMMIT\0")) return true;
                lost = true;
                return false;
            },
        });
        try {
            const url = proxy.through(server.url(project.database));
            assert.equal((await project.migrate("latest", { connection: { url } })).version, "006");
        } finally {
            await proxy.stop();
        }
        assert(lost);
        await assertAt(versions);
        assert.deepEqual(await transactions(), [versions.join(" ")]);
        assert.equal(project.events.filter((e) => e.type === "step-done").length, 6);
    });

    it("their message never arrived: the error says what they were", async () => {
        await project.migrate("1");
        const proxy = await Proxy.start(server.port, { toServer: (chunk) => !chunk.includes("CREATE TABLE t002") });
        try {
            const url = proxy.through(server.url(project.database));
            await assert.rejects(
                project.migrate("latest", { connection: { url } }),
                /002 to 006, which were in one transaction, were rolled back whole\. The database is at 001\./,
            );
        } finally {
            await proxy.stop();
        }
        await assertAt(["001"]);
    });

    it("the connection is cut at every message in turn: each time all of them are done or none, and one re-run gets there", async () => {
        for (let cutAt = 1; ; cutAt++) {
            const target = briefProject(await server.create("cut"));
            let messages = 0;
            const cutting = await Proxy.start(server.port, { toServer: () => ++messages !== cutAt });
            const through = { connection: { url: cutting.through(server.url(target.database)) } };
            const failure = await target.migrate("latest", through).then(
                () => undefined,
                (error: unknown) => error,
            );
            assert(failure === undefined || failure instanceof FailedError, String(failure));
            await cutting.stop();
            const left = await target.query("SELECT count(*) FROM pg_class WHERE relname ~ '^t00\\d$'");
            assert(["0", "6"].includes(left[0]?.[0] ?? ""), `cut at ${cutAt}: ${left[0]?.[0] ?? ""}`);
            await target.migrate("latest", {}, { waitMs: 10_000 });
            assert.deepEqual(await target.applied(), versions, `cut at ${cutAt}`);
            target.remove();
            if (failure === undefined && messages < cutAt) break;
        }
    });
});
