import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import type { CommandResult, RunningCommand } from "../support/command";
import { eventually } from "../support/eventually";
import { OracleProject, recorded, recordingOf } from "./oracle";

/** The recorded handlers; an update or create says where it is and waits until it is let go. */
const waiting = `
const fs = require("node:fs");
const recorded = require("./recorded.js");
const hold = async (file) => {
    fs.writeFileSync(file, String(process.pid));
    while (!fs.existsSync("released")) await new Promise((r) => setTimeout(r, 10));
};
exports.check = recorded.check;
exports.diff = recorded.diff;
exports.read = recorded.read;
exports.delete = recorded.delete;
exports.create = async (inputs) => {
    await hold("creating");
    return recorded.create(inputs);
};
exports.update = async (id, olds, news) => {
    await hold("updating");
    return recorded.update(id, olds, news);
};
`;

/** Last line of a program that says which process it is. */
const sayWho = 'require("node:fs").writeFileSync("program", String(process.pid));\n';

const lockFolder = "state/.pulumi/locks/organization/oracle/dev";
const up = ["up", "--stack", "dev", "--yes", "--skip-preview"];
const urn =
    "urn:pulumi:dev::oracle::postgres-schema:index:PostgresSchema$pulumi-nodejs:dynamic/postgres-schema:SchemaVersion::app-version";

interface Checkpoint {
    readonly checkpoint: {
        readonly latest: {
            readonly resources: readonly {
                readonly urn: string;
                readonly outputs?: Readonly<Record<string, unknown>>;
            }[];
            readonly pending_operations?: readonly {
                readonly type: string;
                readonly resource: { readonly urn: string; readonly inputs: Readonly<Record<string, unknown>> };
            }[];
        };
    };
}

