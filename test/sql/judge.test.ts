import assert from "node:assert/strict";
import { Client } from "pg";
import { judge } from "../../core/sql/judge";
import type { Observation, ObservedStep, SessionSettings } from "../../core/sql/observation";
import { observe } from "../../core/sql/observe";
import { loadParser } from "../../core/sql/parser";
import { splitScriptSync } from "../../core/sql/split";
import { eachMajor, startTestServer, type TestServer } from "../support/postgres";
import { judgeCases, type JudgeCase } from "./judge-cases";
import { moreJudgeCases } from "./judge-cases-more";
import { compareObservations } from "./judge-comparison";
import { richSchema } from "./rich-schema";

const themes = { ...judgeCases, ...moreJudgeCases };

for (const binaries of eachMajor()) {
    describe(`judged and observed, PostgreSQL ${binaries.version}`, function () {
        this.timeout(60_000);
        let server: TestServer;
        const tally = { all: 0, equal: 0, failing: 0, explained: 0 };

        before(async () => {
            await loadParser();
            server = await startTestServer(binaries);
            await server.withClient("postgres", async (client) => {
                await client.query("CREATE DATABASE rich");
                await client.query("CREATE ROLE reader LOGIN PASSWORD 'reader'");
            });
            await server.withClient("rich", async (client) => {
                await client.query(richSchema);
                for (const schema of ["public", "audit", '"Odd Name"'])
                    await client.query(`GRANT USAGE ON SCHEMA ${schema} TO reader`);
            });
        });

        after(async () => {
            console.log(
                `        ${tally.equal} of ${tally.all} steps judged exactly as observed, ${tally.failing} fail in both, ${tally.explained} explained`,
            );
            await server.stop();
        });

        for (const [theme, cases] of Object.entries(themes)) {
            describe(theme, () => {
                for (const entry of cases) {
                    const test: JudgeCase = typeof entry === "string" ? { steps: [entry] } : entry;
                    if (test.since !== undefined && test.since > binaries.major) continue;
                    it(test.steps.join(" ⏵ "), async () => {
                        const { observed, judged } = await both(server, test);
                        const comparisons = observed.map((seen, i) =>
                            compareObservations(seen, judged[i] as Observation),
                        );
                        assert.deepEqual(
                            comparisons.flatMap((c) => c.missed),
                            [],
                        );
                        const differences = comparisons.flatMap((c) => c.differences);
                        if (test.differs === undefined) assert.deepEqual(differences, []);
                        else assert.notDeepEqual(differences, [], "it is the same by now: take the reason away");
                        tally.all++;
                        if (differences.length > 0) tally.explained++;
                        else if (observed.some((o) => o.method !== "observed")) tally.failing++;
                        else tally.equal++;
                    });
                }
            });
        }
    });
}

/** The same steps judged by a role that may only read, and then observed. */
async function both(server: TestServer, test: JudgeCase): Promise<{ observed: Observation[]; judged: Observation[] }> {
    const steps = test.steps.map((sql, i): ObservedStep => ({
        label: `step ${i + 1}`,
        statements: splitScriptSync(sql, "test.sql"),
        transactional: test.alone !== true,
    }));
    const settings: SessionSettings = { role: server.user, searchPath: test.searchPath ?? [] };
    const judged = await asReader(server, (client) => judge(client, steps, settings));
    // One transaction is rolled back in the end; only what needs several is worth a copy of the database.
    const observed = await (steps.length === 1 && test.alone !== true ? rolledBack : onCopy)(server, (client) =>
        observe(
            { client, name: "shadow", method: "dump", reachesOut: false, close: () => Promise.resolve() },
            steps,
            settings,
        ),
    );
    return { observed, judged };
}

/** Works in one transaction that leaves nothing behind; the work's own becomes a savepoint. */
async function rolledBack<T>(server: TestServer, work: (client: Client) => Promise<T>): Promise<T> {
    return server.withClient("rich", async (client) => {
        await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ; SAVEPOINT outermost");
        const query = (text: unknown, ...rest: unknown[]): unknown =>
            (client.query as (...args: unknown[]) => unknown)(
                typeof text !== "string"
                    ? text
                    : text
                          .replace(/^BEGIN ISOLATION LEVEL REPEATABLE READ$/, "SAVEPOINT step")
                          .replace(/^COMMIT$/, "RELEASE SAVEPOINT step")
                          .replace(/^ROLLBACK$/, "ROLLBACK TO SAVEPOINT outermost"),
                ...rest,
            );
        const inner = new Proxy(client, {
            get: (target, key) => (key === "query" ? query : Reflect.get(target, key)) as unknown,
        });
        return await work(inner);
    });
}

let copies = 0;

async function onCopy<T>(server: TestServer, work: (client: Client) => Promise<T>): Promise<T> {
    const name = `copy_${++copies}`;
    await server.withClient("postgres", (client) =>
        client.query(`CREATE DATABASE ${name} TEMPLATE rich${server.binaries.major < 15 ? "" : " STRATEGY file_copy"}`),
    );
    try {
        return await server.withClient(name, work);
    } finally {
        await server.withClient("postgres", (client) => client.query(`DROP DATABASE ${name}`));
    }
}

async function asReader<T>(server: TestServer, work: (client: Client) => Promise<T>): Promise<T> {
    const client = new Client({ connectionString: server.url("rich", { user: "reader", password: "reader" }) });
    await client.connect();
    try {
        await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        return await work(client);
    } finally {
        await client.end();
    }
}
