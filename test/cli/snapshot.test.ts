import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { listSnapshots, readStore } from "../../core/snapshots/contents";
import type { SnapshotStore } from "../../core/snapshots/store";
import { openStore } from "../../core/snapshots/stores";
import { make } from "../snapshots/made";
import { type CommandResult, startCommand, succeeds } from "../support/command";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";

interface Summary {
    readonly name: string;
    readonly kind: string;
    readonly label: string | null;
    readonly environment: string;
    readonly set: string;
    readonly from: string | null;
    readonly to: string | null;
    readonly bytes: number;
    readonly databaseBytes: number | null;
    readonly protected: boolean;
    readonly verified: { readonly ok: boolean } | null;
}

describe("schemaward snapshot", function () {
    this.timeout(60_000);
    let server: TestServer;
    let project: TestProject;
    let store: SnapshotStore;
    let folder: string;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        project = new TestProject(server, await server.create());
        folder = path.join(project.dir, "backups");
        store = openStore(`file:${folder}`, "/");
    });
    afterEach(() => {
        project.remove();
    });

    const at = ["--store", "file:./backups"];

    async function snapshot(...args: string[]): Promise<CommandResult> {
        return startCommand("cli/main.js", ["snapshot", ...args], {
            cwd: project.dir,
            env: { DATABASE_URL: server.url(project.database) },
        }).done;
    }

    async function create(...args: string[]): Promise<Summary> {
        const { json } = await snapshot("create", ...at, ...args, "--json");
        return json<{ snapshot: Summary }>().snapshot;
    }

    const refused = (result: CommandResult, code: number, says: RegExp): void => {
        assert.equal(result.code, code, result.stdout + result.stderr);
        assert.match(result.stderr, says);
        assert.doesNotMatch(result.stderr, /\n\s+at /, "no stack trace");
    };

    function flipBit(name: string): void {
        const file = path.join(folder, `${name}.dump`);
        const dump = readFileSync(file);
        const last = dump.length - 10;
        dump[last] = (dump[last] ?? 0) ^ 1;
        writeFileSync(file, dump);
    }

    describe("of a database with two tables", () => {
        beforeEach(async () => {
            await project.query(
                `CREATE TABLE feature_flags (id int PRIMARY KEY, name text);
                 INSERT INTO feature_flags SELECT i, 'flag ' || i FROM generate_series(1, 300) i;
                 CREATE TABLE audit_log (id int); INSERT INTO audit_log SELECT generate_series(1, 20);
                 CREATE SCHEMA other; CREATE TABLE other.feature_flags (id int); INSERT INTO other.feature_flags VALUES (7);
                 CREATE TABLE "Odd ""*.name" (id int); INSERT INTO "Odd ""*.name" VALUES (5)`,
            );
        });

        it("create: a restore point, without a folder of migrations and without a ledger", async () => {
            const { code, stdout, stderr } = await snapshot("create", ...at, "--label", "test-rollback");
            assert.equal(code, 0, stderr);
            const name = stdout.trim().split("\n").at(-1) ?? "";
            assert.match(name, /^db_test-rollback_\d{8}_\d{6}$/);
            const [manifest] = await listSnapshots(store);
            assert.deepEqual(
                [manifest?.name, manifest?.kind, manifest?.label, manifest?.from, manifest?.applied, manifest?.set],
                [name, "restore-point", "test-rollback", null, [], "default"],
            );
            assert.equal((await snapshot("verify", name, ...at)).code, 0);
        });

        it("create: what is applied comes from the ledger", async () => {
            project.migration("009", "SELECT 1").migration("010", "SELECT 2").migration("011", "SELECT 3");
            await project.migrate("010");
            const taken = await create("--set", "app", "--environment", "eu_prod", "--protect");
            assert.match(taken.name, /^eu_prod_restore-point_\d{8}_\d{6}$/);
            assert.deepEqual(
                [taken.from, taken.to, taken.protected, taken.kind],
                ["010", "010", true, "restore-point"],
            );
            const [manifest] = await listSnapshots(store);
            assert.deepEqual(
                manifest?.applied.map((a) => a.version),
                ["009", "010"],
            );
            assert.match(manifest.schemaHash ?? "", /^[0-9a-f]{16,}$/);
        });

        it("create: wrong labels and stores are refused before anything is touched", async () => {
            refused(await snapshot("create", ...at, "--label", "pre-migration"), 3, /label pre-migration is the one/);
            refused(await snapshot("create"), 3, /Which store\?/);
            refused(await snapshot("create", "--store", "ftp://u:secret@x/y"), 3, /no snapshot stores of the kind ftp/);
            assert(!existsSync(folder));
        });

        it("verify: says that it is whole, or what is damaged, and the list knows", async () => {
            const { name } = await create();
            const good = await snapshot("verify", "latest", ...at);
            assert.equal(good.code, 0, good.stderr);
            assert.match(good.stdout, new RegExp(`^${name} is whole: .* SHA-256 [0-9a-f]{64}\n$`));
            flipBit(name);
            refused(await snapshot("verify", name, ...at), 1, /The snapshot is damaged\.\n {2}SHA-256/);
            const { stdout } = await snapshot("list", ...at);
            assert.match(stdout, new RegExp(`^${name} .* DAMAGED \\(now\\)$`, "m"));
            refused(await snapshot("verify", "latest", ...at), 3, /no snapshot that is not damaged/);
            refused(await snapshot("verify", "nope", ...at), 3, new RegExp(`There is no snapshot nope.*\n.*${name}`));
        });

        it("extract: the rows of the tables named, as SQL that psql takes", async () => {
            const { name } = await create();
            await project.query(
                'DELETE FROM feature_flags WHERE id > 100; DROP TABLE audit_log; DELETE FROM "Odd ""*.name"',
            );
            const out = path.join(project.dir, "flags.sql");
            const args = ["--schema", "public", "--out", "flags.sql"];
            const { code, stdout, stderr } = await snapshot(
                "extract",
                name,
                ...at,
                "--table",
                "feature_flags",
                ...args,
            );
            assert.equal(code, 0, stderr);
            assert.match(stdout, /^public\.feature_flags of \S+ written to flags\.sql: [\d.]+ kB of SQL\n$/);
            assert.equal(statSync(out).mode & 0o777, 0o600);
            const sql = readFileSync(out, "utf8");
            assert.match(sql, /COPY public\.feature_flags \(id, name\) FROM stdin;\n1\tflag 1\n/);
            assert.doesNotMatch(sql, /CREATE TABLE|audit_log|other\.feature_flags/);
            await project.query("TRUNCATE feature_flags");
            await promisify(execFile)(path.join(server.binaries.dir, "psql"), [
                ...["-X", "-v", "ON_ERROR_STOP=1", "-f", out, server.url(project.database)],
            ]);
            assert.deepEqual(await project.query("SELECT count(*), max(id) FROM feature_flags"), [["300", "300"]]);
            refused(
                await snapshot("extract", name, ...at, "--table", "feature_flags", ...args),
                3,
                /The file exists already/,
            );

            const both = await snapshot(
                ...["extract", name, ...at, "--table", "audit_log", "--table", 'Odd "*.name', "--with-definition"],
            );
            assert.equal(both.code, 0, both.stderr);
            assert.match(both.stdout, /CREATE TABLE public\.audit_log[^]*COPY public\.audit_log/);
            assert.match(both.stdout, /COPY public\."Odd ""\*\.name" \(id\) FROM stdin;\n5\n/);
            assert.doesNotMatch(both.stdout, /OWNER TO|feature_flags/);
        });

        it("extract: a table that is not clear or not there is told, with what is near", async () => {
            await create();
            const extract = async (...args: string[]): Promise<CommandResult> =>
                snapshot("extract", "latest", ...at, ...args);
            refused(
                await extract("--table", "feature_flags"),
                3,
                /Which feature_flags\? There is one in each of other, public/,
            );
            assert.match((await extract("--table", "other.feature_flags")).stdout, /FROM stdin;\n7\n/);
            const missing = await extract("--table", "Feature_flag", "--schema", "public", "--out", "x.sql");
            refused(missing, 3, /no table public\.Feature_flag\.\n {2}there is: public\.feature_flags\n/);
            refused(await extract("--table", "audit_log", "--table", "other.feature_flags"), 3, /several schemas/);
            refused(await extract(), 3, /--table/);
            const both = await extract("--table", "audit_log", "--json");
            assert.equal(both.code, 3);
            assert.match(both.stdout, /cannot hold both/);
            assert.deepEqual(
                readdirSync(project.dir).filter((f) => f.startsWith("x.sql")),
                [],
            );
        });

        it("extract: of a damaged one nothing is left in the file, and standard output is called worthless", async () => {
            const { name } = await create();
            flipBit(name);
            const args = ["extract", name, ...at, "--table", "audit_log"];
            refused(await snapshot(...args, "--out", "a.sql"), 1, /damaged: what was extracted[^]*SHA-256/);
            assert.deepEqual(
                readdirSync(project.dir).filter((f) => f.startsWith("a.sql")),
                [],
            );
            const { stdout, ...rest } = await snapshot(...args);
            assert.match(stdout, /COPY public\.audit_log/);
            refused({ stdout, ...rest }, 1, /error: what is on standard output is not whole or not right/);
            assert.equal((await readStore(store)).snapshots[0]?.verified?.ok, false);
        });

        it("nothing of it needs a database, but create", async () => {
            const { name } = await create();
            const off = {
                cwd: project.dir,
                env: { DATABASE_URL: "postgresql://nobody:canary-secret@127.0.0.1:1/none" },
            };
            for (const args of [
                ["list"],
                ["verify", name],
                ["extract", name, "--table", "audit_log"],
                ["protect", name],
                ["unprotect", name],
                ["prune", "--keep-last", "1"],
            ])
                await succeeds(startCommand("cli/main.js", ["snapshot", ...args, ...at], off).done);
            const { code, stderr } = await startCommand("cli/main.js", ["snapshot", "create", ...at], off).done;
            assert.equal(code, 1, stderr);
            assert(!stderr.includes("canary-secret"), stderr);
        });
    });

    describe("of a store that two environments share", () => {
        const day = (n: number): string => `prod_pre-migration-v1.3.0_2020010${String(n)}_000000`;

        beforeEach(async () => {
            for (const n of [1, 2, 3])
                await make(store, day(n), `2020-01-0${String(n)}T00:00:00.000Z`, { app: "1.3.0", set: "app" });
            await make(store, "dev_test-rollback_20200104_000000", "2020-01-04T00:00:00.000Z", {
                ...{ environment: "dev", kind: "restore-point", label: "test-rollback", set: "app" },
                ...{ from: "027", to: "027" },
            });
            writeFileSync(path.join(folder, "prod_half_20200105_000000.dump"), "x");
        });

        function stack(keep: string): void {
            writeFileSync(
                path.join(project.dir, "Pulumi.yaml"),
                "name: app\nruntime: nodejs\nstackConfigDir: stacks\n",
            );
            mkdirSync(path.join(project.dir, "stacks"), { recursive: true });
            writeFileSync(
                path.join(project.dir, "stacks/Pulumi.prod.yaml"),
                `config:\n  app:version: "002"\n  app:app: 1.3.0\n  app:connection: { env: DATABASE_URL }\n  app:snapshot: { store: "file:./backups"${keep} }\n`,
            );
        }

        it("list: a plain, aligned table, newest first, and what is no snapshot", async () => {
            const { code, stdout } = await snapshot("list", ...at);
            assert.equal(code, 0);
            const lines = stdout.split("\n");
            const [heads = ""] = lines;
            assert.match(heads, /^NAME +ENVIRONMENT +VERSIONS +SIZE +AGE +KIND +VERIFIED +PROTECTED$/);
            const column = heads.indexOf("VERSIONS");
            assert.equal(lines[1]?.slice(column, column + 9).trim(), "027");
            assert.equal(lines[2]?.slice(column, column + 9), "027 → 024");
            assert.match(lines[1], /^dev_test-rollback_20200104_000000 +dev .* restore-point +\d+ d$/);
            assert.equal(lines.length, 7);
            assert.equal(lines[5], "unusable: prod_half_20200105_000000: it has no manifest");
            assert(!stdout.includes("\u001b"));
            const { json } = await snapshot("list", ...at, "--json");
            const { snapshots, unusable } = json<{ snapshots: Summary[]; unusable: unknown[] }>();
            assert.deepEqual(
                snapshots.map((s) => [s.name, s.environment, s.kind, s.label, s.verified?.ok]),
                [
                    ["dev_test-rollback_20200104_000000", "dev", "restore-point", "test-rollback", true],
                    ...[3, 2, 1].map((n) => [day(n), "prod", "pre-migration", null, true]),
                ],
            );
            assert.deepEqual(unusable, [{ name: "prod_half_20200105_000000", why: "it has no manifest" }]);
        });

        it("list --stack: its environment's, unless --all", async () => {
            stack("");
            const mine = await succeeds(snapshot("list", "--stack", "prod"));
            assert.doesNotMatch(mine, /^dev_/m);
            assert.match(mine, /^1 more of others: --all shows them$/m);
            assert.match(await succeeds(snapshot("list", "--stack", "prod", "--all")), /^dev_/m);
            assert.match(await succeeds(snapshot("list", ...at, "--environment", "qa")), /^no snapshot of qa in file:/);
            refused(await snapshot("list", "--stack", "prod", "--environment", "dev"), 3, /exclude each other/);
        });

        it("protect, prune, unprotect, prune", async () => {
            stack("");
            assert.match(await succeeds(snapshot("protect", day(1), ...at)), /is protected: retention/);
            assert.match(await succeeds(snapshot("protect", day(1), ...at)), /is protected already/);
            refused(await snapshot("protect", "nope", ...at), 3, /There is no snapshot nope/);
            refused(await snapshot("prune", ...at, "--keep-last", "1"), 3, /holds snapshots of dev, prod/);
            refused(await snapshot("prune", "--stack", "prod"), 3, /No rule says which snapshots to keep/);
            refused(await snapshot("prune", "--stack", "prod", "--keep-last", "0"), 3, /whole number above 0/);
            const dry = await succeeds(snapshot("prune", "--stack", "prod", "--keep-last", "1", "--dry-run"));
            assert.match(dry, new RegExp(`^delete {2}${day(2)} {2}\\(no rule keeps it\\)$`, "m"));
            assert.match(dry, new RegExp(`^keep {4}${day(1)} {2}\\(protected\\)$`, "m"));
            assert.match(dry, /^1 snapshot would be deleted, .* would be freed, 2 kept$/m);
            assert.equal((await listSnapshots(store)).length, 4);
            const { json } = await snapshot("prune", "--stack", "prod", "--keep-last", "1", "--json");
            assert.deepEqual(json<{ deleted: string[] }>().deleted, [day(2)]);
            assert.match(await succeeds(snapshot("unprotect", day(1), ...at)), /is not protected any more/);
            stack(", keep: 1");
            assert.match(await succeeds(snapshot("prune", "--stack", "prod")), /^1 snapshot deleted/m);
            assert.deepEqual(
                (await listSnapshots(store)).map(({ name }) => name),
                ["dev_test-rollback_20200104_000000", day(3)],
            );
        });

        it("an unknown subcommand, and none, are bad input", async () => {
            assert.equal((await snapshot("nonsense")).code, 3);
            assert.equal((await snapshot()).code, 3);
        });
    });
});
