import assert from "node:assert/strict";
import { existsSync, rmSync } from "node:fs";
import path from "node:path";
import type { Backend } from "../support/backend";
import { type CommandResult, fails, succeeds } from "../support/command";
import { withControlPlane } from "../support/control-plane";
import { eventually } from "../support/eventually";
import { startGoingBack } from "../support/going-back";
import { startTestServer, type TestServer } from "../support/postgres";
import { engines, type PulumiProject } from "../support/pulumi";

/** A program that stops where its plan is shown, and no run has begun, until it is let go on. */
const program = `
import { existsSync, writeFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { PostgresSchema } from "schemaward";
import { settings } from "schemaward/settings";

const { info } = pulumi.log;
(pulumi.log as any).info = async (text: string, ...more: any[]) => {
    await info(text, ...more);
    writeFileSync("shown", text);
    while (!existsSync("go-on")) await new Promise((resolve) => setTimeout(resolve, 20));
};
new PostgresSchema("app", settings());
`;

for (const engine of engines())
    describe(`what changes between preview, plan and run, on ${engine.name}`, function () {
        this.timeout(120_000);
        const plane = withControlPlane();
        let server: TestServer;
        let project: PulumiProject;
        let backend: Backend;

        before(async () => {
            server = await startTestServer();
        });
        after(async () => server.stop());
        beforeEach(async () => {
            ({ project, backend } = await startGoingBack(plane(), server, engine));
            await project.query("INSERT INTO a VALUES (1); INSERT INTO b VALUES (1), (2); INSERT INTO c VALUES (1)");
            project.put("index.ts", program);
            project.put("go-on", "");
        });
        afterEach(() => {
            project.remove();
        });

        const approve = (approvedPlan: string | undefined): void => {
            project.set({ policy: { approval: "data-loss", maxRowsLost: 3, approvedPlan } });
        };
        const digestIn = (text: string): string =>
            [...text.matchAll(/approvedPlan: "([0-9a-f]{8})"/g)].at(-1)?.[1] ?? assert.fail(`no digest in ${text}`);

        /** Approves the plan back to 001 as a person does who has read it. @returns its digest */
        async function approved(): Promise<string> {
            approve(undefined);
            const digest = digestIn(await fails(project.preview(engine)));
            approve(digest);
            return digest;
        }

        /** An `up`, in which something happens once it has shown its plan. */
        async function upWhile(work: () => Promise<unknown>): Promise<CommandResult> {
            for (const file of ["shown", "go-on"]) rmSync(path.join(project.dir, file), { force: true });
            const { done } = project.start(engine, "up", "--yes", "--skip-preview");
            await eventually(() => existsSync(path.join(project.dir, "shown")), "the plan", 30);
            await work();
            project.put("go-on", "");
            return done;
        }

        async function assertNothingWasDone(): Promise<void> {
            assert.equal(await backend.tables(), "abc");
            assert.equal(await backend.runs(), 1);
            await backend.assertUntouched();
        }

        it("a down script that loses more by now is another plan than the approved one, which is named", async () => {
            const digest = await approved();
            const out = await fails(
                upWhile(() =>
                    Promise.resolve(project.write({ "rollback/002_down.sql": "DROP TABLE b; DELETE FROM a" })),
                ),
            );
            assert.match(out, new RegExp(`needs approval: it loses data \\(approved is another one, ${digest}\\)`));
            assert.match(out, /line 1: deletes from a +1 rows +LOST/);
            assert.match(out, /Approved {2}✔ this plan, ≤ 3 rows/);
            assert.notEqual(digestIn(out), digest);
            await assertNothingWasDone();
        });

        it("rows that are written by then count against the bound", async () => {
            project.set({ policy: { approval: "never", maxRowsLost: 3 } });
            const out = await fails(upWhile(async () => project.query("INSERT INTO b VALUES (3)")));
            assert.match(out, /table b 2 rows .*LOST/);
            assert.match(out, /table b 3 rows .*LOST[^]*4 rows and values would be lost; allowed are 3/);
            await assertNothingWasDone();
        });

        it("what another run has done by then is not done again: the rest is a plan of its own", async () => {
            const digest = await approved();
            const out = await fails(upWhile(async () => project.migrate("002")));
            assert.match(out, new RegExp(`needs approval: it loses data \\(approved is another one, ${digest}\\)`));
            assert.match(out, /002 → 001 {2}BACK, 1 down script /);
            assert.equal(await backend.tables(), "ab");
            await backend.assertUntouched();
            approve(digestIn(out));
            await succeeds(project.up(engine));
            assert.equal(await backend.tables(), "a");
            await backend.assertTrafficIsIn();
            const undone = (await backend.journal()).filter((step) => step.startsWith("undone"));
            assert.deepEqual(undone, ["undone 003", "undone 002"]);
        });
    });
