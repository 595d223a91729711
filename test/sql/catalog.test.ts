import assert from "node:assert/strict";
import fc from "fast-check";
import { Client } from "pg";
import {
    catalogHash,
    compareCatalogs,
    fromObjects,
    keyOf,
    readCatalog,
    toObjects,
    type Difference,
    type LiveCatalog,
} from "../../core/sql/catalog";
import { readCatalogStamp } from "../../core/sql/catalog-stamp";
import { loadParser } from "../../core/sql/parser";
import { splitScriptSync } from "../../core/sql/split";
import { eachMajor, startTestServer, type TestServer } from "../support/postgres";
import { attributeChanges, catalogRoles, catalogSchema, unreadChanges, type AttributeChange } from "./catalog-changes";
import { richSchema } from "./rich-schema";

const words = (differences: readonly Difference[]): string[] =>
    differences.map(({ change, object }) => `${change} ${object.kind} ${object.name}`);

/** A server, and a session on the database whose attributes are changed. */
interface Place {
    readonly server: TestServer;
    readonly client: Client;
    readonly before: LiveCatalog;
}

async function makePlace(server: TestServer, clients: Client[]): Promise<Place> {
    await server.withClient("postgres", async (client) => {
        await client.query(catalogRoles);
        await client.query("SET allow_in_place_tablespaces = on");
        await client.query("CREATE TABLESPACE elsewhere LOCATION ''");
    });
    const client = new Client({ connectionString: server.url(await server.create("catalog")) });
    await client.connect();
    clients.push(client);
    await client.query(catalogSchema);
    return { server, client, before: await readCatalog(client) };
}

