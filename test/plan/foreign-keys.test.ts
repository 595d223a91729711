import fc from "fast-check";
import assert from "node:assert/strict";
import { ForeignKeys, readForeignKeys } from "../../core/plan/foreign-keys";
import { startTestServer, type TestServer } from "../support/postgres";

const key = (from: string, to: string, onDelete: string) => ({
    from,
    to,
    onDelete,
    onUpdate: "a",
    columns: [],
    referred: [],
});

describe("foreign keys", function () {
    this.timeout(30_000);

    it("follow a cascade on, and end where values are only set", () => {
        const keys = new ForeignKeys(
            [key("b", "a", "c"), key("c", "b", "n"), key("d", "c", "c"), key("e", "a", "a"), key("f", "b", "d")],
            [],
        );
        assert.deepEqual(keys.followers("a"), ["b", "c", "f"]);
        assert.deepEqual(keys.followers("d"), []);
        assert.deepEqual(keys.referrers("a"), ["b", "c", "d", "e", "f"]);
    });

    it("a table that refers to itself follows itself, and is no other of a TRUNCATE", () => {
        const keys = new ForeignKeys([key("tree", "tree", "c")], []);
        assert.deepEqual([keys.followers("tree"), keys.referrers("tree")], [["tree"], []]);
    });

    it("a partition's rows are bound by keys to the table it is part of, and a table's by keys to its partitions", () => {
        const partition = { child: "p1", parent: "p", partition: true };
        const heir = { child: "h1", parent: "h", partition: false };
        const keys = new ForeignKeys(
            [
                key("to_whole", "p", "c"),
                key("to_part", "p1", "c"),
                key("to_parent", "h", "c"),
                key("to_heir", "h1", "c"),
            ],
            [partition, heir],
        );
        assert.deepEqual(keys.followers("p"), ["to_part", "to_whole"]);
        assert.deepEqual(keys.followers("p1"), ["to_part", "to_whole"]);
        assert.deepEqual(keys.followers("h"), ["to_heir", "to_parent"]);
        assert.deepEqual(keys.followers("h1"), ["to_heir"]);
    });

    it("values follow by ON UPDATE where the columns that are referred to change, and on from there", () => {
        const keys = new ForeignKeys(
            [
                { ...key("b", "a", "a"), onUpdate: "c", columns: ["a_u"], referred: ["u"] },
                { ...key("c", "b", "a"), onUpdate: "n", columns: ["b_u"], referred: ["a_u"] },
                { ...key("d", "a", "c"), columns: ["a_id"], referred: ["id"] },
            ],
            [],
        );
        assert.deepEqual(keys.updateFollowers("a", ["u"]), ["b", "c"]);
        assert.deepEqual(keys.updateFollowers("a", ["id"]), []);
        assert.deepEqual(keys.updateFollowers("a", []), ["b", "c"]);
    });

    it("that the plan makes count as well", () => {
        const keys = new ForeignKeys([], []);
        keys.addMade("log", 'FOREIGN KEY (a_id) REFERENCES app."A b"(id) ON DELETE CASCADE NOT VALID');
        keys.addMade("other", "CHECK (a > 1)");
        assert.deepEqual(keys.followers('app."A b"'), ["public.log"]);
    });

    it("are what a fixpoint of the definition says (property)", () => {
        const table = fc.constantFrom("a", "b", "c", "d", "e");
        const edge = fc.record({ from: table, to: table, onDelete: fc.constantFrom("a", "r", "c", "n", "d") });
        fc.assert(
            fc.property(fc.array(edge, { maxLength: 12 }), table, (edges, start) => {
                let cascading = new Set([start]);
                for (let size = 0; size !== cascading.size;) {
                    size = cascading.size;
                    const more = edges.filter((e) => e.onDelete === "c" && cascading.has(e.to)).map((e) => e.from);
                    cascading = new Set([...cascading, ...more]);
                }
                const expected = edges.filter((e) => "cnd".includes(e.onDelete) && cascading.has(e.to));
                assert.deepEqual(
                    new ForeignKeys(
                        edges.map((e) => key(e.from, e.to, e.onDelete)),
                        [],
                    ).followers(start),
                    [...new Set(expected.map((e) => e.from))].sort(),
                );
            }),
        );
    });

    describe("as read", () => {
        let server: TestServer;
        before(async () => {
            server = await startTestServer();
        });
        after(async () => server.stop());

        it("with odd names, other schemas, partitions, and long chains in no time", async () => {
            const database = await server.create();
            const keys = await server.withClient(database, async (client) => {
                await client.query(`CREATE SCHEMA "o'dd";
                    CREATE TABLE "o'dd"."A b" (id int PRIMARY KEY);
                    CREATE TABLE parts (id int REFERENCES "o'dd"."A b" ON DELETE CASCADE, day date) PARTITION BY RANGE (day);
                    CREATE TABLE parts_2024 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
                    CREATE TABLE t0 (id int PRIMARY KEY)`);
                for (let i = 1; i < 300; i++)
                    await client.query(
                        `CREATE TABLE t${i} (id int PRIMARY KEY REFERENCES t${i - 1} ON DELETE CASCADE)`,
                    );
                return readForeignKeys(client);
            });
            assert.deepEqual(keys.followers(`"o'dd"."A b"`), ["public.parts"]);
            assert.equal(keys.followers("public.t0").length, 299);
            assert.equal(keys.referrers("public.t298").length, 1);
        });
    });
});
