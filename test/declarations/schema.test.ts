import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { root } from "../../tools/pg-binaries";
import { capture, only, stacks } from "./capture";

const schemaType = "pulumi-nodejs:dynamic/schemaward:SchemaVersion";

describe("declarations: the schema itself", function () {
    this.timeout(30_000);

    let project = "";

    beforeEach("a project with a small set", () => {
        project = mkdtempSync(path.join(os.tmpdir(), "schemaward-stacks-"));
        for (const part of ["Pulumi.yaml", "stacks"])
            cpSync(path.join(root, part), path.join(project, part), { recursive: true });
    });

    afterEach("remove it", () => {
        rmSync(project, { recursive: true });
    });

    function writeSet(): void {
        const folder = path.join(project, "examples", "physioflow", "db", "migrations");
        mkdirSync(folder, { recursive: true });
        writeFileSync(path.join(folder, "001_first.sql"), "CREATE TABLE first (id int);");
    }

    for (const stack of stacks) {
        it(`${stack}: without a database that answers the plan is deferred, and everything is declared`, async () => {
            writeSet();
            const declared = await capture(stack, project);
            const { inputs } = only(declared, schemaType);
            const [line = "", ...more] = inputs["plan"] as string[];
            assert.match(line, /^plan deferred: No connection to PostgreSQL at 127\.0\.0\.1:1\/none/);
            assert.deepEqual([more, inputs["refusals"], inputs["digest"]], [[], [], ""]);
            assert.deepEqual(inputs["connection"], { env: "DATABASE_URL", role: "physioflow_owner" });
            only(declared, "kubernetes:apps/v1:Deployment");
        });
    }

    it("what each environment demands", async () => {
        writeSet();
        const demands = await Promise.all(
            stacks.map(async (stack) => {
                const { inputs } = only(await capture(stack, project), schemaType);
                const { approval, maxRowsLost, changedDown } = inputs["policy"] as Record<string, unknown>;
                const { required } = inputs["snapshot"] as { required: boolean };
                return { stack, version: inputs["version"], required, approval, maxRowsLost, changedDown };
            }),
        );
        assert.deepEqual(demands, [
            {
                stack: "dev",
                version: "latest",
                required: false,
                approval: "never",
                maxRowsLost: undefined,
                changedDown: "show",
            },
            {
                stack: "staging",
                version: "027",
                required: true,
                approval: "data-loss",
                maxRowsLost: undefined,
                changedDown: "show",
            },
            {
                stack: "prod",
                version: "027",
                required: true,
                approval: "always",
                maxRowsLost: 12_000,
                changedDown: "approve",
            },
        ]);
    });

    it("a set that cannot be read is a refusal that names the folder", async () => {
        const { inputs } = only(await capture("prod", project), schemaType);
        const [refusal = ""] = inputs["refusals"] as string[];
        assert.match(refusal, /examples\/physioflow\/db\/migrations/);
    });
});