describe("the stack's lock", function () {
    this.timeout(120_000);
    let project: OracleProject;
    beforeEach(() => {
        project = new OracleProject();
        project.live("2");
        project.config({});
    });
    afterEach(() => {
        project.remove();
    });

    function latest(): Checkpoint["checkpoint"]["latest"] {
        return (JSON.parse(project.checkpoint) as Checkpoint).checkpoint.latest;
    }

    function versionOf(resource: string): unknown {
        return latest().resources.find((r) => r.urn === resource)?.outputs?.["version"];
    }

    describe("of another process", () => {
        /** The one of the recordings. */
        const lock = /6018de1e-[0-9a-f-]+/.exec(recorded("29-up-locked.txt"))?.[0] ?? "";
        const refusal = recordingOf("29-up-locked");
        const holder = { pid: 5309, username: "user", hostname: "host", timestamp: "2026-11-23T08:54:37.5Z" };

        beforeEach(() => {
            project.continueFrom("16-state.json");
            project.write(`${lockFolder}/${lock}.json`, JSON.stringify(holder));
        });

        function assertRefused({ code, stdout, stderr }: CommandResult): void {
            assert.equal(stdout, "");
            assert.equal(stderr, refusal.output.replaceAll("DIR", project.dir));
            assert.equal(code, refusal.code);
        }

        it("up, refresh and destroy are refused, in the CLI's words, and nothing is touched", async () => {
            const before = project.files().map((file) => [file, project.read(file)]);
            const commands = ["up", "refresh", "destroy"];
            const results = await Promise.all(commands.map((c) => project.run(c, "--stack", "dev", "--yes")));
            results.forEach(assertRefused);
            assert.deepEqual(
                project.files().map((file) => [file, project.read(file)]),
                before,
            );
        });

        it("a lock that cannot be read locks as well", async () => {
            project.write(`${lockFolder}/${lock}.json`, "");
            const { code, stderr } = await project.run(...up);
            assert.equal(code, 1);
            assert.match(stderr, /locked by 1 lock\(s\)[^]*unreadable/);
        });

        it("preview and config set do without the lock", async () => {
            await project.must("config", "set", "--stack", "dev", "target", "2");
            const { stdout } = await project.must("preview", "--stack", "dev", "--expect-no-changes");
            assert.match(stdout, / 3 unchanged/);
        });

        it("cancel takes all locks away, and only this stack's", async () => {
            const second = "6018de1e-6dc4-4744-be47-6645794cbc65";
            const others = "state/.pulumi/locks/organization/oracle/other/6018de1e.json";
            project.write(`${lockFolder}/${second}.json`, JSON.stringify(holder));
            project.write(others, JSON.stringify(holder));
            const refused = await project.run("refresh", "--stack", "dev", "--yes");
            assert.match(refused.stderr, /locked by 2 lock\(s\)/);
            const { stdout } = await project.must("cancel", "--stack", "dev", "--yes");
            assert.equal(stdout, recordingOf("30-cancel").output);
            assert.deepEqual(project.files("state/.pulumi/locks"), [others]);
        });
    });

    describe("of an update that is killed", () => {
        let running: RunningCommand;
        /** Processes of the program and the provider. */
        let started: number[];

        /** Starts an update and waits until its provider is in the middle of it. */
        async function begin(doing: "creating" | "updating"): Promise<void> {
            project.write("bin/recorded.js", project.read("bin/handlers.js"));
            project.write("bin/handlers.js", waiting);
            project.write("index.ts", `${project.read("index.ts")}${sayWho}`);
            running = project.start(...up);
            await eventually(() => existsSync(project.file(doing)), doing, 60);
            started = [doing, "program"].map((file) => Number(project.read(file)));
        }

        /** Kills only the CLI: what it started has to notice that by itself. */
        async function kill(): Promise<void> {
            running.child.kill("SIGKILL");
            await running.done;
        }

        function letGo(): void {
            project.write("released", "");
        }

        /** A second update is, and is told who holds the lock. */
        async function assertRefused(): Promise<void> {
            const { code, stderr } = await project.run(...up);
            assert.equal(code, 1);
            const who = `created by ${userInfo().username}@${hostname()} (pid ${running.child.pid ?? 0}) at `;
            assert(stderr.includes(who), stderr);
        }

        async function allEnded(): Promise<void> {
            await eventually(() => !started.some(isAlive), "the end of the program and the provider", 30);
        }

        beforeEach(() => {
            started = [];
        });
        afterEach(async () => {
            letGo();
            if (running.child.exitCode === null) await kill();
            await allEnded();
        });

        it("lock and pending operation stay; cancel and up go on", async () => {
            project.continueFrom("16-state.json");
            project.config({ target: '"4"' });
            await begin("updating");
            await assertRefused();
            await kill();
            // As if the whole machine had gone down: what the provider had begun is never done.
            for (const pid of started.filter(isAlive)) process.kill(pid, "SIGKILL");
            assert.equal(project.files(lockFolder).length, 2);
            const [pending, ...others] = latest().pending_operations ?? [];
            assert.deepEqual(others, []);
            assert.equal(pending?.type, "updating");
            assert.equal(pending.resource.urn, urn);
            assert.equal(pending.resource.inputs["target"], "4");
            assert.equal(versionOf(urn), "2", "the resource itself is as it was");

            await assertRefused();
            await project.must("cancel", "--stack", "dev", "--yes");
            letGo();
            const { stdout } = await project.must(...up);
            assert.deepEqual(project.files("state/.pulumi/locks"), []);
            assert.match(stdout, /warning: Attempting to deploy or update resources with 1 pending operations/);
            assert(stdout.includes(`* ${urn}, interrupted while updating`), stdout);
            assert.equal(latest().pending_operations, undefined);
            assert.equal(versionOf(urn), "4");
            assert.equal(project.read("live.txt"), "4");
        });

        it("a creation that nobody saw the end of stays pending: the CLI only lets a person clear it", async () => {
            project.continueFrom("33-state.json");
            project.live("0");
            await begin("creating");
            await kill();
            assert.deepEqual(
                latest().pending_operations?.map(({ type, resource }) => [type, resource.urn]),
                [["creating", urn]],
            );
            assert(!latest().resources.some((r) => r.urn === urn));
            letGo();
            await allEnded();
            assert.equal(project.read("live.txt"), "2", "the provider finishes what it had begun");

            await project.must("cancel", "--stack", "dev", "--yes");
            const { stdout } = await project.must(...up);
            assert(stdout.includes(`* ${urn}, interrupted while creating`), stdout);
            assert.equal(versionOf(urn), "2");
            assert.deepEqual(
                latest().pending_operations?.map(({ type, resource }) => [type, resource.urn]),
                [["creating", urn]],
            );
        });
    });
});

/** A process that nobody has collected yet has ended. */
function isAlive(pid: number): boolean {
    const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", pid.toString()], { encoding: "utf8" });
    return stdout !== "" && !stdout.startsWith("Z");
}
