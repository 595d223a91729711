import assert from "node:assert/strict";
import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type Declaration, defaultPolicy } from "../../core/declaration";
import { BadInputError, FailedError, RefusedError, type SchemawardError } from "../../core/errors";
import { runLocks } from "../../core/run-locks";
import type { RestoreOptions } from "../../core/run/restore/options";
import { buildRestorePlan, RestoreRefused } from "../../core/run/restore/restore";
import { openStore } from "../../core/snapshots/stores";
import { takeSnapshot } from "../../core/snapshots/take";
import { startTestServer, type TestServer } from "../support/postgres";
import { withStore } from "./fixture";
import { SmallWorld } from "./small-world";

describe("a restore that is refused, or fails before it begins, touches nothing", function () {
    this.timeout(60_000);
    let server: TestServer;
    let world: SmallWorld;

    before(async () => {
        server = await startTestServer(undefined, { wal_level: "logical", max_prepared_transactions: "4" });
        world = await SmallWorld.make(server);
        await server.withClient("postgres", async (client) =>
            client.query(
                `CREATE ROLE no_createdb LOGIN PASSWORD 'p' IN ROLE owner;
                 CREATE ROLE no_signal LOGIN CREATEDB PASSWORD 'p' IN ROLE owner;
                 CREATE ROLE no_owner LOGIN CREATEDB PASSWORD 'p' IN ROLE pg_read_all_data, pg_signal_backend`,
            ),
        );
    });
    after(async () => {
        world.end();
        await server.stop();
    });
    beforeEach(async () => world.reset());

    const dump = (): string => path.join(world.store, `${world.snapshot.name}.dump`);
    const manifestFile = (name = world.snapshot.name): string => path.join(world.store, `${name}.manifest.json`);

    /** Writes something else into the manifest, as if the snapshot were another. */
    function forge(change: (manifest: Record<string, unknown> & { database: Record<string, unknown> }) => void): void {
        const manifest = JSON.parse(readFileSync(manifestFile(), "utf8")) as Parameters<typeof change>[0];
        change(manifest);
        writeFileSync(manifestFile(), JSON.stringify(manifest));
    }

    async function failureOf(work: Promise<unknown>): Promise<SchemawardError> {
        const error: unknown = await work.then(
            () => assert.fail("it was not refused"),
            (e: unknown) => e,
        );
        assert(
            error instanceof RefusedError || error instanceof BadInputError || error instanceof FailedError,
            String(error),
        );
        return error;
    }

    /** By a plan and by a run, which say the same and leave all as it is. */
    async function isRefused(
        codes: readonly string[],
        says: RegExp,
        more: Partial<Declaration> = {},
        options: Partial<RestoreOptions> = {},
    ): Promise<void> {
        const declared = { ...world.traffic(), ...more };
        const snapshot = options.snapshot ?? world.snapshot.name;
        const plan = await buildRestorePlan(withStore(world.project, "latest", declared), {
            projectDir: world.project.dir,
            snapshot,
            emergency: true,
            declaredVersionCounts: false,
            ...options,
        });
        const error = await failureOf(world.restore(more, options));
        assert(error instanceof RestoreRefused, String(error));
        assert.deepEqual(error.plan.refusals, plan.refusals);
        assert.deepEqual(
            plan.refusals.map((r) => r.code),
            codes,
        );
        assert.match(error.message, says);
        assert.match(error.message, /State: Nothing was touched\./);
        await world.assertUntouched();
    }

    describe("a snapshot of something else", () => {
        it("of another environment, also when it is adopted", async () => {
            forge((m) => (m["environment"] = "staging"));
            const { systemIdentifier, name } = world.snapshot.database;
            const adopt = `staging/${systemIdentifier ?? ""}/${name}`;
            for (const options of [{}, { adopt }])
                await isRefused(["other-environment"], /of the environment staging, and this is prod/, {}, options);
        });

        it("of another set", async () => {
            forge((m) => (m["set"] = "billing"));
            await isRefused(["other-set"], /for the set billing, and this is app/);
        });

        for (const [what, change, says] of [
            [
                "server",
                { systemIdentifier: "7000000000000000001" },
                /another server \(system identifier 7000000000000000001\)/,
            ],
            ["name", { name: "clinic" }, /of the database clinic, and this is small_/],
        ] as const)
            it(`of a database of another ${what}, until that very one is adopted`, async () => {
                forge((m) => Object.assign(m.database, change));
                const { systemIdentifier, name } = { ...world.snapshot.database, ...change };
                const adopt = `prod/${systemIdentifier ?? ""}/${name}`;
                await isRefused(["other-database"], new RegExp(`--adopt ${adopt}`));
                await isRefused(["other-database"], says, {}, { adopt: `${adopt}x` });
                await world.restore({}, { adopt });
                await world.assertRestored();
            });
    });

    describe("rules of the stack", () => {
        it("an application that does not run on what the snapshot holds", async () => {
            const compatibility = [{ app: "2.x", from: "002", to: "latest" }];
            const policy = { ...defaultPolicy, approval: "never" as const, compatibility };
            await isRefused(["compatibility"], /2\.0\.0/, { app: "2.0.0", policy });
        });

        it("a declared version that is not the snapshot's", async () => {
            const says = /holds 001, and the declared version is latest[\s\S]*version: "001"/;
            await isRefused(["other-version"], says, {}, { declaredVersionCounts: true });
        });

        it("nobody has approved it; approved, it is done", async () => {
            const policy = { ...defaultPolicy, approval: "data-loss" as const };
            await isRefused(["approval"], /approve/, { policy });
            const plan = await buildRestorePlan(withStore(world.project, "latest", { ...world.traffic(), policy }), {
                projectDir: world.project.dir,
                snapshot: world.snapshot.name,
                emergency: true,
                declaredVersionCounts: false,
            });
            await world.restore({ policy: { ...policy, approvedPlan: plan.digest } });
            await world.assertRestored();
        });

        it("more rows would be lost than may be", async () => {
            await world.project.query("INSERT INTO a SELECT i FROM generate_series(2001, 2060) i");
            world.changed = await world.dump();
            const policy = { ...defaultPolicy, approval: "never" as const, maxRowsLost: 12 };
            await isRefused(["max-rows-lost"], /14 rows and values would be lost; allowed are 12/, { policy });
        });

        it("it is another stack's database", async () => {
            const declarer = { project: "app", stack: "other", environment: "prod" };
            await isRefused(["other-owner"], /app\/prod/, { declarer });
        });
    });

    describe("what the server or the login rules out", () => {
        it("a server that is older than the snapshot's", async () => {
            forge((m) => (m.database["serverVersion"] = "19.1"));
            await isRefused(["older-server"], /of PostgreSQL 19, and this server has 1\d/);
        });

        it("a logical slot", async () => {
            await world.project.query("SELECT pg_create_logical_replication_slot('cdc', 'test_decoding')");
            await isRefused(["logical-slot"], /slot cdc is bound to/);
            await world.project.query("SELECT pg_drop_replication_slot('cdc')");
        });

        it("a subscription", async () => {
            await world.project.query(
                "CREATE SUBSCRIPTION inflow CONNECTION 'host=127.0.0.1' PUBLICATION p WITH (connect = false)",
            );
            world.changed = await world.dump();
            await isRefused(["subscription"], /inflow writes into/);
            await world.project.query("ALTER SUBSCRIPTION inflow SET (slot_name = NONE)");
            await world.project.query("DROP SUBSCRIPTION inflow");
        });

        it("a prepared transaction", async () => {
            await world.project.query("BEGIN; INSERT INTO a VALUES (9000); PREPARE TRANSACTION 'two-phase'");
            await isRefused(["prepared-transaction"], /two-phase is open/);
            await world.project.query("ROLLBACK PREPARED 'two-phase'");
        });

        const as = (user: string): Partial<Declaration> => ({
            connection: { url: server.url(world.database, { user, password: "p" }) },
        });

        it("a login that may make no database", async () => {
            await isRefused(["right-createdb"], /ALTER ROLE "no_createdb" CREATEDB/, as("no_createdb"));
        });

        it("a login that is not the database's owner", async () => {
            await world.project.query(`GRANT CONNECT, CREATE ON DATABASE ${world.database} TO no_owner`);
            world.changed = await world.dump();
            await isRefused(["right-owner"], /GRANT "owner" TO "no_owner"/, {
                ...as("no_owner"),
                traffic: undefined as never,
            });
        });

        it("sessions that the login may not end", async () => {
            const app = await world.login();
            try {
                await isRefused(["right-signal"], /GRANT pg_signal_backend TO "no_signal"/, as("no_signal"));
            } finally {
                await app.end();
            }
        });

        it("a superuser's session, where the login is none", async () => {
            await server.withClient(world.database, async () => {
                await isRefused(
                    ["superuser-session"],
                    /sessions of owner, which only a superuser may end/,
                    as("no_signal"),
                );
            });
        });

        /** A snapshot of what the database has after a statement, which another takes back. */
        async function taken(label: string, made: string, unmade: string): Promise<string> {
            await world.project.query(made);
            const { name } = await takeSnapshot({
                kind: "restore-point",
                label,
                database: server.database(world.database),
                store: openStore(`file:${world.store}`, world.project.dir),
                declarer: { project: "app", stack: "prod", environment: "prod" },
                set: "app",
                from: "002",
                to: null,
                applied: [],
            });
            await world.project.query(unmade);
            return name;
        }

        it("an extension that the server does not have", async () => {
            const snapshot = await taken(
                "extended",
                "INSERT INTO pg_extension SELECT 999999, 'nonesuch', 10, 'public'::regnamespace, true, '1', NULL, NULL",
                "DELETE FROM pg_extension WHERE extname = 'nonesuch'",
            );
            const { message } = await failureOf(world.restore({}, { snapshot }));
            assert.match(message, /the extension nonesuch: install[\s\S]*Nothing was touched/);
            await world.assertUntouched(1);
        });

        it("a role that owns something and is gone", async () => {
            const snapshot = await taken(
                "owned",
                `CREATE ROLE "gone role"; CREATE TABLE x (); ALTER TABLE x OWNER TO "gone role"; SELECT 1`,
                `DROP TABLE x; DROP ROLE "gone role"`,
            );
            const { message } = await failureOf(world.restore({}, { snapshot }));
            assert.match(
                message,
                /the role role, which owns what is in the snapshot \(TABLE public x gone role\)[\s\S]*Nothing was touched/,
            );
            await world.assertUntouched(1);
        });

        it("no room for another database", async () => {
            forge((m) => (m["databaseBytes"] = 9e15));
            const { message } = await failureOf(world.restore());
            assert.match(message, /not enough room: the restored database takes about 9000000000000000 bytes/);
            await world.assertUntouched();
        });
    });

    describe("an archive that is damaged or not there", () => {
        for (const [what, harm, says] of [
            [
                "cut short",
                () => {
                    truncateSync(dump(), world.snapshot.archive.bytes - 1);
                },
                /bytes, the manifest says/,
            ],
            [
                "empty",
                () => {
                    truncateSync(dump(), 0);
                },
                /0 bytes, the manifest says/,
            ],
            [
                "missing",
                () => {
                    rmSync(dump());
                },
                /its archive is missing/,
            ],
            [
                "without a manifest",
                () => {
                    rmSync(manifestFile());
                },
                /it has no manifest/,
            ],
            [
                "with half a manifest",
                () => {
                    truncateSync(manifestFile(), 100);
                },
                /is no snapshot/,
            ],
            [
                "with one bit flipped",
                () => {
                    flip();
                },
                /SHA-256/,
            ],
        ] as const)
            it(what, async () => {
                harm();
                const { message } = await failureOf(world.restore());
                assert.match(message, says);
                assert.match(message, /Nothing was (?:touched|changed)|Next: Use another/);
                assert.deepEqual(await world.databases(), [world.database]);
                assert.equal(await world.dump(), world.changed);
                assert.equal(await world.mayConnect(), true);
            });

        function flip(): void {
            const bytes = readFileSync(dump());
            const middle = Math.floor(bytes.length / 2);
            bytes[middle] = (bytes[middle] ?? 0) ^ 1;
            writeFileSync(dump(), bytes);
        }
    });

    describe("what was restored is not what the manifest says", () => {
        for (const [what, change, says] of [
            [
                "rows",
                (m) => ((m["tables"] as { rows: number }[])[0] ?? { rows: 0 }).rows++,
                /public\.a: 200 rows, the manifest says 201/,
            ],
            [
                "a table that is not there",
                (m) => (m["tables"] as object[]).push({ schema: "public", name: "z", rows: 0, exact: true }),
                /public\.z: not there/,
            ],
            [
                "the schema",
                (m) => (m["schemaHash"] = "0".repeat(64)),
                /the schema: its hash is [0-9a-f]{64}, the manifest says 0{64}/,
            ],
            [
                "the versions",
                (m) => (m["applied"] as unknown[]).pop(),
                /the ledger: applied are 001, the manifest says none/,
            ],
        ] as const satisfies readonly (readonly [string, (manifest: Record<string, unknown>) => unknown, RegExp])[])
            it(`${what}: told, and all is as it was`, async () => {
                forge(change);
                const { message } = await failureOf(world.restore());
                assert.match(message, says);
                assert.match(message, /is as it was\. Traffic is let in again/);
                await world.assertUntouched(1);
            });
    });

    describe("somebody else is at it", () => {
        it("another restore", async () => {
            await server.withClient("postgres", async (client) => {
                await client.query("SELECT pg_advisory_lock(hashtextextended('schemaward restore ' || $1, 0))", [
                    world.database,
                ]);
                const { message } = await failureOf(world.restore());
                assert.match(message, /Another restore of small_\w+ goes on/);
                await world.assertUntouched();
            });
        });

        it("a run", async () => {
            await server.withClient(world.database, async (client) => {
                await client.query(`SELECT pg_advisory_lock(${runLocks.guard})`);
                const { message } = await failureOf(world.restore());
                assert.match(message, /Another run works on this database/);
                await world.assertUntouched();
            });
        });
    });

    it("whoever is asked says no", async () => {
        const { message } = await failureOf(world.restore({}, { confirm: () => Promise.resolve(false) }));
        assert.match(message, /Nothing was touched/);
        await world.assertUntouched();
    });

    it("no store, or no such snapshot", async () => {
        await failureOf(world.restore({ snapshot: { required: false } }));
        const { message } = await failureOf(world.restore({}, { snapshot: "prod_nonesuch_20240101_000000" }));
        assert.match(message, new RegExp(`there is: ${world.snapshot.name}`));
        await world.assertUntouched();
    });
});
