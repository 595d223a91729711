import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import type { CommandResult } from "../support/command";
import { normaliseJson } from "./normalise";
import { OracleProject, passphrase, recordingOf } from "./oracle";

type Refused = readonly [what: string, program: string, named: RegExp];

const aPlugin: Refused = [
    "a resource of a plugin",
    'new pulumi.CustomResource("aws:s3/bucket:Bucket", "backups", {});',
    /the provider plugin "aws", which the resource backups \(aws:s3\/bucket:Bucket\) needs,/,
];

/** Programs that need more than components and dynamic resources. */
const programs: readonly Refused[] = [
    aPlugin,
    [
        "a function of a provider",
        'export const region = pulumi.runtime.invoke("aws:index/getRegion:getRegion", {});',
        /a function call to a provider \(invoke\)/,
    ],
];

describe("what offline-engine refuses", function () {
    this.timeout(120_000);
    let project: OracleProject;
    let before: unknown;

    beforeEach(() => {
        project = new OracleProject();
        project.continueFrom("16-state.json");
        project.config({});
        project.live("2");
        before = files();
    });
    afterEach(() => {
        project.remove();
    });

    /** Everything that lies in the backend and beside the program. */
    function files(): unknown {
        return ["state", "stacks"].flatMap((f) => project.files(f)).map((file) => [file, project.read(file)]);
    }

    /** Exit status and message; and nothing was touched. */
    function assertRefused({ code, stdout, stderr }: CommandResult, expected: RegExp | string, status = 1): void {
        if (typeof expected === "string") assert.equal(stderr, expected);
        else assert.match(stderr, expected);
        assert.deepEqual([code, stdout], [status, ""]);
        assert.deepEqual(files(), before);
    }

    /** All at once: what is refused does nothing. */
    function all(commands: readonly (readonly string[])[], stack = "dev"): Promise<CommandResult[]> {
        return Promise.all(commands.map((args) => project.run(...args, "--stack", stack)));
    }

    it("a wrong passphrase", async () => {
        project.env["PULUMI_CONFIG_PASSPHRASE"] = "wrong";
        const recording = recordingOf("35-wrong-passphrase");
        for (const result of await all([
            ["up", "--yes"],
            ["destroy", "--yes"],
        ]))
            assertRefused(result, recording.output, recording.code);
        for (const result of await all([
            ["config", "get", "password"],
            ["config", "set", "--secret", "password", "x"],
            ["stack", "output", "--show-secrets"],
        ]))
            assertRefused(result, /incorrect passphrase/);
    });

    it("no passphrase", async () => {
        project.env["PULUMI_CONFIG_PASSPHRASE"] = undefined;
        const expected = /passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE/;
        assertRefused(await project.run("up", "--yes", "--stack", "dev"), expected);
    });

    it("a stack that is not there", async () => {
        const { output, code } = recordingOf("34-unknown-stack");
        const commands = [
            ["preview"],
            ["up", "--yes"],
            ["refresh", "--yes"],
            ["destroy", "--yes"],
            ["cancel", "--yes"],
            ["stack", "output"],
            ["stack", "export"],
            ["config", "get", "target"],
            ["config", "set", "target", "1"],
        ];
        for (const result of await all(commands, "nope")) assertRefused(result, output, code);
        assertRefused(await project.run("stack", "select", "nope"), output, code);
    });

    it("no stack selected, and a stack that exists already", async () => {
        assertRefused(await project.run("preview"), /^error: no stack selected;/);
        assertRefused(
            await project.run("stack", "init", "dev"),
            "error: stack 'organization/oracle/dev' already exists\n",
        );
    });

    it("doing anything unasked", async () => {
        for (const [command, status] of [
            ["up", 2],
            ["refresh", 1],
            ["destroy", 1],
        ] as const)
            assertRefused(
                await project.run(command, "--stack", "dev"),
                /^error: --yes or --skip-preview or --preview-only must be passed in to proceed when running in non-int/,
                status,
            );
    });

    it("an unknown option or command, whatever else is asked", async () => {
        assertRefused(await project.run("up", "--yes", "--target", "x", "--stack", "dev"), /unknown option '--target'/);
        assertRefused(await project.run("stack", "rm", "dev", "--yes"), /unknown command 'rm'/);
    });

    for (const [what, program, named] of programs)
        it(`${what}, by name`, async () => {
            project.write("index.ts", `import * as pulumi from "@pulumi/pulumi";\n${program}\n`);
            const { code, stdout } = await project.run("preview", "--stack", "dev");
            assert.match(stdout, named);
            assert.match(stdout, /is not known to offline-engine, a small stand-in for the Pulumi CLI; use the real/);
            assert.equal(code, 1);
            assert.deepEqual(files(), before);
        });

    it("a resource of a plugin in an update without preview: the state says the same as before", async () => {
        const [, program, named] = aPlugin;
        project.write("index.ts", `${project.read("index.ts")}${program}\n`);
        const state = await normaliseJson(project.checkpoint, project.dir, passphrase);
        const { code, stdout } = await project.run("up", "--yes", "--skip-preview", "--stack", "dev");
        assert.match(stdout, named);
        assert.equal(code, 1);
        assert.deepEqual(await normaliseJson(project.checkpoint, project.dir, passphrase), state);
        assert.deepEqual(project.files("state/.pulumi/locks"), []);
    });

    describe("a state", () => {
        type Stored = Record<string, unknown>;
        interface Checkpoint {
            version: number;
            features?: string[];
            checkpoint: { latest: Stored & { manifest: Stored; resources: Stored[] } };
        }
        const states: readonly (readonly [what: string, change: (state: Checkpoint) => void, named: RegExp])[] = [
            ["of another version", (s) => (s.version = 4), /version 4 of the state/],
            ["with features", (s) => (s.features = ["refreshBeforeUpdate"]), /the state's feature refreshBeforeUpdate/],
            [
                "of another secrets provider",
                ({ checkpoint: { latest } }) => (latest["secrets_providers"] = { type: "service", state: {} }),
                /the secrets provider service/,
            ],
            [
                "that somebody changed",
                ({ checkpoint: { latest } }) => (latest.manifest["magic"] = "0".repeat(64)),
                /^error: snapshot integrity failure; refusing to use it: magic cookie mismatch/,
            ],
            [
                "that contradicts itself",
                ({ checkpoint: { latest } }) => latest.resources.shift(),
                /^error: snapshot integrity failure; refusing to use it: child resource .*::app refers to missing parent/,
            ],
            [
                "with a resource of a plugin",
                ({ checkpoint: { latest } }) =>
                    latest.resources.push({
                        urn: "urn:pulumi:dev::oracle::aws:s3/bucket:Bucket::backups",
                        custom: true,
                        id: "backups",
                        type: "aws:s3/bucket:Bucket",
                    }),
                /the provider plugin "aws", which urn:pulumi:dev::oracle::aws:s3\/bucket:Bucket::backups needs,/,
            ],
        ];
        for (const [what, change, named] of states)
            it(what, async () => {
                const state = JSON.parse(project.checkpoint) as Checkpoint;
                change(state);
                project.write("state/.pulumi/stacks/oracle/dev.json", JSON.stringify(state));
                before = files();
                for (const args of [
                    ["up", "--yes", "--skip-preview"],
                    ["destroy", "--yes", "--skip-preview"],
                ]) {
                    const { code, stdout, stderr } = await project.run(...args, "--stack", "dev");
                    assert.match(stderr, named);
                    assert.doesNotMatch(stdout, /Resources:/);
                    assert.equal(code, 1);
                    assert.deepEqual(files(), before);
                }
            });
    });

    describe("a project", () => {
        for (const [what, text, named] of [
            ["of another language", "name: oracle\nruntime: python\n", /the runtime python/],
            [
                "with settings it does not know",
                "name: oracle\nruntime: nodejs\nplugins: {}\n",
                /the key plugins of Pulumi.yaml/,
            ],
        ] as const)
            it(what, async () => {
                project.write("Pulumi.yaml", text);
                assertRefused(await project.run("up", "--yes", "--stack", "dev"), named);
            });

        it("in another backend", async () => {
            project.env["PULUMI_BACKEND_URL"] = "https://someone:token@api.example.com";
            const result = await project.run("up", "--yes", "--stack", "dev");
            assertRefused(result, /the backend https:\/\/\*\*\*@api\.example\.com is not known to offline-engine/);
            project.env["PULUMI_BACKEND_URL"] = `file://${project.file("elsewhere")}`;
            assertRefused(await project.run("up", "--yes", "--stack", "dev"), /unable to open state directory/);
            assert(!existsSync(project.file("elsewhere")));
        });
    });
});