describe("the catalog", function () {
    this.timeout(60_000);
    const servers: TestServer[] = [];
    const clients: Client[] = [];
    let places: readonly Place[] = [];

    before(async () => {
        for (const started of await Promise.allSettled(eachMajor().map((binaries) => startTestServer(binaries)))) {
            if (started.status === "rejected") throw started.reason;
            servers.push(started.value);
        }
        places = await Promise.all(servers.map((server) => makePlace(server, clients)));
    });

    after(async () => {
        await Promise.all(clients.map((client) => client.end()));
        await Promise.all(servers.map((server) => server.stop()));
    });

    /** On all servers at once: a machine has two cores. */
    const everywhere = (work: (place: Place) => Promise<void>) => async (): Promise<void> => {
        for (const [index, result] of (await Promise.allSettled(places.map(work))).entries())
            if (result.status === "rejected") {
                console.log(`        PostgreSQL ${places[index]?.server.binaries.version ?? ""}:`);
                throw result.reason;
            }
    };

    for (const [theme, changes] of Object.entries(attributeChanges)) {
        describe(`shows a change and the way back: ${theme}`, () => {
            for (const entry of changes) {
                it(
                    entry.forth,
                    everywhere(async (place) => {
                        if (entry.since === undefined || entry.since <= place.server.binaries.major)
                            await thereAndBack(place, entry);
                    }),
                );
            }
        });
    }

    describe("is silent about", () => {
        for (const { what, forth, back } of unreadChanges) {
            it(
                what,
                everywhere(async ({ client, before }) => {
                    await client.query(forth);
                    const there = await readCatalog(client);
                    await client.query(back);
                    assert.deepEqual(words(compareCatalogs(before, there)), []);
                    assert.equal(catalogHash(there), catalogHash(before));
                }),
            );
        }
    });

    it(
        "has no two objects of one kind and name",
        everywhere(({ before }) => {
            const keys = before.objects.map(keyOf);
            assert.deepEqual(
                keys.filter((key, i) => keys.indexOf(key) !== i),
                [],
            );
            assert.deepEqual(keys, [...keys].sort());
            return Promise.resolve();
        }),
    );

    it(
        "says how the same object of two tables, schemas and kinds is called",
        everywhere(async ({ client }) => {
            await client.query("BEGIN");
            await client.query(
                `CREATE SCHEMA "a.b"; CREATE TABLE "a.b".c (d integer); CREATE TABLE home."b.c" (d integer);
                 CREATE TABLE "b.c" (d integer); CREATE SCHEMA b; CREATE TABLE b.c (d integer, "D" integer)`,
            );
            const { objects } = await readCatalog(client);
            await client.query("ROLLBACK");
            assert.deepEqual(
                objects.filter(({ kind, name }) => kind === "column" && /\bc\b/.test(name)).map(({ name }) => name),
                ['"a.b".c.d', '"b.c".d', 'b.c."D"', "b.c.d", 'home."b.c".d', "plain.c"],
            );
        }),
    );

    it(
        "is the same whatever the session's settings, and leaves them as they are",
        everywhere(async ({ server, client, before }) => {
            const settings = {
                search_path: 'home, "$user", pg_catalog',
                TimeZone: "Asia/Tokyo",
                DateStyle: "German, DMY",
                IntervalStyle: "iso_8601",
                extra_float_digits: "-10",
                bytea_output: "escape",
                lc_monetary: "C.UTF-8",
                quote_all_identifiers: "on",
            };
            const other = new Client({ connectionString: server.url(await databaseOf(client)) });
            await other.connect();
            try {
                for (const [name, value] of Object.entries(settings))
                    await other.query({ text: "SELECT set_config($1, $2, false)", values: [name, value] });
                const now = async (): Promise<Record<string, string>> =>
                    (
                        await other.query<Record<string, string>>(
                            `SELECT ${Object.keys(settings)
                                .map((name) => `current_setting('${name}') AS "${name}"`)
                                .join(", ")}`,
                        )
                    ).rows[0] ?? {};
                const wanted = await now();
                for (const begin of ["", "BEGIN", "ROLLBACK; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"]) {
                    await other.query(begin);
                    const read = await readCatalog(other);
                    assert.deepEqual(await now(), wanted, begin);
                    assert.deepEqual(words(compareCatalogs(before, read)), [], begin);
                }
            } finally {
                await other.end();
            }
        }),
    );

    it(
        "and its stamp are the same whatever temporary tables sessions have",
        everywhere(async ({ server, client, before }) => {
            const stamp = await readCatalogStamp(client);
            await server.withClient(await databaseOf(client), async (other) => {
                await other.query(
                    `CREATE TEMP TABLE kept (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text DEFAULT 'x' CHECK (note <> ''));
                     CREATE INDEX ON kept (note); CREATE TEMP VIEW seen AS SELECT * FROM kept; CREATE TEMP TABLE heir () INHERITS (kept);
                     CREATE TRIGGER same BEFORE UPDATE ON kept FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
                     CREATE STATISTICS pg_temp.both ON id, note FROM kept; CREATE TEMP TABLE parts (id int) PARTITION BY LIST (id);
                     ALTER TABLE kept ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON kept USING (true);
                     CREATE TEMP SEQUENCE numbers; CREATE TEMP TABLE refers (id int REFERENCES kept (id))`,
                );
                assert.equal(await readCatalogStamp(client), stamp);
                assert.deepEqual(words(compareCatalogs(before, await readCatalog(client))), []);
            });
        }),
    );

    it(
        "has another stamp when something only goes, when it comes back as it was, and when the schema public gets a comment",
        everywhere(async ({ client }) => {
            const stamps: string[] = [];
            for (const sql of [
                "CREATE TABLE passing (id int)",
                "DROP TABLE passing",
                "CREATE TABLE passing (id int)",
                "DROP TABLE passing",
                "COMMENT ON SCHEMA public IS 'ours'",
            ]) {
                await client.query(sql);
                stamps.push(await readCatalogStamp(client));
            }
            await client.query("COMMENT ON SCHEMA public IS 'standard public schema'");
            // Without the table there is the same to be seen, both times.
            assert.equal(stamps[1], stamps[3]);
            assert.equal(new Set(stamps).size, 4, stamps.join("; "));
        }),
    );

    it(
        "has another stamp with the first of what most databases have none of",
        everywhere(async ({ server }) => {
            const name = await server.create("bare");
            await server.withClient(name, async (client) => {
                const stamps = [await readCatalogStamp(client)];
                await client.query("CREATE TABLE t (id int)");
                for (const sql of [
                    "CREATE TYPE mood AS ENUM ('calm')",
                    "CREATE TABLE heir () INHERITS (t)",
                    "CREATE TABLE parts (id int) PARTITION BY LIST (id)",
                    "CREATE POLICY own ON t",
                    "CREATE STATISTICS pairs ON id, (id + 1) FROM t",
                    "CREATE FOREIGN DATA WRAPPER far",
                    "CREATE SERVER away FOREIGN DATA WRAPPER far",
                    "CREATE FOREIGN TABLE abroad (id int) SERVER away",
                    "CREATE PUBLICATION news",
                    "ALTER PUBLICATION news ADD TABLE t",
                    ...(server.binaries.major < 15 ? [] : ["ALTER PUBLICATION news ADD TABLES IN SCHEMA public"]),
                    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
                    "CREATE FUNCTION seen() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
                    "CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION seen()",
                ]) {
                    await client.query(sql);
                    const stamp = await readCatalogStamp(client);
                    assert.ok(!stamps.includes(stamp), sql);
                    stamps.push(stamp);
                }
            });
        }),
    );

    it(
        "has another stamp when a role with privileges here, or a tablespace, is renamed",
        everywhere(async ({ client }) => {
            const after = async (sql: string): Promise<string> => {
                await client.query(sql);
                return readCatalogStamp(client);
            };
            try {
                const first = await after(
                    "CREATE ROLE passing; CREATE ROLE bystander; GRANT SELECT ON plain TO passing",
                );
                assert.equal(await after("ALTER ROLE bystander RENAME TO passer_by"), first);
                const before = await readCatalog(client);
                assert.notEqual(await after("ALTER ROLE passing RENAME TO passed"), first);
                assert.notDeepEqual(compareCatalogs(before, await readCatalog(client)), []);
                assert.equal(await after("ALTER ROLE passed RENAME TO passing"), first);
                await client.query("SET allow_in_place_tablespaces = on");
                const there = await after("CREATE TABLESPACE passing LOCATION ''");
                assert.notEqual(await after("ALTER TABLESPACE passing RENAME TO passed"), there);
            } finally {
                await client.query("DROP TABLESPACE IF EXISTS passed");
                await client.query("REVOKE ALL ON plain FROM passing");
                await client.query("DROP ROLE IF EXISTS passing, bystander, passer_by");
            }
        }),
    );

    it(
        "is read whole by a role that may only connect, in a read-only transaction",
        everywhere(async ({ server, client, before }) => {
            const database = await databaseOf(client);
            await client.query(
                `CREATE ROLE least LOGIN PASSWORD 'least'; REVOKE ALL ON DATABASE ${database} FROM PUBLIC;
                 GRANT CONNECT ON DATABASE ${database} TO least`,
            );
            const least = new Client({
                connectionString: server.url(database, { user: "least", password: "least" }),
            });
            await least.connect();
            try {
                await least.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
                await assert.rejects(least.query("SELECT FROM home.nothing"), { code: "42501" });
                await least.query("ROLLBACK; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
                assert.deepEqual(words(compareCatalogs(before, await readCatalog(least))), []);
                assert.equal(await readCatalogStamp(least), await readCatalogStamp(client));
                await least.query("COMMIT");
            } finally {
                await least.end();
                await client.query(`REVOKE ALL ON DATABASE ${database} FROM least; DROP ROLE least`);
            }
        }),
    );

    it("is the same for schemas made in another order, with other OIDs", async () => {
        await loadParser();
        const statements = splitScriptSync(richSchema, "rich.sql").map(({ sql }) => sql);
        const property = fc.asyncProperty(
            fc.shuffledSubarray(statements, { minLength: statements.length }),
            (shuffled) =>
                Promise.all(
                    servers.map(async (server) => {
                        const one = await catalogOf(server, statements);
                        const other = await catalogOf(server, shuffled);
                        assert.deepEqual(words(compareCatalogs(one, other)), []);
                        assert.equal(catalogHash(one), catalogHash(other));
                        assert.notDeepEqual(
                            one.objects.map(({ id }) => id),
                            other.objects.map(({ id }) => id),
                        );
                    }),
                ).then(() => undefined),
        );
        await fc.assert(property, { numRuns: 2, endOnFailure: true });
    });
});

async function databaseOf(client: Client): Promise<string> {
    return (await client.query<{ name: string }>("SELECT current_database() AS name")).rows[0]?.name ?? "";
}

/** Runs statements in the order given, those that need a later one after it. */
async function catalogOf(server: TestServer, statements: readonly string[]): Promise<LiveCatalog> {
    const name = await server.create("ordered");
    const catalog = await server.withClient(name, async (client) => {
        // What says how later objects begin comes after all of them.
        const last = statements.filter((sql) => sql.startsWith("ALTER DEFAULT PRIVILEGES"));
        for (let todo = statements.filter((sql) => !last.includes(sql)); todo.length > 0;) {
            const left: string[] = [];
            for (const sql of todo) await client.query(sql).catch(() => left.push(sql));
            assert.ok(left.length < todo.length, `cannot be run: ${left.join("; ")}`);
            todo = left;
        }
        await client.query(last.join(";"));
        const { objects, byId } = await readCatalog(client);
        // Names of what is only mirrored for partitions are PostgreSQL's own choice, and tell in which order they were made.
        return { objects: objects.filter(({ inherited }) => !inherited), byId };
    });
    await server.withClient("postgres", (client) => client.query(`DROP DATABASE ${name}`));
    return catalog;
}

async function thereAndBack({ client, before }: Place, { forth, back, seen }: AttributeChange): Promise<void> {
    const stamp = await readCatalogStamp(client);
    await client.query(forth);
    let changed: LiveCatalog;
    let stampThere: string;
    try {
        changed = await readCatalog(client);
        stampThere = await readCatalogStamp(client);
    } finally {
        await client.query(back);
    }
    const after = await readCatalog(client);
    assert.deepEqual(words(compareCatalogs(before, changed)), seen);
    assert.notEqual(catalogHash(changed), catalogHash(before));
    assert.notEqual(stampThere, stamp, "the stamp does not tell of the change");
    assert.deepEqual(compareCatalogs(before, after), []);
    assert.equal(catalogHash(after), catalogHash(before));
    assert.deepEqual(toObjects(fromObjects(toObjects(after))), toObjects(before));
}
