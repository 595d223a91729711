import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { BadInputError } from "../../core/errors";
import { makeScript, readNumberedSet } from "../../core/migrations/numbered";

describe("a numbered set", () => {
    let dir: string;

    beforeEach(() => {
        dir = mkdtempSync(join(tmpdir(), "numbered-"));
    });
    afterEach(() => {
        rmSync(dir, { recursive: true });
    });

    function write(files: Record<string, string | Buffer>): void {
        for (const [file, content] of Object.entries(files)) {
            mkdirSync(dirname(join(dir, file)), { recursive: true });
            writeFileSync(join(dir, file), content);
        }
    }

    async function refusal(): Promise<BadInputError> {
        try {
            await readNumberedSet(dir);
        } catch (error) {
            assert(error instanceof BadInputError);
            return error;
        }
        throw new Error("the set was read");
    }

    it("is ordered by number, whatever the width", async () => {
        write({
            "10_c.sql": "SELECT 3",
            "9_b.sql": "SELECT 2",
            "001_a.sql": "SELECT 1",
            "rollback/1_down.sql": "SELECT -1",
        });
        const set = await readNumberedSet(dir);
        assert.deepEqual(
            set.migrations.map((m) => [m.version, m.name, m.down?.file]),
            [
                ["001", "a", "rollback/1_down.sql"],
                ["9", "b", undefined],
                ["10", "c", undefined],
            ],
        );
        assert.equal(set.find("0010")?.name, "c");
        assert.equal(set.find("11"), undefined);
    });

    it("is read in turns: other work goes on in between", async () => {
        write(Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`${i + 1}_a.sql`, "SELECT 1"])));
        let turns = 0;
        const count = (): void => {
            turns++;
            counting = setImmediate(count);
        };
        let counting = setImmediate(count);
        assert.equal((await readNumberedSet(dir)).migrations.length, 120);
        clearImmediate(counting);
        assert(turns >= 2, `${turns} turns`);
    });

    it("compares versions as numbers of any size", async () => {
        write({ "1_a.sql": "SELECT 1" });
        const set = await readNumberedSet(dir);
        fc.assert(
            fc.property(
                fc.bigInt({ min: 0n, max: 10n ** 30n }),
                fc.bigInt({ min: 0n, max: 10n ** 30n }),
                fc.nat(5),
                (a, b, zeros) => {
                    const sign = a < b ? -1 : a > b ? 1 : 0;
                    assert.equal(Math.sign(set.compare("0".repeat(zeros) + String(a), String(b))), sign);
                },
            ),
        );
    });

    it("gives one checksum for LF, CR LF and BOM", () => {
        fc.assert(
            fc.property(fc.array(fc.string({ unit: "grapheme" }).filter((s) => !/[\r\n\uFEFF]/.test(s))), (lines) => {
                const plain = makeScript("f", lines.join("\n"));
                assert.equal(makeScript("f", lines.join("\r\n")).checksum, plain.checksum);
                assert.equal(makeScript("f", `\uFEFF${lines.join("\n")}`).checksum, plain.checksum);
            }),
        );
        assert.notEqual(makeScript("f", "a").checksum, makeScript("f", "b").checksum);
    });

    it("leaves alone what is no SQL file", async () => {
        write({ "README.md": "# read me", "001_a.sql": "SELECT 1", "verify/001_verify.sql": "SELECT true" });
        assert.equal((await readNumberedSet(dir)).migrations.length, 1);
    });

    it("refuses one version twice, naming both files", async () => {
        write({ "007_a.sql": "SELECT 1", "7_b.sql": "SELECT 2" });
        assert.match((await refusal()).message, /7.*exists twice: 007_a\.sql and 7_b\.sql/);
        assert.match((await refusal()).message, /Next: .+number/);
    });

    it("refuses two down scripts of one version", async () => {
        write({ "007_a.sql": "SELECT 1", "rollback/007_down.sql": "SELECT 2", "rollback/7_down.sql": "SELECT 3" });
        assert.match((await refusal()).message, /rollback\/007_down\.sql and rollback\/7_down\.sql/);
    });

    it("refuses a name without a version", async () => {
        write({ "feature.sql": "SELECT 1" });
        assert.match((await refusal()).message, /^feature\.sql: .*NNN_name\.sql/);
    });

    it("refuses what is not UTF-8, with the line", async () => {
        write({
            "001_a.sql": Buffer.concat([Buffer.from("SELECT 1;\nSELECT '"), Buffer.from([0xe9]), Buffer.from("';\n")]),
        });
        assert.match((await refusal()).message, /^001_a\.sql:2: The file is not UTF-8/);
    });

    it("takes the character that stands for unreadable bytes where it was written as such", async () => {
        write({ "001_a.sql": "SELECT '\uFFFD'" });
        assert.equal((await readNumberedSet(dir)).migrations[0]?.up.sql, "SELECT '\uFFFD'");
    });

    it("refuses NUL characters, with the line", async () => {
        write({ "001_a.sql": "SELECT 1;\n\n\0" });
        assert.match((await refusal()).message, /^001_a\.sql:3: .*NUL/);
    });

    it("refuses a file that a link takes out of the folder", async () => {
        const outside = mkdtempSync(join(tmpdir(), "outside-"));
        try {
            writeFileSync(join(outside, "secret.sql"), "SELECT 1");
            symlinkSync(join(outside, "secret.sql"), join(dir, "001_a.sql"));
            assert.match((await refusal()).message, /^001_a\.sql: The path leaves the migration folder/);
        } finally {
            rmSync(outside, { recursive: true });
        }
    });

    it("refuses a rollback folder that lies elsewhere", async () => {
        const outside = mkdtempSync(join(tmpdir(), "outside-"));
        try {
            write({ "001_a.sql": "SELECT 1" });
            symlinkSync(outside, join(dir, "rollback"));
            assert.match((await refusal()).message, /^rollback: The path leaves the migration folder/);
        } finally {
            rmSync(outside, { recursive: true });
        }
    });

    it("refuses what is named like a script and is none, and what would be passed over", async () => {
        write({ "001_a.sql": "SELECT 1" });
        const refused = async (file: string, make: () => void, why: RegExp): Promise<void> => {
            make();
            assert.match((await refusal()).message, why);
            rmSync(join(dir, file), { recursive: true });
        };
        await refused("002_b.sql", () => mkdirSync(join(dir, "002_b.sql")), /^002_b\.sql: This is no file/);
        await refused("002_b.SQL", () => write({ "002_b.SQL": "SELECT 1" }), /^002_b\.SQL: .*NNN_name\.sql/);
        for (const [link, target] of [
            ["002_b.sql", "nowhere"],
            ["002_b.sql", "002_b.sql"],
            ["rollback", "nowhere"],
        ] as const)
            await refused(
                link,
                () => {
                    symlinkSync(join(dir, target), join(dir, link));
                },
                new RegExp(`^${link}: The file cannot be read \\((?:ENOENT|ELOOP)\\)`),
            );
        mkdirSync(join(dir, "sub"));
        await refused(
            "002_b.sql",
            () => {
                symlinkSync(join(dir, "sub"), join(dir, "002_b.sql"));
            },
            /^002_b\.sql: This is no file/,
        );
        assert.equal((await readNumberedSet(dir)).migrations.length, 1);
    });

    it("reads a link that stays inside", async () => {
        write({ "shared/x.txt": "SELECT 1" });
        symlinkSync(join(dir, "shared/x.txt"), join(dir, "001_a.sql"));
        assert.equal((await readNumberedSet(dir)).migrations[0]?.up.sql, "SELECT 1");
    });

    it("says when the folder is not there", async () => {
        rmSync(dir, { recursive: true });
        assert.match((await refusal()).message, /cannot be read \(ENOENT\)/);
        mkdirSync(dir);
    });
});
