import assert from "node:assert/strict";
import { readdirSync, rmSync, writeFileSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { Client } from "pg";
import type { Declaration } from "../../core/declaration";
import type { RestoreOptions, RestoreResult } from "../../core/run/restore/options";
import { readStore } from "../../core/snapshots/contents";
import type { Manifest } from "../../core/snapshots/manifest";
import { openStore } from "../../core/snapshots/stores";
import { defaultTraffic, type TrafficSettings } from "../../core/traffic-settings";
import type { TestServer } from "../support/postgres";
import { TestProject } from "../support/project";
import { databasesOf, dumpOf, restoreTo, snapshotsOf, withStore } from "./fixture";

const password = "app's own";

/**
 * A small database at 002 with a snapshot of it at 001 in a store, an application's role that may connect, and a copy of all, from which it is
 * made anew for each test.
 */
export class SmallWorld {
    private constructor(
        readonly server: TestServer,
        readonly project: TestProject,
        /** The application's role; it may connect, and PUBLIC may not. */
        readonly role: string,
        readonly snapshot: Manifest,
        /** Dump of the database when the snapshot was taken. */
        readonly original: string,
        private readonly files: ReadonlyMap<string, Buffer>,
    ) {}

    /** Dump of the database as it is before a restore; a test that changes more sets it. */
    changed = "";
    private copied = "";

    /** @param up more of the first migration */
    static async make(server: TestServer, up = ""): Promise<SmallWorld> {
        const project = new TestProject(server, await server.create("small"));
        const { database } = project;
        project
            .migration(
                "001",
                `CREATE TABLE a (id int PRIMARY KEY, t text); INSERT INTO a SELECT i, 'row ' || i FROM generate_series(1, 200) i; CREATE TABLE b (id int); CREATE INDEX ON a (t); CREATE VIEW v AS SELECT * FROM a; ${up}`,
                "DROP TABLE a, b CASCADE",
            )
            .migration(
                "002",
                "CREATE TABLE c (id int); INSERT INTO c VALUES (1), (2); DROP TABLE b",
                "DROP TABLE c; CREATE TABLE b (id int)",
            );
        const role = `app_${database}`;
        await project.query(`CREATE ROLE ${role} LOGIN PASSWORD '${password.replace("'", "''")}'`);
        await giveAccess(project, role);
        await project.migrate("001", withStore(project, "001"));
        await project.query(`GRANT SELECT, INSERT ON a TO ${role}`);
        const original = await dumpOf(server, database);
        for (const { name } of await snapshotsOf(project)) removeSnapshot(project, name);
        await project.migrate("002", withStore(project, "002"));
        await project.query("INSERT INTO a VALUES (1000, 'later'); DELETE FROM a WHERE id < 50");
        const [snapshot] = await snapshotsOf(project);
        assert(snapshot);
        const store = path.join(project.dir, "backups");
        const files = new Map(readdirSync(store).map((name) => [name, readFileSync(path.join(store, name))]));
        const world = new SmallWorld(server, project, role, snapshot, original, files);
        await server.withClient("postgres", async (client) =>
            client.query(`CREATE DATABASE ${database}_copy TEMPLATE ${database}`),
        );
        world.copied = world.changed = await dumpOf(server, database);
        return world;
    }

    get database(): string {
        return this.project.database;
    }

    get store(): string {
        return path.join(this.project.dir, "backups");
    }

    /** All as it was when it was made. */
    async reset(): Promise<void> {
        const { server, database, store } = this;
        await server.withClient("postgres", async (client) => {
            for (const name of await databasesOf(server))
                if (name.startsWith(database) && name !== `${database}_copy`)
                    await client.query(`DROP DATABASE ${client.escapeIdentifier(name)} WITH (FORCE)`);
            await client.query(`CREATE DATABASE ${database} TEMPLATE ${database}_copy`);
        });
        await giveAccess(this.project, this.role);
        for (const name of readdirSync(store)) rmSync(path.join(store, name));
        for (const [name, content] of this.files) writeFileSync(path.join(store, name), content);
        this.project.events.length = 0;
        this.changed = this.copied;
    }

    /** Traffic that is stopped by keeping the application's role out. */
    traffic(more: Partial<TrafficSettings> = {}): Pick<Declaration, "traffic"> {
        return {
            traffic: {
                ...defaultTraffic,
                ...{ stopTraffic: "always", strategy: "none", drainSeconds: 5 },
                sessions: { roles: [this.role], by: "revoke-connect", ignore: [] },
                ...more,
            },
        };
    }

    async restore(more: Partial<Declaration> = {}, options: Partial<RestoreOptions> = {}): Promise<RestoreResult> {
        return restoreTo(this.project, options.snapshot ?? this.snapshot.name, { ...this.traffic(), ...more }, options);
    }

    /** Logs in as the application does. */
    async login(database = this.database): Promise<Client> {
        const url = this.server.url(database, { user: this.role, password });
        const client = new Client({ connectionString: url, application_name: "api" });
        client.on("error", () => undefined);
        await client.connect();
        return client;
    }

    async mayConnect(database = this.database): Promise<boolean> {
        return this.login(database).then(
            async (client) => client.end().then(() => true),
            () => false,
        );
    }

    /** Names of the archives in the store. */
    dumps(): string[] {
        return readdirSync(this.store).filter((name) => name.endsWith(".dump"));
    }

    async dump(): Promise<string> {
        return dumpOf(this.server, this.database);
    }

    /** The server's databases that have to do with this one, the copy aside. */
    async databases(): Promise<string[]> {
        return (await databasesOf(this.server)).filter(
            (name) => name.startsWith(this.database) && name !== `${this.database}_copy`,
        );
    }

    /** Nothing has become of a restore. @param taken how many snapshots it has taken before it failed */
    async assertUntouched(taken = 0): Promise<void> {
        assert.deepEqual(await this.databases(), [this.database]);
        assert.equal(await dumpOf(this.server, this.database), this.changed);
        assert.deepEqual(await this.project.query("SELECT * FROM schemaward.gates"), []);
        assert.deepEqual(await this.project.applied(), ["001", "002"]);
        assert.equal(await this.mayConnect(), true);
        const { snapshots, unusable } = await readStore(openStore(`file:${this.store}`, this.project.dir));
        assert.deepEqual([snapshots.length, unusable, snapshots.filter((s) => s.inUse)], [1 + taken, [], []]);
        if (taken === 0) assert.deepEqual(readdirSync(this.store).sort(), [...this.files.keys()].sort());
    }

    /** The database is as the snapshot has it, in the place of the one that was there, which is kept. */
    async assertRestored(where = ""): Promise<void> {
        const { server, database, project } = this;
        assert.equal(await dumpOf(server, database), this.original, where);
        assert.deepEqual(await project.applied(), ["001"], where);
        const [live, ...kept] = await this.databases();
        assert.equal(live, database, where);
        assert.deepEqual(
            [kept.length, kept.every((name) => name.startsWith(`${database}_before_`))],
            [1, true],
            `${where}: ${kept.join()}`,
        );
        const { rows } = await server.withClient(kept[0] ?? "", async (client) =>
            client.query("SELECT count(*)::int AS n FROM a"),
        );
        assert.deepEqual(rows, [{ n: 152 }], where);
        assert.equal(await this.mayConnect(), true, where);
        assert.deepEqual(await project.query("SELECT * FROM schemaward.gates"), [], where);
        const [last] = await project.query(
            "SELECT direction, status FROM schemaward.runs ORDER BY started_at DESC LIMIT 1",
        );
        assert.deepEqual(last, ["restore", "done"], where);
        const { lastRun, drift, refusals, steps, held } = await project.plan(
            "001",
            withStore(project, "001", this.traffic()),
            "quick",
        );
        assert.deepEqual([lastRun, drift, refusals, steps, held], [null, [], [], [], null], where);
        // Nothing in the store is half of something.
        for (const { name, archive } of await snapshotsOf(project))
            assert.equal(statSync(path.join(this.store, `${name}.dump`)).size, archive.bytes, where);
    }

    end(): void {
        this.project.remove();
    }
}

async function giveAccess({ server, database }: TestProject, role: string): Promise<void> {
    await server.withClient("postgres", async (client) => {
        await client.query(
            `REVOKE ALL ON DATABASE ${database} FROM PUBLIC; GRANT CONNECT ON DATABASE ${database} TO ${role}`,
        );
        await client.query(`COMMENT ON DATABASE ${database} IS 'a small one'`);
    });
}

function removeSnapshot(project: TestProject, name: string): void {
    const store = path.join(project.dir, "backups");
    for (const file of readdirSync(store)) if (file.startsWith(name)) rmSync(path.join(store, file));
}
