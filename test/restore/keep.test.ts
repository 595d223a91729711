import assert from "node:assert/strict";
import fc from "fast-check";
import { readProperties } from "../../core/run/restore/database-properties";
import { dropExpired } from "../../core/run/restore/left-behind";
import { derivedName, freeName, keptComment, makingComment, readMarked } from "../../core/run/restore/server-databases";
import { startTestServer, type TestServer } from "../support/postgres";
import { SmallWorld } from "./small-world";

const day = 86_400_000;

describe("databases that restores keep", function () {
    this.timeout(60_000);
    let server: TestServer;
    let world: SmallWorld;

    before(async () => {
        server = await startTestServer();
        world = await SmallWorld.make(server);
    });
    after(async () => {
        world.end();
        await server.stop();
    });
    beforeEach(async () => world.reset());

    const sql = async (...statements: string[]): Promise<void> =>
        server.withClient("postgres", async (client) => {
            for (const statement of statements) await client.query(statement);
        });
    const dropAt = async (now: number): Promise<readonly string[]> =>
        server.withClient("postgres", async (client) => dropExpired(client, world.database, new Date(now)));

    it("have name, time and comment, and are dropped when their time is over", async () => {
        const started = Date.now();
        const { kept } = await world.restore({ restore: { jobs: 1, keepDays: 3 } });
        assert.match(kept ?? "", new RegExp(`^${world.database}_before_\\d{8}_\\d{6}$`));
        const marked = await server.withClient("postgres", readMarked);
        const [one] = marked.kept;
        assert(one);
        const { snapshot, of, comment, name } = one;
        assert.deepEqual(
            [marked.making, marked.kept.length, { snapshot, of, comment, name }],
            [[], 1, { snapshot: world.snapshot.name, of: world.database, comment: "a small one", name: kept }],
        );
        const until = Date.parse(one.until);
        assert(until >= started + 3 * day && until <= Date.now() + 3 * day, one.until);
        assert.deepEqual(await dropAt(until - 1), []);
        assert.deepEqual(await dropAt(until), [kept]);
        assert.deepEqual(await world.databases(), [world.database]);
        await server.withClient("postgres", async (client) => {
            assert.equal((await readProperties(client, world.database))?.comment, "a small one");
        });
    });

    it("for no days: the next look drops it, though somebody is in it", async () => {
        const { kept } = await world.restore({ restore: { jobs: 1, keepDays: 0 } });
        await server.withClient(kept ?? "", async (client) => {
            client.on("error", () => undefined);
            assert.deepEqual(await dropAt(Date.now()), [kept]);
        });
    });

    it("of another database, or with a comment that somebody has written, are nobody's to drop", async () => {
        const about = {
            of: world.database,
            run: "r",
            snapshot: "s",
            replaced: "2024-01-01T00:00:00Z",
            until: "2024-01-02T00:00:00Z",
            comment: null,
        };
        const made = `${world.database}_before_20240101_000000`;
        const comments: Record<string, string> = {
            [`${made}_2`]: "schemaward keeps this until it expires: soon",
            [`${made}_3`]: 'schemaward keeps this until it expires: {"of": 1}',
            [`${made}_4`]: `keep! ${keptComment({ ...about, name: "" })}`,
            [`${made}_5`]: keptComment({ ...about, of: "another", name: "" }),
            // Renamed by somebody who wants to have it.
            [`${world.database}_audit`]: keptComment({ ...about, name: "" }),
        };
        for (const [name, comment] of Object.entries({ ...comments, [made]: keptComment({ ...about, name: "" }) }))
            await sql(`CREATE DATABASE ${name}`, `COMMENT ON DATABASE ${name} IS '${comment}'`);
        assert.deepEqual(await dropAt(Date.now()), [made]);
        // Nor does a restore take one for its own that somebody has named so.
        await sql(
            `COMMENT ON DATABASE ${made}_2 IS '${makingComment({ ...about, begun: "", swapping: false, name: "" })}'`,
        );
        await world.restore();
        const left = await world.databases();
        for (const name of Object.keys(comments)) assert(left.includes(name), name);
    });

    it("renamed back by hand, it is the live one, and is not dropped", async () => {
        const { kept } = await world.restore({ restore: { jobs: 1, keepDays: 0 } });
        await sql(`DROP DATABASE ${world.database}`, `ALTER DATABASE ${kept} RENAME TO ${world.database}`);
        assert.deepEqual(await dropAt(Date.now() + day), []);
        assert.deepEqual(await world.databases(), [world.database]);
        // And can be restored as any other.
        await world.restore();
        assert.equal((await world.databases()).length, 2);
    });

    it("two of one second have two names", async () => {
        await server.withClient("postgres", async (client) => {
            const suffix = "_before_20240101_000000";
            for (const end of ["", "_2", "_3"]) {
                const name = await freeName(client, world.database, suffix);
                assert.equal(name, `${world.database}${suffix}${end}`);
                await client.query(`CREATE DATABASE ${name}`);
            }
        });
    });

    it("a derived name fits into 63 bytes, and keeps its end", () => {
        fc.assert(
            fc.property(
                fc.string({ unit: "grapheme", maxLength: 70 }),
                fc.constantFrom("_restoring_0123abcd", "_before_20240101_000000_12"),
                (name, suffix) => {
                    const derived = derivedName(name, suffix);
                    assert(Buffer.byteLength(derived) <= 63);
                    assert(derived.endsWith(suffix));
                    assert(name.startsWith(derived.slice(0, -suffix.length)));
                    // No more is cut than has to be.
                    const next = [...name.slice(derived.length - suffix.length)][0];
                    if (next !== undefined) assert(Buffer.byteLength(derived + next) > 63);
                },
            ),
        );
    });

    it("a name of 63 bytes: it is restored, kept and dropped all the same", async () => {
        const long = `small_${"ü".repeat(28)}x`;
        assert.equal(Buffer.byteLength(long), 63);
        const { database } = world;
        await sql(`ALTER DATABASE ${database} RENAME TO "${long}"`);
        try {
            const { systemIdentifier } = world.snapshot.database;
            const { kept } = await world.restore(
                {
                    connection: { url: server.url(long) },
                    traffic: undefined as never,
                    restore: { jobs: 1, keepDays: 0 },
                },
                { adopt: `prod/${systemIdentifier ?? ""}/${database}` },
            );
            assert.equal(Buffer.byteLength(kept ?? "") <= 63, true);
            const dropped = await server.withClient("postgres", async (client) =>
                dropExpired(client, long, new Date()),
            );
            assert.deepEqual(dropped, [kept]);
        } finally {
            await sql(`ALTER DATABASE "${long}" RENAME TO ${database}`);
        }
    });
});
