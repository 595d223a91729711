import assert from "node:assert/strict";
import type { Client } from "pg";
import type { Plan } from "../../core/plan/plan";
import { startTestServer, type TestServer } from "../support/postgres";
import { TestProject } from "../support/project";
import { type LossCase, type LossGroup, titleOf } from "./loss-case";
import { codeCases } from "./loss-cases-code";
import { hiddenCases } from "./loss-cases-hidden";
import { objectCases } from "./loss-cases-objects";
import { orderCases } from "./loss-cases-order";
import { rowCases } from "./loss-cases-rows";
import { goneObjects, readContents, realLosses, rowsGone, toldLosses } from "./real-loss";

/** How many scripts a case may have; of so many migrations does the base consist. */
const depth = 3;
/** Plans that are made at a time: most of one is waiting for the server. */
const atOnce = 3;
const reader = { user: "reader", password: "reads-only" };
const methods = ["observed", "judged"] as const;
type Plans = Readonly<Record<(typeof methods)[number], Plan>>;

interface Reality {
    readonly losses: ReadonlyMap<string, number>;
    readonly rows: ReadonlyMap<string, number>;
    readonly gone: readonly (readonly string[])[];
}

describe("losses told and losses suffered", function () {
    this.timeout(30_000);
    let server: TestServer;

    before(async () => {
        server = await startTestServer();
        await server.withClient("postgres", (client) =>
            client.query(
                `CREATE ROLE ${reader.user} LOGIN PASSWORD '${reader.password}' NOCREATEDB; GRANT pg_read_all_data TO ${reader.user}`,
            ),
        );
    });
    after(async () => server.stop());

    const groups = { ...objectCases, ...rowCases, ...hiddenCases, ...codeCases, ...orderCases };
    for (const [name, group] of Object.entries(groups)) testGroup(name, group);

    function testGroup(name: string, { base, cases: written }: LossGroup): void {
        const cases = written.map((c): LossCase => (typeof c === "string" ? { scripts: [c] } : c));
        describe(name, () => {
            let database: string;
            let plans: ReadonlyMap<LossCase, Plans | Error>;

            before(async function () {
                this.timeout(cases.length * 5_000);
                database = await server.create();
                const project = projectOf(database, base);
                await project.migrate("latest");
                project.remove();
                plans = await makePlans(database, base, cases);
            });

            for (const each of cases) {
                it(titleOf(each), async () => {
                    const made = plans.get(each);
                    if (made === undefined || made instanceof Error) throw made ?? new Error("no plan");
                    await check(database, each, made);
                });
            }
        });
    }

    function projectOf(database: string, base: string): TestProject {
        const project = new TestProject(server, database).migration("001", base, "SELECT 1");
        for (let n = 2; n <= depth; n++) project.migration(`00${n}`, "SELECT 1", "SELECT 1");
        return project;
    }

    async function makePlans(
        database: string,
        base: string,
        cases: readonly LossCase[],
    ): Promise<Map<LossCase, Plans | Error>> {
        const plans = new Map<LossCase, Plans | Error>();
        const todo = [...cases];
        const work = async (): Promise<void> => {
            for (let each = todo.shift(); each !== undefined; each = todo.shift())
                plans.set(each, await plansOf(database, base, each).catch((error: unknown) => error as Error));
        };
        await Promise.all(Array.from({ length: atOnce }, work));
        return plans;
    }

    /** The case's scripts are the down scripts of the last migrations. */
    async function plansOf(database: string, base: string, { scripts }: LossCase): Promise<Plans> {
        const project = projectOf(database, base);
        try {
            scripts.forEach((script, i) => project.write({ [`rollback/00${depth - i}_down.sql`]: script }));
            const target = `00${depth - scripts.length}`;
            const judged = await project.plan(target, { connection: { url: server.url(database, reader) } });
            return { observed: await project.plan(target), judged };
        } finally {
            project.remove();
        }
    }

    async function check(database: string, each: LossCase, plans: Plans): Promise<void> {
        assert(plans.judged.steps.every((s) => s.method === "parsed"));
        for (const { methodReason } of plans.observed.steps)
            assert.doesNotMatch(methodReason ?? "", /no shadow database|CREATEDB|no pg_dump/);
        await server.withClient(database, async (client) => {
            const real = await reality(client, each.scripts);
            const faults: string[] = [];
            for (const method of methods) {
                const wrong = await findWrong(client, method, plans[method], real, each);
                if (wrong !== undefined) faults.push(wrong);
            }
            assert.deepEqual(faults, []);
        });
    }

    /** Runs the scripts as a run does, looks, and takes it back. */
    async function reality(client: Client, scripts: readonly string[]): Promise<Reality> {
        await client.query("BEGIN");
        try {
            const before = await readContents(client);
            for (const script of scripts) {
                await client.query(script);
                await client.query("RESET ALL");
            }
            const after = await readContents(client);
            return {
                losses: realLosses(before, after),
                rows: rowsGone(before, after),
                gone: goneObjects(before, after),
            };
        } finally {
            await client.query("ROLLBACK");
        }
    }

    /** @returns what is wrong with a plan */
    async function findWrong(
        client: Client,
        method: (typeof methods)[number],
        plan: Plan,
        real: Reality,
        each: LossCase,
    ): Promise<string | undefined> {
        const aliases = each.aliases ?? {};
        const losses = plan.steps.flatMap((s) => s.losses);
        const told = await toldLosses(client, losses, aliases);
        const account = `the ${method} plan told ${JSON.stringify(losses)}; lost were ${JSON.stringify([...real.losses])}`;
        const unknown = each.unknown === "both" || each.unknown === method;
        if (plan.lost.unknown !== unknown)
            return unknown ? `nothing said of an unknown loss: ${account}` : `unknown without need: ${account}`;
        if (unknown) return undefined;
        for (const [table, lost] of real.losses)
            if ((told.get(table)?.all ?? 0) < lost) return `UNTOLD loss of ${lost} in ${table}: ${account}`;
        for (const [table, lost] of real.rows)
            if ((told.get(table)?.rows ?? 0) < lost) return `UNTOLD loss of ${lost} rows of ${table}: ${account}`;
        for (const [table, { all, exact }] of told)
            if (exact && each.over === undefined && all !== (real.losses.get(table) ?? 0))
                return `${all} told as exact for ${table}: ${account}`;
        const names = [...plan.steps.flatMap((s) => s.dropped.map((o) => o.name)), ...losses.map((l) => l.object)];
        const said = new Set(names.flatMap((name) => [name, aliases[name] ?? name]));
        const untold = real.gone.filter((names) => !names.some((name) => said.has(name)));
        return untold.length === 0
            ? undefined
            : `dropped untold: ${untold.map(([name]) => name).join(", ")}; said: ${[...said].join(", ")}`;
    }
});
