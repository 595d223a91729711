import { Client } from "pg";
import { readCatalogStamp } from "../../core/sql/catalog-stamp";
import { judge } from "../../core/sql/judge";
import type { Observation, ObservedStep, SessionSettings } from "../../core/sql/observation";
import { observe } from "../../core/sql/observe";
import { splitScriptSync } from "../../core/sql/split";
import type { PgBinaries } from "../../tools/pg-binaries";
import { startTestServer, type TestServer } from "../support/postgres";
import { intercepted, Memory } from "./intercepted";
import type { JudgeCase } from "./judge-cases";
import { richSchema } from "./rich-schema";

/** A script's effects as told by both methods. */
export interface TwoViews {
    readonly observed: readonly Observation[];
    readonly judged: readonly Observation[];
}

/**
 * A server with the rich schema in database `rich`. Two sessions stay open for all cases, because a new one spends most
 * of a case's time on reading catalogs into its caches.
 */
export class JudgeServer {
    private copies = 0;
    /** Answers about the database as every case finds it. */
    private readonly readerMemory = new Memory();
    private readonly ownerMemory = new Memory();

    private constructor(
        private readonly server: TestServer,
        /** May only read. */
        private readonly reader: Client,
        private readonly owner: Client,
        private readonly stamp: string,
    ) {}

    static async start(binaries: PgBinaries, schema = richSchema): Promise<JudgeServer> {
        const server = await startTestServer(binaries);
        try {
            await server.withClient("postgres", async (client) => {
                await client.query("CREATE DATABASE template_rich");
                await client.query("CREATE ROLE reader LOGIN PASSWORD 'reader'");
            });
            await server.withClient("template_rich", async (client) => {
                await client.query(schema);
                await client.query(
                    `DO $$ BEGIN EXECUTE (SELECT string_agg(format('GRANT USAGE ON SCHEMA %I TO reader', nspname), ';')
                        FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'); END $$`,
                );
            });
            // A database with sessions cannot be copied: the one that stays as it is has none.
            await server.withClient("postgres", (client) =>
                client.query("CREATE DATABASE rich TEMPLATE template_rich"),
            );
            const owner = new Client({ connectionString: server.url("rich"), pipeline: true });
            await owner.connect();
            const reader = new Client({
                connectionString: server.url("rich", { user: "reader", password: "reader" }),
                pipeline: true,
            });
            await reader.connect();
            return new JudgeServer(server, reader, owner, await readCatalogStamp(owner));
        } catch (error) {
            await server.stop();
            throw error;
        }
    }

    /** Whether what the memory holds is still true. */
    async isAsItWas(): Promise<boolean> {
        return (await readCatalogStamp(this.owner)) === this.stamp;
    }

    async stop(): Promise<void> {
        await this.reader.end();
        await this.owner.end();
        await this.server.stop();
    }

    /** The same steps judged by a role that may only read, and then observed. The database stays as it is. */
    async both(test: JudgeCase): Promise<TwoViews> {
        const steps = test.steps.map((sql, i): ObservedStep => ({
            label: `step ${i + 1}`,
            statements: splitScriptSync(sql, "test.sql"),
            transactional: test.alone !== true,
        }));
        const settings: SessionSettings = { role: this.server.user, searchPath: test.searchPath ?? [] };
        const judged = await this.readOnly((client) => judge(client, steps, settings));
        const look = (client: Client): Promise<Observation[]> =>
            observe(
                { client, name: "shadow", method: "dump", reachesOut: false, close: () => Promise.resolve() },
                steps,
                settings,
            );
        // One transaction is rolled back in the end; only what needs several is worth a copy of the database.
        const observed =
            steps.length === 1 && test.alone !== true ? await this.rolledBack(look) : await this.onCopy(look);
        return { observed, judged };
    }

    private async readOnly<T>(work: (client: Client) => Promise<T>): Promise<T> {
        await this.reader.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        try {
            return await work(intercepted(this.reader, this.readerMemory, () => "remember"));
        } finally {
            await this.reader.query("ROLLBACK");
        }
    }

    /** Works in one transaction that leaves nothing behind; the work's own becomes a savepoint. */
    private async rolledBack<T>(work: (client: Client) => Promise<T>): Promise<T> {
        const client = this.owner;
        await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ; SAVEPOINT outermost");
        let untouched = true;
        const inner = intercepted(client, this.ownerMemory, (text) => {
            untouched &&= /^(?:SELECT|SHOW) /.test(text);
            return untouched ? "remember" : { send: savepoints.get(text) ?? text };
        });
        try {
            return await work(inner);
        } finally {
            await client.query("ROLLBACK");
            // What a case did to the session does not end with the transaction.
            await client.query("DISCARD ALL");
        }
    }

    private async onCopy<T>(work: (client: Client) => Promise<T>): Promise<T> {
        const name = `copy_${++this.copies}`;
        await this.server.withClient("postgres", (client) =>
            client.query(`CREATE DATABASE ${name} TEMPLATE template_rich`),
        );
        const client = new Client({ connectionString: this.server.url(name), pipeline: true });
        try {
            await client.connect();
            let untouched = true;
            // A copy has the OIDs and the file names of what it is a copy of.
            const inner = intercepted(client, this.ownerMemory, (text) => {
                untouched &&= /^(?:SELECT|SHOW) /.test(text);
                return untouched ? "remember" : { send: text };
            });
            return await work(inner);
        } finally {
            await client.end();
            await this.server.withClient("postgres", (client) => client.query(`DROP DATABASE ${name}`));
        }
    }
}

const savepoints: ReadonlyMap<string, string> = new Map([
    ["BEGIN ISOLATION LEVEL REPEATABLE READ", "SAVEPOINT step"],
    ["COMMIT", "RELEASE SAVEPOINT step"],
    ["ROLLBACK", "ROLLBACK TO SAVEPOINT outermost"],
]);
